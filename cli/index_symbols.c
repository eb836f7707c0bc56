/* See index_symbols.h. Files are looked at one at a time, through a view that maps nothing but the file, as some process had it. Rows
 * hold offsets in the file, so they are the same for all processes; the views add the addresses. */
#include "cli/index_symbols.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/fs.h"
#include "common/hash.h"
#include "indexer/source_lines.h"
#include "symbols/symbols.h"

#define ROWS_MAX (8u << 20) /* lines of one file */

struct line_row {
    uint32_t source;
    struct source_row row;
};

/* Paths that have a number: an open hash table. */
struct paths {
    struct {
        char *path; /* owned; NULL: free */
        uint32_t id;
    } * slots; /* owned */
    size_t n, cap;
};

struct work {
    sqlite3 *db;
    const char *dir;
    sqlite3_stmt *put_function, *put_source, *put_lines;
    bool sql_failed;
    struct paths paths;
    /* the file at work */
    uint32_t file;
    struct sym_map *maps; /* borrowed */
    size_t n_maps;
    struct line_row *rows; /* owned */
    size_t n_rows, cap_rows;
};

/* ---- SQL ---- */

static struct odb_err *sql_err(struct work *w)
{
    w->sql_failed = true;
    return odb_err("index: %s", sqlite3_errmsg(w->db));
}

static struct odb_err *step(struct work *w, sqlite3_stmt *st)
{
    int rc = sqlite3_step(st);
    struct odb_err *e = rc == SQLITE_DONE ? NULL : sql_err(w);
    sqlite3_reset(st);
    return e;
}

static struct odb_err *prepare(struct work *w, const char *sql, sqlite3_stmt **ret)
{
    return sqlite3_prepare_v2(w->db, sql, -1, ret, NULL) == SQLITE_OK ? NULL : sql_err(w);
}

/* ---- numbers of paths ---- */

static struct odb_err *grow_paths(struct paths *p)
{
    struct paths more = {.cap = p->cap ? 2 * p->cap : 256};
    more.slots = calloc(more.cap, sizeof(*more.slots));
    if (!more.slots)
        return odb_err("out of memory");
    for (size_t i = 0; i < p->cap; i++) {
        if (!p->slots[i].path)
            continue;
        size_t k = odb_hash64(p->slots[i].path, strlen(p->slots[i].path), 0) % more.cap;
        while (more.slots[k].path)
            k = (k + 1) % more.cap;
        more.slots[k].path = p->slots[i].path;
        more.slots[k].id = p->slots[i].id;
    }
    more.n = p->n;
    free(p->slots);
    *p = more;
    return NULL;
}

static struct odb_err *source_id(struct work *w, const char *path, uint32_t *ret)
{
    struct paths *p = &w->paths;
    if (2 * (p->n + 1) > p->cap)
        ODB_TRY(grow_paths(p));
    size_t k = odb_hash64(path, strlen(path), 0) % p->cap;
    for (; p->slots[k].path; k = (k + 1) % p->cap)
        if (!strcmp(p->slots[k].path, path)) {
            *ret = p->slots[k].id;
            return NULL;
        }
    p->slots[k].path = strdup(path);
    if (!p->slots[k].path)
        return odb_err("out of memory");
    p->slots[k].id = *ret = (uint32_t)++p->n;
    sqlite3_bind_int64(w->put_source, 1, *ret);
    sqlite3_bind_text(w->put_source, 2, path, -1, SQLITE_STATIC);
    return step(w, w->put_source);
}

/* ---- rows ---- */

/* Where an address lies in the file; false: in none of its executable mappings. */
static bool offset_of(const struct work *w, gaddr addr, uint64_t *ret)
{
    for (size_t i = 0; i < w->n_maps; i++)
        if (w->maps[i].executable && w->maps[i].start <= addr && addr < w->maps[i].end) {
            *ret = addr - w->maps[i].start + w->maps[i].offset;
            return true;
        }
    return false;
}

static struct odb_err *add_function(void *ctx, const struct sym_function *f)
{
    struct work *w = ctx;
    sqlite3_stmt *st = w->put_function;
    uint64_t offset;
    uint32_t source = 0;
    if (!f->name || !offset_of(w, f->low, &offset))
        return NULL;
    if (f->file)
        ODB_TRY(source_id(w, f->file, &source));
    sqlite3_bind_int64(st, 1, w->file);
    sqlite3_bind_int64(st, 2, (sqlite3_int64)offset);
    sqlite3_bind_int64(st, 3, f->high > f->low ? (sqlite3_int64)(f->high - f->low) : 0);
    sqlite3_bind_text(st, 4, f->name, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 5, f->linkage && strcmp(f->linkage, f->name) != 0 ? f->linkage : NULL, -1,
                      SQLITE_STATIC);
    if (source)
        sqlite3_bind_int64(st, 6, source);
    else
        sqlite3_bind_null(st, 6);
    if (f->line)
        sqlite3_bind_int(st, 7, f->line);
    else
        sqlite3_bind_null(st, 7);
    sqlite3_bind_int(st, 8, f->is_alias);
    return step(w, st);
}

static struct odb_err *add_line(void *ctx, const struct sym_line *l)
{
    struct work *w = ctx;
    struct line_row r = {.row = {.line = (uint32_t)l->line,
                                 .column = (uint32_t)l->column,
                                 .is_stmt = l->is_stmt,
                                 .n_bytes = (uint32_t)(l->high - l->low)}};
    if (w->n_rows >= ROWS_MAX || !offset_of(w, l->low, &r.row.offset))
        return NULL;
    ODB_TRY(source_id(w, l->file, &r.source));
    if (w->n_rows == w->cap_rows) {
        size_t cap = w->cap_rows ? 2 * w->cap_rows : 4096;
        struct line_row *rows = reallocarray(w->rows, cap, sizeof(*rows));
        if (!rows)
            return odb_err("out of memory");
        w->rows = rows;
        w->cap_rows = cap;
    }
    w->rows[w->n_rows++] = r;
    return NULL;
}

static int by_source(const void *a, const void *b)
{
    const struct line_row *x = a, *y = b;
    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    return x->row.offset < y->row.offset ? -1 : x->row.offset > y->row.offset;
}

static struct odb_err *put_source_lines(struct work *w, const struct source_row *rows, size_t n,
                                        uint32_t source)
{
    _cleanup_free_ void *data = NULL;
    size_t n_bytes = 0;
    ODB_TRY(source_lines_encode(rows, n, &data, &n_bytes));
    sqlite3_bind_int64(w->put_lines, 1, w->file);
    sqlite3_bind_int64(w->put_lines, 2, source);
    sqlite3_bind_blob64(w->put_lines, 3, data, n_bytes, SQLITE_STATIC);
    return step(w, w->put_lines);
}

static struct odb_err *put_lines(struct work *w)
{
    _cleanup_free_ struct source_row *rows = malloc((w->n_rows + 1) * sizeof(*rows));
    if (!rows)
        return odb_err("out of memory");
    qsort(w->rows, w->n_rows, sizeof(*w->rows), by_source);
    for (size_t i = 0, k; i < w->n_rows; i = k) {
        size_t n = 0;
        for (k = i; k < w->n_rows && w->rows[k].source == w->rows[i].source; k++)
            rows[n++] = w->rows[k].row;
        ODB_TRY(put_source_lines(w, rows, n, w->rows[i].source));
    }
    w->n_rows = 0;
    return NULL;
}

/* ---- files ---- */

static struct odb_err *open_copy(void *ctx, uint32_t file_id, const char *path, int *ret_fd)
{
    const struct work *w = ctx;
    _cleanup_free_ char *copy = NULL;
    char name[32];
    uint64_t n_bytes;
    (void)path;
    *ret_fd = -1;
    if (!file_id)
        return NULL;
    snprintf(name, sizeof(name), "files/%u", file_id);
    ODB_TRY(fs_join(w->dir, name, &copy));
    return fs_open_regular(copy, ret_fd, &n_bytes);
}

static struct odb_err *read_nothing(void *ctx, gaddr addr, void *to, size_t n_bytes, size_t *ret_n)
{
    (void)ctx, (void)addr, (void)to, (void)n_bytes;
    *ret_n = 0;
    return NULL;
}

/* The rows of one file. What symbols/ cannot read is left out. */
static struct odb_err *add_file(struct work *w)
{
    const struct sym_files files = {.ctx = w, .open = open_copy};
    const struct sym_view view = {.ctx = w, .read = read_nothing, .maps = w->maps, .n_maps = w->n_maps};
    struct symbols *s;
    ODB_TRY(symbols_create(&files, &s));
    struct odb_err *e = symbols_set_view(s, &view);
    if (!e)
        e = symbols_each_function(s, add_function, w);
    if (!e)
        e = symbols_each_line(s, add_line, w);
    symbols_destroy(s);
    if (w->sql_failed)
        return e;
    odb_err_free(e);
    return put_lines(w);
}

/* The mappings of the file as the process of its first executable mapping had them. */
static struct odb_err *read_maps(struct work *w, sqlite3_stmt *st, struct sym_map **ret, size_t *ret_n)
{
    struct sym_map *maps = NULL;
    size_t n = 0, cap = 0;
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        if (n == cap) {
            cap = cap ? 2 * cap : 8;
            struct sym_map *more = reallocarray(maps, cap, sizeof(*maps));
            if (!more)
                break;
            maps = more;
        }
        maps[n++] = (struct sym_map){.start = (gaddr)sqlite3_column_int64(st, 0),
                                     .end = (gaddr)sqlite3_column_int64(st, 1),
                                     .offset = (uint64_t)sqlite3_column_int64(st, 2),
                                     .executable = sqlite3_column_int(st, 3),
                                     .file_id = w->file,
                                     .name = ""};
    }
    *ret = maps;
    *ret_n = n;
    return rc == SQLITE_DONE ? NULL : rc == SQLITE_ROW ? odb_err("out of memory") : sql_err(w);
}

static struct odb_err *each_file(struct work *w, sqlite3_stmt *files, sqlite3_stmt *maps)
{
    int rc;
    while ((rc = sqlite3_step(files)) == SQLITE_ROW) {
        _cleanup_free_ struct sym_map *v = NULL;
        w->file = (uint32_t)sqlite3_column_int64(files, 0);
        for (int i = 0; i < 3; i++)
            sqlite3_bind_int64(maps, 1 + i, sqlite3_column_int64(files, i));
        struct odb_err *e = read_maps(w, maps, &v, &w->n_maps);
        w->maps = v;
        sqlite3_reset(maps);
        ODB_TRY(e);
        ODB_TRY(add_file(w));
    }
    return rc == SQLITE_DONE ? NULL : sql_err(w);
}

static struct odb_err *run(struct work *w)
{
    sqlite3_stmt *files = NULL, *maps = NULL;
    struct odb_err *e =
        prepare(w, "INSERT OR IGNORE INTO odb_functions VALUES(?,?,?,?,?,?,?,?)", &w->put_function);
    if (!e)
        e = prepare(w, "INSERT INTO odb_sources VALUES(?,?)", &w->put_source);
    if (!e)
        e = prepare(w, "INSERT OR REPLACE INTO odb_lines VALUES(?,?,?)", &w->put_lines);
    if (!e) /* pid is that of the row with the greatest t_start */
        e = prepare(w,
                    "SELECT file, pid, max(t_start) FROM maps WHERE file IS NOT NULL AND substr(prot, 3)='x'"
                    " AND (t_end IS NULL OR t_end>t_start) GROUP BY file ORDER BY file",
                    &files);
    if (!e) /* as they were then: the code is there, the rest of the file may follow */
        e = prepare(
            w,
            "SELECT start, end, offset, max(substr(prot, 3)='x') FROM maps WHERE file=?1 AND pid=?2 AND"
            " (t_start<=?3 AND (t_end IS NULL OR t_end>?3)) GROUP BY start ORDER BY start",
            &maps);
    if (!e)
        e = each_file(w, files, maps);
    sqlite3_finalize(files);
    sqlite3_finalize(maps);
    return e;
}

struct odb_err *index_symbols(void *ctx, sqlite3 *db)
{
    struct work w = {.db = db, .dir = ctx};
    if (sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
        return sql_err(&w);
    struct odb_err *e = run(&w);
    sqlite3_finalize(w.put_function);
    sqlite3_finalize(w.put_source);
    sqlite3_finalize(w.put_lines);
    for (size_t i = 0; i < w.paths.cap; i++)
        free(w.paths.slots[i].path);
    free(w.paths.slots);
    free(w.rows);
    if (!e && sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        e = sql_err(&w);
    return e;
}
