/* The index of a recording against a replay of it. At random events: every mapped byte of every process that lives then,
 * and the registers of every thread. In all: how many instructions each process executed and how many writes it made,
 * counted in the log by a reader of our own. Makes the index if there is none.
 *
 *     test_states REC [POINTS [SEED]] */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "db/db.h"
#include "indexer/index.h"
#include "replayer/replay.h"

#define POINTS_MAX 1000
#define BAD_MAX 20 /* differences shown */

static unsigned n_bad;
static uint64_t n_bytes, n_regs;

static void must(struct odb_err *e)
{
    if (e) {
        fprintf(stderr, "test_states: %s\n", odb_err_text(e));
        exit(1);
    }
}

static void differs(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void differs(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (n_bad++ < BAD_MAX) {
        vfprintf(stderr, fmt, ap);
        fputc('\n', stderr);
    }
    va_end(ap);
}

/* ---- counts ---- */

struct counts {
    uint32_t pid;
    uint64_t insns, writes;
};
static struct counts *counts;
static size_t n_counts, at_count;
static bool begun; /* an instruction was seen */

static void count_for(uint32_t pid)
{
    for (at_count = 0; at_count < n_counts && counts[at_count].pid != pid; at_count++)
        ;
    if (at_count < n_counts)
        return;
    counts = reallocarray(counts, n_counts + 1, sizeof(*counts));
    counts[n_counts++] = (struct counts){.pid = pid};
}

static void count_log(const uint8_t *p, size_t n)
{
    for (size_t at = 0; at < n;) {
        struct odb_log r;
        memcpy(&r, p + at, sizeof(r));
        uint64_t body = ((uint64_t)r.n + 7) & ~7ull;
        at += sizeof(r) + (r.kind == ODB_LOG_INSN ? 0 : r.kind == ODB_LOG_MEM ? 2 * body : body);
        if (r.kind == ODB_LOG_START)
            count_for((uint32_t)(r.arg >> 32));
        begun |= r.kind == ODB_LOG_INSN;
        if (r.kind == ODB_LOG_INSN)
            counts[at_count].insns++;
        if (r.kind == ODB_LOG_MEM && begun && r.n)
            counts[at_count].writes++;
        if (r.kind == ODB_LOG_ELSEWHERE && r.n > 8)
            counts[at_count].writes++;
    }
}

static void compare_counts(struct odb_db *db)
{
    sqlite3_stmt *st;
    uint64_t n_rows = 0, missing = 0;
    if (sqlite3_prepare_v2(
            db_sqlite(db),
            "SELECT e.pid, e.n, coalesce(w.n, 0) FROM (SELECT pid, count(*) AS n FROM executions GROUP BY "
            "pid) e LEFT JOIN (SELECT pid, count(*) AS n FROM mem_writes GROUP BY pid) w ON w.pid=e.pid",
            -1, &st, NULL) != SQLITE_OK)
        must(odb_err("%s", sqlite3_errmsg(db_sqlite(db))));
    for (; sqlite3_step(st) == SQLITE_ROW; n_rows++) {
        size_t was = n_counts;
        uint32_t pid = (uint32_t)sqlite3_column_int64(st, 0);
        uint64_t insns = (uint64_t)sqlite3_column_int64(st, 1),
                 writes = (uint64_t)sqlite3_column_int64(st, 2);
        count_for(pid);
        if (n_counts > was)
            differs("process %u is only in the index", pid);
        missing += counts[at_count].insns - insns;
        if (counts[at_count].writes != writes)
            differs("process %u: %lu writes in the index, %lu in the log", pid, writes,
                    counts[at_count].writes);
    }
    sqlite3_finalize(st);
    if (n_rows != n_counts || missing > 1) /* one: the last, which did not complete */
        differs("%lu processes, %lu instructions missing, in the log %zu", n_rows, missing, n_counts);
}

/* ---- one state ---- */

static void compare_map(struct replay *r, struct odb_db *db, uint64_t t, uint32_t pid, const struct db_map *m)
{
    static uint8_t a[1 << 16], b[1 << 16];
    static bool valid[1 << 16];
    for (gaddr at = m->start; at < m->end; at += sizeof(a)) {
        size_t n = m->end - at < sizeof(a) ? (size_t)(m->end - at) : sizeof(a), got, n_valid;
        must(replay_read_process(r, pid, at, a, n, &got));
        must(db_memory(db, t, pid, at, n, b, valid, &n_valid));
        if (n_valid != n)
            differs("t %lu pid %u 0x%lx: %zu of %zu bytes in the index (%s)", t, pid, at, n_valid, n,
                    m->name);
        for (size_t i = 0; i < got; i++)
            if (a[i] != b[i]) {
                differs("t %lu pid %u 0x%lx: index %02x, replay %02x (%s)", t, pid, at + i, b[i], a[i],
                        m->name);
                break;
            }
        n_bytes += got;
        if (got < n)
            break; /* not readable, or behind the file's end */
    }
}

static void compare_process(struct replay *r, struct odb_db *db, uint64_t t, uint32_t pid)
{
    struct db_map *maps;
    size_t n;
    must(db_maps(db, t, pid, &maps, &n));
    for (size_t i = 0; i < n; i++)
        compare_map(r, db, t, pid, &maps[i]);
    db_maps_free(maps, n);
}

static void compare_thread(struct replay *r, struct odb_db *db, uint64_t t, uint32_t tid)
{
    const struct odb_stop *stop;
    const struct odb_xstate *x;
    struct db_regs regs;
    struct odb_err *e = db_registers(db, t, tid, &regs);
    if (e) { /* has not run yet */
        odb_err_free(e);
        return;
    }
    must(replay_registers(r, tid, &stop, &x));
    for (unsigned i = 0; i < ODB_N_GPR; i++, n_regs++)
        if (regs.regs.scalar[i] != stop->regs.gpr[i])
            differs("t %lu tid %u %s: index 0x%lx, replay 0x%lx", t, tid, db_reg_name(i, 32),
                    regs.regs.scalar[i], stop->regs.gpr[i]);
    if (regs.regs.scalar[ODB_REG_FS_BASE] != stop->regs.fs_base)
        differs("t %lu tid %u fs_base: index 0x%lx, replay 0x%lx", t, tid, regs.regs.scalar[ODB_REG_FS_BASE],
                stop->regs.fs_base);
    if (regs.runs && regs.regs.scalar[ODB_REG_RIP] != stop->regs.rip)
        differs("t %lu tid %u rip: index 0x%lx, replay 0x%lx", t, tid, regs.regs.scalar[ODB_REG_RIP],
                stop->regs.rip);
    for (int i = 0; i < 16; i++, n_regs++)
        if (memcmp(regs.regs.wide[i], x->image + 160 + 16 * i, 16) ||
            memcmp(regs.regs.wide[i] + 16, x->image + 576 + 16 * i, 16))
            differs("t %lu tid %u ymm%d differs", t, tid, i);
}

/* Calls fn with each number that the statement gives for t. */
static void each(struct replay *r, struct odb_db *db, uint64_t t, const char *sql,
                 void (*fn)(struct replay *, struct odb_db *, uint64_t, uint32_t))
{
    sqlite3_stmt *st;
    if (sqlite3_prepare_v2(db_sqlite(db), sql, -1, &st, NULL) != SQLITE_OK)
        must(odb_err("%s: %s", sql, sqlite3_errmsg(db_sqlite(db))));
    sqlite3_bind_int64(st, 1, (sqlite3_int64)t);
    while (sqlite3_step(st) == SQLITE_ROW)
        fn(r, db, t, (uint32_t)sqlite3_column_int64(st, 0));
    sqlite3_finalize(st);
}

static int64_t sql_int(struct odb_db *db, const char *sql)
{
    sqlite3_stmt *st;
    if (sqlite3_prepare_v2(db_sqlite(db), sql, -1, &st, NULL) != SQLITE_OK || sqlite3_step(st) != SQLITE_ROW)
        must(odb_err("%s: %s", sql, sqlite3_errmsg(db_sqlite(db))));
    int64_t v = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return v;
}

static int ascending(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static const struct odb_stop *run(struct replay *r, const struct odb_run *to)
{
    const struct odb_stop *stop;
    do {
        size_t n_log;
        must(replay_run(r, to, &stop));
        const void *log = replay_log(r, &n_log);
        count_log(log, n_log);
    } while (stop->reason == ODB_STOP_LOG_FULL);
    return stop;
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 4) {
        fprintf(stderr, "usage: test_states REC [POINTS [SEED]]\n");
        return 2;
    }
    int n = argc > 2 ? atoi(argv[2]) : 10;
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 1, events[POINTS_MAX];
    char path[4096];
    struct odb_db *db;
    struct replay *r;
    const struct odb_stop *stop;
    snprintf(path, sizeof(path), "%s/index.db", argv[1]);
    if (access(path, F_OK))
        must(odb_index(argv[1], NULL, NULL));
    must(db_open(path, &db));
    if (db_damage(db))
        must(odb_err("the index is not whole: %s", db_damage(db)));
    /* system calls: a stop at the event of a signal is before its delivery, the state at t behind it */
    uint64_t n_calls = (uint64_t)sql_int(db, "SELECT count(*) FROM syscalls WHERE event > 0");
    for (int i = 0; i < n && i < POINTS_MAX; i++) {
        char sql[100];
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        snprintf(sql, sizeof(sql), "SELECT event FROM syscalls WHERE event > 0 LIMIT 1 OFFSET %lu",
                 (seed >> 33) % n_calls);
        events[i] = (uint64_t)sql_int(db, sql);
    }
    qsort(events, (size_t)n, sizeof(*events), ascending);
    must(replay_open(argv[1], &(struct replay_options){.out_fd = {-1, -1, -1}, .index = true}, &r));
    int done = 0;
    for (int i = 0; i < n; i++) {
        if (i && events[i] == events[i - 1])
            continue;
        stop = run(r, &(struct odb_run){.flags = ODB_RUN_TO_EVENT, .event = events[i]});
        if (stop->reason != ODB_STOP_EVENT)
            must(odb_err("the replay does not stop at event %lu but for reason %u: %s", events[i],
                         stop->reason, stop->text));
        uint64_t t = stop->insns;
        each(r, db, t, "SELECT pid FROM processes WHERE t_start<=?1 AND t_end>?1", compare_process);
        each(r, db, t, "SELECT tid FROM threads WHERE t_start<=?1 AND t_end>?1", compare_thread);
        done++;
    }
    stop = run(r, NULL);
    if (stop->reason != ODB_STOP_END)
        differs("the replay ends for reason %u: %s", stop->reason, stop->text);
    compare_counts(db);
    printf(
        "%s: %lu instructions, %zu processes, %d states, %lu bytes, %lu registers compared, %u differences\n",
        argv[1], db_end_t(db), n_counts, done, n_bytes, n_regs, n_bad);
    db_close(db);
    replay_close(r);
    return n_bad != 0;
}
