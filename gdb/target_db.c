/* A target over an index: where it is, and what it is asked for. States are in target_db_state.c, searching for stops in
 * target_db_resume.c; see target_db.h. */
#include "gdb/target_db.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/fs.h"

#define SIGNAL_COLUMNS "SELECT t, pid, tid, signo, code, addr, fatal, rip, rowid FROM signals "
#define SYSCALL_COLUMNS "SELECT t, pid, tid, nr, result, arg0 FROM syscalls "

static const char *const stmt_sql[TDB_N_STMT] = {
    [TDB_SIGNALS_AT] = SIGNAL_COLUMNS "WHERE t=?1 ORDER BY rowid",
    [TDB_SIGNAL_NEXT] = SIGNAL_COLUMNS "WHERE t>=?1 AND t<=?2 ORDER BY t, rowid",
    [TDB_SIGNAL_PREV] = SIGNAL_COLUMNS "WHERE t<=?1 AND t>=?2 ORDER BY t DESC, rowid DESC",
    [TDB_SYSCALL_NEXT] = SYSCALL_COLUMNS "WHERE t>=?1 AND t<=?2 ORDER BY t",
    [TDB_SYSCALL_PREV] = SYSCALL_COLUMNS "WHERE t<=?1 AND t>=?2 ORDER BY t DESC",
    [TDB_SYSCALL_AT] = "SELECT nr FROM syscalls WHERE t=?1 AND tid=?2",
    [TDB_THREADS] = "SELECT pid, tid, t_end, name FROM threads WHERE t_start<=?1 AND t_end>=?1",
    [TDB_THREAD_START_NEXT] =
        "SELECT t_start, pid, tid FROM threads WHERE t_start>=?1 AND t_start<=?2 AND t_start>0 "
        "ORDER BY t_start",
    [TDB_THREAD_START_PREV] =
        "SELECT t_start, pid, tid FROM threads WHERE t_start<=?1 AND t_start>=?2 AND t_start>0 "
        "ORDER BY t_start DESC",
    [TDB_THREAD_END_NEXT] =
        "SELECT t_end, pid, tid FROM threads WHERE t_end>=?1 AND t_end<=?2 ORDER BY t_end",
    [TDB_THREAD_END_PREV] =
        "SELECT t_end, pid, tid FROM threads WHERE t_end<=?1 AND t_end>=?2 ORDER BY t_end DESC",
    [TDB_PROCESS_END_NEXT] =
        "SELECT t_end, pid, status FROM processes WHERE t_end>=?1 AND t_end<=?2 ORDER BY t_end",
    [TDB_PROCESS_END_PREV] =
        "SELECT t_end, pid, status FROM processes WHERE t_end<=?1 AND t_end>=?2 ORDER BY t_end DESC",
    [TDB_EXEC_NEXT] = "SELECT t, pid, exe FROM execs WHERE t>=?1 AND t<=?2 AND t>0 ORDER BY t",
    [TDB_EXEC_PREV] = "SELECT t, pid, exe FROM execs WHERE t<=?1 AND t>=?2 AND t>0 ORDER BY t DESC",
    [TDB_VFORK_NEXT] = SYSCALL_COLUMNS
    "WHERE t>=?1 AND t<=?2 AND name IN ('vfork','clone','clone3') AND result>0 ORDER BY t",
    [TDB_VFORK_PREV] = SYSCALL_COLUMNS
    "WHERE t<=?1 AND t>=?2 AND name IN ('vfork','clone','clone3') AND result>0 ORDER BY t DESC",
    [TDB_EXEC_OF] = "SELECT t, exe, args FROM execs WHERE pid=?1 AND t<=?2 ORDER BY t DESC LIMIT 1",
    [TDB_PROCESS_AT] = "SELECT t_start, t_end, parent, status FROM processes WHERE pid=?1 AND t_start<=?2 "
                       "ORDER BY t_start DESC",
    [TDB_EVENT_AT] = "SELECT event FROM syscalls WHERE t>=?1 AND event>0 ORDER BY t LIMIT 1",
    [TDB_T_OF_EVENT] = "SELECT t FROM syscalls WHERE event>=?1 ORDER BY event, t LIMIT 1",
    [TDB_FIRST_STATUS] = "SELECT status, pid FROM processes ORDER BY t_start LIMIT 1",
    [TDB_FILES] = "SELECT id, path, size, mtime, dev, ino FROM files ORDER BY id",
    [TDB_SIGNALS_AROUND] =
        "SELECT (SELECT max(t) FROM signals WHERE t<=?1), (SELECT min(t) FROM signals WHERE t>?1)",
    [TDB_SYSCALLS_AROUND] =
        "SELECT (SELECT max(t) FROM syscalls WHERE t<=?1), (SELECT min(t) FROM syscalls WHERE t>?1)",
    [TDB_RUNS_FIRST] = "SELECT t FROM executions WHERE pid=?1 AND t>=?2 ORDER BY t LIMIT 1",
    [TDB_RUNS_LAST] = "SELECT t FROM executions WHERE pid=?1 ORDER BY t DESC LIMIT 1",
};

struct odb_err *tdb_prepare(struct target_db *g, enum tdb_stmt which, sqlite3_stmt **ret)
{
    sqlite3 *sq = db_sqlite(g->db);
    if (!g->stmt[which] && sqlite3_prepare_v3(sq, stmt_sql[which], -1, SQLITE_PREPARE_PERSISTENT,
                                              &g->stmt[which], NULL) != SQLITE_OK)
        return odb_err("index: %s", sqlite3_errmsg(sq));
    *ret = g->stmt[which];
    return NULL;
}

struct odb_err *tdb_row(struct target_db *g, sqlite3_stmt *st, bool *ret)
{
    int rc = sqlite3_step(st);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return odb_err("index: %s", sqlite3_errmsg(db_sqlite(g->db)));
    *ret = rc == SQLITE_ROW;
    return NULL;
}

struct odb_err *tdb_in_gap(struct target_db *g, struct tdb_gap *gap, enum tdb_stmt around, uint64_t t,
                           bool *ret)
{
    *ret = gap->lo <= t && t < gap->hi;
    if (*ret)
        return NULL;
    _cleanup_tdb_reset_ sqlite3_stmt *st = NULL;
    bool row = false;
    ODB_TRY(tdb_prepare(g, around, &st));
    sqlite3_bind_int64(st, 1, (int64_t)t);
    ODB_TRY(tdb_row(g, st, &row));
    bool before = row && sqlite3_column_type(st, 0) != SQLITE_NULL;
    bool behind = row && sqlite3_column_type(st, 1) != SQLITE_NULL;
    if (before && (uint64_t)sqlite3_column_int64(st, 0) == t)
        return NULL;
    gap->lo = before ? (uint64_t)sqlite3_column_int64(st, 0) + 1 : 0;
    gap->hi = behind ? (uint64_t)sqlite3_column_int64(st, 1) : UINT64_MAX;
    *ret = true;
    return NULL;
}

void tdb_signal_of(sqlite3_stmt *st, struct tdb_signal *ret)
{
    *ret = (struct tdb_signal){
        .t = (uint64_t)sqlite3_column_int64(st, 0),
        .pid = (uint32_t)sqlite3_column_int64(st, 1),
        .tid = (uint32_t)sqlite3_column_int64(st, 2),
        .signo = sqlite3_column_int(st, 3),
        .code = sqlite3_column_int(st, 4),
        .has_addr = sqlite3_column_type(st, 5) != SQLITE_NULL,
        .addr = (gaddr)sqlite3_column_int64(st, 5),
        .fatal = sqlite3_column_int(st, 6) != 0,
        .rip = (gaddr)sqlite3_column_int64(st, 7),
    };
}

/* ---- where ---- */

static struct odb_err *load_signals(struct target_db *g, uint64_t t, struct tdb_signal **ret, unsigned *ret_n)
{
    _cleanup_tdb_reset_ sqlite3_stmt *st = NULL;
    _cleanup_free_ struct tdb_signal *v = NULL;
    unsigned n = 0;
    bool none;
    *ret = NULL;
    *ret_n = 0;
    ODB_TRY(tdb_in_gap(g, &g->signal_gap, TDB_SIGNALS_AROUND, t, &none));
    if (none)
        return NULL;
    ODB_TRY(tdb_prepare(g, TDB_SIGNALS_AT, &st));
    sqlite3_bind_int64(st, 1, (int64_t)t);
    for (;;) {
        bool row = false;
        ODB_TRY(tdb_row(g, st, &row));
        if (!row)
            break;
        struct tdb_signal *more = reallocarray(v, n + 1, sizeof(*v));
        if (!more)
            return odb_err("out of memory");
        v = more;
        tdb_signal_of(st, &v[n]);
        v[n].i = n;
        n++;
    }
    *ret = take_ptr(v);
    *ret_n = n;
    return NULL;
}

const struct tdb_signal *tdb_signal_here(const struct target_db *g)
{
    return g->at.sig < g->n_signals ? &g->signals[g->at.sig] : NULL;
}

struct odb_err *tdb_go(struct target_db *g, uint64_t t, unsigned sig)
{
    struct tdb_signal *signals;
    unsigned n;
    uint32_t pid = 0, tid = 0;
    if (t > g->end)
        return odb_err("t %" PRIu64 " is behind the end: the last state is %" PRIu64, t, g->end);
    if (g->in_branch)
        ODB_TRY(tdb_leave_branch(&g->base));
    if (g->end)
        ODB_TRY(db_running(g->db, t, &pid, &tid));
    ODB_TRY(load_signals(g, t, &signals, &n));
    free(g->signals);
    g->signals = signals;
    g->n_signals = n;
    g->at = (struct tdb_position){t, sig < n ? sig : n};
    g->behind = 0;
    const struct tdb_signal *s = tdb_signal_here(g);
    if (!s && n && t == g->end && signals[n - 1].fatal)
        s = &signals[n - 1]; /* the thread that died */
    g->pid = s ? s->pid : pid;
    g->tid = s ? s->tid : tid;
    return NULL;
}

static uint64_t event_at(struct target_db *g, uint64_t t)
{
    _cleanup_tdb_reset_ sqlite3_stmt *st = NULL;
    bool row = false;
    _cleanup_err_ struct odb_err *e = tdb_prepare(g, TDB_EVENT_AT, &st);
    if (e)
        return UINT64_MAX;
    sqlite3_bind_int64(st, 1, (int64_t)t);
    e = tdb_row(g, st, &row);
    return e || !row ? UINT64_MAX : (uint64_t)sqlite3_column_int64(st, 0);
}

static void tdb_where(struct target *base, struct target_position *ret)
{
    struct target_db *g = tdb_of(base);
    *ret = (struct target_position){
        .has_t = true,
        .t = g->at.t,
        .event = event_at(g, g->at.t),
        .tick = UINT64_MAX,
        .run = g->at.sig < g->n_signals ? g->at.sig : 0,
        .in_signal = g->at.sig < g->n_signals,
        .pid = g->pid,
        .tid = g->tid,
    };
    odb_err_free(tdb_rip(g, g->tid, &ret->rip));
}

static struct odb_err *tdb_seek(struct target *base, const struct target_position *to)
{
    if (!to->has_t)
        return odb_err("this position is one of a replay, not of the index");
    return tdb_go(tdb_of(base), to->t, to->in_signal ? (unsigned)to->run : TDB_AT_INSTRUCTION);
}

static struct odb_err *one_number(struct target_db *g, enum tdb_stmt which, uint64_t arg, bool *ret_found,
                                  uint64_t *ret)
{
    _cleanup_tdb_reset_ sqlite3_stmt *st = NULL;
    ODB_TRY(tdb_prepare(g, which, &st));
    sqlite3_bind_int64(st, 1, (int64_t)arg);
    ODB_TRY(tdb_row(g, st, ret_found));
    if (*ret_found)
        *ret = (uint64_t)sqlite3_column_int64(st, 0);
    return NULL;
}

static bool parse_number(const char *text, const char **ret_rest, uint64_t *ret)
{
    char *rest;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *ret = strtoull(text, &rest, text[0] == '0' && (text[1] | 32) == 'x' ? 16 : 10);
    *ret_rest = rest;
    return !errno;
}

static struct odb_err *parse_where(struct target_db *g, const char *where, uint64_t *ret)
{
    const char *rest = "";
    uint64_t n;
    if (!strcmp(where, "start") || !strcmp(where, "end")) {
        *ret = *where == 's' ? 0 : g->end;
        return NULL;
    }
    if (!strncmp(where, "event:", 6)) {
        bool found = false;
        if (!parse_number(where + 6, &rest, &n) || *rest)
            return odb_err("'%s': event:N takes a number", where);
        ODB_TRY(one_number(g, TDB_T_OF_EVENT, n, &found, ret));
        if (!found)
            *ret = g->end;
        return NULL;
    }
    if (*where && where[strlen(where) - 1] == '%') {
        char *end;
        double percent = strtod(where, &end);
        if (end == where || strcmp(end, "%") != 0 || !(percent >= 0 && percent <= 100))
            return odb_err("'%s': a percentage is from 0%% to 100%%", where);
        n = (uint64_t)((double)g->end * percent / 100);
        *ret = n < g->end ? n : g->end;
        return NULL;
    }
    if (!parse_number(where, &rest, &n) || *rest)
        return odb_err("'%s': a place is t, 'start', 'end', 'N%%' or 'event:N'", where);
    if (n > g->end)
        return odb_err("t %" PRIu64 " is behind the end: the last state is %" PRIu64, n, g->end);
    *ret = n;
    return NULL;
}

static struct odb_err *tdb_seek_text(struct target *base, const char *where)
{
    uint64_t t = 0;
    ODB_TRY(parse_where(tdb_of(base), where, &t));
    return tdb_go(tdb_of(base), t, TDB_AT_INSTRUCTION);
}

static struct odb_db *tdb_database(struct target *g) { return tdb_of(g)->db; }
static unsigned tdb_vector_bytes(const struct target *g)
{
    return ((const struct target_db *)(const void *)g)->vector_bytes;
}

/* ---- breakpoints, watches, catches ---- */

/* Where the breakpoint is or belongs: they are by address, then pid. */
static size_t find_break(const struct target_db *g, uint32_t pid, gaddr addr, bool *ret_there)
{
    size_t lo = 0, hi = g->n_breaks;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        const struct db_point *p = &g->breaks[mid];
        if (p->addr < addr || (p->addr == addr && p->pid < pid))
            lo = mid + 1;
        else
            hi = mid;
    }
    *ret_there = lo < g->n_breaks && g->breaks[lo].addr == addr && g->breaks[lo].pid == pid;
    return lo;
}

static struct odb_err *grow(void **v, size_t *cap, size_t n, size_t size)
{
    if (n < *cap)
        return NULL;
    size_t more = *cap ? 2 * *cap : 16;
    void *p = reallocarray(*v, more, size);
    if (!p)
        return odb_err("out of memory");
    *v = p;
    *cap = more;
    return NULL;
}

static struct odb_err *tdb_insert_break(struct target *base, uint32_t pid, gaddr addr)
{
    struct target_db *g = tdb_of(base);
    bool there;
    size_t i = find_break(g, pid, addr, &there);
    if (there)
        return NULL;
    ODB_TRY(grow((void **)&g->breaks, &g->cap_breaks, g->n_breaks, sizeof(*g->breaks)));
    memmove(&g->breaks[i + 1], &g->breaks[i], (g->n_breaks++ - i) * sizeof(*g->breaks));
    g->breaks[i] = (struct db_point){addr, pid};
    return g->replay ? target_insert_break(g->replay, pid, addr) : NULL;
}

static struct odb_err *tdb_remove_break(struct target *base, uint32_t pid, gaddr addr)
{
    struct target_db *g = tdb_of(base);
    bool there;
    size_t i = find_break(g, pid, addr, &there);
    if (there)
        memmove(&g->breaks[i], &g->breaks[i + 1], (--g->n_breaks - i) * sizeof(*g->breaks));
    return g->replay ? target_remove_break(g->replay, pid, addr) : NULL;
}

static bool same_watch(const struct tdb_watch *a, const struct tdb_watch *b)
{
    return a->pid == b->pid && a->kind == b->kind && a->addr == b->addr && a->n_bytes == b->n_bytes;
}

static size_t find_watch(const struct target_db *g, const struct tdb_watch *w)
{
    size_t i = 0;
    while (i < g->n_watches && !same_watch(&g->watches[i], w))
        i++;
    return i;
}

static size_t find_read(const struct target_db *g, const struct tdb_watch *w)
{
    size_t i = 0;
    while (i < g->n_reads && !same_watch(&g->reads[i], w))
        i++;
    return i;
}

static struct odb_err *insert_read(struct target_db *g, const struct tdb_watch *w)
{
    if (find_read(g, w) < g->n_reads)
        return NULL;
    ODB_TRY(tdb_open_replay(g)); /* can they be found? */
    ODB_TRY(grow((void **)&g->reads, &g->cap_reads, g->n_reads, sizeof(*g->reads)));
    g->reads[g->n_reads++] = *w;
    return NULL;
}

static void remove_read(struct target_db *g, const struct tdb_watch *w)
{
    size_t i = find_read(g, w);
    if (i < g->n_reads)
        g->reads[i] = g->reads[--g->n_reads];
}

static struct odb_err *insert_write(struct target_db *g, const struct tdb_watch *w)
{
    if (find_watch(g, w) < g->n_watches)
        return NULL;
    ODB_TRY(grow((void **)&g->watches, &g->cap_watches, g->n_watches, sizeof(*g->watches)));
    ODB_TRY(grow((void **)&g->ranges, &g->cap_ranges, g->n_watches, sizeof(*g->ranges)));
    size_t i = g->n_watches++;
    for (; i && g->watches[i - 1].addr > w->addr; i--) { /* by address */
        g->watches[i] = g->watches[i - 1];
        g->ranges[i] = g->ranges[i - 1];
    }
    g->watches[i] = *w;
    g->ranges[i] = (struct db_range){w->addr, w->n_bytes, w->pid};
    return NULL;
}

static void remove_write(struct target_db *g, const struct tdb_watch *w)
{
    size_t i = find_watch(g, w);
    if (i == g->n_watches)
        return;
    for (g->n_watches--; i < g->n_watches; i++) {
        g->watches[i] = g->watches[i + 1];
        g->ranges[i] = g->ranges[i + 1];
    }
}

static struct odb_err *tdb_insert_watch(struct target *base, uint32_t pid, enum target_watch_kind kind,
                                        gaddr addr, uint64_t n_bytes)
{
    struct target_db *g = tdb_of(base);
    const struct tdb_watch w = {pid, kind, addr, n_bytes};
    if (kind != TARGET_WATCH_WRITE)
        ODB_TRY(insert_read(g, &w));
    if (kind != TARGET_WATCH_READ)
        ODB_TRY(insert_write(g, &w));
    return g->replay ? target_insert_watch(g->replay, pid, kind, addr, n_bytes) : NULL;
}

static struct odb_err *tdb_remove_watch(struct target *base, uint32_t pid, enum target_watch_kind kind,
                                        gaddr addr, uint64_t n_bytes)
{
    struct target_db *g = tdb_of(base);
    const struct tdb_watch w = {pid, kind, addr, n_bytes};
    remove_read(g, &w);
    remove_write(g, &w);
    return g->replay ? target_remove_watch(g->replay, pid, kind, addr, n_bytes) : NULL;
}

static struct odb_err *tdb_set_catch(struct target *base, const struct target_catch *c)
{
    struct target_db *g = tdb_of(base);
    uint16_t *numbers = NULL;
    if (c->numbers) {
        numbers = malloc(c->n_numbers * sizeof(*numbers) + 1);
        if (!numbers)
            return odb_err("out of memory");
        memcpy(numbers, c->numbers, c->n_numbers * sizeof(*numbers));
    }
    free(g->numbers);
    g->catches = *c;
    g->catches.numbers = g->numbers = numbers;
    return g->replay ? target_set_catch(g->replay, c) : NULL;
}

/* ---- files ---- */

static struct odb_err *read_files(struct target_db *g, struct target_files *files)
{
    _cleanup_tdb_reset_ sqlite3_stmt *st = NULL;
    ODB_TRY(tdb_prepare(g, TDB_FILES, &st));
    for (;;) {
        bool row = false;
        ODB_TRY(tdb_row(g, st, &row));
        if (!row)
            return NULL;
        const char *text = (const char *)sqlite3_column_text(st, 1);
        char path[4096];
        snprintf(path, sizeof(path), "%s", text ? text : "");
        ODB_TRY(
            target_files_add(files, &(struct target_file){.id = (uint32_t)sqlite3_column_int64(st, 0),
                                                          .path = path,
                                                          .size = (uint64_t)sqlite3_column_int64(st, 2),
                                                          .mtime_ns = (uint64_t)sqlite3_column_int64(st, 3),
                                                          .dev = (uint64_t)sqlite3_column_int64(st, 4),
                                                          .ino = (uint64_t)sqlite3_column_int64(st, 5)}));
    }
}

static struct odb_err *tdb_files(struct target *base, const struct target_files **ret)
{
    struct target_db *g = tdb_of(base);
    if (!g->have_files) {
        struct target_files files = {0};
        struct odb_err *e = read_files(g, &files);
        if (e) {
            target_files_deinit(&files);
            return e;
        }
        g->files = files;
        g->have_files = true;
    }
    *ret = &g->files;
    return NULL;
}

/* ---- opening ---- */

static void tdb_interrupt(struct target *base)
{
    struct target_db *g = tdb_of(base);
    if (g->in_branch || atomic_load(&g->searching))
        target_interrupt(g->replay);
}

static void tdb_close(struct target *base)
{
    struct target_db *g = tdb_of(base);
    target_close(g->replay);
    for (int i = 0; i < TDB_N_STMT; i++)
        sqlite3_finalize(g->stmt[i]);
    db_close(g->db);
    target_files_deinit(&g->files);
    free(g->signals);
    free(g->breaks);
    free(g->watches);
    free(g->ranges);
    free(g->reads);
    free(g->numbers);
    free(base->dir);
    free(g);
}

static const struct target_ops tdb_ops = {
    .close = tdb_close,
    .where = tdb_where,
    .seek = tdb_seek,
    .seek_text = tdb_seek_text,
    .database = tdb_database,
    .threads = tdb_threads,
    .registers = tdb_registers,
    .vector_bytes = tdb_vector_bytes,
    .read = tdb_read,
    .maps = tdb_maps,
    .auxv = tdb_auxv,
    .exec_file = tdb_exec_file,
    .command_line = tdb_command_line,
    .files = tdb_files,
    .insert_break = tdb_insert_break,
    .remove_break = tdb_remove_break,
    .insert_watch = tdb_insert_watch,
    .remove_watch = tdb_remove_watch,
    .set_catch = tdb_set_catch,
    .resume = tdb_resume,
    .siginfo = tdb_siginfo,
    .write = tdb_write,
    .write_registers = tdb_write_registers,
    .in_branch = tdb_in_branch,
    .leave_branch = tdb_leave_branch,
    .interrupt = tdb_interrupt,
};

/* Where the process runs at or behind t; else, and for "end", where it last runs, or dies. */
static struct odb_err *go_to_process(struct target_db *g, uint32_t pid, const char *at, uint64_t t)
{
    _cleanup_tdb_reset_ sqlite3_stmt *st = NULL;
    bool found = false;
    if (strcmp(at, "end") != 0) {
        ODB_TRY(tdb_prepare(g, TDB_RUNS_FIRST, &st));
        sqlite3_bind_int64(st, 1, pid);
        sqlite3_bind_int64(st, 2, (int64_t)t);
        ODB_TRY(tdb_row(g, st, &found));
        if (found)
            return tdb_go(g, (uint64_t)sqlite3_column_int64(st, 0), TDB_AT_INSTRUCTION);
    }
    ODB_TRY(one_number(g, TDB_RUNS_LAST, pid, &found, &t));
    if (!found)
        return odb_err("process %u has not run in this recording", pid);
    ODB_TRY(tdb_go(g, t + 1, TDB_AT_INSTRUCTION));
    for (unsigned i = 0; i < g->n_signals; i++)
        if (g->signals[i].pid == pid && g->signals[i].fatal)
            return t + 1 == g->end ? NULL : tdb_go(g, t + 1, i);
    return g->pid == pid ? NULL : tdb_go(g, t, TDB_AT_INSTRUCTION);
}

static struct odb_err *open_at(struct target_db *g, const struct target_options *opt)
{
    const char *at = opt->at ? opt->at : "start";
    struct db_regs regs;
    uint64_t t = 0;
    g->end = db_end_t(g->db);
    if (!g->end)
        return odb_err("the index has no instructions");
    ODB_TRY(db_registers(g->db, 0, 0, &regs));
    g->vector_bytes = regs.vector_bytes;
    ODB_TRY(parse_where(g, at, &t));
    return opt->pid ? go_to_process(g, opt->pid, at, t) : tdb_go(g, t, TDB_AT_INSTRUCTION);
}

struct odb_err *target_db_open(const char *dir, const struct target_options *opt, struct target **ret)
{
    _cleanup_free_ char *path = NULL;
    ODB_TRY(fs_join(dir, "index.db", &path));
    struct target_db *g = calloc(1, sizeof(*g));
    if (!g)
        return odb_err("out of memory");
    g->base.ops = &tdb_ops;
    g->base.dir = strdup(dir);
    struct odb_err *e = g->base.dir ? db_open(path, &g->db) : odb_err("out of memory");
    if (!e)
        e = open_at(g, opt);
    if (e) {
        tdb_close(&g->base);
        return e;
    }
    *ret = &g->base;
    return NULL;
}
