/* Operands of an instruction, and the ways in which a step can end: see origin_insn.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/origin_insn.h"

/* ---- operands ---- */

struct reg_name {
    const char *name;
    uint8_t number, at, n_bytes;
};

static bool numbered(const char *name, const char *prefix, unsigned max, unsigned *ret)
{
    size_t n = strlen(prefix);
    char *end;
    if (strncmp(name, prefix, n) != 0 || name[n] < '0' || name[n] > '9')
        return false;
    *ret = (unsigned)strtoul(name + n, &end, 10);
    return *ret <= max && (!*end || *end == ')');
}

static bool legacy_reg(const char *name, unsigned *number, unsigned *at, unsigned *n_bytes)
{
    static const char *const words[] = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};
    static const char *const low[] = {"al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"};
    static const char *const high[] = {"ah", "ch", "dh", "bh"};
    for (unsigned i = 0; i < 8; i++) {
        const char *word = *name == 'r' || *name == 'e' ? name + 1 : name;
        *number = i;
        *at = i < 4 && !strcmp(name, high[i]);
        if (*at || !strcmp(name, low[i])) {
            *n_bytes = 1;
            return true;
        }
        if (!strcmp(word, words[i])) {
            *n_bytes = *name == 'r' ? 8 : *name == 'e' ? 4 : 2;
            return true;
        }
    }
    return false;
}

/* false: none that is followed (segment registers, rip, flags). */
bool insn_find_reg(const struct at_insn *a, x86_reg reg, struct origin_ref *ret)
{
    const char *name = cs_reg_name(a->o->cs, reg);
    unsigned n, number, at = 0, n_bytes = 8;
    if (!name)
        return false;
    if (legacy_reg(name, &number, &at, &n_bytes)) {
    } else if (*name == 'r' && name[1] >= '0' && name[1] <= '9') {
        char *end;
        number = (unsigned)strtoul(name + 1, &end, 10);
        n_bytes = *end == 'd' ? 4 : *end == 'w' ? 2 : *end == 'b' ? 1 : 8;
        if (number > 15)
            return false;
    } else if (numbered(name, "xmm", 31, &n) || numbered(name, "ymm", 31, &n) ||
               numbered(name, "zmm", 31, &n)) {
        number = ODB_REG_VEC0 + n;
        n_bytes = *name == 'x' ? 16 : *name == 'y' ? 32 : 64;
    } else if (numbered(name, "mm", 7, &n)) {
        number = ODB_REG_ST0 + n;
    } else if (numbered(name, "st(", 7, &n)) {
        number = ODB_REG_ST0 + n;
        n_bytes = 10;
    } else if (numbered(name, "k", 7, &n)) {
        number = ODB_REG_K0 + n;
    } else {
        return false;
    }
    *ret = (struct origin_ref){.kind = REF_REGISTER,
                               .pid = a->s->pid,
                               .tid = a->s->tid,
                               .t = a->s->t,
                               .number = number,
                               .at = at,
                               .n_bytes = n_bytes};
    return true;
}

static uint64_t reg_value(const struct at_insn *a, x86_reg reg)
{
    struct origin_ref r;
    if (reg == X86_REG_RIP || reg == X86_REG_EIP)
        return a->ci->address + a->ci->size;
    if (reg == X86_REG_INVALID || !insn_find_reg(a, reg, &r) || r.number >= ODB_N_GPR)
        return 0;
    uint64_t v = a->regs.regs.scalar[r.number] >> 8 * r.at;
    return r.n_bytes == 8 ? v : v & ((1ull << 8 * r.n_bytes) - 1);
}

static gaddr address_of(const struct at_insn *a, const x86_op_mem *m)
{
    uint64_t v = reg_value(a, m->base) + reg_value(a, m->index) * (uint64_t)m->scale + (uint64_t)m->disp;
    if (a->x->addr_size == 4)
        v &= UINT32_MAX;
    if (m->segment == X86_REG_FS)
        v += a->regs.regs.scalar[ODB_REG_FS_BASE];
    else if (m->segment == X86_REG_GS)
        v += a->regs.regs.scalar[ODB_REG_GS_BASE];
    return v;
}

struct origin_ref insn_memory(const struct at_insn *a, gaddr addr, unsigned n_bytes)
{
    return (struct origin_ref){.kind = REF_MEMORY,
                               .pid = a->s->pid,
                               .tid = a->s->tid,
                               .t = a->s->t,
                               .addr = addr,
                               .n_bytes = n_bytes};
}

struct origin_ref insn_gpr(const struct at_insn *a, unsigned number, unsigned n_bytes)
{
    return (struct origin_ref){.kind = REF_REGISTER,
                               .pid = a->s->pid,
                               .tid = a->s->tid,
                               .t = a->s->t,
                               .number = number,
                               .n_bytes = n_bytes};
}

struct origin_ref insn_number(uint64_t v, unsigned n_bytes)
{
    struct origin_ref r = {.kind = REF_NUMBER, .n_bytes = n_bytes ? n_bytes : 8, .known = true};
    memcpy(r.value, &v, 8);
    return r;
}

/* Where operand i is. false: nowhere that is followed. */
bool insn_operand(const struct at_insn *a, unsigned i, struct origin_ref *ret)
{
    if (i >= a->x->op_count)
        return false;
    const cs_x86_op *op = &a->x->operands[i];
    switch (op->type) {
    case X86_OP_REG: return insn_find_reg(a, op->reg, ret);
    case X86_OP_IMM: *ret = insn_number((uint64_t)op->imm, op->size < 8 ? op->size : 8); return true;
    case X86_OP_MEM: *ret = insn_memory(a, address_of(a, &op->mem), op->size); return true;
    default: return false;
    }
}

/* Does what is explained begin in there? At which byte? */
bool insn_is_in(const struct origin_ref *place, const struct origin_ref *to, unsigned *ret_off)
{
    uint64_t off;
    if (place->kind != to->kind || place->kind == REF_NUMBER)
        return false;
    if (place->kind == REF_REGISTER && place->number != to->number)
        return false;
    off = place->kind == REF_REGISTER ? (uint64_t)to->at - place->at : to->addr - place->addr;
    *ret_off = (unsigned)off;
    return off < place->n_bytes;
}

/* ---- outcomes ---- */

void insn_shorten(struct origin_step *s, unsigned n)
{
    if (n < s->to.n_bytes)
        origin_narrow(&s->to, 0, n);
}

/* It came from byte `off` on of `from`. */
void insn_copied(struct at_insn *a, struct origin_ref from, unsigned off)
{
    struct origin_step *s = a->s;
    if (from.kind == REF_NUMBER) {
        char text[64] = "";
        origin_say(s, ORIGIN_CONSTANT, "a number in the instruction%s", text);
        return;
    }
    insn_shorten(s, from.n_bytes - off);
    from.at += from.kind == REF_REGISTER ? off : 0;
    from.addr += off;
    from.n_bytes = s->to.n_bytes;
    s->kind = ORIGIN_COPY;
    s->from[0] = from;
    s->n_from = 1;
}

/* These bytes are as they were. */
void insn_kept(struct at_insn *a)
{
    struct origin_ref same = a->s->to;
    same.t = a->s->t;
    same.known = same.undelivered = false;
    insn_copied(a, same, 0);
    origin_say(a->s, ORIGIN_COPY, "kept");
}

void insn_input(struct origin_step *s, const struct origin_ref *in)
{
    if (s->n_from < ORIGIN_MAX_INPUTS && in->n_bytes)
        s->from[s->n_from++] = *in;
}

void insn_input_operand(struct at_insn *a, unsigned i)
{
    struct origin_ref r;
    if (insn_operand(a, i, &r)) {
        r.n_bytes = r.n_bytes < ORIGIN_MAX_BYTES ? r.n_bytes : ORIGIN_MAX_BYTES;
        insn_input(a->s, &r);
    }
}

/* Of two numbers, one is an address and the other an offset to it? */
static bool outweighs(const struct origin_ref *big, const struct origin_ref *small)
{
    uint64_t b = origin_number(big), v = origin_number(small);
    int64_t n = (int64_t)v;
    if (small->n_bytes < 8)
        n = (int64_t)(v << (64 - 8 * small->n_bytes)) >> (64 - 8 * small->n_bytes);
    return b >= 0x10000 && (n < 0 ? -n : n) <= 0x10000;
}

/* Which input to go on with: the only one that is no number; of two the one that is not zero, or outweighs the other. */
struct odb_err *insn_choose(struct at_insn *a, bool additive)
{
    struct origin_step *s = a->s;
    int found[ORIGIN_MAX_INPUTS], n = 0;
    for (unsigned i = 0; i < s->n_from; i++) {
        ODB_TRY(origin_read(a->o, &s->from[i]));
        if (s->from[i].kind != REF_NUMBER)
            found[n++] = (int)i;
    }
    if (n == 1)
        s->go_on = found[0];
    if (n != 2 || !additive || s->from[found[0]].n_bytes > 8 || s->from[found[1]].n_bytes > 8)
        return NULL;
    for (int i = 0; i < 2; i++) {
        const struct origin_ref *x = &s->from[found[i]], *y = &s->from[found[1 - i]];
        if ((origin_number(x) && !origin_number(y)) || (outweighs(x, y) && !outweighs(y, x)))
            s->go_on = found[i];
    }
    return NULL;
}

struct odb_err *insn_made(struct at_insn *a)
{
    struct origin_step *s = a->s;
    s->kind = ORIGIN_MADE;
    bool any = false;
    for (unsigned i = 0; i < a->x->op_count; i++) {
        const cs_x86_op *op = &a->x->operands[i];
        bool read = op->access & CS_AC_READ || op->type == X86_OP_IMM || (i > 0 && !op->access);
        if (!i && a->x->op_count > 1 && insn_is_vex(a))
            read = false;
        any |= read;
        if (read)
            insn_input_operand(a, i);
    }
    if (!any && a->x->op_count)
        insn_input_operand(a, a->x->op_count - 1);
    return insn_choose(a, false);
}

/* Bytes of a register above what a move of n bytes to its low part wrote. */
void insn_above(struct at_insn *a, const struct origin_ref *dst, bool zeroes)
{
    if (a->s->to.kind == REF_REGISTER && a->s->to.at < dst->at)
        insn_shorten(a->s, dst->at - a->s->to.at);
    if (zeroes && a->s->to.at >= dst->at)
        origin_say(a->s, ORIGIN_CONSTANT, "zeros: the instruction clears the bytes above");
    else
        insn_kept(a);
}

/* What a write to a register does to the rest of it. */
bool insn_clears_above(const struct at_insn *a, const struct origin_ref *dst)
{
    if (dst->number < ODB_N_GPR)
        return dst->n_bytes == 4;
    return insn_is_vex(a) || dst->number < ODB_REG_VEC0;
}
