/* Instructions that compute. Some results are copies after all: see origin_insn.c. */
#include <stdio.h>
#include <string.h>

#include "cli/origin_insn.h"
#include "preload/decode.h"

/* ---- arithmetic ---- */

static struct odb_err *c_lea(struct at_insn *a)
{
    const x86_op_mem *m = &a->x->operands[1].mem;
    struct origin_ref r, dst;
    unsigned off;
    if (!insn_operand(a, 0, &dst))
        return insn_made(a);
    if (!insn_is_in(&dst, &a->s->to, &off)) {
        insn_above(a, &dst, dst.n_bytes == 4);
        return NULL;
    }
    if (m->base == X86_REG_RIP && m->index == X86_REG_INVALID) {
        origin_say(a->s, ORIGIN_CONSTANT, "an address in the instruction");
        return NULL;
    }
    if (m->index == X86_REG_INVALID && !m->disp && insn_find_reg(a, m->base, &r)) {
        insn_copied(a, r, off);
        return NULL;
    }
    a->s->kind = ORIGIN_MADE;
    if (m->base != X86_REG_INVALID && insn_find_reg(a, m->base, &r))
        insn_input(a->s, &r);
    if (m->index != X86_REG_INVALID && insn_find_reg(a, m->index, &r))
        insn_input(a->s, &r);
    if (m->disp) {
        r = insn_number((uint64_t)m->disp, 8);
        insn_input(a->s, &r);
    }
    if (!a->s->n_from) {
        origin_say(a->s, ORIGIN_CONSTANT, "an address in the instruction");
        return NULL;
    }
    return insn_choose(a, true);
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
        {"add", NEUTRAL_ZERO},       {"or", NEUTRAL_ZERO},    {"xor", NEUTRAL_ZERO},
        {"sub", NEUTRAL_ZERO_RIGHT}, {"and", NEUTRAL_ONES},   {"por", NEUTRAL_ZERO},
        {"pxor", NEUTRAL_ZERO},      {"pand", NEUTRAL_ONES},  {"orps", NEUTRAL_ZERO},
        {"orpd", NEUTRAL_ZERO},      {"xorps", NEUTRAL_ZERO}, {"xorpd", NEUTRAL_ZERO},
        {"andps", NEUTRAL_ONES},     {"andpd", NEUTRAL_ONES}, {"paddb", NEUTRAL_ZERO},
        {"paddw", NEUTRAL_ZERO},     {"paddd", NEUTRAL_ZERO}, {"paddq", NEUTRAL_ZERO},
        {"pord", NEUTRAL_ZERO},      {"porq", NEUTRAL_ZERO},  {"pandd", NEUTRAL_ONES},
        {"pandq", NEUTRAL_ONES},     {"pxord", NEUTRAL_ZERO}, {"pxorq", NEUTRAL_ZERO},
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
    const char *name = a->name + insn_is_vex(a);
    unsigned off, n, first = a->x->op_count > 2 ? 1 : 0, second = a->x->op_count > 2 ? 2 : 1;
    if (!insn_operand(a, 0, &dst) || !insn_operand(a, first, &x) || !insn_operand(a, second, &y))
        return insn_made(a);
    if (!insn_is_in(&dst, &a->s->to, &off)) {
        insn_above(a, &dst, insn_clears_above(a, &dst));
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
    insn_shorten(a->s, n);
    a->s->extended = n < was && insn_clears_above(a, &dst);
    enum neutral k = neutral_of(name);
    uint8_t byte = k == NEUTRAL_ONES ? 0xff : 0;
    bool x_stays = k && all_bytes(&y, off, n, byte) && x.known && !memcmp(x.value + off, a->s->to.value, n),
         y_stays = k && k != NEUTRAL_ZERO_RIGHT && all_bytes(&x, off, n, byte) && y.known &&
                   y.n_bytes >= off + n && !memcmp(y.value + off, a->s->to.value, n);
    bool to_x = x_stays && x.kind != REF_NUMBER;
    if (to_x || (y_stays && y.kind != REF_NUMBER)) {
        x.known = y.known = false;
        insn_copied(a, to_x ? x : y, off);
        origin_say(a->s, ORIGIN_COPY, same ? "" : "the other operand changes nothing");
        return NULL;
    }
    if ((k == NEUTRAL_ONES && y.kind == REF_NUMBER && all_bytes(&y, off, n, 0)) ||
        (!strcmp(name, "or") && y.kind == REF_NUMBER && all_bytes(&y, off, n, 0xff))) {
        origin_say(a->s, ORIGIN_CONSTANT, "by the number in the instruction, whatever the other operand");
        return NULL;
    }
    a->s->kind = ORIGIN_MADE;
    insn_input(a->s, &x);
    if (!same)
        insn_input(a->s, &y);
    return insn_choose(a, k != NEUTRAL_NONE);
}

/* Shifts and rotations by whole bytes move them. */
static struct odb_err *c_shift(struct at_insn *a)
{
    struct origin_ref dst, src, by;
    unsigned off, last = a->x->op_count - 1u;
    bool three = a->x->op_count > 2;
    if (!insn_operand(a, 0, &dst) || !insn_operand(a, three ? 1 : 0, &src))
        return insn_made(a);
    if (!insn_is_in(&dst, &a->s->to, &off)) {
        insn_above(a, &dst, dst.n_bytes == 4);
        return NULL;
    }
    unsigned bits = dst.n_bytes == 8 ? 63 : 31, n = dst.n_bytes, count = 1;
    if (last && insn_operand(a, last, &by)) {
        ODB_TRY(origin_read(a->o, &by));
        count = (unsigned)origin_number(&by) & bits;
    }
    unsigned was = a->s->to.n_bytes;
    insn_shorten(a->s, n - off);
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
            insn_shorten(a->s, run);
            a->s->extended |= a->s->to.n_bytes < all && !rotate;
            insn_copied(a, src, from);
            return NULL;
        }
        if (strncmp(a->name, "sa", 2) != 0 && (left ? off + a->s->to.n_bytes <= b : true)) {
            origin_say(a->s, ORIGIN_CONSTANT, "zeros: shifted in");
            return NULL;
        }
    }
    a->s->kind = ORIGIN_MADE;
    insn_input(a->s, &src);
    struct origin_ref number = insn_number(count, 1);
    insn_input(a->s, last && by.kind != REF_NUMBER ? &by : &number);
    a->s->go_on = 0;
    return NULL;
}

/* One input and itself: inc, dec, neg, not. */
static struct odb_err *c_one(struct at_insn *a)
{
    struct origin_ref dst;
    unsigned off;
    if (insn_operand(a, 0, &dst) && !insn_is_in(&dst, &a->s->to, &off)) {
        insn_above(a, &dst, dst.n_bytes == 4);
        return NULL;
    }
    a->s->kind = ORIGIN_MADE;
    insn_input_operand(a, 0);
    a->s->go_on = 0;
    return NULL;
}

/* mul, imul, div, idiv with one operand; cdq, cqo: rax and rdx. */
static struct odb_err *c_rax_rdx(struct at_insn *a)
{
    if (a->x->op_count > 1) { /* imul */
        struct origin_ref dst;
        unsigned off;
        if (insn_operand(a, 0, &dst) && !insn_is_in(&dst, &a->s->to, &off)) {
            insn_above(a, &dst, dst.n_bytes == 4);
            return NULL;
        }
        a->s->kind = ORIGIN_MADE;
        insn_input_operand(a, a->x->op_count > 2 ? 1 : 0);
        insn_input_operand(a, a->x->op_count > 2 ? 2 : 1);
        return insn_choose(a, false);
    }
    unsigned n = a->x->op_count ? a->x->operands[0].size : 8;
    struct origin_ref rax = insn_gpr(a, ODB_RAX, n), rdx = insn_gpr(a, ODB_RDX, n);
    a->s->kind = ORIGIN_MADE;
    insn_input(a->s, &rax);
    if (strstr(a->name, "div"))
        insn_input(a->s, &rdx);
    insn_input_operand(a, 0);
    return insn_choose(a, false);
}

/* ---- the processor and its state ---- */

static struct odb_err *c_machine(struct at_insn *a)
{
    origin_say(a->s, ORIGIN_KERNEL, "what the processor answered");
    return NULL;
}

/* clang-format off */
const struct insn_class insn_math[] = {
    {"lea", c_lea}, {"add", c_two}, {"sub", c_two}, {"and", c_two}, {"or", c_two}, {"xor", c_two},
    {"adc", c_two}, {"sbb", c_two}, {"por*", c_two}, {"pand", c_two}, {"pandd", c_two}, {"pandq", c_two},
    {"pxor*", c_two}, {"orp*", c_two}, {"andp*", c_two}, {"xorp*", c_two}, {"padd*", c_two},
    {"psub*", c_two}, {"shl", c_shift}, {"sal", c_shift}, {"shr", c_shift}, {"sar", c_shift},
    {"rol", c_shift}, {"ror", c_shift}, {"shlx", c_shift}, {"shrx", c_shift}, {"sarx", c_shift},
    {"rorx", c_shift}, {"inc", c_one}, {"dec", c_one}, {"neg", c_one}, {"not", c_one}, {"mul", c_rax_rdx},
    {"imul", c_rax_rdx}, {"div", c_rax_rdx}, {"idiv", c_rax_rdx}, {"cdq", c_rax_rdx}, {"cqo", c_rax_rdx},
    {"cwd", c_rax_rdx}, {"rdtsc*", c_machine}, {"cpuid", c_machine}, {"rdrand", c_machine},
    {"rdseed", c_machine}, {"xgetbv", c_machine}, {"rdpid", c_machine}, {"rdpkru", c_machine},
    {NULL, NULL},
};
/* clang-format on */
