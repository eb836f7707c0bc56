/* Arithmetic of DWARF expressions. */
#include <dwarf.h>
#include <string.h>

#include "symbols/location_ops.h"

static unsigned bits_of(const struct loc_entry *x) { return x->n_bytes ? x->n_bytes * 8U : 64; }

static uint64_t cut(const struct loc_entry *x, uint64_t u)
{
    unsigned n = bits_of(x);
    if (n >= 64)
        return u;
    u &= (1ULL << n) - 1;
    if (x->is_signed && (u >> (n - 1)) & 1)
        u |= ~0ULL << n;
    return u;
}

bool location_unary(unsigned atom, struct loc_entry *x)
{
    switch (atom) {
    case DW_OP_neg:
        x->f = -x->f;
        x->u = cut(x, 0 - x->u);
        return true;
    case DW_OP_not: x->u = cut(x, ~x->u); return !x->is_float;
    case DW_OP_abs:
        x->f = x->f < 0 ? -x->f : x->f;
        if ((int64_t)x->u < 0)
            x->u = cut(x, 0 - x->u);
        return true;
    default: return false;
    }
}

static bool float_binary(unsigned atom, long double a, long double b, struct loc_entry *ret)
{
    bool truth;
    switch (atom) {
    case DW_OP_plus: ret->f = a + b; return true;
    case DW_OP_minus: ret->f = a - b; return true;
    case DW_OP_mul: ret->f = a * b; return true;
    case DW_OP_div: ret->f = a / b; return true;
    case DW_OP_eq: truth = a == b; break;
    case DW_OP_ne: truth = a != b; break;
    case DW_OP_lt: truth = a < b; break;
    case DW_OP_le: truth = a <= b; break;
    case DW_OP_gt: truth = a > b; break;
    case DW_OP_ge: truth = a >= b; break;
    default: return false;
    }
    *ret = (struct loc_entry){.u = truth};
    return true;
}

static bool divide(unsigned atom, const struct loc_entry *a, const struct loc_entry *b, uint64_t *ret)
{
    bool is_signed = a->n_bytes ? a->is_signed : atom == DW_OP_div;
    if (!b->u)
        return false;
    if (is_signed && b->u == ~0ULL)
        *ret = atom == DW_OP_div ? 0 - a->u : 0;
    else if (is_signed)
        *ret = (uint64_t)(atom == DW_OP_div ? (int64_t)a->u / (int64_t)b->u : (int64_t)a->u % (int64_t)b->u);
    else
        *ret = atom == DW_OP_div ? a->u / b->u : a->u % b->u;
    return true;
}

static uint64_t shift(unsigned atom, const struct loc_entry *a, uint64_t by)
{
    unsigned n = bits_of(a);
    uint64_t mask = n >= 64 ? ~0ULL : (1ULL << n) - 1;
    if (atom == DW_OP_shra) {
        int64_t x = (int64_t)a->u;
        return (uint64_t)(x >> (by < 63 ? by : 63));
    }
    if (by >= n)
        return 0;
    return atom == DW_OP_shl ? a->u << by : (a->u & mask) >> by;
}

bool location_binary(unsigned atom, const struct loc_entry *a, const struct loc_entry *b,
                     struct loc_entry *ret)
{
    bool is_signed = a->is_signed || !a->n_bytes; /* generic comparisons are signed */
    int64_t sa = (int64_t)a->u, sb = (int64_t)b->u;
    uint64_t u;
    bool truth, compares = false;
    *ret = *a;
    if (a->is_float || b->is_float)
        return float_binary(atom, a->f, b->f, ret);
    switch (atom) {
    case DW_OP_plus: u = a->u + b->u; break;
    case DW_OP_minus: u = a->u - b->u; break;
    case DW_OP_mul: u = a->u * b->u; break;
    case DW_OP_and: u = a->u & b->u; break;
    case DW_OP_or: u = a->u | b->u; break;
    case DW_OP_xor: u = a->u ^ b->u; break;
    case DW_OP_div:
    case DW_OP_mod:
        if (!divide(atom, a, b, &u))
            return false;
        break;
    case DW_OP_shl:
    case DW_OP_shr:
    case DW_OP_shra: u = shift(atom, a, b->u); break;
    case DW_OP_eq: truth = a->u == b->u, compares = true; break;
    case DW_OP_ne: truth = a->u != b->u, compares = true; break;
    case DW_OP_lt: truth = is_signed ? sa < sb : a->u < b->u, compares = true; break;
    case DW_OP_le: truth = is_signed ? sa <= sb : a->u <= b->u, compares = true; break;
    case DW_OP_gt: truth = is_signed ? sa > sb : a->u > b->u, compares = true; break;
    case DW_OP_ge: truth = is_signed ? sa >= sb : a->u >= b->u, compares = true; break;
    default: return false;
    }
    if (compares)
        *ret = (struct loc_entry){.u = truth};
    else
        ret->u = cut(ret, u);
    return true;
}

static void to_bytes(const struct loc_entry *x, uint8_t bytes[16])
{
    float f = (float)x->f;
    double d = (double)x->f;
    memset(bytes, 0, 16);
    if (!x->is_float)
        memcpy(bytes, &x->u, 8);
    else if (x->n_bytes == 4)
        memcpy(bytes, &f, 4);
    else if (x->n_bytes == 8)
        memcpy(bytes, &d, 8);
    else
        memcpy(bytes, &x->f, 10);
}

void location_convert(struct loc_entry *x, const struct sym_type *t, bool reinterpret)
{
    struct loc_entry y = {.is_float = t && t->kind == TYPE_FLOAT,
                          .is_signed = t && t->is_signed,
                          .n_bytes = t ? (uint8_t)(t->n_bytes < 16 ? t->n_bytes : 16) : 0};
    uint8_t bytes[16];
    float f;
    double d;
    if (reinterpret) {
        to_bytes(x, bytes);
        memcpy(&y.u, bytes, 8);
        if (y.is_float && y.n_bytes == 4)
            memcpy(&f, bytes, 4), y.f = f;
        else if (y.is_float && y.n_bytes == 8)
            memcpy(&d, bytes, 8), y.f = d;
        else if (y.is_float)
            memcpy(&y.f, bytes, 10);
    } else if (x->is_float && y.is_float) {
        y.f = y.n_bytes == 4 ? (float)x->f : y.n_bytes == 8 ? (double)x->f : x->f;
    } else if (x->is_float) {
        y.u = x->f < 0 ? (uint64_t)(int64_t)x->f : (uint64_t)x->f;
    } else if (y.is_float) {
        y.f = x->is_signed ? (long double)(int64_t)x->u : (long double)x->u;
    } else {
        y.u = x->u;
    }
    if (!y.is_float)
        y.u = cut(&y, y.u);
    *x = y;
}
