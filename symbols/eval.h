/* Inside the evaluator: eval_lex.c (tokens), eval_type.c (types in expressions), eval.c (grammar),
 * eval_ops.c (operators), eval_reg.c ($registers). */
#ifndef ODB_SYMBOLS_EVAL_H
#define ODB_SYMBOLS_EVAL_H

#include "symbols/type.h"

enum token_kind {
    TOK_END,
    TOK_NUMBER,
    TOK_CHAR,
    TOK_STRING,
    TOK_NAME,   /* also "ns::x" */
    TOK_DOLLAR, /* $rax: text without the $ */
    TOK_OP,     /* text is the operator */
};
struct token {
    enum token_kind kind;
    const char *text; /* interned; of strings the contents */
    size_t n_text;
    const struct sym_type *type; /* of numbers and characters */
    uint64_t number;
    long double real;
    size_t at, end; /* in the expression */
};

#define EVAL_MAX_DEPTH 200
struct eval {
    struct symbols *s;
    struct frame_scopes scopes;
    const char *text; /* the whole expression, borrowed */
    struct token tok; /* the next one */
    int depth;
};

/* ---- eval_lex.c ---- */
struct odb_err *eval_next(struct eval *e) ODB_MUST_CHECK;
/* Goes on from a position. */
struct odb_err *eval_seek(struct eval *e, size_t at) ODB_MUST_CHECK;
static inline bool eval_is(const struct eval *e, const char *op)
{
    return e->tok.kind == TOK_OP && __builtin_strcmp(e->tok.text, op) == 0;
}
struct odb_err *eval_expect(struct eval *e, const char *op) ODB_MUST_CHECK;
struct odb_err *eval_syntax(const struct eval *e) ODB_MUST_CHECK;

/* ---- eval_type.c ---- */
/* A type name, if one begins here; *ret NULL and nothing read if not. */
struct odb_err *eval_type(struct eval *e, const struct sym_type **ret) ODB_MUST_CHECK;
/* Puts template arguments that follow the name into it, if that names something. */
struct odb_err *eval_template_name(struct eval *e) ODB_MUST_CHECK;

/* ---- eval.c ---- */
struct odb_err *eval_expression(struct eval *e, struct sym_value *ret) ODB_MUST_CHECK;

/* ---- eval_ops.c: operands are not consumed ---- */
struct odb_err *op_unary(struct eval *e, char op, const struct sym_value *v, struct sym_value *ret)
    ODB_MUST_CHECK;
struct odb_err *op_binary(struct eval *e, const char *op, const struct sym_value *a,
                          const struct sym_value *b, struct sym_value *ret) ODB_MUST_CHECK;
struct odb_err *op_cast(struct eval *e, const struct sym_type *t, const struct sym_value *v,
                        struct sym_value *ret) ODB_MUST_CHECK;
struct odb_err *op_index(struct eval *e, const struct sym_value *a, const struct sym_value *i,
                         struct sym_value *ret) ODB_MUST_CHECK;
struct odb_err *op_member(struct eval *e, const struct sym_value *v, const char *name, bool arrow,
                          struct sym_value *ret) ODB_MUST_CHECK;
struct odb_err *op_deref(struct eval *e, const struct sym_value *v, struct sym_value *ret) ODB_MUST_CHECK;
struct odb_err *op_address(struct eval *e, const struct sym_value *v, struct sym_value *ret) ODB_MUST_CHECK;
struct odb_err *op_repeat(struct eval *e, const struct sym_value *v, const struct sym_value *n,
                          struct sym_value *ret) ODB_MUST_CHECK;
struct odb_err *op_truth(struct eval *e, const struct sym_value *v, bool *ret) ODB_MUST_CHECK;
void op_bool(struct eval *e, bool x, struct sym_value *ret);

/* ---- eval_reg.c ---- */
struct odb_err *eval_register(struct eval *e, const char *name, struct sym_value *ret) ODB_MUST_CHECK;

#endif
