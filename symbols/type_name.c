/* The C notation of types, as gdb writes it: what stands before a name and what behind. */
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "symbols/type.h"

struct text {
    char *p; /* owned */
    size_t n;
};

static void put(struct text *t, const char *what)
{
    size_t len = strlen(what);
    char *bigger = realloc(t->p, t->n + len + 1);
    odb_assert(bigger);
    t->p = bigger;
    memcpy(t->p + t->n, what, len + 1);
    t->n += len;
}

static void base_name_of(const struct sym_type *t, struct text *out)
{
    if (t->keyword) {
        put(out, t->keyword);
        put(out, " ");
    }
    if (t->name)
        put(out, t->name);
    else if (t->kind == TYPE_STRUCT)
        put(out, t->keyword ? "{...}" : "struct {...}");
    else if (t->kind == TYPE_UNION)
        put(out, t->keyword ? "{...}" : "union {...}");
    else if (t->kind == TYPE_ENUM)
        put(out, t->keyword ? "{...}" : "enum {...}");
    else
        put(out, t->kind == TYPE_VOID ? "void" : "<unnamed>");
}

static bool is_leaf(const struct sym_type *t)
{
    if (t->name && (t->kind == TYPE_POINTER || t->kind == TYPE_FUNCTION))
        return true;
    switch (t->kind) {
    case TYPE_POINTER:
    case TYPE_REFERENCE:
    case TYPE_RVALUE_REFERENCE:
    case TYPE_MEMBER_POINTER:
    case TYPE_ARRAY:
    case TYPE_FUNCTION:
    case TYPE_CONST:
    case TYPE_VOLATILE:
    case TYPE_OTHER: return false;
    default: return true;
    }
}

/* Qualifiers stand before a leaf's name ("const char"), and behind a pointer's star ("char * const"). */
static const struct sym_type *take_qualifiers(const struct sym_type *t, bool *is_const, bool *is_volatile)
{
    *is_const = *is_volatile = false;
    for (int i = 0;
         i < 32 && t && (t->kind == TYPE_CONST || t->kind == TYPE_VOLATILE || t->kind == TYPE_OTHER);
         i++, t = t->target) {
        *is_const |= t->kind == TYPE_CONST;
        *is_volatile |= t->kind == TYPE_VOLATILE;
    }
    return t ? t : type_own(OWN_VOID);
}

static void before(struct symbols *s, const struct sym_type *t, struct text *out, int depth)
{
    bool is_const, is_volatile;
    t = take_qualifiers(t, &is_const, &is_volatile);
    if (depth > 64)
        return;
    if (is_leaf(t)) {
        if (is_const)
            put(out, "const ");
        if (is_volatile)
            put(out, "volatile ");
        base_name_of(t, out);
        return;
    }
    if (t->kind == TYPE_ARRAY || t->kind == TYPE_FUNCTION) {
        bool c3, v3;
        take_qualifiers(t->target, &c3, &v3);
        if (t->kind == TYPE_ARRAY && ((is_const && !c3) || (is_volatile && !v3)))
            put(out, is_const ? "const " : "volatile ");
        before(s, t->target ? t->target : type_own(OWN_VOID), out, depth + 1);
        return;
    }
    bool c2, v2;
    const struct sym_type *to = take_qualifiers(t->target ? t->target : type_own(OWN_VOID), &c2, &v2);
    before(s, t->target ? t->target : type_own(OWN_VOID), out, depth + 1);
    bool inner = !is_leaf(to) && (to->kind == TYPE_ARRAY || to->kind == TYPE_FUNCTION);
    char end = out->n ? out->p[out->n - 1] : 0;
    bool after_star = !is_leaf(to) && (end == '*' || end == '&');
    if (!after_star)
        put(out, " ");
    if (inner)
        put(out, "(");
    if (t->kind == TYPE_MEMBER_POINTER && t->containing && t->containing->name) {
        put(out, t->containing->name);
        put(out, "::");
    }
    put(out, t->kind == TYPE_REFERENCE ? "&" : t->kind == TYPE_RVALUE_REFERENCE ? "&&" : "*");
    if (is_const)
        put(out, " const");
    if (is_volatile)
        put(out, " volatile");
}

static void after(struct symbols *s, const struct sym_type *t, struct text *out, int depth)
{
    bool c, v;
    char number[80];
    t = take_qualifiers(t, &c, &v);
    if (depth > 64 || is_leaf(t))
        return;
    const struct sym_type *target = t->target ? t->target : type_own(OWN_VOID);
    if (t->kind == TYPE_ARRAY) {
        if (t->is_vector)
            snprintf(number, sizeof(number), " __attribute__ ((vector_size(%llu)))",
                     (unsigned long long)t->n_elements);
        else if (t->has_elements)
            snprintf(number, sizeof(number), "[%llu]", (unsigned long long)t->n_elements);
        else
            snprintf(number, sizeof(number), t->is_dynamic ? "[variable length]" : "[]");
        put(out, number);
    } else if (t->kind == TYPE_FUNCTION) {
        type_read_members(s, t);
        put(out, "(");
        for (size_t i = 0; i < t->n_parameters; i++) {
            put(out, i ? ", " : "");
            put(out, type_name(s, t->parameters[i]));
        }
        if (t->has_ellipsis)
            put(out, t->n_parameters ? ", ..." : "...");
        else if (!t->n_parameters && t->is_prototyped)
            put(out, "void");
        put(out, ")");
    } else {
        const struct sym_type *to = take_qualifiers(target, &c, &v);
        if (!is_leaf(to) && (to->kind == TYPE_ARRAY || to->kind == TYPE_FUNCTION))
            put(out, ")");
    }
    after(s, target, out, depth + 1);
}

const char *type_name(struct symbols *s, const struct sym_type *t)
{
    _cleanup_free_ char *owned = NULL;
    struct text out = {0}, behind = {0};
    bool c, v;
    put(&out, "");
    before(s, t, &out, 0);
    after(s, t, &behind, 0);
    /* "int [3]", "int (int)", but "int (*)[3]". */
    const struct sym_type *bare = take_qualifiers(t, &c, &v);
    char end = out.n ? out.p[out.n - 1] : 0;
    if (behind.n && end != '*' && end != '&' && (bare->kind == TYPE_ARRAY || bare->kind == TYPE_FUNCTION) &&
        behind.p[0] != ' ')
        put(&out, " ");
    put(&out, behind.p ? behind.p : "");
    free(behind.p);
    owned = out.p;
    return sym_intern(s, owned);
}

struct odb_err *symbols_type_name(struct symbols *s, const struct sym_type *t, char *buf, size_t n_bytes)
{
    snprintf(buf, n_bytes, "%s", type_name(s, t));
    return NULL;
}
