/* odb_line_rows: the rows of line tables, decoded (indexer/source_lines.h). View `lines` adds addresses and paths to them.
 *
 * One row of odb_lines (a source file of a program's file) is decoded at a time. Conditions file = and source = are
 * pushed down. */
#include <stdlib.h>
#include <string.h>

#include "db/vtab.h"
#include "indexer/source_lines.h"

static const char declaration[] =
    "CREATE TABLE odb_line_rows(file INTEGER, source INTEGER, offset INTEGER, size INTEGER,"
    " line INTEGER, column INTEGER, is_stmt INTEGER)";
enum { COL_FILE, COL_SOURCE, COL_OFFSET, COL_SIZE, COL_LINE, COL_COLUMN, COL_IS_STMT };
enum { BY_FILE = 1, BY_SOURCE = 2 };

struct cursor {
    sqlite3_vtab_cursor base;
    sqlite3_stmt *st; /* owned; NULL: at the end */
    int64_t file, source;
    struct source_row *rows; /* owned */
    size_t n, i;
};

static int lines_connect(sqlite3 *sq, void *arg, int argc, const char *const *argv, sqlite3_vtab **ret,
                         char **ret_err)
{
    (void)argc;
    (void)argv;
    return vtab_connect(sq, arg, declaration, sizeof(struct vtab), ret, ret_err);
}

static int lines_best_index(sqlite3_vtab *vt, sqlite3_index_info *info)
{
    static const int bits[] = {[COL_FILE] = BY_FILE, [COL_SOURCE] = BY_SOURCE};
    int at[2] = {-1, -1}, n = 0;
    (void)vt;
    for (int i = 0; i < info->nConstraint; i++) {
        const struct sqlite3_index_constraint *c = &info->aConstraint[i];
        if (c->usable && c->op == SQLITE_INDEX_CONSTRAINT_EQ &&
            (c->iColumn == COL_FILE || c->iColumn == COL_SOURCE))
            at[c->iColumn] = i;
    }
    info->estimatedCost = 1e7;
    info->estimatedRows = 1000000;
    for (int column = COL_FILE; column <= COL_SOURCE; column++) {
        if (at[column] < 0)
            continue;
        info->aConstraintUsage[at[column]].argvIndex = ++n;
        info->idxNum |= bits[column];
        info->estimatedCost /= column == COL_SOURCE ? 1000 : 4;
        info->estimatedRows /= column == COL_SOURCE ? 1000 : 4;
    }
    return SQLITE_OK;
}

static int lines_open(sqlite3_vtab *vt, sqlite3_vtab_cursor **ret)
{
    (void)vt;
    return vtab_open(sizeof(struct cursor), ret);
}

static void finish(struct cursor *cur)
{
    sqlite3_finalize(cur->st);
    cur->st = NULL;
    free(cur->rows);
    cur->rows = NULL;
    cur->n = cur->i = 0;
}

static int lines_close(sqlite3_vtab_cursor *c)
{
    finish((struct cursor *)c);
    sqlite3_free(c);
    return SQLITE_OK;
}

/* Decodes until there is a row, or no more. */
static int advance(struct cursor *cur)
{
    while (cur->i >= cur->n) {
        int rc = sqlite3_step(cur->st);
        if (rc != SQLITE_ROW) {
            finish(cur);
            return rc == SQLITE_DONE ? SQLITE_OK : rc;
        }
        const void *data = sqlite3_column_blob(cur->st, 2);
        free(cur->rows);
        cur->rows = NULL;
        cur->n = cur->i = 0;
        cur->file = sqlite3_column_int64(cur->st, 0);
        cur->source = sqlite3_column_int64(cur->st, 1);
        struct odb_err *e =
            source_lines_decode(data, (size_t)sqlite3_column_bytes(cur->st, 2), &cur->rows, &cur->n);
        if (e) {
            finish(cur);
            return vtab_fail(cur->base.pVtab, e);
        }
    }
    return SQLITE_OK;
}

static int lines_filter(sqlite3_vtab_cursor *c, int idx, const char *plan, int argc, sqlite3_value **argv)
{
    static const char *const sql[] = {
        [0] = "SELECT file, source, data FROM odb_lines",
        [BY_FILE] = "SELECT file, source, data FROM odb_lines WHERE file=?1",
        [BY_SOURCE] = "SELECT file, source, data FROM odb_lines WHERE source=?1",
        [BY_FILE | BY_SOURCE] = "SELECT file, source, data FROM odb_lines WHERE file=?1 AND source=?2",
    };
    (void)plan;
    struct cursor *cur = (struct cursor *)c;
    finish(cur);
    int rc = sqlite3_prepare_v2(((struct vtab *)c->pVtab)->db->sq, sql[idx & 3], -1, &cur->st, NULL);
    for (int i = 0; i < argc && rc == SQLITE_OK; i++)
        rc = sqlite3_bind_value(cur->st, i + 1, argv[i]);
    return rc == SQLITE_OK ? advance(cur) : rc;
}

static int lines_next(sqlite3_vtab_cursor *c)
{
    struct cursor *cur = (struct cursor *)c;
    cur->i++;
    return advance(cur);
}

static int lines_eof(sqlite3_vtab_cursor *c) { return !((struct cursor *)c)->st; }

static int lines_column(sqlite3_vtab_cursor *c, sqlite3_context *ctx, int column)
{
    const struct cursor *cur = (const struct cursor *)c;
    const struct source_row *r = &cur->rows[cur->i];
    const int64_t values[] = {cur->file, cur->source, (int64_t)r->offset, r->n_bytes,
                              r->line,   r->column,   r->is_stmt};
    if (column != COL_COLUMN || r->column)
        sqlite3_result_int64(ctx, values[column]);
    return SQLITE_OK;
}

static int lines_rowid(sqlite3_vtab_cursor *c, sqlite3_int64 *ret)
{
    const struct cursor *cur = (const struct cursor *)c;
    *ret = cur->file << 48 ^ cur->source << 24 ^ (int64_t)cur->i;
    return SQLITE_OK;
}

static const sqlite3_module lines_module = {
    .iVersion = 1,
    .xConnect = lines_connect,
    .xBestIndex = lines_best_index,
    .xDisconnect = vtab_disconnect,
    .xDestroy = vtab_disconnect,
    .xOpen = lines_open,
    .xClose = lines_close,
    .xFilter = lines_filter,
    .xNext = lines_next,
    .xEof = lines_eof,
    .xColumn = lines_column,
    .xRowid = lines_rowid,
};

int vtab_lines_register(struct odb_db *db)
{
    return sqlite3_create_module_v2(db->sq, "odb_line_rows", &lines_module, db, NULL);
}
