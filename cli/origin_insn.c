/* What one instruction moved: see origin.h.
 *
 * s->to lies in what the instruction wrote. The operand that it lies in is found (by its address or register in the state before the
 * instruction), and the rule of the instruction's class says where these bytes came from. Classes that only move are
 * copies; what computes is MADE, with its inputs, but for three that are copies after all: a result that equals one input because
 * the other is neutral on these bytes (or with 0, and with ones), shifts by whole bytes, and shuffles of vectors. */
#include <stdio.h>
#include <string.h>

#include "cli/origin_insn.h"

#define INSN_BYTES 15

static const struct insn_class *find_class(const char *name)
{
    static const struct insn_class *const tables[] = {insn_moves, insn_math, insn_vectors};
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        for (const struct insn_class *c = tables[i]; c->name; c++) {
            size_t n = strlen(c->name);
            if (c->name[n - 1] == '*' ? !strncmp(name, c->name, n - 1) : !strcmp(name, c->name))
                return c;
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

/* Where the instruction led. */
static struct odb_err *explain_flow(struct at_insn *a)
{
    struct origin_ref target;
    bool branch = !strcmp(a->name, "jmp") || !strcmp(a->name, "call");
    if (!strcmp(a->name, "ret"))
        insn_copied(a, insn_memory(a, a->regs.regs.scalar[ODB_RSP], 8), a->s->to.at);
    else if (branch && insn_operand(a, 0, &target) && target.kind != REF_NUMBER)
        insn_copied(a, target, a->s->to.at);
    else
        origin_say(a->s, ORIGIN_CONSTANT,
                   a->ci->address + a->ci->size == origin_number(&a->s->to) ? "the next instruction"
                                                                            : "the target of the branch");
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
    if (a.ci->id == X86_INS_MOVSD && a.x->opcode[0] == 0xa5) /* the string instruction, not that of SSE */
        a.name = "movsq";
    if (s->to.kind == REF_REGISTER && s->to.number == ODB_REG_RIP)
        return explain_flow(&a);
    if (s->to.kind == REF_REGISTER && s->to.number == ODB_REG_RFLAGS && strncmp(a.name, "pop", 3) != 0)
        return insn_made(&a);
    const struct insn_class *c = find_class(a.name);
    if (!c && insn_is_vex(&a))
        c = find_class(a.name + 1);
    if (!c || is_masked(&a))
        return insn_made(&a);
    return c->explain(&a);
}

struct odb_err *origin_insn_writes(struct origin *o, uint64_t t, uint32_t pid, gaddr rip, unsigned reg,
                                   bool *ret)
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
        if (insn_find_reg(&a, written[i], &r) && r.number == reg)
            *ret = true;
    }
    return NULL;
}
