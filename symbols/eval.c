/* Expressions of C, and of C++ as far as they are alike, over the state of a view: a recursive descent that
 * evaluates while it reads. Both sides of && || ?: are evaluated; an error in the side that does not count
 * is dropped. There are no side effects: assignments and calls are refused by name.
 *
 * Binding, from loose to tight: , ?: || && | ^ & == < << @ + * unary postfix, as in gdb. */
#include "symbols/eval.h"

#include <dwarf.h>
#include <string.h>

static struct odb_err *unary(struct eval *e, struct sym_value *ret);
static struct odb_err *binary(struct eval *e, int level, struct sym_value *ret);
static struct odb_err *conditional(struct eval *e, struct sym_value *ret);

/* ---- names ---- */

static struct odb_err *no_symbol(struct eval *e, const char *name)
{
    if (!e->scopes.function)
        return odb_err(
            "No symbol \"%s\" in current context: there is no debug information for the code at 0x%llx", name,
            (unsigned long long)(e->scopes.ctx.frame ? e->scopes.ctx.frame->pc : e->s->view.rip));
    return odb_err("No symbol \"%s\" in current context.", name);
}

static struct odb_err *name(struct eval *e, struct sym_value *ret)
{
    bool found = false;
    const char *file = NULL;
    ODB_TRY(eval_template_name(e));
    const char *text = e->tok.text;
    bool quoted = e->text[e->tok.at] == '\'';
    ODB_TRY(eval_next(e));
    /* 'file.c'::name; the lexer gives "::name" as one name. */
    if (quoted && e->tok.kind == TOK_NAME && strncmp(e->tok.text, "::", 2) == 0) {
        file = text;
        text = e->tok.text + 2;
        ODB_TRY(eval_next(e));
    }
    ODB_TRY(variable_find(e->s, &e->scopes, file, text, ret, &found));
    bool cplus = e->scopes.ctx.cu && e->scopes.ctx.cu->lang != DW_LANG_C89 &&
                 e->scopes.ctx.cu->lang != DW_LANG_C99 && e->scopes.ctx.cu->lang != DW_LANG_C11;
    if (!found && cplus && strcmp(text, "true") == 0)
        op_bool(e, true, ret);
    else if (!found && cplus && strcmp(text, "false") == 0)
        op_bool(e, false, ret);
    else if (!found && cplus && strcmp(text, "nullptr") == 0)
        value_of_int(ret, type_pointer_to(e->s, type_own(OWN_VOID)), 0);
    else if (!found)
        return no_symbol(e, text);
    return NULL;
}

/* ---- primary ---- */

static struct odb_err *size_of(struct eval *e, struct sym_value *ret)
{
    const struct sym_type *t = NULL;
    size_t at = e->tok.at;
    if (eval_is(e, "(")) {
        ODB_TRY(eval_next(e));
        ODB_TRY(eval_type(e, &t));
        if (t)
            ODB_TRY(eval_expect(e, ")"));
    }
    if (!t) {
        _cleanup_value_ struct sym_value v = {0};
        ODB_TRY(eval_seek(e, at));
        ODB_TRY(unary(e, &v));
        t = type_strip(e->s, v.type);
        if (t->kind == TYPE_REFERENCE || t->kind == TYPE_RVALUE_REFERENCE)
            t = t->target;
    }
    value_of_int(ret, type_own(OWN_ULONG), type_strip(e->s, t)->n_bytes);
    return NULL;
}

/* {type} address */
static struct odb_err *at_address(struct eval *e, struct sym_value *ret)
{
    const struct sym_type *t;
    _cleanup_value_ struct sym_value v = {0};
    __int128 addr;
    ODB_TRY(eval_next(e));
    ODB_TRY(eval_type(e, &t));
    if (!t)
        return eval_syntax(e);
    ODB_TRY(eval_expect(e, "}"));
    ODB_TRY(unary(e, &v));
    ODB_TRY(value_int(e->s, &v, &addr));
    value_at(ret, t, (gaddr)addr);
    return NULL;
}

static struct odb_err *parenthesis(struct eval *e, struct sym_value *ret)
{
    const struct sym_type *t;
    ODB_TRY(eval_next(e));
    ODB_TRY(eval_type(e, &t));
    if (!t) {
        ODB_TRY(eval_expression(e, ret));
        struct odb_err *err = eval_expect(e, ")");
        if (err)
            symbols_value_deinit(ret);
        return err;
    }
    ODB_TRY(eval_expect(e, ")"));
    _cleanup_value_ struct sym_value v = {0};
    ODB_TRY(unary(e, &v));
    return op_cast(e, t, &v, ret);
}

static void literal(struct eval *e, struct sym_value *ret)
{
    const struct token *t = &e->tok;
    float f = (float)t->real;
    double d = (double)t->real;
    if (t->kind == TOK_STRING) {
        const struct sym_type *type = type_array_of(e->s, type_own(OWN_CHAR), t->n_text + 1);
        value_of_bytes(ret, type, t->text, t->n_text + 1);
    } else if (t->type->kind != TYPE_FLOAT) {
        value_of_int(ret, t->type, t->number);
    } else if (t->type->n_bytes == 4) {
        value_of_bytes(ret, t->type, &f, 4);
    } else if (t->type->n_bytes == 8) {
        value_of_bytes(ret, t->type, &d, 8);
    } else {
        uint8_t bytes[16] = {0};
        memcpy(bytes, &t->real, 10);
        value_of_bytes(ret, t->type, bytes, 16);
    }
}

static struct odb_err *primary(struct eval *e, struct sym_value *ret)
{
    struct odb_err *err;
    switch (e->tok.kind) {
    case TOK_NUMBER:
    case TOK_CHAR:
    case TOK_STRING:
        literal(e, ret);
        err = eval_next(e);
        break;
    case TOK_DOLLAR:
        ODB_TRY(eval_register(e, e->tok.text, ret));
        err = eval_next(e);
        break;
    case TOK_NAME: return name(e, ret);
    default:
        if (eval_is(e, "("))
            return parenthesis(e, ret);
        if (eval_is(e, "{"))
            return at_address(e, ret);
        return eval_syntax(e);
    }
    if (err)
        symbols_value_deinit(ret);
    return err;
}

/* ---- postfix and unary ---- */

static struct odb_err *one_postfix(struct eval *e, const struct sym_value *v, struct sym_value *ret)
{
    if (eval_is(e, "[")) {
        _cleanup_value_ struct sym_value i = {0};
        ODB_TRY(eval_next(e));
        ODB_TRY(eval_expression(e, &i));
        ODB_TRY(eval_expect(e, "]"));
        return op_index(e, v, &i, ret);
    }
    if (eval_is(e, "("))
        return odb_err(
            "functions cannot be called in a recording: use print in `odb gdb`, which runs them in a branch");
    if (eval_is(e, "++") || eval_is(e, "--"))
        return odb_err("a recording cannot be changed: no \"%s\"", e->tok.text);
    bool arrow = eval_is(e, "->");
    ODB_TRY(eval_next(e));
    if (e->tok.kind != TOK_NAME)
        return eval_syntax(e);
    const char *member = e->tok.text;
    ODB_TRY(eval_next(e));
    return op_member(e, v, member, arrow, ret);
}

static struct odb_err *postfix(struct eval *e, struct sym_value *ret)
{
    _cleanup_value_ struct sym_value v = {0};
    ODB_TRY(primary(e, &v));
    while (eval_is(e, "[") || eval_is(e, "(") || eval_is(e, ".") || eval_is(e, "->") || eval_is(e, "++") ||
           eval_is(e, "--")) {
        struct sym_value next;
        ODB_TRY(one_postfix(e, &v, &next));
        symbols_value_deinit(&v);
        v = next;
    }
    *ret = v;
    v = (struct sym_value){0};
    return NULL;
}

static struct odb_err *unary_inner(struct eval *e, struct sym_value *ret)
{
    _cleanup_value_ struct sym_value v = {0};
    if (e->tok.kind == TOK_NAME && strcmp(e->tok.text, "sizeof") == 0) {
        ODB_TRY(eval_next(e));
        return size_of(e, ret);
    }
    if (eval_is(e, "++") || eval_is(e, "--"))
        return odb_err("a recording cannot be changed: no \"%s\"", e->tok.text);
    if (eval_is(e, "&&") || e->tok.kind != TOK_OP || !strchr("!~-+&*", e->tok.text[0]) || e->tok.text[1])
        return postfix(e, ret);
    char op = e->tok.text[0];
    ODB_TRY(eval_next(e));
    ODB_TRY(unary(e, &v));
    return op == '&' ? op_address(e, &v, ret) : op == '*' ? op_deref(e, &v, ret) : op_unary(e, op, &v, ret);
}

static struct odb_err *unary(struct eval *e, struct sym_value *ret)
{
    if (++e->depth > EVAL_MAX_DEPTH)
        return odb_err("this expression is nested too deeply");
    struct odb_err *err = unary_inner(e, ret);
    e->depth--;
    return err;
}

/* ---- binary ---- */

static const char *const levels[][5] = {
    {"||"},       {"&&"}, {"|"},      {"^"},          {"&"}, {"==", "!="}, {"<", ">", "<=", ">="},
    {"<<", ">>"}, {"@"},  {"+", "-"}, {"*", "/", "%"}};
#define N_LEVELS ((int)(sizeof(levels) / sizeof(*levels)))

static const char *operator_of(const struct eval *e, int level)
{
    for (int i = 0; i < 5 && levels[level][i]; i++)
        if (eval_is(e, levels[level][i]))
            return levels[level][i];
    return NULL;
}

static struct odb_err *logic(struct eval *e, bool is_and, const struct sym_value *a, int level,
                             struct sym_value *ret)
{
    _cleanup_value_ struct sym_value b = {0};
    bool x, y = false;
    ODB_TRY(op_truth(e, a, &x));
    size_t at = e->tok.at;
    struct odb_err *err = binary(e, level + 1, &b);
    if (!err)
        err = op_truth(e, &b, &y);
    if (err && x == is_and)
        return err;
    if (err) {
        /* The right side does not count; find its end by its parentheses. */
        odb_err_free(err);
        int depth = 0;
        ODB_TRY(eval_seek(e, at));
        while (e->tok.kind != TOK_END) {
            depth += eval_is(e, "(") || eval_is(e, "[");
            if ((eval_is(e, ")") || eval_is(e, "]") || eval_is(e, ":")) && depth-- == 0)
                break;
            ODB_TRY(eval_next(e));
        }
    }
    op_bool(e, is_and ? x && y : x || y, ret);
    return NULL;
}

static struct odb_err *binary(struct eval *e, int level, struct sym_value *ret)
{
    if (level == N_LEVELS)
        return unary(e, ret);
    _cleanup_value_ struct sym_value a = {0};
    ODB_TRY(binary(e, level + 1, &a));
    const char *op;
    while ((op = operator_of(e, level))) {
        struct sym_value next;
        _cleanup_value_ struct sym_value b = {0};
        ODB_TRY(eval_next(e));
        if (level < 2) {
            ODB_TRY(logic(e, level == 1, &a, level, &next));
        } else {
            ODB_TRY(binary(e, level + 1, &b));
            if (*op == '@')
                ODB_TRY(op_repeat(e, &a, &b, &next));
            else
                ODB_TRY(op_binary(e, op, &a, &b, &next));
        }
        symbols_value_deinit(&a);
        a = next;
    }
    *ret = a;
    a = (struct sym_value){0};
    return NULL;
}

static struct odb_err *conditional(struct eval *e, struct sym_value *ret)
{
    _cleanup_value_ struct sym_value a = {0};
    ODB_TRY(binary(e, 0, &a));
    if (!eval_is(e, "?")) {
        *ret = a;
        a = (struct sym_value){0};
        return NULL;
    }
    if (++e->depth > EVAL_MAX_DEPTH)
        return odb_err("this expression is nested too deeply");
    bool x;
    _cleanup_value_ struct sym_value b = {0}, c = {0};
    ODB_TRY(op_truth(e, &a, &x));
    ODB_TRY(eval_next(e));
    ODB_TRY(eval_expression(e, &b));
    ODB_TRY(eval_expect(e, ":"));
    ODB_TRY(conditional(e, &c));
    e->depth--;
    return value_copy(x ? &b : &c, ret);
}

static bool is_assignment(const struct eval *e)
{
    static const char *const ops[] = {"=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="};
    for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++)
        if (eval_is(e, ops[i]))
            return true;
    return false;
}

struct odb_err *eval_expression(struct eval *e, struct sym_value *ret)
{
    ODB_TRY(conditional(e, ret));
    struct odb_err *err = NULL;
    while (!err && eval_is(e, ",")) {
        symbols_value_deinit(ret);
        err = eval_next(e);
        if (!err)
            err = conditional(e, ret);
        if (err)
            return err;
    }
    if (is_assignment(e))
        err = odb_err("a recording cannot be changed: no assignments (compare with ==)");
    if (err)
        symbols_value_deinit(ret);
    return err;
}

struct odb_err *symbols_eval(struct symbols *s, const struct sym_frame *frame, size_t scope, const char *expr,
                             struct sym_value *ret)
{
    struct eval e = {.s = s, .text = expr};
    struct sym_value v;
    ODB_TRY(frame_scopes_at(s, frame, scope, &e.scopes));
    ODB_TRY(eval_seek(&e, 0));
    /* A type alone is no value. */
    ODB_TRY(eval_expression(&e, &v));
    struct odb_err *err = e.tok.kind != TOK_END ? eval_syntax(&e) : NULL;
    const struct sym_type *t = type_strip(s, v.type);
    if (!err && t->kind != TYPE_FUNCTION && t->kind != TYPE_UNSPECIFIED)
        err = value_load(s, &v);
    if (err) {
        symbols_value_deinit(&v);
        return err;
    }
    *ret = v;
    return NULL;
}
