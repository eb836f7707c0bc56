/* Values as gdb 13 prints them, with its default settings and without pretty printers. */
#include "symbols/print.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

struct printer {
    struct symbols *s;
    FILE *to;
    int depth;
    bool follow;                      /* a reference's object is printed behind its address */
    const struct sym_type *bases[64]; /* virtual bases that this object's printing has shown */
    size_t n_bases;
    bool in_base; /* the next struct is a base of the one around it */
};

static void print_inner(struct printer *p, const struct sym_value *v);

static void print_or_error(struct printer *p, struct odb_err *e, const struct sym_value *v)
{
    if (e)
        fprintf(p->to, "<error: %s>", odb_err_text(e));
    else
        print_inner(p, v);
    odb_err_free(e);
}

/* ---- scalars ---- */

static void print_enum(struct printer *p, const struct sym_type *t, int64_t x)
{
    type_read_members(p->s, t);
    if (t->n_bytes < 8 && !t->is_signed)
        x &= (int64_t)((1ULL << (t->n_bytes * 8)) - 1);
    for (size_t i = 0; i < t->n_enumerators; i++) {
        if (t->enumerators[i].value == x) {
            fputs(t->enumerators[i].name, p->to);
            return;
        }
    }
    if (!t->is_flags) {
        print_int(p->to, t->is_signed ? (__int128)x : (__int128)(uint64_t)x, true);
        return;
    }
    uint64_t left = (uint64_t)x;
    bool first = true;
    for (size_t i = 0; i < t->n_enumerators; i++) {
        uint64_t bits = (uint64_t)t->enumerators[i].value;
        if (!(left & bits))
            continue;
        fprintf(p->to, "%s%s", first ? "(" : " | ", t->enumerators[i].name);
        left &= ~bits;
        first = false;
    }
    if (left)
        fprintf(p->to, "%sunknown: 0x%llx)", first ? "(" : " | ", (unsigned long long)left);
    else
        fputs(first ? "0" : ")", p->to);
}

static void print_scalar(struct printer *p, const struct sym_type *t, const struct sym_value *v)
{
    __int128 x;
    struct odb_err *e = value_int(p->s, v, &x);
    if (e) {
        print_or_error(p, e, v);
        return;
    }
    if (t->kind == TYPE_BOOL && (x == 0 || x == 1)) {
        fputs(x ? "true" : "false", p->to);
    } else if (t->kind == TYPE_ENUM) {
        print_enum(p, t, (int64_t)x);
    } else if (t->kind == TYPE_INT && t->is_flags) {
        fputc('[', p->to);
        for (size_t i = 0; i < t->n_enumerators; i++)
            if (x & t->enumerators[i].value && *t->enumerators[i].name)
                fprintf(p->to, " %s", t->enumerators[i].name);
        fputs(" ]", p->to);
    } else {
        print_int(p->to, x, t->is_signed);
        if ((type_is_text(t) && !t->is_number) || (t->kind == TYPE_INT && *text_prefix(v->type))) {
            uint32_t c = (uint32_t)x & (t->n_bytes == 1 ? 0xff : t->n_bytes == 2 ? 0xffff : 0xffffffff);
            fputc(' ', p->to);
            print_char(p->to, c, text_prefix(v->type));
        }
    }
}

static void print_complex(struct printer *p, const struct sym_value *v)
{
    size_t half = v->n_bytes / 2;
    print_float(p->to, v->bytes, half, false);
    fputs(" + ", p->to);
    print_float(p->to, v->bytes + half, half, false);
    fputc('i', p->to);
}

/* ---- pointers ---- */

static bool points_to_text(struct symbols *s, const struct sym_type *target, unsigned *ret_width)
{
    const struct sym_type *t = type_strip(s, target);
    *ret_width = (unsigned)t->n_bytes;
    return type_is_text(t) || (t->kind == TYPE_INT && *text_prefix(target));
}

static void print_pointer(struct printer *p, const struct sym_type *target, gaddr addr)
{
    unsigned width;
    print_address(p->s, p->to, addr);
    if (addr && target && points_to_text(p->s, target, &width)) {
        fputc(' ', p->to);
        print_string_at(p->s, p->to, addr, width, text_prefix(target));
    }
}

static void print_reference(struct printer *p, const struct sym_type *t, const struct sym_value *v)
{
    __int128 addr = 0;
    _cleanup_value_ struct sym_value object = {0};
    bool follow = p->follow;
    struct odb_err *e = v->implicit ? NULL : value_int(p->s, v, &addr);
    if (e) {
        print_or_error(p, e, v);
        return;
    }
    if (v->implicit)
        fputs("<synthetic pointer>", p->to);
    else
        fprintf(p->to, "@0x%llx", (unsigned long long)addr);
    if (!follow)
        return;
    fputs(": ", p->to);
    (void)t;
    p->follow = false;
    e = value_deref(p->s, v, &object);
    if (!e)
        e = value_load(p->s, &object);
    print_or_error(p, e, &object);
    p->follow = follow;
}

/* ---- arrays ---- */

static bool same_element(const struct sym_value *v, size_t a, size_t b, size_t n)
{
    if ((a + 1) * n > v->n_bytes || (b + 1) * n > v->n_bytes)
        return false;
    if (v->missing && memcmp(v->missing + a * n, v->missing + b * n, n) != 0)
        return false;
    return memcmp(v->bytes + a * n, v->bytes + b * n, n) == 0;
}

static void print_elements(struct printer *p, const struct sym_type *t, const struct sym_value *v, size_t n,
                           size_t width)
{
    size_t things = 0, i = 0;
    fputc('{', p->to);
    for (; i < n && things < PRINT_ELEMENTS && (i + 1) * width <= v->n_bytes; things++) {
        size_t same = 1;
        while (i + same < n && same_element(v, i, i + same, width))
            same++;
        fputs(i ? ", " : "", p->to);
        _cleanup_value_ struct sym_value element = {0};
        print_or_error(p, value_part(p->s, v, t->target, i * width, &element), &element);
        if (same > PRINT_REPEATS) {
            fprintf(p->to, " <repeats %zu times>", same);
            i += same;
            things += PRINT_REPEATS - 1;
        } else {
            i++;
        }
    }
    fputs(i < n ? "...}" : "}", p->to);
}

static void print_array(struct printer *p, const struct sym_type *t, const struct sym_value *v)
{
    const struct sym_type *element = type_strip(p->s, t->target);
    size_t width = (size_t)element->n_bytes;
    unsigned char_width;
    if (!t->n_elements || !width) {
        if (v->has_addr)
            print_pointer(p, t->target, v->addr);
        else
            fputs("{}", p->to);
        return;
    }
    if (points_to_text(p->s, t->target, &char_width) && !v->missing && !t->is_vector) {
        bool cut = v->n_bytes / width < t->n_elements;
        print_string(p->to, v->bytes, v->n_bytes / width, char_width, text_prefix(t->target), cut);
        return;
    }
    print_elements(p, t, v, (size_t)t->n_elements, width);
}

/* ---- structs ---- */

static void print_member(struct printer *p, const struct sym_value *v, const struct type_member *m)
{
    _cleanup_value_ struct sym_value member = {0};
    if (m->is_static)
        fputs("static ", p->to);
    if (m->name && *m->name)
        fprintf(p->to, "%s = ", m->name);
    struct odb_err *e = value_member(p->s, v, m, &member);
    if (!e && !member.optimized_out)
        e = value_load(p->s, &member);
    print_or_error(p, e, &member);
}

/* A virtual base that several bases share is shown once. */
static bool first_time(struct printer *p, const struct type_member *m)
{
    const struct sym_type *t = type_strip(p->s, m->type);
    for (size_t i = 0; i < p->n_bases; i++)
        if (p->bases[i] == t)
            return false;
    if (p->n_bases < sizeof(p->bases) / sizeof(*p->bases))
        p->bases[p->n_bases++] = t;
    return true;
}

/* "&ns::Point::y": a pointer to a data member is its offset. */
static void print_member_pointer(struct printer *p, const struct sym_type *t, const struct sym_value *v)
{
    int64_t offset = 0;
    const struct sym_type *of = t->containing ? type_strip(p->s, t->containing) : NULL;
    memcpy(&offset, v->bytes, v->n_bytes < 8 ? v->n_bytes : 8);
    if (of)
        type_read_members(p->s, of);
    for (size_t i = 0; of && v->n_bytes == 8 && i < of->n_members; i++) {
        const struct type_member *m = &of->members[i];
        if (!m->is_static && !m->is_base && m->name && m->bit_offset == (uint64_t)offset * 8) {
            fprintf(p->to, "&%s::%s", of->name ? of->name : "", m->name);
            return;
        }
    }
    if (v->n_bytes == 8)
        fprintf(p->to, "%lld", (long long)offset);
    else if (offset & 1)
        fprintf(p->to, "&virtual table offset %lld", (long long)offset - 1);
    else
        print_address(p->s, p->to, (gaddr)offset);
}

static void print_struct(struct printer *p, const struct sym_type *t, const struct sym_value *v)
{
    bool follow = p->follow;
    size_t n_bases = 0, printed = 0, n_seen = p->n_bases;
    bool is_base_of_other = p->in_base;
    p->in_base = false;
    if (p->depth >= PRINT_DEPTH) {
        fputs("{...}", p->to);
        return;
    }
    type_read_members(p->s, t);
    for (size_t i = 0; i < t->n_members; i++)
        n_bases += t->members[i].is_base;
    p->depth++;
    p->follow = false;
    fputc('{', p->to);
    for (size_t i = 0; i < t->n_members; i++) {
        const struct type_member *m = &t->members[i];
        if (!m->is_base || (m->is_virtual && !first_time(p, m)))
            continue;
        _cleanup_value_ struct sym_value base = {0};
        const char *name = type_strip(p->s, m->type)->name;
        fprintf(p->to, "<%s> = ", name ? name : "");
        struct odb_err *e = value_member(p->s, v, m, &base);
        if (!e && !base.optimized_out)
            e = value_load(p->s, &base);
        p->in_base = true;
        if (!e && m->is_virtual && base.optimized_out)
            fputs("<invalid address>", p->to);
        else
            print_or_error(p, e, &base);
        p->in_base = false;
        fputs(", ", p->to);
    }
    if (t->n_members == n_bases)
        fputs("<No data fields>", p->to);
    for (size_t i = 0; i < t->n_members; i++) {
        if (t->members[i].is_base || !value_has_member(p->s, v, i))
            continue;
        fputs(printed++ ? ", " : "", p->to);
        print_member(p, v, &t->members[i]);
    }
    fputc('}', p->to);
    p->depth--;
    p->follow = follow;
    if (!is_base_of_other)
        p->n_bases = n_seen;
}

/* ---- all ---- */

static void print_inner(struct printer *p, const struct sym_value *v)
{
    const struct sym_type *t = type_strip(p->s, v->type);
    if (v->optimized_out) {
        fputs("<optimized out>", p->to);
        return;
    }
    bool is_whole = t->kind == TYPE_STRUCT || t->kind == TYPE_UNION || t->kind == TYPE_ARRAY;
    if (!is_whole && v->missing) {
        fputs(v->missing[0] == MISSING_IMPLICIT ? "<synthetic pointer>" : "<optimized out>", p->to);
        return;
    }
    if (v->implicit && t->kind != TYPE_REFERENCE && t->kind != TYPE_RVALUE_REFERENCE) {
        fputs("<synthetic pointer>", p->to);
        return;
    }
    __int128 x = 0;
    switch (t->kind) {
    case TYPE_STRUCT:
    case TYPE_UNION:
        if (t->is_declaration)
            fputs("<incomplete type>", p->to);
        else
            print_struct(p, t, v);
        break;
    case TYPE_ARRAY: print_array(p, t, v); break;
    case TYPE_FLOAT: print_float(p->to, v->bytes, v->n_bytes, !t->is_signed); break;
    case TYPE_COMPLEX: print_complex(p, v); break;
    case TYPE_VOID: fputs("void", p->to); break;
    case TYPE_FUNCTION:
        fprintf(p->to, "{%s} ", type_name(p->s, v->type));
        print_address(p->s, p->to, v->addr);
        break;
    case TYPE_POINTER: {
        struct odb_err *e = value_int(p->s, v, &x);
        if (e)
            print_or_error(p, e, v);
        else
            print_pointer(p, t->target, (gaddr)x);
        break;
    }
    case TYPE_REFERENCE:
    case TYPE_RVALUE_REFERENCE: print_reference(p, t, v); break;
    case TYPE_MEMBER_POINTER: print_member_pointer(p, t, v); break;
    case TYPE_UNSPECIFIED: fputs("<unknown type>", p->to); break;
    default: print_scalar(p, t, v); break;
    }
}

/* Without const and volatile, but with its typedef. */
static const struct sym_type *unqualified(const struct sym_type *t)
{
    for (int i = 0; i < 8 && t && (t->kind == TYPE_CONST || t->kind == TYPE_VOLATILE); i++)
        t = t->target;
    return t;
}

static struct odb_err *print(struct symbols *s, const struct sym_value *v, FILE *to, bool with_type)
{
    struct printer p = {.s = s, .to = to, .follow = true};
    _cleanup_value_ struct sym_value loaded = {0};
    const struct sym_type *t = type_strip(s, v->type);
    ODB_TRY(value_copy(v, &loaded));
    if (t->kind != TYPE_FUNCTION)
        ODB_TRY(value_load(s, &loaded));
    if (t->kind == TYPE_UNSPECIFIED && t->name && t->name[0] == '<')
        return odb_err("this variable has unknown type; cast it to its declared type");
    bool pointer = t->kind == TYPE_POINTER || t->kind == TYPE_REFERENCE || t->kind == TYPE_RVALUE_REFERENCE;
    if (with_type && pointer && !loaded.optimized_out && !loaded.missing) {
        /* A string says by itself that it is a char *. */
        const struct sym_type *target = unqualified(t->target);
        bool is_text = unqualified(v->type) == t && t->kind == TYPE_POINTER && target && target->name &&
                       (strcmp(target->name, "char") == 0 || strcmp(target->name, "wchar_t") == 0 ||
                        strcmp(target->name, "char16_t") == 0 || strcmp(target->name, "char32_t") == 0);
        if (!is_text)
            fprintf(to, "(%s) ", type_name(s, v->type));
    }
    print_inner(&p, &loaded);
    return NULL;
}

struct odb_err *symbols_print_value(struct symbols *s, const struct sym_value *v, FILE *to)
{
    return print(s, v, to, true);
}

struct odb_err *symbols_print_plain(struct symbols *s, const struct sym_value *v, FILE *to)
{
    struct odb_err *e = print(s, v, to, false);
    if (e)
        fprintf(to, "<error: %s>", odb_err_text(e));
    odb_err_free(e);
    return NULL;
}
