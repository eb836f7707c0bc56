/* Values: bytes with a type, in memory, in a register, or nowhere. */
#include <dwarf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "symbols/type.h"

void value_init(struct sym_value *v, const struct sym_type *t)
{
    *v = (struct sym_value){.type = t, .reg = -1};
}

void value_at(struct sym_value *v, const struct sym_type *t, gaddr addr)
{
    value_init(v, t);
    v->has_addr = true;
    v->addr = addr;
}

void value_of_bytes(struct sym_value *v, const struct sym_type *t, const void *bytes, size_t n)
{
    value_init(v, t);
    v->bytes = calloc(1, n ? n : 1);
    odb_assert(v->bytes);
    memcpy(v->bytes, bytes, n);
    v->n_bytes = n;
}

void value_of_int(struct sym_value *v, const struct sym_type *t, uint64_t x)
{
    uint64_t wide[2] = {x, t->is_signed && (int64_t)x < 0 ? ~0ULL : 0};
    value_of_bytes(v, t, wide, t->n_bytes > 16 ? 16 : t->n_bytes);
}

void symbols_value_deinit(struct sym_value *v)
{
    free(v->bytes);
    free(v->missing);
    v->bytes = v->missing = NULL;
    v->n_bytes = 0;
}

struct odb_err *value_copy(const struct sym_value *v, struct sym_value *ret)
{
    struct sym_value copy = *v;
    copy.bytes = copy.missing = NULL;
    if (v->bytes) {
        copy.bytes = malloc(v->n_bytes ? v->n_bytes : 1);
        if (!copy.bytes)
            return odb_err("out of memory");
        memcpy(copy.bytes, v->bytes, v->n_bytes);
    }
    if (v->missing) {
        copy.missing = malloc(v->n_bytes ? v->n_bytes : 1);
        odb_assert(copy.missing);
        memcpy(copy.missing, v->missing, v->n_bytes);
    }
    *ret = copy;
    return NULL;
}

/* How many bytes of memory a value takes. */
static size_t bytes_of(struct symbols *s, const struct sym_value *v)
{
    if (v->bit_size)
        return (v->bit_offset + v->bit_size + 7) / 8;
    uint64_t n = type_strip(s, v->type)->n_bytes;
    return n < VALUE_MAX_BYTES ? (size_t)n : VALUE_MAX_BYTES;
}

struct odb_err *value_load(struct symbols *s, struct sym_value *v)
{
    if (v->bytes || v->optimized_out || v->implicit)
        return NULL;
    size_t n = bytes_of(s, v), got = 0;
    _cleanup_free_ uint8_t *bytes = calloc(1, n ? n : 1);
    if (!bytes)
        return odb_err("out of memory");
    if (n && !v->has_addr)
        return odb_err("this value is neither in memory nor in a register");
    if (n && s->has_view && s->view.read)
        ODB_TRY(s->view.read(s->view.ctx, v->addr, bytes, n, &got));
    if (got < n)
        return odb_err("Cannot access memory at address 0x%llx", (unsigned long long)(v->addr + got));
    v->bytes = take_ptr(bytes);
    v->n_bytes = n;
    return NULL;
}

bool value_is_missing(const struct sym_value *v, size_t from, size_t n)
{
    if (v->optimized_out)
        return true;
    for (size_t i = from; v->missing && i < from + n && i < v->n_bytes; i++)
        if (v->missing[i])
            return true;
    return false;
}

/* ---- numbers ---- */

static __int128 bits_of(const struct sym_value *v, unsigned shift, unsigned n_bits, bool is_signed)
{
    unsigned __int128 x = 0;
    size_t n = v->n_bytes < 16 ? v->n_bytes : 16;
    if (v->bytes)
        memcpy(&x, v->bytes, n);
    x >>= shift;
    if (n_bits < 128) {
        x &= ((unsigned __int128)1 << n_bits) - 1;
        if (is_signed && n_bits && (x >> (n_bits - 1)) & 1)
            x |= ~(unsigned __int128)0 << n_bits;
    }
    return (__int128)x;
}

static struct odb_err *loaded(struct symbols *s, const struct sym_value *v, struct sym_value *copy,
                              const struct sym_value **ret)
{
    if (v->optimized_out || value_is_missing(v, 0, v->n_bytes))
        return odb_err("value has been optimized out");
    if (v->implicit)
        return odb_err("this pointer has no value: what it points to was optimized out of memory");
    *ret = v;
    if (v->bytes)
        return NULL;
    ODB_TRY(value_copy(v, copy));
    *ret = copy;
    ODB_TRY(value_load(s, copy));
    return copy->bytes ? NULL : odb_err("value has been optimized out");
}

struct odb_err *value_int(struct symbols *s, const struct sym_value *v, __int128 *ret)
{
    _cleanup_value_ struct sym_value copy = {0};
    const struct sym_value *from = v;
    const struct sym_type *t = type_strip(s, v->type);
    if (t->kind == TYPE_FLOAT) {
        long double x = 0;
        ODB_TRY(value_float(s, v, &x));
        *ret = isfinite(x) && fabsl(x) < 1e38L ? (__int128)x : 0;
        return NULL;
    }
    if (t->kind == TYPE_ARRAY || t->kind == TYPE_FUNCTION) {
        if (!v->has_addr)
            return odb_err("this value has no address");
        *ret = v->addr;
        return NULL;
    }
    if (t->kind == TYPE_STRUCT || t->kind == TYPE_UNION || t->kind == TYPE_VOID)
        return odb_err("a number is needed here, not a %s", type_name(s, v->type));
    ODB_TRY(loaded(s, v, &copy, &from));
    unsigned n_bits = v->bit_size ? v->bit_size : (unsigned)(t->n_bytes < 16 ? t->n_bytes : 16) * 8;
    if (t->kind == TYPE_ENUM)
        type_read_members(s, t);
    *ret = bits_of(from, v->bit_size ? v->bit_offset : 0, n_bits, t->is_signed);
    return NULL;
}

struct odb_err *value_float(struct symbols *s, const struct sym_value *v, long double *ret)
{
    const struct sym_type *t = type_strip(s, v->type);
    if (t->kind != TYPE_FLOAT) {
        __int128 x = 0;
        ODB_TRY(value_int(s, v, &x));
        *ret = t->is_signed || t->kind == TYPE_ENUM ? (long double)x : (long double)(unsigned __int128)x;
        return NULL;
    }
    _cleanup_value_ struct sym_value copy = {0};
    const struct sym_value *from = v;
    ODB_TRY(loaded(s, v, &copy, &from));
    float f;
    double d;
    long double l = 0;
    if (from->n_bytes == 4)
        memcpy(&f, from->bytes, 4), l = f;
    else if (from->n_bytes == 8)
        memcpy(&d, from->bytes, 8), l = d;
    else if (from->n_bytes >= 10)
        memcpy(&l, from->bytes, 10);
    else
        return odb_err("floating point numbers of %zu bytes are not known", from->n_bytes);
    *ret = l;
    return NULL;
}

/* ---- parts ---- */

struct odb_err *value_part(struct symbols *s, const struct sym_value *v, const struct sym_type *t,
                           uint64_t at, struct sym_value *ret)
{
    struct sym_value part;
    size_t n = (size_t)type_strip(s, t)->n_bytes;
    value_init(&part, t);
    part.optimized_out = v->optimized_out;
    part.has_addr = v->has_addr;
    part.addr = v->addr + at;
    part.reg = at == 0 ? v->reg : -1;
    if (v->bytes && at + n <= v->n_bytes && n <= VALUE_MAX_BYTES) {
        part.bytes = malloc(n ? n : 1);
        if (!part.bytes)
            return odb_err("out of memory");
        memcpy(part.bytes, v->bytes + at, n);
        part.n_bytes = n;
        if (value_is_missing(v, (size_t)at, n)) {
            part.missing = malloc(n ? n : 1);
            odb_assert(part.missing);
            memcpy(part.missing, v->missing + at, n);
            bool all = true;
            for (size_t i = 0; i < n; i++)
                all &= part.missing[i] == 1;
            part.optimized_out = all;
        }
    } else if (v->bytes && !v->has_addr) {
        part.optimized_out = true;
    }
    *ret = part;
    return NULL;
}

static struct odb_err *static_member(struct symbols *s, const struct type_member *m, struct module *module,
                                     struct sym_value *ret)
{
    struct frame_scopes f = {.ctx = {.s = s, .module = module}};
    Dwarf_Die die = m->die;
    const char *name = cu_qualified_name(s, module, &die);
    bool found = false;
    f.ctx.cu = module_cu_of(s, module, &die);
    /* The module may be known from an earlier view, and elsewhere in this one. */
    for (size_t i = 0; i < s->n_instances; i++) {
        struct module *at;
        ODB_TRY(sym_instance_module(s, &s->instances[i], &at));
        if (at == module && s->instances[i].has_code)
            f.ctx.bias = s->instances[i].bias;
    }
    if (name)
        ODB_TRY(variable_find(s, &f, NULL, name, ret, &found));
    if (found && ret->type == type_own(OWN_DATA))
        ret->type = m->type; /* only a symbol table knows it */
    if (found)
        return NULL;
    return location_value(&f.ctx, &die, m->type, ret);
}

struct odb_err *value_member(struct symbols *s, const struct sym_value *v, const struct type_member *m,
                             struct sym_value *ret)
{
    const struct sym_type *whole = type_strip(s, v->type);
    if (m->is_static)
        return static_member(s, m, whole->module, ret);
    uint64_t bit = m->bit_offset;
    if (m->is_computed) {
        struct loc_ctx c = {.s = s, .module = whole->module};
        Dwarf_Attribute at;
        Dwarf_Die die = m->die;
        gaddr addr;
        if (!v->has_addr || !dwarf_attr(&die, DW_AT_data_member_location, &at) ||
            !location_member(&c, &at, v->addr, &addr)) {
            value_init(ret, m->type);
            ret->optimized_out = true;
            return NULL;
        }
        value_at(ret, m->type, addr);
        return NULL;
    }
    if (!m->bit_size)
        return value_part(s, v, m->type, bit / 8, ret);
    /* A bit field: the bytes it lies in. */
    size_t n = (bit % 8 + m->bit_size + 7) / 8;
    value_init(ret, m->type);
    ret->bit_offset = bit % 8;
    ret->bit_size = m->bit_size;
    ret->has_addr = v->has_addr;
    ret->addr = v->addr + bit / 8;
    ret->optimized_out = value_is_missing(v, (size_t)(bit / 8), n);
    if (v->bytes && bit / 8 + n <= v->n_bytes) {
        ret->bytes = malloc(n);
        odb_assert(ret->bytes);
        memcpy(ret->bytes, v->bytes + bit / 8, n);
        ret->n_bytes = n;
    }
    return NULL;
}

bool value_has_member(struct symbols *s, const struct sym_value *v, size_t member)
{
    const struct sym_type *t = type_strip(s, v->type);
    const struct type_member *m = &t->members[member];
    _cleanup_value_ struct sym_value discr = {0};
    __int128 x;
    if (!m->discriminant || m->discriminant > t->n_members)
        return true;
    _cleanup_err_ struct odb_err *e = value_member(s, v, &t->members[m->discriminant - 1], &discr);
    if (!e)
        e = value_int(s, &discr, &x);
    if (e)
        return true;
    size_t n_bytes = type_strip(s, discr.type)->n_bytes;
    uint64_t mask = n_bytes < 8 ? (1ULL << (n_bytes * 8)) - 1 : ~0ULL, is = (uint64_t)x & mask;
    if (!m->is_default)
        return is == (m->discriminant_value & mask);
    for (size_t i = 0; i < t->n_members; i++)
        if (t->members[i].discriminant == m->discriminant && !t->members[i].is_default &&
            is == (t->members[i].discriminant_value & mask))
            return false;
    return true;
}

struct odb_err *value_deref(struct symbols *s, const struct sym_value *v, struct sym_value *ret)
{
    const struct sym_type *t = type_strip(s, v->type);
    __int128 addr;
    if (v->implicit)
        return location_implicit_deref(s, v->implicit, t->target, ret);
    ODB_TRY(value_int(s, v, &addr));
    value_at(ret, t->target ? t->target : type_own(OWN_VOID), (gaddr)addr);
    return NULL;
}

struct odb_err *value_unref(struct symbols *s, const struct sym_value *v, struct sym_value *ret)
{
    const struct sym_type *t = type_strip(s, v->type);
    if (t->kind == TYPE_REFERENCE || t->kind == TYPE_RVALUE_REFERENCE)
        return value_deref(s, v, ret);
    return value_copy(v, ret);
}

bool symbols_points_to(struct symbols *s, const struct sym_value *v, gaddr *ret, uint64_t *ret_n_bytes)
{
    const struct sym_type *t = type_strip(s, v->type);
    if (t->kind != TYPE_POINTER || v->optimized_out || v->n_bytes != sizeof(*ret))
        return false;
    const struct sym_type *to = t->target ? type_strip(s, t->target) : NULL;
    memcpy(ret, v->bytes, sizeof(*ret));
    *ret_n_bytes = to && to->kind != TYPE_FUNCTION && to->kind != TYPE_VOID ? to->n_bytes : 0;
    return true;
}
