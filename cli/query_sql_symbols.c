/* SQL that needs symbols/, and so is only in `odb query`, not in the extension:
 *
 *   typed(expr, t [, tid])    the value of a C expression in the innermost frame, as text. NULL where it has none: no such variable
 *                             there, optimised out, memory that is not mapped
 *   backtrace(t [, tid])      a table: frame, pc, function, source, line, module, guessed
 *
 * Without a tid: of the thread that executes instruction t. */
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/query_symbols.h"
#include "common/cleanup.h"
#include "db/vtab.h"

#define FRAMES_MAX 1000

/* Integers only: t, then perhaps tid. false: not so. */
static bool take_place(int argc, sqlite3_value **argv, uint64_t *t, uint32_t *tid)
{
    int64_t v[2] = {0, 0};
    for (int i = 0; i < argc && i < 2; i++) {
        if (sqlite3_value_numeric_type(argv[i]) != SQLITE_INTEGER)
            return false;
        v[i] = sqlite3_value_int64(argv[i]);
    }
    if (v[0] < 0 || v[1] < 0 || v[1] > UINT32_MAX)
        return false;
    *t = (uint64_t)v[0];
    *tid = (uint32_t)v[1];
    return true;
}

/* ---- typed ---- */

static struct odb_err *typed(struct query *q, const char *expr, uint64_t t, uint32_t tid, char **ret)
{
    struct symbols *s;
    __attribute__((cleanup(query_frame_deinit))) struct query_frame f = {0};
    __attribute__((cleanup(symbols_value_deinit))) struct sym_value v = {0};
    ODB_TRY(query_symbols_at(q, t, 0, tid, &s));
    ODB_TRY(query_frame(s, 0, &f));
    ODB_TRY(query_eval(s, t, &f, expr, &v));
    return v.optimized_out ? NULL : query_value_text(s, &v, ret);
}

static void typed_fn(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    uint64_t t;
    uint32_t tid;
    _cleanup_free_ char *text = NULL;
    for (int i = 0; i < argc; i++)
        if (sqlite3_value_type(argv[i]) == SQLITE_NULL)
            return;
    const char *expr = (const char *)sqlite3_value_text(argv[0]);
    if (!expr || !take_place(argc - 1, argv + 1, &t, &tid)) {
        sqlite3_result_error(ctx, "typed(expr, t [, tid]) takes a text and integers", -1);
        return;
    }
    _cleanup_err_ struct odb_err *e = typed(sqlite3_user_data(ctx), expr, t, tid, &text);
    if (!e && text)
        sqlite3_result_text(ctx, text, -1, SQLITE_TRANSIENT);
}

/* ---- backtrace ---- */

enum { COL_FRAME, COL_PC, COL_FUNCTION, COL_SOURCE, COL_LINE, COL_MODULE, COL_GUESSED, COL_T, COL_TID };
static const char declaration[] =
    "CREATE TABLE backtrace(frame INTEGER, pc INTEGER, function TEXT, source TEXT, line INTEGER,"
    " module TEXT, guessed INTEGER, t INTEGER HIDDEN, tid INTEGER HIDDEN)";

struct table {
    struct vtab base;
    struct query *q; /* borrowed */
};

/* Frames as people count them. */
struct row {
    gaddr pc;
    const char *function, *source, *module; /* of symbols/ */
    int line;
    bool guessed;
};

struct cursor {
    sqlite3_vtab_cursor base;
    struct row *rows; /* owned */
    size_t n, i;
    uint64_t t;
    uint32_t tid;
};

static int bt_connect(sqlite3 *sq, void *arg, int argc, const char *const *argv, sqlite3_vtab **ret,
                      char **ret_err)
{
    (void)argc, (void)argv;
    struct query *q = arg;
    int rc = vtab_connect(sq, q->db, declaration, sizeof(struct table), ret, ret_err);
    if (rc == SQLITE_OK)
        ((struct table *)*ret)->q = q;
    return rc;
}

static int bt_best_index(sqlite3_vtab *vt, sqlite3_index_info *info)
{
    info->estimatedCost = 10000;
    info->estimatedRows = 10;
    return vtab_best_state(vt, info, COL_T, "backtrace");
}

static int bt_open(sqlite3_vtab *vt, sqlite3_vtab_cursor **ret)
{
    (void)vt;
    return vtab_open(sizeof(struct cursor), ret);
}

static int bt_close(sqlite3_vtab_cursor *c)
{
    free(((struct cursor *)c)->rows);
    sqlite3_free(c);
    return SQLITE_OK;
}

static struct odb_err *add_rows(struct cursor *cur, struct symbols *s, const struct sym_frame *f)
{
    struct sym_place place;
    ODB_TRY(symbols_place(s, f->lookup_pc, &place));
    struct row *rows = reallocarray(cur->rows, cur->n + sym_frame_scopes(f, &place), sizeof(*rows));
    if (!rows)
        return odb_err("out of memory");
    cur->rows = rows;
    for (size_t i = 0; i < sym_frame_scopes(f, &place); i++)
        rows[cur->n++] = (struct row){.pc = f->pc,
                                      .function = place.scopes[i].function,
                                      .source = place.scopes[i].file,
                                      .line = place.scopes[i].line,
                                      .module = place.module,
                                      .guessed = f->how == SYM_FRAME_POINTER || f->how == SYM_FRAME_SCAN};
    return NULL;
}

static struct odb_err *fill(struct cursor *cur)
{
    struct symbols *s;
    _cleanup_free_ struct sym_frame *frames = NULL;
    const char *end;
    size_t n = 0;
    ODB_TRY(query_symbols_at(((struct table *)cur->base.pVtab)->q, cur->t, 0, cur->tid, &s));
    ODB_TRY(symbols_backtrace(s, FRAMES_MAX, &frames, &n, &end));
    for (size_t i = 0; i < n; i++)
        ODB_TRY(add_rows(cur, s, &frames[i]));
    return NULL;
}

static int bt_filter(sqlite3_vtab_cursor *c, int idx, const char *plan, int argc, sqlite3_value **argv)
{
    (void)idx, (void)plan;
    struct cursor *cur = (struct cursor *)c;
    free(cur->rows);
    cur->rows = NULL;
    cur->n = cur->i = 0;
    if (argc < 1 || !take_place(argc, argv, &cur->t, &cur->tid))
        return SQLITE_OK;
    struct odb_err *e = fill(cur);
    return e ? vtab_fail(c->pVtab, e) : SQLITE_OK;
}

static int bt_next(sqlite3_vtab_cursor *c)
{
    ((struct cursor *)c)->i++;
    return SQLITE_OK;
}

static int bt_eof(sqlite3_vtab_cursor *c) { return ((struct cursor *)c)->i >= ((struct cursor *)c)->n; }

static int bt_column(sqlite3_vtab_cursor *c, sqlite3_context *ctx, int column)
{
    const struct cursor *cur = (const struct cursor *)c;
    const struct row *r = &cur->rows[cur->i];
    const char *text = column == COL_FUNCTION ? r->function : column == COL_SOURCE ? r->source : r->module;
    switch (column) {
    case COL_FRAME: sqlite3_result_int64(ctx, (sqlite3_int64)cur->i); break;
    case COL_PC: sqlite3_result_int64(ctx, (sqlite3_int64)r->pc); break;
    case COL_GUESSED: sqlite3_result_int(ctx, r->guessed); break;
    case COL_T: sqlite3_result_int64(ctx, (sqlite3_int64)cur->t); break;
    case COL_TID: sqlite3_result_int64(ctx, cur->tid); break;
    case COL_LINE:
        if (r->line)
            sqlite3_result_int(ctx, r->line);
        break;
    default:
        if (text)
            sqlite3_result_text(ctx, text, -1, SQLITE_TRANSIENT);
    }
    return SQLITE_OK;
}

static int bt_rowid(sqlite3_vtab_cursor *c, sqlite3_int64 *ret)
{
    *ret = (sqlite3_int64)((struct cursor *)c)->i;
    return SQLITE_OK;
}

static const sqlite3_module bt_module = {
    .iVersion = 1,
    .xConnect = bt_connect,
    .xBestIndex = bt_best_index,
    .xDisconnect = vtab_disconnect,
    .xDestroy = vtab_disconnect,
    .xOpen = bt_open,
    .xClose = bt_close,
    .xFilter = bt_filter,
    .xNext = bt_next,
    .xEof = bt_eof,
    .xColumn = bt_column,
    .xRowid = bt_rowid,
};

struct odb_err *query_sql_symbols(struct query *q)
{
    sqlite3 *sq = db_sqlite(q->db);
    int rc = SQLITE_OK;
    for (int n_args = 2; n_args <= 3 && rc == SQLITE_OK; n_args++)
        rc = sqlite3_create_function_v2(sq, "typed", n_args, SQLITE_UTF8, q, typed_fn, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_create_module_v2(sq, "backtrace", &bt_module, q, NULL);
    return rc == SQLITE_OK ? NULL : odb_err("SQL: %s", sqlite3_errmsg(sq));
}
