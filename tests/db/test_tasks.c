/* The index of a made-up world of processes (world.h): memory and registers of every process at random times, who
 * wrote each byte, tables. The world itself is the oracle.
 *     test_tasks DIR [SEED [INSTRUCTIONS]] */
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "db/db.h"
#include "indexer/builder.h"
#include "tests/db/world.h"

static unsigned n_checks;
#define CHECK(cond, ...)                                               \
    do {                                                               \
        n_checks++;                                                    \
        if (!(cond)) {                                                 \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #cond); \
            fprintf(stderr, __VA_ARGS__);                              \
            fputc('\n', stderr);                                       \
            exit(1);                                                   \
        }                                                              \
    } while (0)

static void must(struct odb_err *e)
{
    if (e) {
        fprintf(stderr, "test_tasks: %s\n", odb_err_text(e));
        exit(1);
    }
}

static uint64_t seed_state;
static uint64_t below(uint64_t n)
{
    seed_state = seed_state * 6364136223846793005u + 1442695040888963407u;
    return (seed_state >> 33) % n;
}

static void check_memory(struct odb_db *db, const struct world *w, const struct world_proc *p)
{
    static uint8_t buf[WORLD_PAGES * 4096];
    static bool valid[WORLD_PAGES * 4096];
    size_t n_valid;
    must(db_memory(db, w->until, p->pid, WORLD_BASE, sizeof(buf), buf, valid, &n_valid));
    for (int i = 0; i < WORLD_PAGES; i++) {
        const struct world_slot *s = &p->space->slots[i];
        CHECK(valid[4096 * i] == (s->page != NULL), "t %lu pid %u page %d: mapped", w->until, p->pid, i);
        for (int k = 0; s->page && k < 4096; k++)
            CHECK(buf[4096 * i + k] == s->page->data[k], "t %lu pid %u page %d+%d object %d: %02x, want %02x",
                  w->until, p->pid, i, k, s->object, buf[4096 * i + k], s->page->data[k]);
    }
}

/* Who wrote this byte last? */
static void check_writer(struct odb_db *db, const struct world *w, const struct world_proc *p)
{
    int i = (int)below(WORLD_PAGES), k = (int)(below(3) ? below(108) : below(4096));
    const struct world_slot *s = &p->space->slots[i];
    uint64_t addr = WORLD_BASE + 4096ull * (unsigned)i + (unsigned)k;
    struct db_write got;
    struct db_content c;
    bool found, mapped;
    must(db_last_write(db, p->pid, addr, 1, w->until, &found, &got));
    must(db_content(db, w->until, p->pid, addr, &mapped, &c));
    CHECK(mapped == (s->page != NULL), "t %lu pid %u 0x%lx: content", w->until, p->pid, addr);
    if (!mapped)
        return;
    if (found && !c.object && got.t + 1 < c.t_start)
        found = false; /* of what was mapped there before */
    uint32_t last = s->page->last[k];
    CHECK(found == (last != 0), "t %lu pid %u 0x%lx object %d: a writer is %sfound", w->until, p->pid, addr,
          s->object, found ? "" : "not ");
    if (!found)
        return;
    const struct world_write *want = &w->writes[last - 1];
    CHECK(got.t == want->t && got.pid == want->pid && got.tid == want->tid && got.addr == want->at &&
              got.n_bytes == want->len,
          "t %lu pid %u 0x%lx object %d: written at %lu by %u/%u (0x%lx+%u), want %lu by %u/%u (0x%lx+%u)",
          w->until, p->pid, addr, s->object, got.t, got.pid, got.tid, got.addr, got.n_bytes, want->t,
          want->pid, want->tid, want->at, want->len);
    CHECK((c.object != 0) == (s->object >= 0), "t %lu pid %u 0x%lx: object", w->until, p->pid, addr);
    /* from there on, the next write is later than this state */
    must(db_next_write(db, p->pid, addr, 1, w->until, &found, &got));
    CHECK(!found || got.t >= w->until, "next write");
}

static void check_state(struct odb_db *db, uint64_t seed, uint64_t t)
{
    struct world w;
    world_make(&w, seed, t, NULL);
    for (int i = 0; i < w.n_procs; i++) {
        if (!w.procs[i].space)
            continue;
        check_memory(db, &w, &w.procs[i]);
        for (int k = 0; k < 40; k++)
            check_writer(db, &w, &w.procs[i]);
    }
    for (int i = 0; i < w.n_threads; i++) {
        const struct world_thread *th = &w.threads[i];
        struct db_regs r;
        if (!th->alive || !th->ran)
            continue;
        must(db_registers(db, t, th->tid, &r));
        CHECK(r.regs.scalar[ODB_RAX] == th->rax, "t %lu tid %u: rax %lx, want %lx", t, th->tid,
              r.regs.scalar[ODB_RAX], th->rax);
        CHECK(r.pid == w.procs[th->proc].pid, "t %lu tid %u: pid %u", t, th->tid, r.pid);
    }
    world_free(&w);
}

/* ---- SQL ---- */

static int64_t sql_int(sqlite3 *sq, const char *sql)
{
    sqlite3_stmt *st;
    CHECK(sqlite3_prepare_v2(sq, sql, -1, &st, NULL) == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(sq));
    int rc = sqlite3_step(st);
    CHECK(rc == SQLITE_ROW, "%s: %s", sql, sqlite3_errmsg(sq));
    int64_t v = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return v;
}

static int64_t sqlf(sqlite3 *sq, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int64_t sqlf(sqlite3 *sq, const char *fmt, ...)
{
    char sql[1000];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(sql, sizeof(sql), fmt, ap);
    va_end(ap);
    return sql_int(sq, sql);
}

static void check_tables(sqlite3 *sq, const struct world *w)
{
    CHECK(sql_int(sq, "SELECT count(*) FROM mem_writes") == w->n_writes, "mem_writes");
    CHECK(sql_int(sq, "SELECT count(*) FROM switches") <= (int64_t)w->switches, "switches");
    CHECK(sql_int(sq, "SELECT count(*) FROM processes") == w->n_procs, "processes");
    CHECK(sql_int(sq, "SELECT count(DISTINCT tid) FROM threads") == w->n_threads, "threads");
    CHECK(sql_int(sq, "SELECT value FROM odb_meta WHERE key='shadow_mismatches'") == 0, "shadow");
    for (int i = 0; i < w->n_procs; i++) {
        const struct world_proc *p = &w->procs[i];
        uint64_t n_insns = 0;
        for (uint64_t t = 0; t < w->count; t++)
            for (int k = 0; k < w->n_threads; k++)
                n_insns += w->threads[k].tid == w->tid[t] && w->threads[k].proc == i;
        CHECK((uint64_t)sqlf(sq, "SELECT count(*) FROM mem_writes WHERE pid=%u", p->pid) == p->n_writes,
              "writes of %u", p->pid);
        CHECK((uint64_t)sqlf(sq, "SELECT count(*) FROM executions WHERE pid=%u", p->pid) == n_insns,
              "instructions of %u", p->pid);
        CHECK(sqlf(sq,
                   "SELECT count(*) FROM processes WHERE pid=%u AND coalesce(parent,0)=%u AND t_start=%lu",
                   p->pid, p->parent, p->t_start) == 1,
              "process %u", p->pid);
        if (!p->space)
            CHECK(
                sqlf(
                    sq,
                    "SELECT count(*) FROM processes WHERE pid=%u AND status=%d AND t_end BETWEEN %lu AND %lu",
                    p->pid, p->status, p->t_end - 1, p->t_end) == 1,
                "end of process %u at %lu", p->pid, p->t_end);
    }
    int64_t grouped = sql_int(sq, "SELECT count(*) FROM (SELECT pid, count(*) FROM mem_writes GROUP BY pid)");
    int64_t want = 0;
    for (int i = 0; i < w->n_procs; i++)
        want += w->procs[i].n_writes > 0;
    CHECK(grouped == want, "pids that wrote: %ld, want %ld", grouped, want);
}

/* Writes to objects, in order, by the object that they went to. The index numbers objects as they come up. */
static void check_objects(sqlite3 *sq, const struct world *w)
{
    int64_t id_of[WORLD_OBJECTS] = {0};
    sqlite3_stmt *st;
    CHECK(sqlite3_prepare_v2(sq, "SELECT t, object, object_offset, pid, tid, addr FROM mem_writes", -1, &st,
                             NULL) == SQLITE_OK,
          "%s", sqlite3_errmsg(sq));
    for (uint32_t i = 0; i < w->n_writes; i++) {
        const struct world_write *x = &w->writes[i];
        CHECK(sqlite3_step(st) == SQLITE_ROW, "row %u", i);
        CHECK((uint64_t)sqlite3_column_int64(st, 0) == x->t && sqlite3_column_int64(st, 3) == x->pid &&
                  sqlite3_column_int64(st, 4) == x->tid && (uint64_t)sqlite3_column_int64(st, 5) == x->addr,
              "write %u", i);
        int64_t id = sqlite3_column_int64(st, 1);
        CHECK((id != 0) == (x->object >= 0), "write %u at t %lu: object %ld", i, x->t, id);
        if (!id)
            continue;
        if (!id_of[x->object])
            id_of[x->object] = id;
        CHECK(id == id_of[x->object], "write %u: object %ld", i, id);
        CHECK((uint64_t)sqlite3_column_int64(st, 2) == x->object_offset, "write %u: offset", i);
    }
    sqlite3_finalize(st);
    for (int o = 0; o < WORLD_OBJECTS; o++) {
        int64_t n = 0, m;
        for (uint32_t i = 0; i < w->n_writes; i++)
            n += w->writes[i].object == o;
        if (!id_of[o])
            continue;
        m = sqlf(sq, "SELECT count(*) FROM mem_writes WHERE object=%ld", id_of[o]);
        CHECK(m == n, "object %d: %ld writes, want %ld", o, m, n);
    }
}

/* mem_writes(LO, LEN, PID): writes to objects at an address are found, whoever made them. */
static void check_of(sqlite3 *sq, const struct world *w)
{
    for (int i = 0; i < w->n_procs; i++) {
        const struct world_proc *p = &w->procs[i];
        int k = (int)below(WORLD_PAGES);
        const struct world_slot *s = p->space ? &p->space->slots[k] : NULL;
        if (!s || s->object < 0)
            continue;
        int64_t n = 0, m;
        for (uint32_t j = 0; j < w->n_writes; j++)
            n += w->writes[j].object == s->object &&
                 w->writes[j].object_offset / 4096 == (unsigned)s->object_page;
        m = sqlf(sq, "SELECT count(*) FROM mem_writes(%llu, 4096, %u)", WORLD_BASE + 4096ull * (unsigned)k,
                 p->pid);
        CHECK(m >= n, "writes to object %d by way of %u: %ld, at least %ld", s->object, p->pid, m, n);
    }
}

/* Damaged logs: an error or an index, never a crash. */
static void check_bad_logs(const char *dir, uint64_t seed)
{
    struct world w;
    world_make(&w, seed + 77, 1500, dir);
    for (int i = 0; i < 60; i++) {
        struct index_builder *b;
        must(index_builder_create(dir, &b));
        uint8_t *log = malloc(w.log.n);
        memcpy(log, w.log.p, w.log.n);
        for (uint64_t k = 1 + below(30); k; k--)
            log[below(w.log.n)] ^= (uint8_t)(1u << below(8));
        struct odb_err *e = index_builder_feed(b, log, w.log.n);
        free(log);
        if (e || i % 2)
            index_builder_discard(b);
        else
            e = index_builder_finish(b, &(struct index_end){0});
        odb_err_free(e);
        n_checks++;
    }
    world_free(&w);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: test_tasks DIR [SEED [INSTRUCTIONS]]\n");
        return 2;
    }
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1,
             n = argc > 3 ? strtoull(argv[3], NULL, 0) : 20000;
    struct world w;
    struct index_builder *b;
    struct odb_db *db;
    char path[4096];
    seed_state = seed;
    must(index_builder_create(argv[1], &b));
    world_make(&w, seed, n, argv[1]);
    must(index_builder_feed(b, w.log.p, w.log.n));
    must(index_builder_finish(b, &(struct index_end){.rip = 0x1234}));
    snprintf(path, sizeof(path), "%s/index.db", argv[1]);
    must(db_open(path, &db));
    CHECK(db_end_t(db) == n, "end is %lu", db_end_t(db));
    check_tables(db_sqlite(db), &w);
    check_objects(db_sqlite(db), &w);
    check_of(db_sqlite(db), &w);
    for (int i = 0; i < 60; i++)
        check_state(db, seed, i ? 1 + below(n) : n);
    int procs = w.n_procs, threads = w.n_threads, objects = w.n_objects;
    uint32_t writes = w.n_writes;
    db_close(db);
    world_free(&w);
    snprintf(path, sizeof(path), "%s/bad", argv[1]);
    if (!mkdir(path, 0755) || errno == EEXIST)
        check_bad_logs(path, seed);
    printf("%u checks; %d processes, %d threads, %d objects, %u writes\n", n_checks, procs, threads, objects,
           writes);
    return 0;
}
