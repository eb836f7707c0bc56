/* Types within expressions: "unsigned char", "struct s *", "int (*)(char)", "ns::C<int> &", "int [4]". */
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "symbols/eval.h"

struct words {
    int n_long;
    bool is_short, is_unsigned, is_signed, has_char, has_int, has_double, has_float, has_void, has_bool,
        is_const, is_volatile, has_int128;
};

static bool take_word(struct words *w, const char *text)
{
    const struct {
        const char *word;
        bool *flag;
    } table[] = {{"short", &w->is_short},     {"unsigned", &w->is_unsigned}, {"signed", &w->is_signed},
                 {"char", &w->has_char},      {"int", &w->has_int},          {"double", &w->has_double},
                 {"float", &w->has_float},    {"void", &w->has_void},        {"_Bool", &w->has_bool},
                 {"bool", &w->has_bool},      {"const", &w->is_const},       {"volatile", &w->is_volatile},
                 {"__int128", &w->has_int128}};
    if (strcmp(text, "long") == 0) {
        w->n_long++;
        return true;
    }
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        if (strcmp(text, table[i].word) == 0) {
            *table[i].flag = true;
            return true;
        }
    }
    return false;
}

static const struct sym_type *own_of(const struct words *w)
{
    if (w->has_void)
        return type_own(OWN_VOID);
    if (w->has_bool)
        return type_own(OWN_BOOL);
    if (w->has_float)
        return type_own(OWN_FLOAT);
    if (w->has_double)
        return type_own(w->n_long ? OWN_LONG_DOUBLE : OWN_DOUBLE);
    if (w->has_char)
        return type_own(w->is_unsigned ? OWN_UCHAR : w->is_signed ? OWN_SCHAR : OWN_CHAR);
    if (w->has_int128)
        return type_own(w->is_unsigned ? OWN_UINT128 : OWN_INT128);
    if (w->is_short)
        return type_own(w->is_unsigned ? OWN_USHORT : OWN_SHORT);
    if (w->n_long > 1)
        return type_own(w->is_unsigned ? OWN_ULONG_LONG : OWN_LONG_LONG);
    if (w->n_long)
        return type_own(w->is_unsigned ? OWN_ULONG : OWN_LONG);
    return type_own(w->is_unsigned ? OWN_UINT : OWN_INT);
}

static const struct sym_type *around(struct eval *e, const struct sym_type *t, enum type_kind kind)
{
    struct sym_type *q = arena_alloc(&e->s->arena, sizeof(*q));
    *q = (struct sym_type){.kind = kind, .target = t, .n_bytes = t->n_bytes, .lang = t->lang};
    if (kind == TYPE_REFERENCE || kind == TYPE_RVALUE_REFERENCE)
        q->n_bytes = 8;
    return q;
}

static bool is_any_word(const char *text)
{
    struct words w = {0};
    return take_word(&w, text);
}

/* A name that is a type, and no variable of the scope. */
static struct odb_err *named_type(struct eval *e, const struct sym_type **ret)
{
    ODB_TRY(eval_template_name(e));
    *ret = variable_is_local(&e->scopes, e->tok.text)
               ? NULL
               : type_find(e->s, e->scopes.ctx.cu, e->tok.text, NAME_TYPE);
    return NULL;
}

/* Go's "main.work" is one name. */
static struct odb_err *dotted_name(struct eval *e)
{
    const char *p = e->text + e->tok.end;
    size_t n = 1;
    while (p[n] == '_' || (p[n] >= '0' && p[n] <= '9') || ((p[n] | 32) >= 'a' && (p[n] | 32) <= 'z'))
        n++;
    if (n == 1 || variable_is_local(&e->scopes, e->tok.text))
        return NULL;
    const char *whole = sym_intern_printf(e->s, "%s%.*s", e->tok.text, (int)n, p);
    _cleanup_value_ struct sym_value v = {0};
    bool found = type_find(e->s, e->scopes.ctx.cu, whole, NAME_TYPE) != NULL;
    if (!found)
        ODB_TRY(variable_find(e->s, &e->scopes, NULL, whole, &v, &found));
    if (found) {
        e->tok.text = whole;
        e->tok.end += n;
    }
    return NULL;
}

struct odb_err *eval_template_name(struct eval *e)
{
    const char *p = e->text + e->tok.end;
    if (*p == '.' && e->scopes.ctx.cu && e->scopes.ctx.cu->lang == DW_LANG_Go)
        return dotted_name(e);
    if (*p != '<')
        return NULL;
    int depth = 0;
    size_t n = 0;
    for (; p[n]; n++) {
        depth += p[n] == '<';
        depth -= p[n] == '>';
        if (!depth)
            break;
    }
    if (!p[n])
        return NULL;
    n++;
    while (p[n] == ':' && p[n + 1] == ':')
        for (n += 2; p[n] == '_' || p[n] == '~' || (p[n] >= '0' && p[n] <= '9') ||
                     ((p[n] | 32) >= 'a' && (p[n] | 32) <= 'z');
             n++)
            ;
    const char *whole = sym_intern_printf(e->s, "%s%.*s", e->tok.text, (int)n, p);
    _cleanup_value_ struct sym_value v = {0};
    bool found = type_find(e->s, e->scopes.ctx.cu, whole, NAME_TYPE) != NULL;
    if (!found)
        ODB_TRY(variable_find(e->s, &e->scopes, NULL, whole, &v, &found));
    if (found) {
        e->tok.text = whole;
        e->tok.end += n;
    }
    return NULL;
}

static struct odb_err *tagged(struct eval *e, const char *keyword, const struct sym_type **ret)
{
    enum name_class what = strcmp(keyword, "union") == 0  ? NAME_UNION
                           : strcmp(keyword, "enum") == 0 ? NAME_ENUM
                                                          : NAME_STRUCT;
    ODB_TRY(eval_next(e));
    if (e->tok.kind != TOK_NAME)
        return eval_syntax(e);
    ODB_TRY(eval_template_name(e));
    *ret = type_find(e->s, e->scopes.ctx.cu, e->tok.text, what);
    if (!*ret)
        return odb_err("No %s type named %s.", keyword, e->tok.text);
    return eval_next(e);
}

static bool is_tag(const char *text)
{
    return strcmp(text, "struct") == 0 || strcmp(text, "union") == 0 || strcmp(text, "enum") == 0 ||
           strcmp(text, "class") == 0;
}

static struct odb_err *specifiers(struct eval *e, const struct sym_type **ret)
{
    struct words w = {0};
    const struct sym_type *t = NULL;
    bool any = false, own = false;
    *ret = NULL;
    while (e->tok.kind == TOK_NAME) {
        if (is_tag(e->tok.text) && !t && !own) {
            ODB_TRY(tagged(e, e->tok.text, &t));
        } else if (is_any_word(e->tok.text)) {
            take_word(&w, e->tok.text);
            own |= strcmp(e->tok.text, "const") != 0 && strcmp(e->tok.text, "volatile") != 0;
            ODB_TRY(eval_next(e));
        } else if (!t && !own) {
            ODB_TRY(named_type(e, &t));
            if (!t)
                break;
            ODB_TRY(eval_next(e));
        } else {
            break;
        }
        any = true;
    }
    if (!any)
        return NULL;
    if (!t && !own)
        return eval_syntax(e);
    /* The program's own "char" and "long" know their names as it spells them. */
    t = t ? t : own_of(&w);
    const struct sym_type *its =
        own && t->name ? type_find(e->s, e->scopes.ctx.cu, t->name, NAME_TYPE) : NULL;
    t = its && its->n_bytes == t->n_bytes ? its : t;
    if (w.is_const)
        t = around(e, t, TYPE_CONST);
    if (w.is_volatile)
        t = around(e, t, TYPE_VOLATILE);
    *ret = t;
    return NULL;
}

static struct odb_err *pointers(struct eval *e, const struct sym_type **t)
{
    for (;;) {
        if (eval_is(e, "*"))
            *t = type_pointer_to(e->s, *t);
        else if (eval_is(e, "&"))
            *t = around(e, *t, TYPE_REFERENCE);
        else if (eval_is(e, "&&"))
            *t = around(e, *t, TYPE_RVALUE_REFERENCE);
        else if (e->tok.kind == TOK_NAME && strcmp(e->tok.text, "const") == 0)
            *t = around(e, *t, TYPE_CONST);
        else if (e->tok.kind == TOK_NAME && strcmp(e->tok.text, "volatile") == 0)
            *t = around(e, *t, TYPE_VOLATILE);
        else
            return NULL;
        ODB_TRY(eval_next(e));
    }
}

static struct odb_err *function_of(struct eval *e, const struct sym_type *result, const struct sym_type **ret)
{
    struct sym_type *f = arena_alloc(&e->s->arena, sizeof(*f));
    *f = (struct sym_type){.kind = TYPE_FUNCTION, .target = result, .n_bytes = 1, .lang = result->lang};
    f->parameters = arena_alloc(&e->s->arena, 32 * sizeof(const struct sym_type *));
    f->is_prototyped = true;
    ODB_TRY(eval_expect(e, "("));
    while (!eval_is(e, ")")) {
        const struct sym_type *t;
        ODB_TRY(eval_type(e, &t));
        if (!t || f->n_parameters == 32)
            return eval_syntax(e);
        if (type_strip(e->s, t)->kind != TYPE_VOID)
            f->parameters[f->n_parameters++] = t;
        if (eval_is(e, ","))
            ODB_TRY(eval_next(e));
    }
    *ret = f;
    return eval_next(e);
}

static struct odb_err *arrays(struct eval *e, const struct sym_type **t)
{
    uint64_t dims[8];
    size_t n = 0;
    while (eval_is(e, "[") && n < 8) {
        ODB_TRY(eval_next(e));
        if (e->tok.kind != TOK_NUMBER)
            return eval_syntax(e);
        dims[n++] = e->tok.number;
        ODB_TRY(eval_next(e));
        ODB_TRY(eval_expect(e, "]"));
    }
    while (n > 0)
        *t = type_array_of(e->s, *t, dims[--n]);
    return NULL;
}

struct odb_err *eval_type(struct eval *e, const struct sym_type **ret)
{
    const struct sym_type *t;
    *ret = NULL;
    if (++e->depth > EVAL_MAX_DEPTH)
        return odb_err("this expression is nested too deeply");
    ODB_TRY(specifiers(e, &t));
    if (t) {
        ODB_TRY(pointers(e, &t));
        size_t n_stars = 0, at = e->tok.at;
        if (eval_is(e, "(")) {
            ODB_TRY(eval_next(e));
            while (eval_is(e, "*")) {
                n_stars++;
                ODB_TRY(eval_next(e));
            }
            if (n_stars)
                ODB_TRY(eval_expect(e, ")"));
            else
                ODB_TRY(eval_seek(e, at));
        }
        if (n_stars && eval_is(e, "("))
            ODB_TRY(function_of(e, t, &t));
        else
            ODB_TRY(arrays(e, &t));
        while (n_stars--)
            t = type_pointer_to(e->s, t);
    }
    e->depth--;
    *ret = t;
    return NULL;
}
