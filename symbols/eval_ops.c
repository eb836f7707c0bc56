/* Operators on values: C's promotions as gdb does them. */
#include <math.h>
#include <string.h>

#include "common/cleanup.h"
#include "symbols/eval.h"

static bool is_pointer(const struct sym_type *t) { return t->kind == TYPE_POINTER; }
static bool is_reference(const struct sym_type *t)
{
    return t->kind == TYPE_REFERENCE || t->kind == TYPE_RVALUE_REFERENCE;
}

void op_bool(struct eval *e, bool x, struct sym_value *ret)
{
    bool cplus = e->scopes.ctx.cu && lang_is_cplus(e->scopes.ctx.cu->lang);
    value_of_int(ret, type_own(cplus ? OWN_BOOL : OWN_INT), x);
}

struct odb_err *op_truth(struct eval *e, const struct sym_value *v, bool *ret)
{
    _cleanup_value_ struct sym_value object = {0};
    long double f;
    __int128 x;
    ODB_TRY(value_unref(e->s, v, &object));
    if (type_strip(e->s, object.type)->kind == TYPE_FLOAT) {
        ODB_TRY(value_float(e->s, &object, &f));
        *ret = f != 0;
        return NULL;
    }
    ODB_TRY(value_int(e->s, &object, &x));
    *ret = x != 0;
    return NULL;
}

static void of_float(const struct sym_type *t, long double x, struct sym_value *ret)
{
    float f = (float)x;
    double d = (double)x;
    uint8_t bytes[16] = {0};
    if (t->n_bytes == 4)
        memcpy(bytes, &f, 4);
    else if (t->n_bytes == 8)
        memcpy(bytes, &d, 8);
    else
        memcpy(bytes, &x, 10);
    value_of_bytes(ret, t, bytes, t->n_bytes < 16 ? t->n_bytes : 16);
}

static void of_int(const struct sym_type *t, __int128 x, struct sym_value *ret)
{
    value_of_bytes(ret, t, &x, t->n_bytes < 16 ? t->n_bytes : 16);
}

/* ---- promotion ---- */

static const struct sym_type *promoted(struct eval *e, const struct sym_type *a, const struct sym_type *b)
{
    uint64_t na = a->n_bytes, nb = b ? b->n_bytes : 0, n = na > nb ? na : nb;
    /* The type as the value has it: an enum is as its enumerators say. */
    type_read_members(e->s, a);
    if (b)
        type_read_members(e->s, b);
    bool is_unsigned = na > nb   ? !a->is_signed
                       : nb > na ? b && !b->is_signed
                                 : !a->is_signed || (b && !b->is_signed);
    if (n < 4)
        return type_own(OWN_INT);
    if (n == 4)
        return type_own(is_unsigned ? OWN_UINT : OWN_INT);
    if (n <= 8)
        return type_own(is_unsigned ? OWN_ULONG : OWN_LONG);
    return type_own(is_unsigned ? OWN_UINT128 : OWN_INT128);
}

/* Pointers of arrays and functions, objects of references. */
static struct odb_err *operand(struct eval *e, const struct sym_value *v, struct sym_value *ret)
{
    _cleanup_value_ struct sym_value object = {0};
    ODB_TRY(value_unref(e->s, v, &object));
    const struct sym_type *t = type_strip(e->s, object.type);
    if (object.optimized_out)
        return odb_err("value has been optimized out");
    if (t->kind == TYPE_UNSPECIFIED)
        return odb_err("this variable has unknown type; cast it to its declared type");
    if ((t->kind == TYPE_ARRAY && !t->is_vector) || t->kind == TYPE_FUNCTION) {
        if (!object.has_addr)
            return odb_err("Attempt to take address of value not located in memory.");
        value_of_int(ret, type_pointer_to(e->s, t->kind == TYPE_ARRAY ? t->target : object.type),
                     object.addr);
        return NULL;
    }
    return value_copy(&object, ret);
}

struct odb_err *op_unary(struct eval *e, char op, const struct sym_value *v, struct sym_value *ret)
{
    _cleanup_value_ struct sym_value a = {0};
    bool truth;
    if (op == '!') {
        ODB_TRY(op_truth(e, v, &truth));
        op_bool(e, !truth, ret);
        return NULL;
    }
    ODB_TRY(operand(e, v, &a));
    const struct sym_type *t = type_strip(e->s, a.type);
    if (t->kind == TYPE_FLOAT && op != '~') {
        long double f;
        ODB_TRY(value_float(e->s, &a, &f));
        of_float(t, op == '-' ? -f : f, ret);
        return NULL;
    }
    if (!type_is_integral(t))
        return odb_err("Argument to arithmetic operation not a number or boolean.");
    __int128 x;
    ODB_TRY(value_int(e->s, &a, &x));
    of_int(promoted(e, t, NULL), op == '-' ? (__int128)(0 - (unsigned __int128)x) : op == '~' ? ~x : x, ret);
    return NULL;
}

/* ---- binary ---- */

static struct odb_err *compare(struct eval *e, const char *op, int order, bool unordered,
                               struct sym_value *ret)
{
    bool x = strcmp(op, "==") == 0   ? order == 0 && !unordered
             : strcmp(op, "!=") == 0 ? order != 0 || unordered
             : strcmp(op, "<") == 0  ? order < 0 && !unordered
             : strcmp(op, ">") == 0  ? order > 0 && !unordered
             : strcmp(op, "<=") == 0 ? order <= 0 && !unordered
                                     : order >= 0 && !unordered;
    op_bool(e, x, ret);
    return NULL;
}

static bool is_comparison(const char *op)
{
    return strcmp(op, "==") == 0 || strcmp(op, "!=") == 0 || ((*op == '<' || *op == '>') && op[1] != *op);
}

static struct odb_err *float_op(struct eval *e, const char *op, const struct sym_value *a,
                                const struct sym_value *b, struct sym_value *ret)
{
    const struct sym_type *ta = type_strip(e->s, a->type), *tb = type_strip(e->s, b->type), *t;
    long double x, y;
    ODB_TRY(value_float(e->s, a, &x));
    ODB_TRY(value_float(e->s, b, &y));
    if (is_comparison(op))
        return compare(e, op, x < y ? -1 : x > y, isnan(x) || isnan(y), ret);
    t = ta->kind != TYPE_FLOAT ? tb : tb->kind != TYPE_FLOAT ? ta : ta->n_bytes >= tb->n_bytes ? ta : tb;
    bool is_double = t->n_bytes == 8;
    switch (*op) {
    case '+': of_float(t, is_double ? (double)x + (double)y : x + y, ret); return NULL;
    case '-': of_float(t, is_double ? (double)x - (double)y : x - y, ret); return NULL;
    case '*': of_float(t, is_double ? (double)x * (double)y : x * y, ret); return NULL;
    case '/': of_float(t, is_double ? (double)x / (double)y : x / y, ret); return NULL;
    default: return odb_err("Integer only operation %s.", op);
    }
}

static struct odb_err *int_op(struct eval *e, const char *op, const struct sym_value *a,
                              const struct sym_value *b, struct sym_value *ret)
{
    const struct sym_type *ta = type_strip(e->s, a->type), *tb = type_strip(e->s, b->type);
    bool shift = strcmp(op, "<<") == 0 || strcmp(op, ">>") == 0;
    const struct sym_type *t = promoted(e, ta, shift ? NULL : tb);
    _cleanup_value_ struct sym_value va = {0}, vb = {0};
    __int128 x, y, z;
    ODB_TRY(op_cast(e, t, a, &va));
    ODB_TRY(op_cast(e, shift ? promoted(e, tb, NULL) : t, b, &vb));
    ODB_TRY(value_int(e->s, &va, &x));
    ODB_TRY(value_int(e->s, &vb, &y));
    if (is_comparison(op)) {
        unsigned __int128 ux = (unsigned __int128)x, uy = (unsigned __int128)y;
        return compare(e, op, t->is_signed ? (x < y ? -1 : x > y) : (ux < uy ? -1 : ux > uy), false, ret);
    }
    if ((*op == '/' || *op == '%') && y == 0)
        return odb_err("Division by zero");
    if (shift && (y < 0 || y >= (__int128)t->n_bytes * 8)) {
        z = *op == '>' && t->is_signed && x < 0 ? -1 : 0;
    } else {
        unsigned __int128 ux = (unsigned __int128)x, uy = (unsigned __int128)y;
        switch (*op) {
        case '+': z = (__int128)(ux + uy); break;
        case '-': z = (__int128)(ux - uy); break;
        case '*': z = (__int128)(ux * uy); break;
        case '/':
            z = t->is_signed && y == -1 ? (__int128)(0 - ux) : t->is_signed ? x / y : (__int128)(ux / uy);
            break;
        case '%': z = t->is_signed && y == -1 ? 0 : t->is_signed ? x % y : (__int128)(ux % uy); break;
        case '&': z = x & y; break;
        case '|': z = x | y; break;
        case '^': z = x ^ y; break;
        case '<': z = (__int128)(ux << (unsigned)y); break;
        default: z = t->is_signed ? x >> (unsigned)y : (__int128)(ux >> (unsigned)y); break;
        }
    }
    of_int(t, z, ret);
    return NULL;
}

static uint64_t step_of(struct eval *e, const struct sym_type *pointer)
{
    uint64_t n = pointer->target ? type_strip(e->s, pointer->target)->n_bytes : 1;
    return n ? n : 1;
}

static struct odb_err *pointer_op(struct eval *e, const char *op, const struct sym_value *a,
                                  const struct sym_value *b, struct sym_value *ret)
{
    const struct sym_type *ta = type_strip(e->s, a->type), *tb = type_strip(e->s, b->type);
    __int128 x, y;
    ODB_TRY(value_int(e->s, a, &x));
    ODB_TRY(value_int(e->s, b, &y));
    if (is_comparison(op)) {
        uint64_t ux = (uint64_t)x, uy = (uint64_t)y;
        return compare(e, op, ux < uy ? -1 : ux > uy, false, ret);
    }
    if (*op == '-' && is_pointer(ta) && is_pointer(tb)) {
        uint64_t step = step_of(e, ta);
        if (step != step_of(e, tb))
            return odb_err(
                "First argument of `-' is a pointer and second argument is neither\nan integer nor a pointer "
                "of the same type.");
        value_of_int(ret, type_own(OWN_LONG), (uint64_t)((int64_t)(x - y) / (int64_t)step));
        return NULL;
    }
    if (*op == '+' && is_pointer(ta) && type_is_integral(tb))
        value_of_int(ret, a->type, (uint64_t)x + (uint64_t)y * step_of(e, ta));
    else if (*op == '+' && is_pointer(tb) && type_is_integral(ta))
        value_of_int(ret, b->type, (uint64_t)y + (uint64_t)x * step_of(e, tb));
    else if (*op == '-' && is_pointer(ta) && type_is_integral(tb))
        value_of_int(ret, a->type, (uint64_t)x - (uint64_t)y * step_of(e, ta));
    else
        return int_op(e, op, a, b, ret);
    return NULL;
}

struct odb_err *op_binary(struct eval *e, const char *op, const struct sym_value *a,
                          const struct sym_value *b, struct sym_value *ret)
{
    _cleanup_value_ struct sym_value va = {0}, vb = {0};
    ODB_TRY(operand(e, a, &va));
    ODB_TRY(operand(e, b, &vb));
    const struct sym_type *ta = type_strip(e->s, va.type), *tb = type_strip(e->s, vb.type);
    bool fa = ta->kind == TYPE_FLOAT, fb = tb->kind == TYPE_FLOAT;
    bool na = fa || type_is_integral(ta), nb = fb || type_is_integral(tb);
    if ((is_pointer(ta) && (type_is_integral(tb) || is_pointer(tb))) ||
        (is_pointer(tb) && type_is_integral(ta)))
        return pointer_op(e, op, &va, &vb, ret);
    if (!na || !nb)
        return odb_err("Argument to %s operation not a number or boolean.",
                       is_comparison(op) ? "comparison" : "arithmetic");
    return fa || fb ? float_op(e, op, &va, &vb, ret) : int_op(e, op, &va, &vb, ret);
}

/* ---- casts ---- */

struct odb_err *op_cast(struct eval *e, const struct sym_type *t, const struct sym_value *v,
                        struct sym_value *ret)
{
    const struct sym_type *to = type_strip(e->s, t), *from = type_strip(e->s, v->type);
    _cleanup_value_ struct sym_value a = {0};
    __int128 x;
    long double f;
    if (is_reference(to) && v->has_addr) {
        value_of_int(ret, t, v->addr);
        return NULL;
    }
    /* A symbol without a type takes the one it is given; and what is in memory may be looked at as something
     * of its size. */
    bool whole = to->kind == TYPE_STRUCT || to->kind == TYPE_UNION || to->kind == TYPE_ARRAY;
    if (v->has_addr && !v->bit_size &&
        ((from->kind == TYPE_UNSPECIFIED && !is_reference(from)) ||
         (whole && from->n_bytes == to->n_bytes))) {
        value_at(ret, t, v->addr);
        return NULL;
    }
    if (to->kind == TYPE_VOID) {
        value_of_bytes(ret, t, "", 0);
        return NULL;
    }
    ODB_TRY(operand(e, v, &a));
    from = type_strip(e->s, a.type);
    bool number = type_is_integral(from) || from->kind == TYPE_FLOAT || is_pointer(from);
    if (number && to->kind == TYPE_FLOAT) {
        ODB_TRY(value_float(e->s, &a, &f));
        of_float(to, f, ret);
    } else if (number && to->kind == TYPE_BOOL) {
        bool truth;
        ODB_TRY(op_truth(e, &a, &truth));
        of_int(to, truth, ret);
    } else if (number && (type_is_integral(to) || is_pointer(to) || to->kind == TYPE_MEMBER_POINTER)) {
        if (is_pointer(to) && a.implicit) {
            ODB_TRY(value_copy(&a, ret));
        } else {
            ODB_TRY(value_int(e->s, &a, &x));
            of_int(to, x, ret);
        }
    } else {
        return odb_err("Invalid cast.");
    }
    ret->type = t;
    return NULL;
}

/* ---- pointers, elements, members ---- */

struct odb_err *op_deref(struct eval *e, const struct sym_value *v, struct sym_value *ret)
{
    _cleanup_value_ struct sym_value a = {0};
    ODB_TRY(value_unref(e->s, v, &a));
    const struct sym_type *t = type_strip(e->s, a.type);
    if (t->kind == TYPE_FUNCTION)
        return value_copy(&a, ret);
    if (t->kind == TYPE_ARRAY && !t->is_vector)
        return value_part(e->s, &a, t->target, 0, ret);
    if (type_is_integral(t)) {
        /* gdb: a number is the address of an int. */
        __int128 x;
        ODB_TRY(value_int(e->s, &a, &x));
        value_at(ret, type_own(OWN_INT), (gaddr)x);
        return NULL;
    }
    if (!is_pointer(t))
        return odb_err("Attempt to take contents of a non-pointer value.");
    if (!t->target || type_strip(e->s, t->target)->kind == TYPE_VOID)
        return odb_err("Attempt to take contents of a non-pointer value.");
    struct sym_value to;
    uint8_t byte;
    ODB_TRY(value_deref(e->s, &a, &to));
    if (type_strip(e->s, to.type)->kind == TYPE_FUNCTION && !sym_read(e->s, to.addr, &byte, 1))
        return odb_err("Cannot access memory at address 0x%llx", (unsigned long long)to.addr);
    *ret = to;
    return NULL;
}

struct odb_err *op_address(struct eval *e, const struct sym_value *v, struct sym_value *ret)
{
    const struct sym_type *t = type_strip(e->s, v->type);
    __int128 x;
    if (is_reference(t)) {
        ODB_TRY(value_int(e->s, v, &x));
        value_of_int(ret, type_pointer_to(e->s, t->target), (uint64_t)x);
        return NULL;
    }
    if (v->bit_size)
        return odb_err("a bit field has no address");
    if (v->optimized_out)
        return odb_err("value has been optimized out");
    if (!v->has_addr)
        return odb_err(v->reg >= 0
                           ? "Attempt to take address of value not located in memory: it is in a register."
                           : "Attempt to take address of value not located in memory.");
    value_of_int(ret, type_pointer_to(e->s, v->type), v->addr);
    return NULL;
}

struct odb_err *op_index(struct eval *e, const struct sym_value *a, const struct sym_value *i,
                         struct sym_value *ret)
{
    _cleanup_value_ struct sym_value base = {0}, index = {0}, sum = {0};
    __int128 x;
    ODB_TRY(value_unref(e->s, a, &base));
    ODB_TRY(operand(e, i, &index));
    const struct sym_type *t = type_strip(e->s, base.type);
    if (t->kind != TYPE_ARRAY && !is_pointer(t)) {
        /* 3[array] */
        const struct sym_type *ti = type_strip(e->s, i->type);
        if (type_is_integral(t) && (ti->kind == TYPE_ARRAY || is_pointer(ti)))
            return op_index(e, i, a, ret);
        return odb_err("cannot subscript something of type `%s'", type_name(e->s, base.type));
    }
    ODB_TRY(value_int(e->s, &index, &x));
    if (t->kind == TYPE_ARRAY) {
        uint64_t step = type_strip(e->s, t->target)->n_bytes;
        if (!base.has_addr && (x < 0 || (t->has_elements && (uint64_t)x >= t->n_elements)))
            return odb_err("no such vector element");
        if (base.has_addr && (x < 0 || !t->has_elements || (uint64_t)x >= t->n_elements)) {
            value_at(ret, t->target, base.addr + (uint64_t)x * step);
            return NULL;
        }
        return value_part(e->s, &base, t->target, (uint64_t)x * step, ret);
    }
    if (base.implicit && x == 0)
        return value_deref(e->s, &base, ret);
    ODB_TRY(pointer_op(e, "+", &base, &index, &sum));
    return op_deref(e, &sum, ret);
}

/* arr@n, *p@n: n elements in memory. */
struct odb_err *op_repeat(struct eval *e, const struct sym_value *v, const struct sym_value *n,
                          struct sym_value *ret)
{
    __int128 count;
    ODB_TRY(value_int(e->s, n, &count));
    if (!v->has_addr)
        return odb_err("Only values in memory can be extended with '@'.");
    if (count < 1 || count > (1 << 28))
        return odb_err("Invalid number %lld of repetitions.", (long long)count);
    value_at(ret, type_array_of(e->s, v->type, (uint64_t)count), v->addr);
    return NULL;
}

static struct odb_err *find_member(struct eval *e, const struct sym_value *v, const char *name, int depth,
                                   struct sym_value *ret, bool *ret_found)
{
    const struct sym_type *t = type_strip(e->s, v->type);
    if (depth > 32 || (t->kind != TYPE_STRUCT && t->kind != TYPE_UNION))
        return NULL;
    type_read_members(e->s, t);
    for (size_t i = 0; i < t->n_members; i++) {
        const struct type_member *m = &t->members[i];
        if (m->name && !m->is_base && strcmp(m->name, name) == 0) {
            *ret_found = true;
            return value_member(e->s, v, m, ret);
        }
    }
    for (size_t i = 0; i < t->n_members && !*ret_found; i++) {
        const struct type_member *m = &t->members[i];
        if (!m->is_base && m->name)
            continue;
        _cleanup_value_ struct sym_value inner = {0};
        ODB_TRY(value_member(e->s, v, m, &inner));
        ODB_TRY(find_member(e, &inner, name, depth + 1, ret, ret_found));
    }
    return NULL;
}

struct odb_err *op_member(struct eval *e, const struct sym_value *v, const char *name, bool arrow,
                          struct sym_value *ret)
{
    _cleanup_value_ struct sym_value a = {0}, object = {0};
    bool found = false;
    ODB_TRY(value_unref(e->s, v, &a));
    const struct sym_type *t = type_strip(e->s, a.type);
    /* gdb does not insist on which of . and -> it is. */
    if (is_pointer(t) || (arrow && t->kind == TYPE_ARRAY)) {
        ODB_TRY(op_deref(e, &a, &object));
        symbols_value_deinit(&a);
        a = object;
        object = (struct sym_value){0};
        t = type_strip(e->s, a.type);
    }
    if (t->kind != TYPE_STRUCT && t->kind != TYPE_UNION)
        return odb_err("Attempt to extract a component of a value that is not a structure%s.",
                       arrow ? " pointer" : "");
    if (t->is_declaration)
        return odb_err("%s is an incomplete type: nothing here knows its members", type_name(e->s, a.type));
    if (a.optimized_out)
        return odb_err("value has been optimized out");
    ODB_TRY(find_member(e, &a, name, 0, ret, &found));
    return found ? NULL : odb_err("There is no member named %s.", name);
}
