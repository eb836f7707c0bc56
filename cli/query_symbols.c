/* odb query: questions in the words of the source: locals, print, source. And the session that these and others
 * (backtrace, history, calls, line, why) ask symbols/ through: query_symbols(). */
#include "cli/query_symbols.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "common/cleanup.h"
#include "common/fs.h"

#define ULL(x) ((unsigned long long)(x))
#define FRAMES_MAX 100000
#define CONTEXT_LINES 5
#define SOURCE_MAX_BYTES (64u << 20)

/* ---- the session ---- */

struct odb_err *query_symbols_open(struct query *q, struct symbols **ret)
{
    if (!q->view)
        ODB_TRY(view_db_create(q->db, q->dir, &q->view));
    if (!q->symbols)
        ODB_TRY(symbols_create(view_db_files(q->view), &q->symbols));
    *ret = q->symbols;
    return NULL;
}

void query_symbols_close(struct query *q)
{
    symbols_destroy(q->symbols);
    view_db_destroy(q->view);
    q->symbols = NULL;
    q->view = NULL;
}

struct odb_err *query_symbols_at(struct query *q, uint64_t t, uint32_t pid, uint32_t tid,
                                 struct symbols **ret)
{
    const struct sym_view *view;
    ODB_TRY(query_symbols_open(q, ret));
    ODB_TRY(view_db_at(q->view, t, pid, tid, &view));
    return symbols_set_view(*ret, view);
}

struct odb_err *query_symbols(struct query *q, uint64_t t, struct symbols **ret)
{
    ODB_TRY(query_thread(q, t));
    return query_symbols_at(q, t, q->pid, q->tid, ret);
}

/* ---- frames ---- */

void query_frame_deinit(struct query_frame *f)
{
    free(f->frames);
    f->frames = NULL;
}

static struct odb_err *no_frame(uint64_t number, uint64_t n, const char *end)
{
    return odb_err("there is no frame %llu: the stack has %llu frame%s%s%s", ULL(number), ULL(n),
                   n == 1 ? "" : "s", end && *end ? "; it ends with: " : "", end && *end ? end : "");
}

struct odb_err *query_frame(struct symbols *s, uint64_t number, struct query_frame *ret)
{
    __attribute__((cleanup(query_frame_deinit))) struct query_frame f = {0};
    const char *end = "";
    ODB_TRY(symbols_backtrace(s, number + 2, &f.frames, &f.n_frames, &end));
    uint64_t n = 0;
    for (size_t i = 0; i < f.n_frames; i++) {
        f.frame = &f.frames[i];
        ODB_TRY(symbols_place(s, f.frame->lookup_pc, &f.place));
        if (number < n + sym_frame_scopes(f.frame, &f.place)) {
            f.scope = number - n;
            *ret = f;
            f.frames = NULL;
            return NULL;
        }
        n += sym_frame_scopes(f.frame, &f.place);
    }
    return no_frame(number, n, end);
}

/* The file of the program that the process executes at t: is it this one? */
static bool is_program(struct query *q, uint64_t t, const char *module)
{
    static const char sql[] =
        "SELECT exe=?3 FROM execs WHERE pid=?1 AND t<=?2 UNION ALL SELECT exe=?3 FROM processes"
        " WHERE pid=?1 AND NOT EXISTS (SELECT 1 FROM execs WHERE pid=?1) ORDER BY 1 DESC LIMIT 1";
    sqlite3_stmt *st;
    if (!module || sqlite3_prepare_v2(db_sqlite(q->db), sql, -1, &st, NULL) != SQLITE_OK)
        return false;
    sqlite3_bind_int64(st, 1, q->pid);
    sqlite3_bind_int64(st, 2, (sqlite3_int64)t);
    sqlite3_bind_text(st, 3, module, -1, SQLITE_STATIC);
    bool yes = sqlite3_step(st) == SQLITE_ROW && sqlite3_column_int(st, 0);
    sqlite3_finalize(st);
    return yes;
}

/* The innermost frame that is of the program's own file; else the innermost. */
static struct odb_err *program_frame(struct query *q, uint64_t t, struct symbols *s, struct query_frame *ret)
{
    __attribute__((cleanup(query_frame_deinit))) struct query_frame f = {0};
    const char *end = "";
    ODB_TRY(symbols_backtrace(s, FRAMES_MAX, &f.frames, &f.n_frames, &end));
    for (size_t i = 0; i < f.n_frames; i++) {
        f.frame = &f.frames[i];
        ODB_TRY(symbols_place(s, f.frame->lookup_pc, &f.place));
        if (!is_program(q, t, f.place.module))
            continue;
        *ret = f;
        f.frames = NULL;
        return NULL;
    }
    return query_frame(s, 0, ret);
}

struct odb_err *query_asked_frame(struct query *q, uint64_t t, struct symbols **ret_s,
                                  struct query_frame *ret)
{
    uint64_t number = 0;
    ODB_TRY(query_parse_index("--frame", q->a->frame, FRAMES_MAX, &number));
    ODB_TRY(query_symbols(q, t, ret_s));
    if (!q->a->at && !q->a->frame)
        return program_frame(q, t, *ret_s, ret);
    return query_frame(*ret_s, number, ret);
}

/* ---- values ---- */

struct odb_err *query_eval(struct symbols *s, uint64_t t, const struct query_frame *f, const char *expr,
                           struct sym_value *ret)
{
    const char *function = f->place.scopes[f->scope].function;
    return odb_err_context(symbols_eval(s, f->frame, f->scope, expr, ret), "'%s' at t %llu%s%s", expr, ULL(t),
                           function ? ", in " : "", function ? function : "");
}

struct odb_err *query_lvalue(struct query *q, uint64_t t, const char *expr, gaddr *ret, uint64_t *ret_n_bytes)
{
    struct symbols *s;
    __attribute__((cleanup(query_frame_deinit))) struct query_frame f = {0};
    __attribute__((cleanup(symbols_value_deinit))) struct sym_value v = {0};
    ODB_TRY(query_asked_frame(q, t, &s, &f));
    ODB_TRY(query_eval(s, t, &f, expr, &v));
    if (v.optimized_out || !v.has_addr)
        return odb_err("'%s' at t %llu: %s", expr, ULL(t),
                       v.optimized_out ? "optimised out"
                       : v.reg >= 0
                           ? "in a register, not in memory: ask for its `history`"
                           : "a mere value, it lies nowhere: give a variable, *pointer, or a number");
    *ret = v.addr;
    *ret_n_bytes = v.n_bytes ? v.n_bytes : 1;
    return NULL;
}

struct odb_err *query_number(struct query *q, uint64_t t, const char *expr, uint64_t *ret)
{
    struct symbols *s;
    char *text = NULL;
    __attribute__((cleanup(query_frame_deinit))) struct query_frame f = {0};
    __attribute__((cleanup(symbols_value_deinit))) struct sym_value v = {0};
    ODB_TRY(query_asked_frame(q, t, &s, &f));
    if (asprintf(&text, "(unsigned long)(%s)", expr) < 0)
        return odb_err("out of memory");
    struct odb_err *e = symbols_eval(s, f.frame, f.scope, text, &v);
    free(text);
    if (e)
        return odb_err_context(e, "'%s' at t %llu", expr, ULL(t));
    if (v.optimized_out || v.n_bytes != sizeof(*ret))
        return odb_err("'%s' at t %llu: no number", expr, ULL(t));
    memcpy(ret, v.bytes, sizeof(*ret));
    return NULL;
}

typedef struct odb_err *(*print_fn)(struct symbols *s, const struct sym_value *v, FILE *to);

static struct odb_err *value_text(struct symbols *s, const struct sym_value *v, print_fn print, char **ret)
{
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    if (!f)
        return odb_err("out of memory");
    struct odb_err *e = v->optimized_out ? NULL : print(s, v, f);
    if (v->optimized_out)
        fputs("<optimized out>", f);
    if (fclose(f) && !e)
        e = odb_err("out of memory");
    if (e) {
        free(text);
        return e;
    }
    *ret = text;
    return NULL;
}

struct odb_err *query_value_text(struct symbols *s, const struct sym_value *v, char **ret)
{
    return value_text(s, v, symbols_print_value, ret);
}

struct odb_err *query_value_plain(struct symbols *s, const struct sym_value *v, char **ret)
{
    return value_text(s, v, symbols_print_plain, ret);
}

/* Names by DWARF's numbers. */
static const char *dwarf_reg_name(int reg, char buf[16])
{
    static const char *const names[] = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp"};
    if (reg < 0)
        return NULL;
    if (reg < 8)
        return names[reg];
    snprintf(buf, 16, reg < 17 ? "r%d" : "xmm%d", reg < 17 ? reg : reg - 17);
    return reg == 16 ? "rip" : reg < 33 ? buf : NULL;
}

/* ,"type":...,"value":... : members of an object. */
static struct odb_err *value_json(struct symbols *s, const struct sym_value *v, const char *text)
{
    char type[512] = "", buf[16];
    if (v->type)
        ODB_TRY(symbols_type_name(s, v->type, type, sizeof(type)));
    fputs(",\"type\":", stdout);
    json_string(stdout, type, strlen(type));
    fputs(",\"value\":", stdout);
    json_string(stdout, text, strlen(text));
    const char *reg = v->has_addr ? NULL : dwarf_reg_name(v->reg, buf);
    if (v->has_addr)
        printf(",\"addr\":\"0x%llx\"", ULL(v->addr));
    if (reg)
        printf(",\"register\":\"%s\"", reg);
    if (v->optimized_out)
        fputs(",\"optimized_out\":true", stdout);
    if (v->bytes && !v->optimized_out) {
        fputs(",\"bytes\":", stdout);
        json_hex(stdout, v->bytes, v->n_bytes);
    }
    if (v->bit_size)
        printf(",\"bit_offset\":%u,\"bit_size\":%u", v->bit_offset, v->bit_size);
    return NULL;
}

/* ---- print ---- */

static struct odb_err *print_expr(struct query *q, struct symbols *s, uint64_t t, const char *expr,
                                  const struct query_frame *f)
{
    __attribute__((cleanup(symbols_value_deinit))) struct sym_value v = {0};
    _cleanup_free_ char *text = NULL;
    ODB_TRY(query_eval(s, t, f, expr, &v));
    ODB_TRY(query_value_text(s, &v, &text)); /* first: an error must not follow half an answer */
    if (q->json) {
        printf("{\"t\":%llu,\"pid\":%u,\"tid\":%u,\"expr\":", ULL(t), q->pid, q->tid);
        json_string(stdout, expr, strlen(expr));
        ODB_TRY(value_json(s, &v, text));
        fputs("}\n", stdout);
        return NULL;
    }
    printf("%s = %s\n", expr, text);
    return NULL;
}

struct odb_err *answer_print(struct query *q)
{
    uint64_t t = 0;
    struct symbols *s;
    __attribute__((cleanup(query_frame_deinit))) struct query_frame f = {0};
    ODB_TRY(query_parse_t(q, "--at", q->a->at, &t));
    ODB_TRY(query_asked_frame(q, t, &s, &f));
    return print_expr(q, s, t, q->a->args[0], &f);
}

/* ---- locals ---- */

/* Is there debug information where the frame is? Otherwise an error which says what to install. */
static struct odb_err *need_debug_info(const struct query_frame *f)
{
    const struct sym_scope *scope = &f->place.scopes[f->scope];
    char where[512];
    if (scope->file)
        return NULL;
    if (scope->function)
        snprintf(where, sizeof(where), "%s in %s", scope->function,
                 f->place.module ? f->place.module : "no file");
    else
        snprintf(where, sizeof(where), "0x%llx in %s", ULL(f->place.addr),
                 f->place.module ? f->place.module : "no file");
    return odb_err("no debug information for %s: build it with -g, or install its -dbg or -dbgsym package",
                   where);
}

static struct odb_err *variable_row(struct query *q, struct symbols *s, const struct sym_variable *v,
                                    bool first)
{
    _cleanup_free_ char *text = NULL;
    ODB_TRY(query_value_plain(s, &v->value, &text));
    if (!q->json) {
        printf("%*s%s = %s\n", 2 * v->depth, "", v->name, text);
        return NULL;
    }
    fputs(first ? "{\"name\":" : ",\n {\"name\":", stdout);
    json_string(stdout, v->name, strlen(v->name));
    printf(",\"parameter\":%s,\"depth\":%d,\"line\":%d", v->is_parameter ? "true" : "false", v->depth,
           v->line);
    ODB_TRY(value_json(s, &v->value, text));
    putchar('}');
    return NULL;
}

struct odb_err *answer_locals(struct query *q)
{
    uint64_t t = 0;
    size_t n = 0;
    struct symbols *s;
    struct sym_variable *v = NULL;
    struct odb_err *e = NULL;
    __attribute__((cleanup(query_frame_deinit))) struct query_frame f = {0};
    ODB_TRY(query_parse_t(q, "--at", q->a->at, &t));
    ODB_TRY(query_asked_frame(q, t, &s, &f));
    ODB_TRY(need_debug_info(&f));
    ODB_TRY(symbols_locals(s, f.frame, f.scope, &v, &n));
    if (q->json)
        putchar('[');
    else if (!n)
        printf("no locals in %s\n", f.place.scopes[f.scope].function);
    for (size_t i = 0; i < n && !e; i++)
        e = variable_row(q, s, &v[i], !i);
    symbols_variables_free(v, n);
    if (!e && q->json)
        fputs("]\n", stdout);
    return e;
}

/* ---- source ---- */

/* Lines around `line` of the text; `line` itself is marked. */
static void show_lines(struct query *q, const char *text, int line, bool *ret_any)
{
    int from = line > CONTEXT_LINES ? line - CONTEXT_LINES : 1, at = 1;
    bool any = false;
    for (const char *p = text; *p && at <= line + CONTEXT_LINES; at++) {
        size_t n = strcspn(p, "\n");
        if (at >= from && q->json) {
            printf("%s{\"line\":%d,\"text\":", any ? ",\n  " : "\n  ", at);
            json_string(stdout, p, n);
            putchar('}');
        } else if (at >= from) {
            printf("%s %5d  %.*s\n", at == line ? "->" : "  ", at, (int)n, p);
        }
        any |= at >= from;
        p += n + (p[n] == '\n');
    }
    *ret_any = any;
}

static struct odb_err *show_source(struct query *q, uint64_t t, const struct query_frame *f)
{
    const struct sym_scope *scope = &f->place.scopes[f->scope];
    const char *file = scope->file ? scope->file : "";
    _cleanup_free_ char *text = NULL;
    size_t n = 0;
    bool any = false;
    struct odb_err *e = fs_read_file(file, SOURCE_MAX_BYTES, &text, &n);
    if (q->json) {
        printf("{\"t\":%llu,\"pid\":%u,\"tid\":%u,\"function\":", ULL(t), q->pid, q->tid);
        json_string(stdout, scope->function ? scope->function : "",
                    scope->function ? strlen(scope->function) : 0);
        fputs(",\"file\":", stdout);
        json_string(stdout, file, strlen(file));
        printf(",\"line\":%d,\"column\":%d,\"source\":[", scope->line, scope->column);
    } else {
        printf("t %llu  %s%s%s:%d\n", ULL(t), scope->function ? scope->function : "",
               scope->function ? " at " : "", file, scope->line);
    }
    if (!e)
        show_lines(q, text, scope->line, &any);
    if (q->json)
        fputs("]}\n", stdout);
    else if (!any)
        puts(e ? "(the source file is not here)" : "(the source file is shorter than that: another version)");
    odb_err_free(e);
    return NULL;
}

struct odb_err *answer_source(struct query *q)
{
    uint64_t t = 0;
    struct symbols *s;
    __attribute__((cleanup(query_frame_deinit))) struct query_frame f = {0};
    ODB_TRY(query_parse_t(q, "--at", q->a->at, &t));
    ODB_TRY(query_asked_frame(q, t, &s, &f));
    ODB_TRY(need_debug_info(&f));
    return show_source(q, t, &f);
}
