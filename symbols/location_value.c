/* Values out of locations. */
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "symbols/location_ops.h"

/* The bytes of a place, as far as it has any; false: nothing is known of it. */
static bool place_bytes(const struct loc_ctx *c, const struct loc_place *p, uint8_t *to, size_t n)
{
    uint8_t reg[64];
    size_t have;
    float f = (float)p->value.f;
    double d = (double)p->value.f;
    switch (p->kind) {
    case LOC_MEMORY: return sym_read(c->s, p->addr, to, n);
    case LOC_REGISTER:
        have = location_register(c, p->reg, reg);
        memcpy(to, reg, n < have ? n : have);
        return have >= n;
    case LOC_VALUE:
        if (p->value.is_float)
            memcpy(to,
                   p->value.n_bytes == 4   ? (const void *)&f
                   : p->value.n_bytes == 8 ? (const void *)&d
                                           : &p->value.f,
                   n < p->value.n_bytes ? n : p->value.n_bytes);
        else
            memcpy(to, &p->value.u, n < 8 ? n : 8);
        return true;
    case LOC_BYTES: memcpy(to, p->bytes, n < p->n_bytes ? n : p->n_bytes); return true;
    default: return false;
    }
}

/* DWARF pieces follow each other from the least significant bit on. */
static void put_bits(uint8_t *to, size_t n_to, uint64_t at, const uint8_t *from, uint64_t from_bit,
                     uint64_t n_bits)
{
    for (uint64_t i = 0; i < n_bits && at + i < n_to * 8; i++) {
        uint64_t b = from_bit + i;
        if (from[b / 8] >> (b % 8) & 1)
            to[(at + i) / 8] |= (uint8_t)(1U << ((at + i) % 8));
    }
}

static struct odb_err *value_of_pieces(const struct loc_ctx *c, const struct loc_result *r,
                                       const struct sym_type *t, struct sym_value *ret)
{
    size_t n = (size_t)type_strip(c->s, t)->n_bytes;
    if (n > VALUE_MAX_BYTES)
        return odb_err("a value of %zu bytes in pieces is too large", n);
    _cleanup_free_ uint8_t *bytes = calloc(1, n + 1), *missing = calloc(1, n + 1);
    if (!bytes || !missing)
        return odb_err("out of memory");
    uint64_t at = 0;
    size_t n_missing = 0;
    memset(missing, 1, n);
    for (size_t i = 0; i < r->n && at < n * 8; i++) {
        uint64_t n_bits = r->n_bits[i] < n * 8 - at ? r->n_bits[i] : n * 8 - at;
        size_t n_piece = (r->bit_offset[i] + n_bits + 7) / 8;
        _cleanup_free_ uint8_t *piece = calloc(1, n_piece + 16);
        odb_assert(piece);
        if (place_bytes(c, &r->places[i], piece, n_piece)) {
            put_bits(bytes, n, at, piece, r->bit_offset[i], n_bits);
            memset(missing + at / 8, 0, (n_bits + 7) / 8);
        } else if (r->places[i].kind == LOC_IMPLICIT) {
            memset(missing + at / 8, MISSING_IMPLICIT, (n_bits + 7) / 8);
        }
        at += n_bits;
    }
    for (size_t i = 0; i < n; i++)
        n_missing += missing[i] != 0;
    value_init(ret, t);
    ret->bytes = take_ptr(bytes);
    ret->n_bytes = n;
    ret->optimized_out = n && n_missing == n && !memchr(missing, MISSING_IMPLICIT, n);
    ret->missing = n_missing ? take_ptr(missing) : NULL;
    return NULL;
}

static const struct sym_implicit *make_implicit(const struct loc_ctx *c, const struct loc_place *p)
{
    struct sym_implicit *im = arena_alloc(&c->s->arena, sizeof(*im));
    *im = (struct sym_implicit){.module = c->module, .bias = c->bias, .die = p->die, .offset = p->offset};
    im->has_frame = c->frame != NULL;
    if (c->frame)
        im->frame = *c->frame;
    return im;
}

static struct odb_err *value_of_result(const struct loc_ctx *c, const struct loc_result *r,
                                       const struct sym_type *t, struct sym_value *ret)
{
    const struct loc_place *p = &r->places[0];
    size_t n = (size_t)type_strip(c->s, t)->n_bytes;
    if (r->is_pieces && !(r->n == 1 && p->kind == LOC_IMPLICIT))
        return value_of_pieces(c, r, t, ret);
    value_init(ret, t);
    if (p->kind == LOC_EMPTY || !r->n) {
        ret->optimized_out = true;
    } else if (p->kind == LOC_MEMORY) {
        ret->has_addr = true;
        ret->addr = p->addr;
    } else if (p->kind == LOC_IMPLICIT) {
        ret->implicit = make_implicit(c, p);
    } else {
        ret->bytes = calloc(1, n < 64 ? 64 : n);
        if (!ret->bytes)
            return odb_err("out of memory");
        ret->n_bytes = n;
        ret->optimized_out = !place_bytes(c, p, ret->bytes, p->kind == LOC_REGISTER && n > 64 ? 64 : n);
        if (p->kind == LOC_REGISTER)
            ret->reg = (int)p->reg;
    }
    return NULL;
}

static struct odb_err *constant_value(const struct loc_ctx *c, Dwarf_Attribute *at, const struct sym_type *t,
                                      struct sym_value *ret)
{
    Dwarf_Block block;
    Dwarf_Word word;
    Dwarf_Sword sword;
    const struct sym_type *bare = type_strip(c->s, t);
    size_t n = (size_t)bare->n_bytes;
    const char *text;
    if (dwarf_formblock(at, &block) == 0) {
        uint8_t *bytes = calloc(1, n + 1);
        odb_assert(bytes);
        memcpy(bytes, block.data, block.length < n ? block.length : n);
        value_of_bytes(ret, t, bytes, n);
        free(bytes);
    } else if (dwarf_whatform(at) == DW_FORM_string || dwarf_whatform(at) == DW_FORM_strp) {
        text = dwarf_formstring(at);
        value_of_bytes(ret, t, text ? text : "", n < strlen(text) + 1 ? n : strlen(text) + 1);
    } else if (bare->is_signed && dwarf_formsdata(at, &sword) == 0) {
        value_of_int(ret, t, (uint64_t)sword);
    } else if (dwarf_formudata(at, &word) == 0) {
        value_of_int(ret, t, word);
    } else {
        value_init(ret, t);
        ret->optimized_out = true;
    }
    return NULL;
}

struct odb_err *location_value(const struct loc_ctx *c, Dwarf_Die *die, const struct sym_type *t,
                               struct sym_value *ret)
{
    Dwarf_Attribute at;
    Dwarf_Op *ops;
    size_t n;
    struct loc_result r;
    t = location_resolve(c, t);
    if (die_attr(die, DW_AT_const_value, &at))
        return constant_value(c, &at, t, ret);
    if (die_attr(die, DW_AT_location, &at)) {
        gaddr pc = c->frame ? c->frame->lookup_pc - c->bias : 0;
        if (dwarf_getlocation_addr(&at, pc, &ops, &n, 1) == 1 && n && location_run(c, &at, ops, n, NULL, &r))
            return value_of_result(c, &r, t, ret);
    }
    value_init(ret, t);
    ret->optimized_out = true;
    return NULL;
}

bool location_number(const struct loc_ctx *c, Dwarf_Attribute *at, uint64_t *ret)
{
    Dwarf_Op *ops;
    size_t n;
    struct loc_result r;
    Dwarf_Die die;
    Dwarf_Word word;
    switch (dwarf_whatform(at)) {
    case DW_FORM_ref1:
    case DW_FORM_ref2:
    case DW_FORM_ref4:
    case DW_FORM_ref8:
    case DW_FORM_ref_udata:
    case DW_FORM_ref_addr: {
        _cleanup_value_ struct sym_value v = {0};
        __int128 x;
        if (c->depth > 8 || !dwarf_formref_die(at, &die))
            return false;
        struct loc_ctx inner = *c;
        inner.depth++;
        _cleanup_err_ struct odb_err *e =
            location_value(&inner, &die, type_of_die(c->s, c->module, &die), &v);
        if (!e)
            e = value_int(c->s, &v, &x);
        *ret = e ? 0 : (uint64_t)x;
        return !e;
    }
    case DW_FORM_exprloc:
    case DW_FORM_block1:
    case DW_FORM_loclistx:
    case DW_FORM_sec_offset:
        if (dwarf_getlocation_addr(at, c->frame ? c->frame->lookup_pc - c->bias : 0, &ops, &n, 1) != 1 ||
            !location_run(c, at, ops, n, NULL, &r) || r.n != 1)
            return false;
        /* A bound's expression gives the bound, whether or not it says stack_value. */
        *ret = r.places[0].kind == LOC_MEMORY ? r.places[0].addr : r.places[0].value.u;
        return r.places[0].kind == LOC_MEMORY || r.places[0].kind == LOC_VALUE;
    default:
        if (dwarf_formudata(at, &word) != 0)
            return false;
        *ret = word;
        return true;
    }
}

bool location_member(const struct loc_ctx *c, Dwarf_Attribute *at, gaddr object, gaddr *ret)
{
    Dwarf_Op *ops;
    size_t n;
    struct loc_result r;
    struct loc_ctx inner = *c;
    inner.object = object;
    if (dwarf_getlocation(at, &ops, &n) != 0 || !location_run(&inner, at, ops, n, &object, &r) || r.n != 1 ||
        r.places[0].kind != LOC_MEMORY)
        return false;
    *ret = r.places[0].addr;
    return true;
}

const struct sym_type *location_resolve(const struct loc_ctx *c, const struct sym_type *t)
{
    const struct sym_type *bare = type_strip(c->s, t);
    Dwarf_Attribute at;
    uint64_t n = 0, low = 0;
    if (bare->kind != TYPE_ARRAY || !bare->is_dynamic || !bare->target || c->depth > 8)
        return t;
    struct loc_ctx inner = *c;
    inner.depth++;
    struct sym_type *known = arena_alloc(&c->s->arena, sizeof(*known));
    *known = *bare;
    known->pointer_to = NULL;
    known->target = location_resolve(&inner, bare->target);
    if (!known->has_elements) {
        Dwarf_Die range = bare->bound_die;
        if (!range.addr)
            return t;
        die_uint(&range, DW_AT_lower_bound, &low);
        if (dwarf_attr(&range, DW_AT_count, &at))
            known->has_elements = location_number(&inner, &at, &n);
        else if (dwarf_attr(&range, DW_AT_upper_bound, &at) && location_number(&inner, &at, &n))
            known->has_elements = true, n = n + 1 - low;
        if (!known->has_elements || n > (1ULL << 40))
            return t;
        known->n_elements = n;
    }
    known->is_dynamic = false;
    known->n_bytes = known->n_elements * type_strip(c->s, known->target)->n_bytes;
    return known;
}

struct odb_err *location_implicit_deref(struct symbols *s, const struct sym_implicit *p,
                                        const struct sym_type *t, struct sym_value *ret)
{
    struct frame_scopes f = {.ctx = {.s = s, .module = p->module, .bias = p->bias}};
    Dwarf_Die die = p->die;
    if (p->has_frame)
        ODB_TRY(frame_scopes_at(s, &p->frame, 0, &f));
    _cleanup_value_ struct sym_value whole = {0};
    ODB_TRY(location_value(&f.ctx, &die, type_of_die(s, p->module, &die), &whole));
    t = t ? t : type_own(OWN_VOID);
    if (whole.optimized_out || p->offset < 0) {
        value_init(ret, t);
        ret->optimized_out = true;
        return NULL;
    }
    ODB_TRY(value_load(s, &whole));
    return value_part(s, &whole, t, (uint64_t)p->offset, ret);
}
