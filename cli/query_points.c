/* See query_points.h. Addresses differ between processes and between the programs that one process executes, so a name is
 * looked up in each of them: at the last moment of every executable mapping of a file. */
#include "cli/query_points.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "common/cleanup.h"

/* ---- points ---- */

void query_points_deinit(struct query_points *p)
{
    free(p->points);
    p->points = NULL;
    p->n = p->cap = 0;
}

struct odb_err *query_points_add(struct query_points *p, gaddr addr, uint32_t pid)
{
    size_t lo = 0, hi = p->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const struct db_point *m = &p->points[mid];
        if (m->addr < addr || (m->addr == addr && m->pid < pid))
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo < p->n && p->points[lo].addr == addr && p->points[lo].pid == pid)
        return NULL;
    if (p->n == p->cap) {
        size_t cap = p->cap ? 2 * p->cap : 16;
        struct db_point *v = reallocarray(p->points, cap, sizeof(*v));
        if (!v)
            return odb_err("out of memory");
        p->points = v;
        p->cap = cap;
    }
    memmove(p->points + lo + 1, p->points + lo, (p->n - lo) * sizeof(*p->points));
    p->points[lo] = (struct db_point){.addr = addr, .pid = pid};
    p->n++;
    return NULL;
}

/* ---- every program ---- */

struct moment {
    uint64_t t;
    uint32_t pid;
};

/* Moments at which, taken together, every file that was ever mapped executable is mapped. *ret is owned by the caller. */
static struct odb_err *find_moments(struct query *q, struct moment **ret, size_t *ret_n)
{
    static const char sql[] =
        "SELECT DISTINCT m.pid, min(?2, ifnull(m.t_end-1, (SELECT max(p.t_end) FROM processes p WHERE"
        " p.pid=m.pid AND p.t_start<=m.t_start))) FROM maps m WHERE substr(m.prot,3,1)='x' AND m.file IS NOT "
        "NULL"
        " AND (?1=0 OR m.pid=?1) AND (m.t_end IS NULL OR m.t_end>m.t_start) ORDER BY 2, 1";
    sqlite3 *sq = db_sqlite(q->db);
    sqlite3_stmt *st;
    struct moment *v = NULL;
    size_t n = 0, cap = 0;
    int rc;
    if (sqlite3_prepare_v2(sq, sql, -1, &st, NULL) != SQLITE_OK)
        return odb_err("index: %s", sqlite3_errmsg(sq));
    sqlite3_bind_int64(st, 1, q->pid);
    sqlite3_bind_int64(st, 2, (sqlite3_int64)db_end_t(q->db));
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        if (n == cap) {
            cap = cap ? 2 * cap : 16;
            struct moment *more = reallocarray(v, cap, sizeof(*v));
            if (!more)
                break;
            v = more;
        }
        v[n++] = (struct moment){.pid = (uint32_t)sqlite3_column_int64(st, 0),
                                 .t = (uint64_t)sqlite3_column_int64(st, 1)};
    }
    struct odb_err *e = rc == SQLITE_DONE  ? NULL
                        : rc == SQLITE_ROW ? odb_err("out of memory")
                                           : odb_err("index: %s", sqlite3_errmsg(sq));
    sqlite3_finalize(st);
    if (e) {
        free(v);
        return e;
    }
    *ret = v;
    *ret_n = n;
    return NULL;
}

/* Looks something up in a program. May add nothing. */
typedef struct odb_err *(*find_fn)(struct symbols *s, void *ctx, gaddr **ret, size_t *ret_n);

static struct odb_err *find_everywhere(struct query *q, find_fn fn, void *ctx, struct query_points *ret)
{
    _cleanup_free_ struct moment *moments = NULL;
    size_t n_moments = 0;
    struct symbols *s;
    ODB_TRY(query_symbols_open(q, &s));
    ODB_TRY(find_moments(q, &moments, &n_moments));
    for (size_t i = 0; i < n_moments; i++) {
        const struct sym_view *view;
        _cleanup_free_ gaddr *addrs = NULL;
        size_t n = 0;
        ODB_TRY(view_db_memory_at(q->view, moments[i].t, moments[i].pid, &view));
        ODB_TRY(symbols_set_view(s, view));
        ODB_TRY(fn(s, ctx, &addrs, &n));
        for (size_t k = 0; k < n; k++)
            ODB_TRY(query_points_add(ret, addrs[k], moments[i].pid));
    }
    return NULL;
}

static struct odb_err *find_function(struct symbols *s, void *ctx, gaddr **ret, size_t *ret_n)
{
    const char *name = ctx;
    return symbols_find_function(s, name, ret, ret_n);
}

struct odb_err *query_find_function(struct query *q, const char *name, struct query_points *ret)
{
    union {
        const char *in;
        void *ctx;
    } u = {.in = name};
    ODB_TRY(find_everywhere(q, find_function, u.ctx, ret));
    if (!ret->n)
        return odb_err("no function '%s' in any program of the recording that has symbols", name);
    return NULL;
}

struct line_query {
    char *file;
    int line;
    int found; /* 0: not yet */
};

static struct odb_err *find_line(struct symbols *s, void *ctx, gaddr **ret, size_t *ret_n)
{
    struct line_query *l = ctx;
    int line = 0;
    ODB_TRY(symbols_find_line(s, l->file, l->line, ret, ret_n, &line));
    if (!*ret_n)
        return NULL;
    if (l->found && line > l->found) { /* another program has code nearer to it */
        *ret_n = 0;
        return NULL;
    }
    l->found = line;
    return NULL;
}

struct odb_err *query_find_line(struct query *q, const char *where, struct query_points *ret, int *ret_line)
{
    const char *colon = strrchr(where, ':');
    uint64_t line = 0;
    if (!colon || colon == where)
        return cli_usage("query: '%s': FILE:LINE, as in crash.c:17", where);
    ODB_TRY(query_parse_count("LINE", colon + 1, 1u << 30, &line));
    _cleanup_free_ char *file = strndup(where, (size_t)(colon - where));
    if (!file)
        return odb_err("out of memory");
    struct line_query l = {.file = file, .line = (int)line};
    ODB_TRY(find_everywhere(q, find_line, &l, ret));
    if (!ret->n)
        return odb_err(
            "no code for %s: no program of the recording has line information that names it (built "
            "with -g? is its -dbg package installed?)",
            where);
    *ret_line = l.found;
    return NULL;
}

/* ---- for the questions that list ---- */

struct odb_err *query_range(struct query *q, struct query_range *ret)
{
    struct query_range r = {.max = QUERY_MAX_ROWS};
    ODB_TRY(query_parse_t(q, "--from", q->a->from ? q->a->from : "start", &r.from));
    ODB_TRY(query_parse_t(q, "--to", q->a->to ? q->a->to : "end", &r.to));
    if (q->a->max)
        ODB_TRY(query_parse_count("--max", q->a->max, UINT32_MAX, &r.max));
    *ret = r;
    return NULL;
}

struct odb_err *query_spot(struct symbols *s, gaddr addr, bool inside, char *buf, size_t n_bytes)
{
    struct sym_place place;
    buf[0] = 0;
    ODB_TRY(symbols_place(s, inside ? addr - 1 : addr, &place));
    const struct sym_scope *scope = &place.scopes[0];
    const char *file = scope->file, *slash = file ? strrchr(file, '/') : NULL;
    if (scope->function && file)
        snprintf(buf, n_bytes, "%s (%s:%d)", scope->function, slash ? slash + 1 : file, scope->line);
    else if (scope->function)
        snprintf(buf, n_bytes, "%s", scope->function);
    else
        return symbols_describe(s, addr, buf, n_bytes);
    return NULL;
}
