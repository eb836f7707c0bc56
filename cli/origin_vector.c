/* Instructions that move parts of vectors, and the state of the processor as a whole. See origin_insn.h. */
#include <stdio.h>
#include <string.h>

#include "cli/origin_insn.h"
#include "preload/decode.h"

static struct odb_err *c_zero_upper(struct at_insn *a)
{
    if (a->s->to.at < 16 && strcmp(a->name, "vzeroall") != 0) {
        insn_shorten(a->s, 16 - a->s->to.at);
        insn_kept(a);
    } else
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
    if (!insn_operand(a, 0, &image) || a->s->to.kind != REF_MEMORY ||
        !in_image(a->s->to.addr - image.addr, &number, &at, &left)) {
        origin_say(a->s, ORIGIN_MADE, "state of the processor");
        return NULL;
    }
    struct origin_ref reg = insn_gpr(a, number, 64);
    reg.n_bytes = at + left;
    insn_copied(a, reg, at);
    return NULL;
}

static struct odb_err *c_restore(struct at_insn *a)
{
    struct origin_ref image;
    struct origin_step *s = a->s;
    if (!insn_operand(a, 0, &image) || s->to.kind != REF_REGISTER || s->to.number < ODB_REG_VEC0 ||
        s->to.number >= ODB_REG_VEC0 + 16 || s->to.at >= 32) {
        origin_say(s, ORIGIN_MADE, "state of the processor");
        return NULL;
    }
    unsigned i = s->to.number - ODB_REG_VEC0, at = s->to.at;
    insn_shorten(s, 16 - at % 16);
    insn_copied(
        a, insn_memory(a, image.addr + (at < 16 ? 160 + 16 * i + at : 576 + 16 * i + at - 16), s->to.n_bytes),
        0);
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
    i %= ORIGIN_MAX_BYTES;
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
    const char *name = a->name + insn_is_vex(a);
    unsigned off, ops = a->x->op_count, imm = 0;
    if (a->x->operands[ops - 1].type == X86_OP_IMM)
        imm = (unsigned)a->x->operands[--ops].imm;
    if (ops < 1 || !insn_operand(a, 0, &dst))
        return insn_made(a);
    if (!insn_operand(a, ops > 2 ? 1 : 0, &src[0]) || !insn_operand(a, ops - 1, &src[1]))
        return insn_made(a);
    if (insn_is_vex(a) && ops == 2)
        src[0] = src[1];
    if (!insn_is_in(&dst, &a->s->to, &off)) {
        insn_above(a, &dst, insn_clears_above(a, &dst));
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
        return insn_made(a);
    insn_shorten(a->s, n);
    if (first == BYTE_ZERO) {
        origin_say(a->s, ORIGIN_CONSTANT, "zeros: the instruction clears it");
        return NULL;
    }
    struct origin_ref from = src[first >> 8 & 1];
    if (((unsigned)first & 255) >= from.n_bytes)
        return insn_made(a);
    insn_copied(a, from, (unsigned)first & 255);
    return NULL;
}

/* pinsrX dst, [a,] src, k: one element; vinsertX128: 16 bytes. */
static struct odb_err *c_insert(struct at_insn *a)
{
    struct origin_ref dst, src, rest;
    unsigned off, ops = a->x->op_count, last = (unsigned)strlen(a->name) - 1;
    if (ops < 3 || !insn_operand(a, 0, &dst) || !insn_operand(a, ops - 2u, &src) ||
        !insn_operand(a, ops > 3 ? 1 : 0, &rest))
        return insn_made(a);
    unsigned n = strstr(a->name, "insert") ? 16
                 : a->name[last] == 'b'    ? 1
                 : a->name[last] == 'w'    ? 2
                 : a->name[last] == 'd'    ? 4
                                           : 8;
    unsigned at = ((unsigned)a->x->operands[ops - 1].imm * n) % (n == 16 ? 64 : 16);
    if (!insn_is_in(&dst, &a->s->to, &off)) {
        insn_above(a, &dst, insn_clears_above(a, &dst));
    } else if (off >= at && off < at + n) {
        src.n_bytes = n;
        insn_copied(a, src, off - at);
    } else {
        rest.n_bytes = off < at ? at : rest.n_bytes;
        insn_copied(a, rest, off);
    }
    return NULL;
}

/* pextrX, vextractX128, movmsk is not one of them. */
static struct odb_err *c_extract(struct at_insn *a)
{
    struct origin_ref dst, src;
    unsigned off, ops = a->x->op_count, last = (unsigned)strlen(a->name) - 1;
    if (ops != 3 || !insn_operand(a, 0, &dst) || !insn_operand(a, 1, &src))
        return insn_made(a);
    unsigned n = strstr(a->name, "extract") ? strstr(a->name, "tractps") ? 4 : 16
                 : a->name[last] == 'b'     ? 1
                 : a->name[last] == 'w'     ? 2
                 : a->name[last] == 'd'     ? 4
                                            : 8;
    unsigned at = (unsigned)a->x->operands[2].imm * n % src.n_bytes;
    if (!insn_is_in(&dst, &a->s->to, &off) || off >= n) {
        insn_above(a, &dst, true);
        return NULL;
    }
    unsigned was = a->s->to.n_bytes;
    src.n_bytes = at + n;
    insn_copied(a, src, at + off);
    a->s->extended = a->s->to.n_bytes < was;
    return NULL;
}

/* vpbroadcastX, vbroadcastX: the same element everywhere. */
static struct odb_err *c_broadcast(struct at_insn *a)
{
    struct origin_ref dst, src;
    unsigned off;
    const char *p = strstr(a->name, "cast") + 4;
    unsigned n = !strncmp(p, "i128", 4) || !strncmp(p, "f128", 4) ? 16
                 : *p == 'b'                                      ? 1
                 : *p == 'w'                                      ? 2
                 : *p == 'd'                                      ? 4
                 : *p == 'q'                                      ? 8
                 : p[1] == 's'                                    ? 4
                                                                  : 8;
    if (a->x->op_count != 2 || !insn_operand(a, 0, &dst) || !insn_operand(a, 1, &src))
        return insn_made(a);
    if (!insn_is_in(&dst, &a->s->to, &off)) {
        insn_above(a, &dst, true);
        return NULL;
    }
    src.n_bytes = n;
    insn_copied(a, src, off % n);
    return NULL;
}

/* clang-format off */
const struct insn_class insn_vectors[] = {
    {"zeroupper", c_zero_upper}, {"zeroall", c_zero_upper}, {"xsave*", c_save}, {"fxsave*", c_save},
    {"xrstor*", c_restore}, {"fxrstor*", c_restore}, {"pshuf*", c_shuffle}, {"punpck*", c_shuffle},
    {"unpck*", c_shuffle}, {"shufp*", c_shuffle}, {"psrldq", c_shuffle}, {"pslldq", c_shuffle},
    {"palignr", c_shuffle}, {"movhlps", c_shuffle}, {"movlhps", c_shuffle}, {"movddup", c_shuffle},
    {"pblendw", c_shuffle}, {"pblendd", c_shuffle}, {"blendps", c_shuffle}, {"permq", c_shuffle},
    {"permpd", c_shuffle}, {"perm2*", c_shuffle}, {"pinsr*", c_insert}, {"insertf128", c_insert},
    {"inserti128", c_insert}, {"pextr*", c_extract}, {"extractps", c_extract}, {"extractf128", c_extract},
    {"extracti128", c_extract}, {"pbroadcast*", c_broadcast}, {"broadcast*", c_broadcast},
    {NULL, NULL},
};
/* clang-format on */
