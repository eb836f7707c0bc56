/* symbol(addr [, pid [, t]]): "main+0x12", "libc.so.6+0x2740a", NULL, out of the tables of functions and mappings alone.
 *
 * Executable mappings of files are few and asked for often: they are read once. Without a pid the address is one of any process, without
 * a t one of any time: the mapping that was made last counts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "db/internal.h"
#include "db/vtab.h"

struct code_map {
    uint64_t t_start, t_end;
    uint32_t pid, file;
    gaddr start, end;
    uint64_t offset;
    char *name; /* owned */
};

/* Programs are in loops: what was asked lately is asked again. */
struct answer {
    gaddr addr;
    const struct code_map *map; /* NULL: free */
    char text[120];             /* longer ones are not kept */
};
#define N_ANSWERS 4096

struct symbolizer {
    struct odb_db *db;     /* borrowed */
    struct code_map *maps; /* owned, the last made first */
    size_t n;
    bool loaded;
    struct answer *answers; /* owned, by addr % N_ANSWERS */
};

static void symbolizer_free(void *arg)
{
    struct symbolizer *s = arg;
    for (size_t i = 0; i < s->n; i++)
        free(s->maps[i].name);
    free(s->maps);
    free(s->answers);
    free(s);
}

static bool add_map(struct symbolizer *s, sqlite3_stmt *st)
{
    struct code_map *more = reallocarray(s->maps, s->n + 1, sizeof(*more));
    const char *name = (const char *)sqlite3_column_text(st, 7);
    if (!more)
        return false;
    s->maps = more;
    struct code_map *m = &more[s->n];
    const char *slash = name ? strrchr(name, '/') : NULL;
    *m = (struct code_map){.t_start = (uint64_t)sqlite3_column_int64(st, 0),
                           .t_end = sqlite3_column_type(st, 1) == SQLITE_NULL
                                        ? UINT64_MAX
                                        : (uint64_t)sqlite3_column_int64(st, 1),
                           .pid = (uint32_t)sqlite3_column_int64(st, 2),
                           .start = (gaddr)sqlite3_column_int64(st, 3),
                           .end = (gaddr)sqlite3_column_int64(st, 4),
                           .offset = (uint64_t)sqlite3_column_int64(st, 5),
                           .file = (uint32_t)sqlite3_column_int64(st, 6),
                           .name = strdup(slash && slash[1] ? slash + 1
                                          : name            ? name
                                                            : "")};
    s->n += m->name != NULL;
    return m->name != NULL;
}

static int load(struct symbolizer *s)
{
    static const char sql[] =
        "SELECT t_start, t_end, pid, start, end, offset, file, name FROM maps WHERE file IS NOT NULL"
        " AND substr(prot, 3)='x' ORDER BY t_start DESC";
    sqlite3_stmt *st;
    if (s->loaded)
        return SQLITE_OK;
    int rc = sqlite3_prepare_v2(s->db->sq, sql, -1, &st, NULL);
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(st);
        if (rc == SQLITE_ROW && !add_map(s, st))
            rc = SQLITE_NOMEM;
    }
    sqlite3_finalize(st);
    if (rc == SQLITE_DONE && !s->answers)
        s->answers = calloc(N_ANSWERS, sizeof(*s->answers));
    s->loaded = rc == SQLITE_DONE && s->answers;
    if (rc == SQLITE_DONE && !s->answers)
        return SQLITE_NOMEM;
    return s->loaded ? SQLITE_OK : rc;
}

/* The function at or before an offset of a file, as text; false: none. */
static bool describe(struct symbolizer *s, const struct code_map *m, uint64_t offset, char *buf,
                     size_t n_bytes)
{
    static const char sql[] =
        "SELECT name, offset, size FROM odb_functions WHERE file=?1 AND offset=(SELECT max(offset)"
        " FROM odb_functions WHERE file=?1 AND offset<=?2) ORDER BY alias LIMIT 1";
    sqlite3_stmt *st;
    bool found = false;
    if (sqlite3_prepare_v2(s->db->sq, sql, -1, &st, NULL) != SQLITE_OK)
        return false; /* an index without the table */
    sqlite3_bind_int64(st, 1, m->file);
    sqlite3_bind_int64(st, 2, (sqlite3_int64)offset);
    if (sqlite3_step(st) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(st, 0);
        uint64_t from = offset - (uint64_t)sqlite3_column_int64(st, 1),
                 size = (uint64_t)sqlite3_column_int64(st, 2);
        found = name && (from < size || !size);
        if (found)
            snprintf(buf, n_bytes, from ? "%s+0x%llx" : "%s", name, (unsigned long long)from);
    }
    sqlite3_finalize(st);
    return found;
}

static const struct code_map *find(const struct symbolizer *s, gaddr addr, int64_t pid, int64_t t)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct code_map *m = &s->maps[i];
        if (m->start <= addr && addr < m->end && (pid < 0 || m->pid == pid) &&
            (t < 0 || (m->t_start <= (uint64_t)t && (uint64_t)t < m->t_end)))
            return m;
    }
    return NULL;
}

static void symbol_fn(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct symbolizer *s = sqlite3_user_data(ctx);
    char buf[1024];
    for (int i = 0; i < argc; i++) {
        if (sqlite3_value_type(argv[i]) == SQLITE_NULL)
            return;
        if (sqlite3_value_numeric_type(argv[i]) != SQLITE_INTEGER) {
            sqlite3_result_error(ctx, "symbol(addr [, pid [, t]]) takes integers", -1);
            return;
        }
    }
    gaddr addr = (gaddr)sqlite3_value_int64(argv[0]);
    if (load(s) != SQLITE_OK) {
        sqlite3_result_error(ctx, sqlite3_errmsg(s->db->sq), -1);
        return;
    }
    const struct code_map *m = find(s, addr, argc > 1 ? sqlite3_value_int64(argv[1]) : -1,
                                    argc > 2 ? sqlite3_value_int64(argv[2]) : -1);
    if (!m)
        return;
    struct answer *kept = &s->answers[addr % N_ANSWERS];
    if (kept->map == m && kept->addr == addr) {
        sqlite3_result_text(ctx, kept->text, -1, SQLITE_TRANSIENT);
        return;
    }
    uint64_t offset = addr - m->start + m->offset;
    if (!describe(s, m, offset, buf, sizeof(buf)))
        snprintf(buf, sizeof(buf), "%s+0x%llx", m->name, (unsigned long long)offset);
    sqlite3_result_text(ctx, buf, -1, SQLITE_TRANSIENT);
    if (strlen(buf) < sizeof(kept->text)) {
        *kept = (struct answer){.addr = addr, .map = m};
        memcpy(kept->text, buf, strlen(buf) + 1);
    }
}

int symbol_register(struct odb_db *db)
{
    int rc = SQLITE_OK;
    for (int n_args = 1; n_args <= 3 && rc == SQLITE_OK; n_args++) {
        struct symbolizer *s = calloc(1, sizeof(*s));
        if (!s)
            return SQLITE_NOMEM;
        s->db = db;
        rc = sqlite3_create_function_v2(db->sq, "symbol", n_args, SQLITE_UTF8 | SQLITE_INNOCUOUS, s,
                                        symbol_fn, NULL, NULL, symbolizer_free);
    }
    return rc;
}
