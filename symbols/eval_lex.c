/* Tokens of C expressions. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "symbols/eval.h"

/* Longer ones first. Assignments are known so that they can be refused by name. */
static const char *const operators[] = {
    "<<=", ">>=", "->*", "...", "->", "++", "--", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "+=",
    "-=",  "*=",  "/=",  "%=",  "&=", "|=", "^=", "::", "+",  "-",  "*",  "/",  "%",  "&",  "|",  "^",
    "~",   "!",   "<",   ">",   "=",  "?",  ":",  ",",  ".",  "(",  ")",  "[",  "]",  "{",  "}",  "@"};

struct odb_err *eval_syntax(const struct eval *e)
{
    const char *rest = e->text + e->tok.at;
    if (!*rest)
        return odb_err("the expression \"%s\" ends too early", e->text);
    return odb_err("a syntax error in expression, near `%s'", rest);
}

static bool is_name_start(char c) { return isalpha((unsigned char)c) || c == '_'; }
static bool is_name(char c) { return isalnum((unsigned char)c) || c == '_'; }

static const char *intern_n(struct eval *e, const char *p, size_t n)
{
    _cleanup_free_ char *copy = strndup(p, n);
    odb_assert(copy);
    return sym_intern(e->s, copy);
}

static struct odb_err *real(struct eval *e, const char *p)
{
    char *end;
    e->tok.real = strtold(p, &end);
    e->tok.type = type_own(OWN_DOUBLE);
    if (*end == 'f' || *end == 'F')
        e->tok.type = type_own(OWN_FLOAT), end++;
    else if (*end == 'l' || *end == 'L')
        e->tok.type = type_own(OWN_LONG_DOUBLE), end++;
    if (is_name(*end))
        return odb_err("Invalid number \"%s\".", p);
    e->tok.end = (size_t)(end - e->text);
    return NULL;
}

static struct odb_err *number(struct eval *e, const char *p)
{
    char *end;
    bool hex = p[0] == '0' && (p[1] == 'x' || p[1] == 'X');
    bool binary = p[0] == '0' && (p[1] == 'b' || p[1] == 'B');
    e->tok.kind = TOK_NUMBER;
    for (const char *q = p; !hex && !binary && (isalnum((unsigned char)*q) || *q == '.'); q++)
        if (*q == '.' || *q == 'e' || *q == 'E')
            return real(e, p);
    errno = 0;
    e->tok.number = strtoull(binary ? p + 2 : p, &end, binary ? 2 : 0);
    if (errno)
        return odb_err("Numeric constant too large.");
    bool is_unsigned = false, is_long = false;
    for (; *end && strchr("uUlL", *end); end++) {
        is_unsigned |= *end == 'u' || *end == 'U';
        is_long |= *end == 'l' || *end == 'L';
    }
    if (is_name(*end))
        return odb_err("Invalid number \"%s\".", p);
    e->tok.end = (size_t)(end - e->text);
    uint64_t x = e->tok.number;
    bool decimal = p[0] != '0';
    if (!is_long && !is_unsigned && x <= INT32_MAX)
        e->tok.type = type_own(OWN_INT);
    else if (!is_long && (is_unsigned || !decimal) && x <= UINT32_MAX)
        e->tok.type = type_own(OWN_UINT);
    else
        e->tok.type = type_own(is_unsigned || x > INT64_MAX ? OWN_ULONG : OWN_LONG);
    return NULL;
}

/* One character of a literal, with escapes. */
static const char *literal_char(const char *p, unsigned char *ret)
{
    static const char names[] = "abfnrtve", values[] = "\a\b\f\n\r\t\v\033";
    if (*p != '\\' || !p[1]) {
        *ret = (unsigned char)*p;
        return p + 1;
    }
    const char *name = strchr(names, *++p);
    if (*p >= '0' && *p <= '7') {
        unsigned x = 0;
        for (int i = 0; i < 3 && *p >= '0' && *p <= '7'; i++)
            x = x * 8 + (unsigned)(*p++ - '0');
        *ret = (unsigned char)x;
        return p;
    }
    if (*p == 'x') {
        char *end;
        *ret = (unsigned char)strtoul(p + 1, &end, 16);
        return end;
    }
    *ret = name ? (unsigned char)values[name - names] : (unsigned char)*p;
    return p + 1;
}

static struct odb_err *literal(struct eval *e, const char *p)
{
    char quote = *p++;
    const char *begin = p;
    _cleanup_free_ char *text = malloc(strlen(p) + 1);
    odb_assert(text);
    size_t n = 0;
    while (*p && *p != quote) {
        unsigned char c;
        p = literal_char(p, &c);
        text[n++] = (char)c;
    }
    /* Literals side by side are one. */
    for (const char *q = p + (*p != 0); quote == '"' && *p; q = p + 1) {
        while (isspace((unsigned char)*q))
            q++;
        if (*q != '"')
            break;
        for (p = q + 1; *p && *p != '"';) {
            unsigned char c;
            p = literal_char(p, &c);
            text[n++] = (char)c;
        }
    }
    if (!*p)
        return odb_err("Unmatched single quote or string in \"%s\"", e->text);
    text[n] = 0;
    e->tok.end = (size_t)(p + 1 - e->text);
    if (quote == '\'' && n != 1) {
        /* 'file.c' or 'a name'. */
        e->tok.kind = TOK_NAME;
        e->tok.text = intern_n(e, begin, (size_t)(p - begin));
        return NULL;
    }
    e->tok.kind = quote == '"' ? TOK_STRING : TOK_CHAR;
    e->tok.text = arena_strndup(&e->s->arena, text, n);
    e->tok.n_text = n;
    e->tok.number = (unsigned char)text[0];
    e->tok.type = type_own(OWN_CHAR);
    return NULL;
}

/* "a", "a::b", "::a", "~a". */
static void name(struct eval *e, const char *p)
{
    const char *begin = p;
    for (;;) {
        while (is_name(*p))
            p++;
        if (p[0] == ':' && p[1] == ':' && (is_name_start(p[2]) || p[2] == '~'))
            p += 3;
        else if (p[0] == ':' && p[1] == ':' && strncmp(p + 2, "(anonymous namespace)", 21) == 0)
            p += 23;
        else
            break;
    }
    e->tok.kind = TOK_NAME;
    e->tok.text = intern_n(e, begin, (size_t)(p - begin));
    e->tok.end = (size_t)(p - e->text);
}

struct odb_err *eval_seek(struct eval *e, size_t at)
{
    const char *p = e->text + at;
    while (isspace((unsigned char)*p))
        p++;
    e->tok = (struct token){
        .kind = TOK_END, .text = "", .at = (size_t)(p - e->text), .end = (size_t)(p - e->text)};
    if (!*p)
        return NULL;
    if (isdigit((unsigned char)*p) || (*p == '.' && isdigit((unsigned char)p[1])))
        return number(e, p);
    if (*p == '\'' || *p == '"')
        return literal(e, p);
    if (*p == '$') {
        name(e, p + 1);
        e->tok.kind = TOK_DOLLAR;
        return NULL;
    }
    if (is_name_start(*p) || (p[0] == ':' && p[1] == ':' && is_name_start(p[2])) ||
        strncmp(p, "(anonymous namespace)::", 23) == 0) {
        size_t skip = *p == ':' ? 2 : *p == '(' ? 23 : 0;
        name(e, p + skip);
        if (skip)
            e->tok.text = intern_n(e, p, e->tok.end - e->tok.at);
        return NULL;
    }
    for (size_t i = 0; i < sizeof(operators) / sizeof(*operators); i++) {
        size_t n = strlen(operators[i]);
        if (strncmp(p, operators[i], n) == 0) {
            e->tok.kind = TOK_OP;
            e->tok.text = operators[i];
            e->tok.end += n;
            return NULL;
        }
    }
    return odb_err("Invalid character '%c' in expression.", *p);
}

struct odb_err *eval_next(struct eval *e) { return eval_seek(e, e->tok.end); }

struct odb_err *eval_expect(struct eval *e, const char *op)
{
    if (!eval_is(e, op))
        return eval_syntax(e);
    return eval_next(e);
}
