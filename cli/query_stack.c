/* odb query backtrace: the stack of a thread at t, as gdb prints it.
 *
 *     #0  0x00007f... in inner (n=3) at a.c:12
 *     #1  outer (text=0x4005d4 "x") at a.c:30            an inlined call, or pc at the beginning of a line: no address
 *     #2  <signal handler called>
 *     #3  0x00007f... in raise () from /usr/lib/x86_64-linux-gnu/libc.so.6
 *
 * Inlined functions are frames of their own. What is behind main is shown only with --max. Arguments that are structs or arrays
 * are "...", as gdb has them. */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/query_symbols.h"
#include "common/cleanup.h"

#define FRAMES_DEFAULT 1000
#define FRAMES_MAX 1000000
#define ULL(x) ((unsigned long long)(x))

/* A stack being shown. */
struct stack {
    struct query *q;
    struct symbols *s;
    const struct sym_frame *frames;
    size_t n_frames;
    uint64_t max; /* frames as people count them */
    uint64_t n;   /* shown so far */
    bool past_main;
    bool cut;  /* there are more than max */
    char *exe; /* owned; the program's file, NULL: not known */
};

/* One line of the answer. */
struct line {
    const struct sym_frame *frame;
    const struct sym_place *place;
    size_t scope;
    bool is_trampoline, exact;
};

static bool is_main(const char *function)
{
    return function && (!strcmp(function, "main") || !strcmp(function, "main.main"));
}

/* ---- arguments ---- */

/* Without the type in front of a pointer: "(char *) 0x..." is "0x...". */
static const char *without_type(const char *text)
{
    int depth = 0;
    if (*text != '(')
        return text;
    for (const char *p = text; *p; p++) {
        depth += (*p == '(') - (*p == ')');
        if (!depth)
            return p[1] == ' ' && p[2] ? p + 2 : text;
    }
    return text;
}

/* "a=1, b=..."; in JSON [{"name":...,"value":...}]. What cannot be found out is not there. */
static void print_arguments(struct stack *k, const struct line *l)
{
    struct sym_variable *v = NULL;
    size_t n = 0;
    struct odb_err *e = symbols_locals(k->s, l->frame, l->scope, &v, &n);
    bool any = false;
    for (size_t i = 0; i < n && !e; i++) {
        _cleanup_free_ char *text = NULL;
        if (!v[i].is_parameter)
            continue;
        odb_err_free(query_value_text(k->s, &v[i].value, &text));
        if (k->q->json) {
            fputs(any ? ",{\"name\":" : "{\"name\":", stdout);
            json_string(stdout, v[i].name, strlen(v[i].name));
            fputs(",\"value\":", stdout);
            json_string(stdout, text ? text : "", text ? strlen(text) : 0);
            putchar('}');
        } else {
            printf("%s%s=%s", any ? ", " : "", v[i].name,
                   symbols_type_is_compound(v[i].value.type) ? "..."
                   : text                                    ? without_type(text)
                                                             : "?");
        }
        any = true;
    }
    odb_err_free(e);
    symbols_variables_free(v, n);
}

/* ---- a frame ---- */

static void print_line(struct stack *k, const struct line *l)
{
    const struct sym_scope *scope = &l->place->scopes[l->scope];
    printf("#%-2llu ", ULL(k->n));
    if (l->is_trampoline) {
        puts("<signal handler called>");
        return;
    }
    bool at_line = l->exact && scope->file && l->place->line_low == l->frame->pc;
    if (l->scope == 0 && !at_line)
        printf("0x%016llx in ", ULL(l->frame->pc));
    printf("%s (", scope->function ? scope->function : "??");
    if (scope->function)
        print_arguments(k, l);
    putchar(')');
    if (scope->file)
        printf(" at %s:%d", scope->file, scope->line);
    else if (l->place->module && *l->place->module != '[' &&
             (!k->exe || strcmp(k->exe, l->place->module) != 0))
        printf(" from %s", l->place->module);
    putchar('\n');
}

static void json_text(const char *key, const char *text)
{
    printf(",\"%s\":", key);
    if (text)
        json_string(stdout, text, strlen(text));
    else
        fputs("null", stdout);
}

static const char *how_name(const struct line *l)
{
    static const char *const names[] = {"innermost", "cfi", "signal", "tail call", "frame pointer", "scan"};
    return names[l->frame->how];
}

static void json_line(struct stack *k, const struct line *l)
{
    const struct sym_scope *scope = &l->place->scopes[l->scope];
    bool last = l->scope + 1 == sym_frame_scopes(l->frame, l->place);
    printf("%s{\"frame\":%llu,\"pc\":\"0x%llx\"", k->n ? ",\n  " : "", ULL(k->n), ULL(l->frame->pc));
    if (l->frame->cfa)
        printf(",\"cfa\":\"0x%llx\"", ULL(l->frame->cfa));
    json_text("function", l->is_trampoline ? "<signal handler called>" : scope->function);
    json_text("file", scope->file);
    printf(",\"line\":%d", scope->line);
    json_text("module", l->place->module);
    if (last && scope->function)
        printf(",\"offset\":%llu", ULL(l->frame->pc - scope->low));
    printf(",\"inlined\":%s,\"found_by\":\"%s\",\"args\":[", last ? "false" : "true", how_name(l));
    if (!l->is_trampoline && scope->function)
        print_arguments(k, l);
    fputs("]}", stdout);
}

/* Shows the functions of one physical frame. *ret_more false: enough is shown. */
static struct odb_err *show_frame(struct stack *k, size_t i, bool *ret_more)
{
    struct sym_place place;
    const struct sym_frame *f = &k->frames[i];
    ODB_TRY(symbols_place(k->s, f->lookup_pc, &place));
    struct line l = {.frame = f, .place = &place, .exact = i == 0 || f->is_signal_handler_caller};
    l.is_trampoline = i + 1 < k->n_frames && k->frames[i + 1].how == SYM_FRAME_SIGNAL;
    size_t n = l.is_trampoline ? 1 : sym_frame_scopes(f, &place);
    *ret_more = true;
    for (; l.scope < n && *ret_more; l.scope++) {
        if (k->q->json)
            json_line(k, &l);
        else
            print_line(k, &l);
        *ret_more = ++k->n < k->max;
        k->cut = !*ret_more && (l.scope + 1 < n || i + 1 < k->n_frames);
    }
    if (!k->past_main && is_main(place.scopes[n - 1].function))
        *ret_more = false;
    return NULL;
}

/* ---- the answer ---- */

static struct odb_err *show_stack(struct stack *k, uint64_t t, const char *end)
{
    bool more = true;
    if (k->q->json)
        printf("{\"t\":%llu,\"pid\":%u,\"tid\":%u,\"frames\":[", ULL(t), k->q->pid, k->q->tid);
    for (size_t i = 0; i < k->n_frames && more; i++)
        ODB_TRY(show_frame(k, i, &more));
    const char *why = k->cut ? "more frames follow" : more ? end : "";
    if (k->q->json) {
        fputs("],\"end\":", stdout);
        json_string(stdout, why, strlen(why));
        fputs("}\n", stdout);
    } else if (k->cut) {
        puts("(More frames follow: --max N)");
    } else if (*why) {
        printf("Backtrace stopped: %s\n", why);
    }
    return NULL;
}

/* The program that the process executes at t. */
static char *exe_at(struct query *q, uint64_t t)
{
    static const char sql[] = "SELECT exe FROM execs WHERE pid=?1 AND t<=?2 UNION ALL "
                              "SELECT exe FROM processes WHERE pid=?1 AND t_start<=?2 LIMIT 1";
    sqlite3_stmt *st;
    char *exe = NULL;
    if (sqlite3_prepare_v2(db_sqlite(q->db), sql, -1, &st, NULL) != SQLITE_OK)
        return NULL;
    sqlite3_bind_int64(st, 1, q->pid);
    sqlite3_bind_int64(st, 2, (sqlite3_int64)t);
    if (sqlite3_step(st) == SQLITE_ROW && sqlite3_column_type(st, 0) == SQLITE_TEXT)
        exe = strdup((const char *)sqlite3_column_text(st, 0));
    sqlite3_finalize(st);
    return exe;
}

struct odb_err *answer_backtrace(struct query *q)
{
    uint64_t t = 0;
    struct stack k = {.q = q, .max = FRAMES_DEFAULT, .past_main = q->a->max};
    const char *end = "";
    ODB_TRY(query_parse_t(q, "--at", q->a->at, &t));
    if (q->a->max)
        ODB_TRY(query_parse_count("--max", q->a->max, FRAMES_MAX, &k.max));
    ODB_TRY(query_symbols(q, t, &k.s));
    _cleanup_free_ struct sym_frame *frames = NULL;
    ODB_TRY(symbols_backtrace(k.s, k.max + 1, &frames, &k.n_frames, &end));
    k.frames = frames;
    k.exe = exe_at(q, t);
    struct odb_err *e = show_stack(&k, t, end);
    free(k.exe);
    return e;
}
