/* What one instruction moved: see origin.h.
 *
 * s->to lies in what the instruction wrote. The operand that it lies in is found (by its address or register in the state before the
 * instruction), and the rule of the instruction's class says where these bytes came from. Classes that only move are
 * copies; what computes is MADE, with its inputs, but for three that are copies after all: a result that equals one input because
 * the other is neutral on these bytes (or with 0, and with ones), shifts by whole bytes, and shuffles of vectors. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/origin_impl.h"
#include "preload/decode.h"

#define INSN_BYTES 15

/* The instruction and the state before it. */
struct at_insn {
    struct origin *o;
    struct origin_step *s;
    const cs_insn *ci;
    const cs_x86 *x;
    const char *name; /* mnemonic, without prefixes */
    struct db_regs regs;
};

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
static bool find_reg(const struct at_insn *a, x86_reg reg, struct origin_ref *ret)
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
    } else if (numbered(name, "xmm", 31, &n) || numbered(name, "ymm", 31, &n) || numbered(name, "zmm", 31, &n)) {
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
    if (reg == X86_REG_INVALID || !find_reg(a, reg, &r) || r.number >= ODB_N_GPR)
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

static struct origin_ref memory_ref(const struct at_insn *a, gaddr addr, unsigned n_bytes)
{
    return (struct origin_ref){.kind = REF_MEMORY,
                               .pid = a->s->pid,
                               .tid = a->s->tid,
                               .t = a->s->t,
                               .addr = addr,
                               .n_bytes = n_bytes};
}

static struct origin_ref gpr_ref(const struct at_insn *a, unsigned number, unsigned n_bytes)
{
    return (struct origin_ref){.kind = REF_REGISTER,
                               .pid = a->s->pid,
                               .tid = a->s->tid,
                               .t = a->s->t,
                               .number = number,
                               .n_bytes = n_bytes};
}

static struct origin_ref number_ref(uint64_t v, unsigned n_bytes)
{
    struct origin_ref r = {.kind = REF_NUMBER, .n_bytes = n_bytes ? n_bytes : 8, .known = true};
    memcpy(r.value, &v, 8);
    return r;
}

/* Where operand i is. false: nowhere that is followed. */
static bool operand(const struct at_insn *a, unsigned i, struct origin_ref *ret)
{
    if (i >= a->x->op_count)
        return false;
    const cs_x86_op *op = &a->x->operands[i];
    switch (op->type) {
    case X86_OP_REG: return find_reg(a, op->reg, ret);
    case X86_OP_IMM: *ret = number_ref((uint64_t)op->imm, op->size < 8 ? op->size : 8); return true;
    case X86_OP_MEM: *ret = memory_ref(a, address_of(a, &op->mem), op->size); return true;
    default: return false;
    }
}

/* Does what is explained begin in there? At which byte? */
static bool is_in(const struct origin_ref *place, const struct origin_ref *to, unsigned *ret_off)
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

static bool is_vex(const struct at_insn *a) { return a->name[0] == 'v'; }

static void shorten(struct origin_step *s, unsigned n)
{
    if (n < s->to.n_bytes)
        origin_narrow(&s->to, 0, n);
}

/* It came from byte `off` on of `from`. */
static void copied(struct at_insn *a, struct origin_ref from, unsigned off)
{
    struct origin_step *s = a->s;
    if (from.kind == REF_NUMBER) {
        char text[64] = "";
        origin_say(s, ORIGIN_CONSTANT, "a number in the instruction%s", text);
        return;
    }
    shorten(s, from.n_bytes - off);
    from.at += from.kind == REF_REGISTER ? off : 0;
    from.addr += off;
    from.n_bytes = s->to.n_bytes;
    s->kind = ORIGIN_COPY;
    s->from[0] = from;
    s->n_from = 1;
}

/* These bytes are as they were. */
static void kept(struct at_insn *a)
{
    struct origin_ref same = a->s->to;
    same.t = a->s->t;
    same.known = same.undelivered = false;
    copied(a, same, 0);
    origin_say(a->s, ORIGIN_COPY, "kept");
}

static void add_input(struct origin_step *s, const struct origin_ref *in)
{
    if (s->n_from < ORIGIN_MAX_INPUTS && in->n_bytes)
        s->from[s->n_from++] = *in;
}

static void input_operand(struct at_insn *a, unsigned i)
{
    struct origin_ref r;
    if (operand(a, i, &r)) {
        r.n_bytes = r.n_bytes < ORIGIN_MAX_BYTES ? r.n_bytes : ORIGIN_MAX_BYTES;
        add_input(a->s, &r);
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
static struct odb_err *choose(struct at_insn *a, bool additive)
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

/* ---- classes ---- */

static struct odb_err *from_nowhere(struct at_insn *a)
{
    struct origin_step *s = a->s;
    s->kind = ORIGIN_MADE;
    bool any = false;
    for (unsigned i = 0; i < a->x->op_count; i++) {
        const cs_x86_op *op = &a->x->operands[i];
        bool read = op->access & CS_AC_READ || op->type == X86_OP_IMM || (i > 0 && !op->access);
        if (!i && a->x->op_count > 1 && is_vex(a))
            read = false;
        any |= read;
        if (read)
            input_operand(a, i);
    }
    if (!any && a->x->op_count)
        input_operand(a, a->x->op_count - 1);
    return choose(a, false);
}

/* Bytes of a register above what a move of n bytes to its low part wrote. */
static void above(struct at_insn *a, const struct origin_ref *dst, bool zeroes)
{
    if (zeroes && a->s->to.at >= dst->at)
        origin_say(a->s, ORIGIN_CONSTANT, "zeros: the instruction clears the bytes above");
    else
        kept(a);
}

/* What a write to a register does to the rest of it. */
static bool clears_above(const struct at_insn *a, const struct origin_ref *dst)
{
    if (dst->number < ODB_N_GPR)
        return dst->n_bytes == 4;
    return is_vex(a) || dst->number < ODB_REG_VEC0;
}

static void move(struct at_insn *a, unsigned to_op, unsigned from_op)
{
    struct origin_ref dst, src;
    unsigned off;
    if (!operand(a, to_op, &dst) || !operand(a, from_op, &src)) {
        a->s->kind = ORIGIN_MADE;
        return;
    }
    if (is_in(&dst, &a->s->to, &off)) {
        unsigned n = src.n_bytes < dst.n_bytes ? src.n_bytes : dst.n_bytes;
        if (src.kind == REF_NUMBER || off < n) {
            unsigned was = a->s->to.n_bytes;
            copied(a, src, off);
            a->s->extended = src.kind != REF_NUMBER && a->s->to.n_bytes < was && clears_above(a, &dst);
        } else {
            origin_say(a->s, ORIGIN_CONSTANT, "zeros: what was moved is shorter");
        }
        return;
    }
    if (dst.kind == REF_REGISTER && a->s->to.kind == REF_REGISTER && a->s->to.number == dst.number)
        above(a, &dst, clears_above(a, &dst));
    else
        a->s->kind = ORIGIN_MADE;
}

static struct odb_err *c_mov(struct at_insn *a)
{
    move(a, 0, 1);
    return NULL;
}

/* movss, movsd: from memory the rest becomes zero, between registers it is kept (of the second operand, with VEX). */
static struct odb_err *c_mov_scalar(struct at_insn *a)
{
    struct origin_ref dst, src;
    unsigned off, n = strstr(a->name, "sd") ? 8 : 4, last = a->x->op_count - 1u;
    if (!operand(a, 0, &dst) || !operand(a, last, &src) || !is_in(&dst, &a->s->to, &off)) {
        if (dst.kind == REF_REGISTER)
            above(a, &dst, is_vex(a));
        return NULL;
    }
    if (off < n) {
        src.n_bytes = n;
        copied(a, src, off);
    } else if (src.kind == REF_MEMORY) {
        origin_say(a->s, ORIGIN_CONSTANT, "zeros: the load clears the rest");
    } else if (last == 2 && operand(a, 1, &src)) {
        copied(a, src, off);
    } else {
        kept(a);
    }
    return NULL;
}

/* movlps, movhps, movlpd, movhpd: one half. */
static struct odb_err *c_mov_half(struct at_insn *a)
{
    struct origin_ref dst, src;
    unsigned off, half = strstr(a->name, "movh") ? 8 : 0, last = a->x->op_count - 1u;
    if (!operand(a, 0, &dst) || !operand(a, last, &src) || !is_in(&dst, &a->s->to, &off)) {
        if (dst.kind == REF_REGISTER)
            above(a, &dst, is_vex(a));
        return NULL;
    }
    if (dst.kind == REF_MEMORY) {
        copied(a, src, off + half);
        shorten(a->s, 8 - off);
        a->s->from[0].n_bytes = a->s->to.n_bytes;
    } else if (off / 8 == half / 8 && off < 16) {
        src.n_bytes = 8;
        copied(a, src, off - half);
    } else if (last == 2 && operand(a, 1, &src)) {
        src.n_bytes = off < 8 ? 8 : 16;
        copied(a, src, off);
    } else {
        kept(a);
    }
    return NULL;
}

/* movzx, movsx, movsxd, cwde and cdqe. */
static struct odb_err *c_extend(struct at_insn *a)
{
    struct origin_ref dst, src;
    unsigned off;
    bool widen = !a->x->op_count; /* cbw, cwde, cdqe */
    unsigned n = !strcmp(a->name, "cdqe") ? 8 : !strcmp(a->name, "cwde") ? 4 : 2;
    if (widen) {
        dst = gpr_ref(a, ODB_RAX, n);
        src = gpr_ref(a, ODB_RAX, n / 2);
    } else if (!operand(a, 0, &dst) || !operand(a, 1, &src)) {
        return from_nowhere(a);
    }
    if (!is_in(&dst, &a->s->to, &off)) {
        above(a, &dst, clears_above(a, &dst));
    } else if (off < src.n_bytes) {
        unsigned was = a->s->to.n_bytes;
        copied(a, src, off);
        a->s->extended = a->s->to.n_bytes < was;
    } else if (strstr(a->name, "zx")) {
        origin_say(a->s, ORIGIN_CONSTANT, "zeros: extended without sign");
    } else {
        a->s->kind = ORIGIN_MADE;
        add_input(a->s, &src);
        a->s->go_on = 0;
    }
    return NULL;
}

static struct odb_err *rsp_moves(struct at_insn *a, int64_t by)
{
    struct origin_ref rsp = gpr_ref(a, ODB_RSP, 8), n = number_ref((uint64_t)by, 8);
    origin_say(a->s, ORIGIN_MADE, "the stack pointer moves");
    add_input(a->s, &rsp);
    add_input(a->s, &n);
    a->s->go_on = 0;
    return NULL;
}

static bool is_rsp(const struct at_insn *a)
{
    return a->s->to.kind == REF_REGISTER && a->s->to.number == ODB_RSP;
}

static unsigned stack_bytes(const struct at_insn *a) { return a->x->prefix[2] == 0x66 ? 2 : 8; }

static struct odb_err *c_push(struct at_insn *a)
{
    struct origin_ref src, dst = memory_ref(a, a->regs.regs.scalar[ODB_RSP] - stack_bytes(a), stack_bytes(a));
    unsigned off;
    if (is_rsp(a))
        return rsp_moves(a, -(int64_t)stack_bytes(a));
    if (!operand(a, 0, &src) || !is_in(&dst, &a->s->to, &off))
        return from_nowhere(a);
    copied(a, src, off);
    return NULL;
}

static struct odb_err *c_pop(struct at_insn *a)
{
    struct origin_ref dst, src = memory_ref(a, a->regs.regs.scalar[ODB_RSP], stack_bytes(a));
    unsigned off;
    if (!operand(a, 0, &dst))
        return from_nowhere(a);
    if (is_rsp(a) && !(dst.kind == REF_REGISTER && dst.number == ODB_RSP))
        return rsp_moves(a, stack_bytes(a));
    if (dst.kind == REF_MEMORY) /* its address is computed after rsp has moved */
        off = (unsigned)(a->s->to.addr % 8);
    else if (!is_in(&dst, &a->s->to, &off))
        return from_nowhere(a);
    copied(a, src, off < src.n_bytes ? off : 0);
    return NULL;
}

static struct odb_err *c_call(struct at_insn *a)
{
    if (is_rsp(a))
        return rsp_moves(a, -8);
    origin_say(a->s, ORIGIN_CONSTANT, "the return address of the call");
    return NULL;
}

static struct odb_err *c_ret(struct at_insn *a) { return rsp_moves(a, 8); }

static struct odb_err *c_leave(struct at_insn *a)
{
    struct origin_ref rbp = gpr_ref(a, ODB_RBP, 8), n = number_ref(8, 8);
    if (!is_rsp(a)) {
        copied(a, memory_ref(a, a->regs.regs.scalar[ODB_RBP], 8), a->s->to.at);
        return NULL;
    }
    a->s->kind = ORIGIN_MADE;
    add_input(a->s, &rbp);
    add_input(a->s, &n);
    a->s->go_on = 0;
    return NULL;
}

static struct odb_err *c_xchg(struct at_insn *a)
{
    struct origin_ref x, y;
    unsigned off;
    if (!operand(a, 0, &x) || !operand(a, 1, &y))
        return from_nowhere(a);
    if (is_in(&x, &a->s->to, &off))
        copied(a, y, off);
    else if (is_in(&y, &a->s->to, &off))
        copied(a, x, off);
    else
        above(a, x.kind == REF_REGISTER && x.number == a->s->to.number ? &x : &y, x.n_bytes == 4);
    return NULL;
}

static struct odb_err *c_xadd(struct at_insn *a)
{
    struct origin_ref x, y;
    unsigned off;
    if (operand(a, 0, &x) && operand(a, 1, &y) && !is_in(&x, &a->s->to, &off) && is_in(&y, &a->s->to, &off)) {
        copied(a, x, off);
        return NULL;
    }
    a->s->kind = ORIGIN_MADE;
    input_operand(a, 0);
    input_operand(a, 1);
    return choose(a, true);
}

static struct odb_err *c_cmpxchg(struct at_insn *a)
{
    struct origin_ref dst, src, rax;
    unsigned off;
    if (!operand(a, 0, &dst) || !operand(a, 1, &src) || dst.n_bytes > 8)
        return from_nowhere(a);
    rax = gpr_ref(a, ODB_RAX, dst.n_bytes);
    ODB_TRY(origin_read(a->o, &dst));
    ODB_TRY(origin_read(a->o, &rax));
    bool equal = dst.known && rax.known && !memcmp(dst.value, rax.value, dst.n_bytes);
    dst.known = false;
    if (is_in(&dst, &a->s->to, &off))
        copied(a, equal ? src : dst, off);
    else if (!equal && is_in(&rax, &a->s->to, &off))
        copied(a, dst, off);
    else
        above(a, &dst, false);
    return NULL;
}

/* Conditions in the order of the opcodes. */
static bool condition(const char *suffix, uint64_t f)
{
    static const struct {
        const char *name;
        uint8_t code;
    } names[] = {{"o", 0},   {"no", 1},  {"b", 2},   {"ae", 3}, {"e", 4},  {"ne", 5}, {"be", 6}, {"a", 7},
                 {"s", 8},   {"ns", 9},  {"p", 10},  {"np", 11}, {"l", 12}, {"ge", 13}, {"le", 14}, {"g", 15}};
    bool cf = f & FL_CF, zf = f & FL_ZF, sf = f & FL_SF, of = f & FL_OF, pf = f & FL_PF;
    const bool holds[] = {of, cf, zf, cf || zf, sf, pf, sf != of, zf || sf != of};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!strcmp(names[i].name, suffix))
            return holds[names[i].code / 2] != (names[i].code & 1);
    return true;
}

static struct odb_err *c_cmov(struct at_insn *a)
{
    struct origin_ref dst;
    if (condition(a->name + 4, a->regs.regs.scalar[ODB_REG_RFLAGS])) {
        move(a, 0, 1);
        return NULL;
    }
    if (!operand(a, 0, &dst))
        return from_nowhere(a);
    if (dst.n_bytes == 4 && a->s->to.at >= 4) {
        above(a, &dst, true);
        return NULL;
    }
    kept(a);
    origin_say(a->s, ORIGIN_COPY, "kept: the condition does not hold");
    return NULL;
}

static struct odb_err *c_set(struct at_insn *a)
{
    struct origin_ref flags = gpr_ref(a, ODB_REG_RFLAGS, 8), dst;
    unsigned off;
    if (operand(a, 0, &dst) && !is_in(&dst, &a->s->to, &off)) {
        above(a, &dst, false);
        return NULL;
    }
    shorten(a->s, 1);
    a->s->kind = ORIGIN_MADE;
    add_input(a->s, &flags);
    return NULL;
}

/* bswap, movbe: byte by byte the other way round. */
static struct odb_err *c_swap(struct at_insn *a)
{
    struct origin_ref dst, src;
    unsigned off;
    if (!operand(a, 0, &dst) || !operand(a, a->x->op_count - 1u, &src))
        return from_nowhere(a);
    if (!is_in(&dst, &a->s->to, &off)) {
        above(a, &dst, dst.n_bytes == 4);
        return NULL;
    }
    unsigned n = a->s->to.n_bytes, left = dst.n_bytes - off;
    shorten(a->s, n < left ? n : left);
    a->s->extended = a->s->to.n_bytes < n;
    unsigned from = dst.n_bytes - off - a->s->to.n_bytes;
    src.n_bytes = from + a->s->to.n_bytes;
    copied(a, src, from);
    origin_say(a->s, ORIGIN_COPY, "bytes in reverse");
    return NULL;
}

/* ---- strings ---- */

static unsigned element_bytes(const struct at_insn *a)
{
    switch (a->name[4]) {
    case 'b': return 1;
    case 'w': return 2;
    case 'd': return 4;
    default: return 8;
    }
}

static struct odb_err *string_counts(struct at_insn *a)
{
    origin_say(a->s, ORIGIN_MADE, "a string instruction counts");
    struct origin_ref self = a->s->to;
    self.t = a->s->t;
    self.known = false;
    add_input(a->s, &self);
    a->s->go_on = 0;
    return NULL;
}

static struct odb_err *c_movs(struct at_insn *a)
{
    uint64_t rdi = a->regs.regs.scalar[ODB_RDI], rsi = a->regs.regs.scalar[ODB_RSI], off = a->s->to.addr - rdi;
    bool down = a->regs.regs.scalar[ODB_REG_RFLAGS] & FL_DF;
    if (a->s->to.kind != REF_MEMORY)
        return string_counts(a);
    unsigned n = a->s->to.n_bytes;
    uint64_t d = rdi - rsi;
    if (!down && d && off < (1ull << 40) && d <= off + n) { /* a pattern that repeats itself */
        uint64_t within = off % d;
        n = d - within < n ? (unsigned)(d - within) : n;
        off = within;
    }
    shorten(a->s, n);
    copied(a, memory_ref(a, rsi + off, n), 0);
    return NULL;
}

static struct odb_err *c_stos(struct at_insn *a)
{
    if (a->s->to.kind != REF_MEMORY)
        return string_counts(a);
    unsigned n = element_bytes(a), off = (unsigned)((a->s->to.addr - a->regs.regs.scalar[ODB_RDI]) % n);
    copied(a, gpr_ref(a, ODB_RAX, n), off);
    return NULL;
}

static struct odb_err *c_lods(struct at_insn *a)
{
    unsigned n = element_bytes(a);
    if (a->s->to.number != ODB_RAX)
        return string_counts(a);
    if (a->s->to.at >= n)
        kept(a);
    else
        copied(a, memory_ref(a, a->regs.regs.scalar[ODB_RSI], n), a->s->to.at);
    return NULL;
}

/* ---- arithmetic ---- */

static struct odb_err *c_lea(struct at_insn *a)
{
    const x86_op_mem *m = &a->x->operands[1].mem;
    struct origin_ref r, dst;
    unsigned off;
    if (!operand(a, 0, &dst))
        return from_nowhere(a);
    if (!is_in(&dst, &a->s->to, &off)) {
        above(a, &dst, dst.n_bytes == 4);
        return NULL;
    }
    if (m->base == X86_REG_RIP && m->index == X86_REG_INVALID) {
        origin_say(a->s, ORIGIN_CONSTANT, "an address in the instruction");
        return NULL;
    }
    if (m->index == X86_REG_INVALID && !m->disp && find_reg(a, m->base, &r)) {
        copied(a, r, off);
        return NULL;
    }
    a->s->kind = ORIGIN_MADE;
    if (m->base != X86_REG_INVALID && find_reg(a, m->base, &r))
        add_input(a->s, &r);
    if (m->index != X86_REG_INVALID && find_reg(a, m->index, &r))
        add_input(a->s, &r);
    if (m->disp) {
        r = number_ref((uint64_t)m->disp, 8);
        add_input(a->s, &r);
    }
    if (!a->s->n_from) {
        origin_say(a->s, ORIGIN_CONSTANT, "an address in the instruction");
        return NULL;
    }
    return choose(a, true);
}

static bool all_bytes(const struct origin_ref *r, unsigned off, unsigned n, uint8_t byte)
{
    if (!r->known || off + n > r->n_bytes)
        return false;
    for (unsigned i = 0; i < n; i++)
        if (r->value[off + i] != byte)
            return false;
    return true;
}

enum neutral { NEUTRAL_NONE, NEUTRAL_ZERO, NEUTRAL_ONES, NEUTRAL_ZERO_RIGHT };

static enum neutral neutral_of(const char *name)
{
    static const struct {
        const char *name;
        enum neutral neutral;
    } table[] = {
        {"add", NEUTRAL_ZERO},   {"or", NEUTRAL_ZERO},     {"xor", NEUTRAL_ZERO},   {"sub", NEUTRAL_ZERO_RIGHT},
        {"and", NEUTRAL_ONES},   {"por", NEUTRAL_ZERO},    {"pxor", NEUTRAL_ZERO},  {"pand", NEUTRAL_ONES},
        {"orps", NEUTRAL_ZERO},  {"orpd", NEUTRAL_ZERO},   {"xorps", NEUTRAL_ZERO}, {"xorpd", NEUTRAL_ZERO},
        {"andps", NEUTRAL_ONES}, {"andpd", NEUTRAL_ONES},  {"paddb", NEUTRAL_ZERO}, {"paddw", NEUTRAL_ZERO},
        {"paddd", NEUTRAL_ZERO}, {"paddq", NEUTRAL_ZERO},  {"pord", NEUTRAL_ZERO},  {"porq", NEUTRAL_ZERO},
        {"pandd", NEUTRAL_ONES}, {"pandq", NEUTRAL_ONES},  {"pxord", NEUTRAL_ZERO}, {"pxorq", NEUTRAL_ZERO},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (!strcmp(table[i].name, name))
            return table[i].neutral;
    return NEUTRAL_NONE;
}

/* x op y, where one may be neutral on these bytes. */
static struct odb_err *c_two(struct at_insn *a)
{
    struct origin_ref dst, x, y;
    const char *name = a->name + is_vex(a);
    unsigned off, n, first = a->x->op_count > 2 ? 1 : 0, second = a->x->op_count > 2 ? 2 : 1;
    if (!operand(a, 0, &dst) || !operand(a, first, &x) || !operand(a, second, &y))
        return from_nowhere(a);
    if (!is_in(&dst, &a->s->to, &off)) {
        above(a, &dst, clears_above(a, &dst));
        return NULL;
    }
    bool same = x.kind == REF_REGISTER && y.kind == REF_REGISTER && x.number == y.number && x.at == y.at;
    if (same && (strstr(name, "xor") || !strncmp(name, "sub", 3) || !strncmp(name, "psub", 4))) {
        origin_say(a->s, ORIGIN_CONSTANT, "zeros: the instruction clears it");
        return NULL;
    }
    y.n_bytes = y.kind == REF_NUMBER ? dst.n_bytes < 8 ? dst.n_bytes : 8 : y.n_bytes;
    ODB_TRY(origin_read(a->o, &x));
    ODB_TRY(origin_read(a->o, &y));
    unsigned was = a->s->to.n_bytes, left = dst.n_bytes - off;
    n = was < left ? was : left;
    shorten(a->s, n);
    a->s->extended = n < was && clears_above(a, &dst);
    enum neutral k = neutral_of(name);
    uint8_t byte = k == NEUTRAL_ONES ? 0xff : 0;
    bool x_stays = k && all_bytes(&y, off, n, byte) && x.known && !memcmp(x.value + off, a->s->to.value, n),
         y_stays = k && k != NEUTRAL_ZERO_RIGHT && all_bytes(&x, off, n, byte) && y.known && y.n_bytes >= off + n &&
                   !memcmp(y.value + off, a->s->to.value, n);
    bool to_x = x_stays && x.kind != REF_NUMBER;
    if (to_x || (y_stays && y.kind != REF_NUMBER)) {
        x.known = y.known = false;
        copied(a, to_x ? x : y, off);
        origin_say(a->s, ORIGIN_COPY, same ? "" : "the other operand changes nothing");
        return NULL;
    }
    if ((k == NEUTRAL_ONES && y.kind == REF_NUMBER && all_bytes(&y, off, n, 0)) ||
        (!strcmp(name, "or") && y.kind == REF_NUMBER && all_bytes(&y, off, n, 0xff))) {
        origin_say(a->s, ORIGIN_CONSTANT, "by the number in the instruction, whatever the other operand");
        return NULL;
    }
    a->s->kind = ORIGIN_MADE;
    add_input(a->s, &x);
    if (!same)
        add_input(a->s, &y);
    return choose(a, k != NEUTRAL_NONE);
}

/* Shifts and rotations by whole bytes move them. */
static struct odb_err *c_shift(struct at_insn *a)
{
    struct origin_ref dst, src, by;
    unsigned off, last = a->x->op_count - 1u;
    bool three = a->x->op_count > 2;
    if (!operand(a, 0, &dst) || !operand(a, three ? 1 : 0, &src))
        return from_nowhere(a);
    if (!is_in(&dst, &a->s->to, &off)) {
        above(a, &dst, dst.n_bytes == 4);
        return NULL;
    }
    unsigned bits = dst.n_bytes == 8 ? 63 : 31, n = dst.n_bytes, count = 1;
    if (last && operand(a, last, &by)) {
        ODB_TRY(origin_read(a->o, &by));
        count = (unsigned)origin_number(&by) & bits;
    }
    unsigned was = a->s->to.n_bytes;
    shorten(a->s, n - off);
    a->s->extended = a->s->to.n_bytes < was && n == 4;
    bool left = strstr(a->name, "shl") || strstr(a->name, "sal") || !strncmp(a->name, "rol", 3),
         rotate = !strncmp(a->name, "ro", 2);
    unsigned b = count / 8;
    if (count % 8 == 0 && b < n) {
        unsigned from = left ? (off + n - b) % n : (off + b) % n,
                 run = n - from; /* bytes that stay neighbours */
        bool inside = rotate || (left ? off >= b : off + b < n);
        if (inside) {
            unsigned all = a->s->to.n_bytes;
            shorten(a->s, run);
            a->s->extended |= a->s->to.n_bytes < all && !rotate;
            copied(a, src, from);
            return NULL;
        }
        if (strncmp(a->name, "sa", 2) != 0 && (left ? off + a->s->to.n_bytes <= b : true)) {
            origin_say(a->s, ORIGIN_CONSTANT, "zeros: shifted in");
            return NULL;
        }
    }
    a->s->kind = ORIGIN_MADE;
    add_input(a->s, &src);
    struct origin_ref number = number_ref(count, 1);
    add_input(a->s, last && by.kind != REF_NUMBER ? &by : &number);
    a->s->go_on = 0;
    return NULL;
}

/* One input and itself: inc, dec, neg, not. */
static struct odb_err *c_one(struct at_insn *a)
{
    struct origin_ref dst;
    unsigned off;
    if (operand(a, 0, &dst) && !is_in(&dst, &a->s->to, &off)) {
        above(a, &dst, dst.n_bytes == 4);
        return NULL;
    }
    a->s->kind = ORIGIN_MADE;
    input_operand(a, 0);
    a->s->go_on = 0;
    return NULL;
}

/* mul, imul, div, idiv with one operand; cdq, cqo: rax and rdx. */
static struct odb_err *c_rax_rdx(struct at_insn *a)
{
    if (a->x->op_count > 1) { /* imul */
        struct origin_ref dst;
        unsigned off;
        if (operand(a, 0, &dst) && !is_in(&dst, &a->s->to, &off)) {
            above(a, &dst, dst.n_bytes == 4);
            return NULL;
        }
        a->s->kind = ORIGIN_MADE;
        input_operand(a, a->x->op_count > 2 ? 1 : 0);
        input_operand(a, a->x->op_count > 2 ? 2 : 1);
        return choose(a, false);
    }
    unsigned n = a->x->op_count ? a->x->operands[0].size : 8;
    struct origin_ref rax = gpr_ref(a, ODB_RAX, n), rdx = gpr_ref(a, ODB_RDX, n);
    a->s->kind = ORIGIN_MADE;
    add_input(a->s, &rax);
    if (strstr(a->name, "div"))
        add_input(a->s, &rdx);
    input_operand(a, 0);
    return choose(a, false);
}

/* ---- the processor and its state ---- */

static struct odb_err *c_machine(struct at_insn *a)
{
    origin_say(a->s, ORIGIN_KERNEL, "what the processor answered");
    return NULL;
}

static struct odb_err *c_zero_upper(struct at_insn *a)
{
    if (a->s->to.at < 16 && strcmp(a->name, "vzeroall") != 0)
        kept(a);
    else
        origin_say(a->s, ORIGIN_CONSTANT, "zeros: the instruction clears it");
    return NULL;
}

/* Byte `off` of an xsave image: which register. */
static bool in_image(uint64_t off, unsigned *number, unsigned *at, unsigned *left)
{
    bool low = off >= 160 && off < 416, high = off >= 576 && off < 832;
    if (!low && !high)
        return false;
    unsigned o = (unsigned)(off - (low ? 160 : 576));
    *number = ODB_REG_VEC0 + o / 16;
    *at = o % 16 + (low ? 0 : 16);
    *left = 16 - o % 16;
    return true;
}

static struct odb_err *c_save(struct at_insn *a)
{
    struct origin_ref image;
    unsigned number, at, left;
    if (!operand(a, 0, &image) || a->s->to.kind != REF_MEMORY ||
        !in_image(a->s->to.addr - image.addr, &number, &at, &left)) {
        origin_say(a->s, ORIGIN_MADE, "state of the processor");
        return NULL;
    }
    struct origin_ref reg = gpr_ref(a, number, 64);
    reg.n_bytes = at + left;
    copied(a, reg, at);
    return NULL;
}

static struct odb_err *c_restore(struct at_insn *a)
{
    struct origin_ref image;
    struct origin_step *s = a->s;
    if (!operand(a, 0, &image) || s->to.kind != REF_REGISTER || s->to.number < ODB_REG_VEC0 ||
        s->to.number >= ODB_REG_VEC0 + 16 || s->to.at >= 32) {
        origin_say(s, ORIGIN_MADE, "state of the processor");
        return NULL;
    }
    unsigned i = s->to.number - ODB_REG_VEC0, at = s->to.at;
    shorten(s, 16 - at % 16);
    copied(a, memory_ref(a, image.addr + (at < 16 ? 160 + 16 * i + at : 576 + 16 * i + at - 16), s->to.n_bytes), 0);
    return NULL;
}

/* ---- shuffles ---- */

enum { BYTE_ZERO = -1, BYTE_COMPUTED = -2 };

static unsigned unpack_unit(const char *name)
{
    const char *end = name + strlen(name);
    if (!strncmp(name, "unpck", 5))
        return end[-1] == 's' ? 4 : 8;
    return end[-3] == 'l' || end[-3] == 'h' ? end[-2] == 'b' ? 1 : end[-2] == 'w' ? 2 : 4 : 8;
}

/* Byte i of the result: which operand (0: first source, 1: second) << 8 | which byte of it. lane: 16 bytes. */
static int shuffled(const char *name, unsigned i, unsigned imm, const uint8_t *control)
{
    unsigned lane = i & ~15u, b = i & 15;
    if (!strncmp(name, "punpck", 6) || !strncmp(name, "unpck", 5)) {
        unsigned unit = unpack_unit(name), high = strstr(name, "ckh") ? 8 : 0, k = b / unit;
        return (int)((k & 1) << 8 | (lane + high + k / 2 * unit + b % unit));
    }
    if (!strcmp(name, "pshufd") || !strcmp(name, "permilps"))
        return (int)(1u << 8 | (lane + (imm >> b / 4 * 2 & 3) * 4 + b % 4));
    if (!strcmp(name, "pshuflw"))
        return (int)(1u << 8 | (b < 8 ? lane + (imm >> b / 2 * 2 & 3) * 2 + b % 2 : i));
    if (!strcmp(name, "pshufhw"))
        return (int)(1u << 8 | (b >= 8 ? lane + 8 + (imm >> (b - 8) / 2 * 2 & 3) * 2 + b % 2 : i));
    if (!strcmp(name, "shufps"))
        return (int)((b >= 8) << 8 | (lane + (imm >> b / 4 * 2 & 3) * 4 + b % 4));
    if (!strcmp(name, "shufpd"))
        return (int)((b >= 8) << 8 | (lane + (imm >> i / 8 & 1) * 8 + b % 8));
    if (!strcmp(name, "psrldq"))
        return b + imm < 16 ? (int)(i + imm) : BYTE_ZERO;
    if (!strcmp(name, "pslldq"))
        return b >= imm ? (int)(i - imm) : BYTE_ZERO;
    if (!strcmp(name, "palignr"))
        return b + imm < 16 ? (int)(1u << 8 | (i + imm)) : b + imm < 32 ? (int)(i + imm - 16) : BYTE_ZERO;
    if (!strcmp(name, "movhlps"))
        return b < 8 ? (int)(1u << 8 | (b + 8)) : (int)b;
    if (!strcmp(name, "movlhps"))
        return b < 8 ? (int)b : (int)(1u << 8 | (b - 8));
    if (!strcmp(name, "movddup"))
        return (int)(1u << 8 | (lane + b % 8));
    if (!strcmp(name, "pshufb"))
        return control[i] & 0x80 ? BYTE_ZERO : (int)(lane + (control[i] & 15));
    if (!strcmp(name, "pblendw"))
        return (int)((imm >> b / 2 & 1) << 8 | i);
    if (!strcmp(name, "blendps") || !strcmp(name, "pblendd"))
        return (int)((imm >> i / 4 & 1) << 8 | i);
    if (!strcmp(name, "permq") || !strcmp(name, "permpd"))
        return (int)(1u << 8 | ((imm >> i / 8 * 2 & 3) * 8 + i % 8));
    if (!strncmp(name, "perm2", 5)) {
        unsigned pick = imm >> i / 16 * 4;
        return pick & 8 ? BYTE_ZERO : (int)((pick >> 1 & 1) << 8 | ((pick & 1) * 16 + b));
    }
    return BYTE_COMPUTED;
}

static struct odb_err *c_shuffle(struct at_insn *a)
{
    struct origin_ref dst, src[2], control = {0};
    const char *name = a->name + is_vex(a);
    unsigned off, ops = a->x->op_count, imm = 0;
    if (a->x->operands[ops - 1].type == X86_OP_IMM)
        imm = (unsigned)a->x->operands[--ops].imm;
    if (ops < 1 || !operand(a, 0, &dst))
        return from_nowhere(a);
    if (!operand(a, ops > 2 ? 1 : 0, &src[0]) || !operand(a, ops - 1, &src[1]))
        return from_nowhere(a);
    if (is_vex(a) && ops == 2)
        src[0] = src[1];
    if (!is_in(&dst, &a->s->to, &off)) {
        above(a, &dst, clears_above(a, &dst));
        return NULL;
    }
    if (!strcmp(name, "pshufb")) {
        control = src[1];
        ODB_TRY(origin_read(a->o, &control));
    }
    int first = shuffled(name, off, imm, control.value);
    unsigned n = 1, max = a->s->to.n_bytes < dst.n_bytes - off ? a->s->to.n_bytes : dst.n_bytes - off;
    while (n < max && shuffled(name, off + n, imm, control.value) == (first < 0 ? first : first + (int)n))
        n++;
    if (first == BYTE_COMPUTED)
        return from_nowhere(a);
    shorten(a->s, n);
    if (first == BYTE_ZERO) {
        origin_say(a->s, ORIGIN_CONSTANT, "zeros: the instruction clears it");
        return NULL;
    }
    struct origin_ref from = src[first >> 8 & 1];
    if (((unsigned)first & 255) >= from.n_bytes)
        return from_nowhere(a);
    copied(a, from, (unsigned)first & 255);
    return NULL;
}

/* pinsrX dst, [a,] src, k: one element; vinsertX128: 16 bytes. */
static struct odb_err *c_insert(struct at_insn *a)
{
    struct origin_ref dst, src, rest;
    unsigned off, ops = a->x->op_count, last = (unsigned)strlen(a->name) - 1;
    if (ops < 3 || !operand(a, 0, &dst) || !operand(a, ops - 2u, &src) || !operand(a, ops > 3 ? 1 : 0, &rest))
        return from_nowhere(a);
    unsigned n = strstr(a->name, "insert") ? 16 : a->name[last] == 'b' ? 1 : a->name[last] == 'w' ? 2 :
                 a->name[last] == 'd' ? 4 : 8;
    unsigned at = ((unsigned)a->x->operands[ops - 1].imm * n) % (n == 16 ? 64 : 16);
    if (!is_in(&dst, &a->s->to, &off)) {
        above(a, &dst, clears_above(a, &dst));
    } else if (off >= at && off < at + n) {
        src.n_bytes = n;
        copied(a, src, off - at);
    } else {
        rest.n_bytes = off < at ? at : rest.n_bytes;
        copied(a, rest, off);
    }
    return NULL;
}

/* pextrX, vextractX128, movmsk is not one of them. */
static struct odb_err *c_extract(struct at_insn *a)
{
    struct origin_ref dst, src;
    unsigned off, ops = a->x->op_count, last = (unsigned)strlen(a->name) - 1;
    if (ops != 3 || !operand(a, 0, &dst) || !operand(a, 1, &src))
        return from_nowhere(a);
    unsigned n = strstr(a->name, "extract") ? strstr(a->name, "tractps") ? 4 : 16 :
                 a->name[last] == 'b' ? 1 : a->name[last] == 'w' ? 2 : a->name[last] == 'd' ? 4 : 8;
    unsigned at = (unsigned)a->x->operands[2].imm * n % src.n_bytes;
    if (!is_in(&dst, &a->s->to, &off) || off >= n) {
        above(a, &dst, true);
        return NULL;
    }
    unsigned was = a->s->to.n_bytes;
    src.n_bytes = at + n;
    copied(a, src, at + off);
    a->s->extended = a->s->to.n_bytes < was;
    return NULL;
}

/* vpbroadcastX, vbroadcastX: the same element everywhere. */
static struct odb_err *c_broadcast(struct at_insn *a)
{
    struct origin_ref dst, src;
    unsigned off;
    const char *p = strstr(a->name, "cast") + 4;
    unsigned n = !strncmp(p, "i128", 4) || !strncmp(p, "f128", 4) ? 16 : *p == 'b' ? 1 : *p == 'w' ? 2 :
                 *p == 'd' ? 4 : *p == 'q' ? 8 : p[1] == 's' ? 4 : 8;
    if (a->x->op_count != 2 || !operand(a, 0, &dst) || !operand(a, 1, &src))
        return from_nowhere(a);
    if (!is_in(&dst, &a->s->to, &off)) {
        above(a, &dst, true);
        return NULL;
    }
    src.n_bytes = n;
    copied(a, src, off % n);
    return NULL;
}

/* ---- which class ---- */

struct insn_class {
    const char *name; /* `*` at the end: what begins so */
    struct odb_err *(*explain)(struct at_insn *a);
};

static const struct insn_class classes[] = {
    {"mov", c_mov}, {"movabs", c_mov}, {"movnti", c_mov}, {"movd", c_mov}, {"movq", c_mov},
    {"movaps", c_mov}, {"movups", c_mov}, {"movapd", c_mov}, {"movupd", c_mov}, {"movdqa*", c_mov},
    {"movdqu*", c_mov}, {"lddqu", c_mov}, {"movnt*", c_mov}, {"movdq2q", c_mov}, {"movq2dq", c_mov},
    {"kmov*", c_mov},
    {"movss", c_mov_scalar}, {"movsd", c_mov_scalar},
    {"movlps", c_mov_half}, {"movhps", c_mov_half}, {"movlpd", c_mov_half}, {"movhpd", c_mov_half},
    {"movzx", c_extend}, {"movsx", c_extend}, {"movsxd", c_extend}, {"cbw", c_extend}, {"cwde", c_extend},
    {"cdqe", c_extend},
    {"push", c_push}, {"pop", c_pop}, {"call", c_call}, {"ret", c_ret}, {"leave", c_leave},
    {"xchg", c_xchg}, {"xadd", c_xadd}, {"cmpxchg", c_cmpxchg}, {"cmov*", c_cmov}, {"set*", c_set},
    {"bswap", c_swap}, {"movbe", c_swap},
    {"movsb", c_movs}, {"movsw", c_movs}, {"movsq", c_movs},
    {"stosb", c_stos}, {"stosw", c_stos}, {"stosd", c_stos}, {"stosq", c_stos},
    {"lodsb", c_lods}, {"lodsw", c_lods}, {"lodsd", c_lods}, {"lodsq", c_lods},
    {"lea", c_lea},
    {"add", c_two}, {"sub", c_two}, {"and", c_two}, {"or", c_two}, {"xor", c_two}, {"adc", c_two}, {"sbb", c_two},
    {"por*", c_two}, {"pand", c_two}, {"pandd", c_two}, {"pandq", c_two}, {"pxor*", c_two}, {"orp*", c_two},
    {"andp*", c_two}, {"xorp*", c_two}, {"padd*", c_two}, {"psub*", c_two},
    {"shl", c_shift}, {"sal", c_shift}, {"shr", c_shift}, {"sar", c_shift}, {"rol", c_shift}, {"ror", c_shift},
    {"shlx", c_shift}, {"shrx", c_shift}, {"sarx", c_shift}, {"rorx", c_shift},
    {"inc", c_one}, {"dec", c_one}, {"neg", c_one}, {"not", c_one},
    {"mul", c_rax_rdx}, {"imul", c_rax_rdx}, {"div", c_rax_rdx}, {"idiv", c_rax_rdx}, {"cdq", c_rax_rdx},
    {"cqo", c_rax_rdx}, {"cwd", c_rax_rdx},
    {"rdtsc*", c_machine}, {"cpuid", c_machine}, {"rdrand", c_machine}, {"rdseed", c_machine},
    {"xgetbv", c_machine}, {"rdpid", c_machine}, {"rdpkru", c_machine},
    {"zeroupper", c_zero_upper}, {"zeroall", c_zero_upper},
    {"xsave*", c_save}, {"fxsave*", c_save}, {"xrstor*", c_restore}, {"fxrstor*", c_restore},
    {"pshuf*", c_shuffle}, {"punpck*", c_shuffle}, {"unpck*", c_shuffle}, {"shufp*", c_shuffle},
    {"psrldq", c_shuffle}, {"pslldq", c_shuffle}, {"palignr", c_shuffle}, {"movhlps", c_shuffle},
    {"movlhps", c_shuffle}, {"movddup", c_shuffle}, {"pblendw", c_shuffle}, {"pblendd", c_shuffle},
    {"blendps", c_shuffle}, {"permq", c_shuffle}, {"permpd", c_shuffle}, {"perm2*", c_shuffle},
    {"pinsr*", c_insert}, {"insertf128", c_insert}, {"inserti128", c_insert},
    {"pextr*", c_extract}, {"extractps", c_extract}, {"extractf128", c_extract}, {"extracti128", c_extract},
    {"pbroadcast*", c_broadcast}, {"broadcast*", c_broadcast},
};

static const struct insn_class *find_class(const char *name)
{
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        const char *pattern = classes[i].name;
        size_t n = strlen(pattern);
        if (pattern[n - 1] == '*' ? !strncmp(name, pattern, n - 1) : !strcmp(name, pattern))
            return &classes[i];
    }
    return NULL;
}

/* A vector instruction under a mask register computes, as far as we know. */
static bool is_masked(const struct at_insn *a)
{
    if (!strncmp(a->name, "k", 1))
        return false;
    for (unsigned i = 0; i < a->x->op_count; i++)
        if (a->x->operands[i].type == X86_OP_REG && a->x->operands[i].reg >= X86_REG_K0 &&
            a->x->operands[i].reg <= X86_REG_K7)
            return true;
    return false;
}

static const char *name_of(const cs_insn *ci, char *buf, size_t n_bytes)
{
    /* "rep movsb", "lock cmpxchg": the last word */
    const char *space = strrchr(ci->mnemonic, ' ');
    snprintf(buf, n_bytes, "%s", space ? space + 1 : ci->mnemonic);
    return buf;
}

static struct odb_err *decode(struct origin *o, uint64_t t, uint32_t pid, gaddr rip, const cs_insn **ret)
{
    uint8_t bytes[INSN_BYTES];
    size_t n;
    *ret = NULL;
    ODB_TRY(origin_peek(o, t, pid, rip, bytes, sizeof(bytes), &n));
    const uint8_t *p = bytes;
    uint64_t addr = rip;
    if (cs_disasm_iter(o->cs, &p, &n, &addr, o->insn))
        *ret = o->insn;
    return NULL;
}

struct odb_err *origin_insn(struct origin *o, struct origin_step *s)
{
    char name[64];
    struct at_insn a = {.o = o, .s = s};
    ODB_TRY(decode(o, s->t, s->pid, s->rip, &a.ci));
    if (!a.ci) {
        origin_say(s, ORIGIN_UNKNOWN, "an instruction that the disassembler does not know");
        return NULL;
    }
    a.x = &a.ci->detail->x86;
    a.name = name_of(a.ci, name, sizeof(name));
    snprintf(s->insn, sizeof(s->insn), "%s%s%s", a.ci->mnemonic, *a.ci->op_str ? " " : "", a.ci->op_str);
    ODB_TRY(db_registers(o->db, s->t, s->tid, &a.regs));
    if (a.ci->id == X86_INS_SYSCALL)
        return origin_kernel_register(o, s);
    bool string = a.ci->id == X86_INS_MOVSD && a.x->opcode[0] == 0xa5;
    if (string)
        return c_movs(&a);
    const struct insn_class *c = find_class(a.name);
    if (!c && is_vex(&a))
        c = find_class(a.name + 1);
    if (!c || is_masked(&a))
        return from_nowhere(&a);
    return c->explain(&a);
}

struct odb_err *origin_insn_writes(struct origin *o, uint64_t t, uint32_t pid, gaddr rip, unsigned reg, bool *ret)
{
    cs_regs read, written;
    uint8_t n_read, n_written;
    struct origin_step s = {0};
    struct at_insn a = {.o = o, .s = &s};
    *ret = false;
    if (!rip)
        return NULL;
    ODB_TRY(decode(o, t, pid, rip, &a.ci));
    if (!a.ci)
        return NULL;
    if (a.ci->id == X86_INS_SYSCALL) {
        *ret = reg == ODB_RAX || reg == ODB_RCX || reg == ODB_R11;
        return NULL;
    }
    if (cs_regs_access(o->cs, a.ci, read, &n_read, written, &n_written) != CS_ERR_OK)
        return NULL;
    for (unsigned i = 0; i < n_written; i++) {
        struct origin_ref r;
        if (find_reg(&a, written[i], &r) && r.number == reg)
            *ret = true;
    }
    return NULL;
}
