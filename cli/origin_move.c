/* Instructions that move: mov and its kin, the stack, exchanges, strings. See origin_insn.h. */
#include <stdio.h>
#include <string.h>

#include "cli/origin_insn.h"
#include "preload/decode.h"

static void move(struct at_insn *a, unsigned to_op, unsigned from_op)
{
    struct origin_ref dst, src;
    unsigned off;
    if (!insn_operand(a, to_op, &dst) || !insn_operand(a, from_op, &src)) {
        a->s->kind = ORIGIN_MADE;
        return;
    }
    if (insn_is_in(&dst, &a->s->to, &off)) {
        unsigned n = src.n_bytes < dst.n_bytes ? src.n_bytes : dst.n_bytes;
        if (src.kind == REF_NUMBER || off < n) {
            unsigned was = a->s->to.n_bytes;
            insn_copied(a, src, off);
            a->s->extended = src.kind != REF_NUMBER && a->s->to.n_bytes < was && insn_clears_above(a, &dst);
        } else {
            origin_say(a->s, ORIGIN_CONSTANT, "zeros: what was moved is shorter");
        }
        return;
    }
    if (dst.kind == REF_REGISTER && a->s->to.kind == REF_REGISTER && a->s->to.number == dst.number)
        insn_above(a, &dst, insn_clears_above(a, &dst));
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
    if (!insn_operand(a, 0, &dst) || !insn_operand(a, last, &src) || !insn_is_in(&dst, &a->s->to, &off)) {
        if (dst.kind == REF_REGISTER)
            insn_above(a, &dst, insn_is_vex(a));
        return NULL;
    }
    if (off < n) {
        src.n_bytes = n;
        insn_copied(a, src, off);
    } else if (src.kind == REF_MEMORY) {
        origin_say(a->s, ORIGIN_CONSTANT, "zeros: the load clears the rest");
    } else if (last == 2 && insn_operand(a, 1, &src)) {
        insn_copied(a, src, off);
    } else {
        insn_kept(a);
    }
    return NULL;
}

/* movlps, movhps, movlpd, movhpd: one half. */
static struct odb_err *c_mov_half(struct at_insn *a)
{
    struct origin_ref dst, src;
    unsigned off, half = strstr(a->name, "movh") ? 8 : 0, last = a->x->op_count - 1u;
    if (!insn_operand(a, 0, &dst) || !insn_operand(a, last, &src) || !insn_is_in(&dst, &a->s->to, &off)) {
        if (dst.kind == REF_REGISTER)
            insn_above(a, &dst, insn_is_vex(a));
        return NULL;
    }
    if (dst.kind == REF_MEMORY) {
        insn_copied(a, src, off + half);
        insn_shorten(a->s, 8 - off);
        a->s->from[0].n_bytes = a->s->to.n_bytes;
    } else if (off / 8 == half / 8 && off < 16) {
        src.n_bytes = 8;
        insn_copied(a, src, off - half);
    } else if (last == 2 && insn_operand(a, 1, &src)) {
        src.n_bytes = off < 8 ? 8 : 16;
        insn_copied(a, src, off);
    } else {
        if (off < half)
            insn_shorten(a->s, half - off);
        insn_kept(a);
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
        dst = insn_gpr(a, ODB_RAX, n);
        src = insn_gpr(a, ODB_RAX, n / 2);
    } else if (!insn_operand(a, 0, &dst) || !insn_operand(a, 1, &src)) {
        return insn_made(a);
    }
    if (!insn_is_in(&dst, &a->s->to, &off)) {
        insn_above(a, &dst, insn_clears_above(a, &dst));
    } else if (off < src.n_bytes) {
        unsigned was = a->s->to.n_bytes;
        insn_copied(a, src, off);
        a->s->extended = a->s->to.n_bytes < was;
    } else if (strstr(a->name, "zx")) {
        origin_say(a->s, ORIGIN_CONSTANT, "zeros: extended without sign");
    } else {
        a->s->kind = ORIGIN_MADE;
        insn_input(a->s, &src);
        a->s->go_on = 0;
    }
    return NULL;
}

static struct odb_err *rsp_moves(struct at_insn *a, int64_t by)
{
    struct origin_ref rsp = insn_gpr(a, ODB_RSP, 8), n = insn_number((uint64_t)by, 8);
    origin_say(a->s, ORIGIN_MADE, "the stack pointer moves");
    insn_input(a->s, &rsp);
    insn_input(a->s, &n);
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
    struct origin_ref src,
        dst = insn_memory(a, a->regs.regs.scalar[ODB_RSP] - stack_bytes(a), stack_bytes(a));
    unsigned off;
    if (is_rsp(a))
        return rsp_moves(a, -(int64_t)stack_bytes(a));
    if (!insn_operand(a, 0, &src) || !insn_is_in(&dst, &a->s->to, &off))
        return insn_made(a);
    insn_copied(a, src, off);
    return NULL;
}

static struct odb_err *c_pop(struct at_insn *a)
{
    struct origin_ref dst, src = insn_memory(a, a->regs.regs.scalar[ODB_RSP], stack_bytes(a));
    unsigned off;
    if (!insn_operand(a, 0, &dst))
        return insn_made(a);
    if (is_rsp(a) && !(dst.kind == REF_REGISTER && dst.number == ODB_RSP))
        return rsp_moves(a, stack_bytes(a));
    if (dst.kind == REF_MEMORY) /* its address is computed after rsp has moved */
        off = (unsigned)(a->s->to.addr % 8);
    else if (!insn_is_in(&dst, &a->s->to, &off))
        return insn_made(a);
    insn_copied(a, src, off < src.n_bytes ? off : 0);
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
    struct origin_ref rbp = insn_gpr(a, ODB_RBP, 8), n = insn_number(8, 8);
    if (!is_rsp(a)) {
        insn_copied(a, insn_memory(a, a->regs.regs.scalar[ODB_RBP], 8), a->s->to.at);
        return NULL;
    }
    a->s->kind = ORIGIN_MADE;
    insn_input(a->s, &rbp);
    insn_input(a->s, &n);
    a->s->go_on = 0;
    return NULL;
}

static struct odb_err *c_xchg(struct at_insn *a)
{
    struct origin_ref x, y;
    unsigned off;
    if (!insn_operand(a, 0, &x) || !insn_operand(a, 1, &y))
        return insn_made(a);
    unsigned was = a->s->to.n_bytes;
    if (insn_is_in(&x, &a->s->to, &off))
        insn_copied(a, y, off);
    else if (insn_is_in(&y, &a->s->to, &off))
        insn_copied(a, x, off);
    a->s->extended = a->s->to.kind == REF_REGISTER && a->s->to.n_bytes < was && x.n_bytes == 4;
    if (a->s->kind == ORIGIN_UNKNOWN)
        insn_above(a, x.kind == REF_REGISTER && x.number == a->s->to.number ? &x : &y, x.n_bytes == 4);
    return NULL;
}

static struct odb_err *c_xadd(struct at_insn *a)
{
    struct origin_ref x, y;
    unsigned off;
    if (insn_operand(a, 0, &x) && insn_operand(a, 1, &y) && !insn_is_in(&x, &a->s->to, &off) &&
        insn_is_in(&y, &a->s->to, &off)) {
        insn_copied(a, x, off);
        return NULL;
    }
    a->s->kind = ORIGIN_MADE;
    insn_input_operand(a, 0);
    insn_input_operand(a, 1);
    return insn_choose(a, true);
}

static struct odb_err *c_cmpxchg(struct at_insn *a)
{
    struct origin_ref dst, src, rax;
    unsigned off;
    if (!insn_operand(a, 0, &dst) || !insn_operand(a, 1, &src) || dst.n_bytes > 8)
        return insn_made(a);
    rax = insn_gpr(a, ODB_RAX, dst.n_bytes);
    ODB_TRY(origin_read(a->o, &dst));
    ODB_TRY(origin_read(a->o, &rax));
    bool equal = dst.known && rax.known && !memcmp(dst.value, rax.value, dst.n_bytes);
    dst.known = false;
    if (insn_is_in(&dst, &a->s->to, &off))
        insn_copied(a, equal ? src : dst, off);
    else if (!equal && insn_is_in(&rax, &a->s->to, &off))
        insn_copied(a, dst, off);
    else
        insn_above(a, &dst, false);
    return NULL;
}

/* Conditions in the order of the opcodes. */
static bool condition(const char *suffix, uint64_t f)
{
    static const struct {
        const char *name;
        uint8_t code;
    } names[] = {{"o", 0}, {"no", 1}, {"b", 2},  {"ae", 3},  {"e", 4},  {"ne", 5},  {"be", 6},  {"a", 7},
                 {"s", 8}, {"ns", 9}, {"p", 10}, {"np", 11}, {"l", 12}, {"ge", 13}, {"le", 14}, {"g", 15}};
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
    if (!insn_operand(a, 0, &dst))
        return insn_made(a);
    if (dst.n_bytes == 4 && a->s->to.at >= 4) {
        insn_above(a, &dst, true);
        return NULL;
    }
    insn_kept(a);
    origin_say(a->s, ORIGIN_COPY, "kept: the condition does not hold");
    return NULL;
}

static struct odb_err *c_set(struct at_insn *a)
{
    struct origin_ref flags = insn_gpr(a, ODB_REG_RFLAGS, 8), dst;
    unsigned off;
    if (insn_operand(a, 0, &dst) && !insn_is_in(&dst, &a->s->to, &off)) {
        insn_above(a, &dst, false);
        return NULL;
    }
    insn_shorten(a->s, 1);
    a->s->kind = ORIGIN_MADE;
    insn_input(a->s, &flags);
    return NULL;
}

/* bswap, movbe: byte by byte the other way round. */
static struct odb_err *c_swap(struct at_insn *a)
{
    struct origin_ref dst, src;
    unsigned off;
    if (!insn_operand(a, 0, &dst) || !insn_operand(a, a->x->op_count - 1u, &src))
        return insn_made(a);
    if (!insn_is_in(&dst, &a->s->to, &off)) {
        insn_above(a, &dst, dst.n_bytes == 4);
        return NULL;
    }
    unsigned n = a->s->to.n_bytes, left = dst.n_bytes - off;
    insn_shorten(a->s, n < left ? n : left);
    a->s->extended = a->s->to.n_bytes < n;
    unsigned from = dst.n_bytes - off - a->s->to.n_bytes;
    src.n_bytes = from + a->s->to.n_bytes;
    insn_copied(a, src, from);
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
    insn_input(a->s, &self);
    a->s->go_on = 0;
    return NULL;
}

static struct odb_err *c_movs(struct at_insn *a)
{
    uint64_t rdi = a->regs.regs.scalar[ODB_RDI], rsi = a->regs.regs.scalar[ODB_RSI],
             off = a->s->to.addr - rdi;
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
    insn_shorten(a->s, n);
    insn_copied(a, insn_memory(a, rsi + off, n), 0);
    return NULL;
}

static struct odb_err *c_stos(struct at_insn *a)
{
    if (a->s->to.kind != REF_MEMORY)
        return string_counts(a);
    unsigned n = element_bytes(a), off = (unsigned)((a->s->to.addr - a->regs.regs.scalar[ODB_RDI]) % n);
    insn_copied(a, insn_gpr(a, ODB_RAX, n), off);
    return NULL;
}

static struct odb_err *c_lods(struct at_insn *a)
{
    unsigned n = element_bytes(a);
    if (a->s->to.number != ODB_RAX)
        return string_counts(a);
    if (a->s->to.at >= n)
        insn_kept(a);
    else
        insn_copied(a, insn_memory(a, a->regs.regs.scalar[ODB_RSI], n), a->s->to.at);
    return NULL;
}

/* clang-format off */
const struct insn_class insn_moves[] = {
    {"mov", c_mov}, {"movabs", c_mov}, {"movnti", c_mov}, {"movd", c_mov}, {"movq", c_mov},
    {"movaps", c_mov}, {"movups", c_mov}, {"movapd", c_mov}, {"movupd", c_mov}, {"movdqa*", c_mov},
    {"movdqu*", c_mov}, {"lddqu", c_mov}, {"movnt*", c_mov}, {"movdq2q", c_mov}, {"movq2dq", c_mov},
    {"kmov*", c_mov}, {"movss", c_mov_scalar}, {"movsd", c_mov_scalar}, {"movlps", c_mov_half},
    {"movhps", c_mov_half}, {"movlpd", c_mov_half}, {"movhpd", c_mov_half}, {"movzx", c_extend},
    {"movsx", c_extend}, {"movsxd", c_extend}, {"cbw", c_extend}, {"cwde", c_extend}, {"cdqe", c_extend},
    {"push", c_push}, {"pop", c_pop}, {"call", c_call}, {"ret", c_ret}, {"leave", c_leave},
    {"xchg", c_xchg}, {"xadd", c_xadd}, {"cmpxchg", c_cmpxchg}, {"cmov*", c_cmov}, {"set*", c_set},
    {"bswap", c_swap}, {"movbe", c_swap}, {"movsb", c_movs}, {"movsw", c_movs}, {"movsq", c_movs},
    {"stosb", c_stos}, {"stosw", c_stos}, {"stosd", c_stos}, {"stosq", c_stos}, {"lodsb", c_lods},
    {"lodsw", c_lods}, {"lodsd", c_lods}, {"lodsq", c_lods},
    {NULL, NULL},
};
/* clang-format on */
