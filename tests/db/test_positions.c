/* Table positions: a plain replay that goes to them, in order, has there the registers that the index has at their t, and
 * an index-mode replay has done t instructions. Then as many as are missing to a random t are made by single
 * instructions, where the replayer can do that. Makes the index if there is none.
 *
 *     test_positions REC [POINTS] */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/db.h"
#include "indexer/index.h"
#include "replayer/replay.h"

static unsigned n_bad, n_places, n_steps;
static uint64_t seed = 1;

static void must(struct odb_err *e)
{
    if (e) {
        fprintf(stderr, "test_positions: %s\n", odb_err_text(e));
        exit(1);
    }
}

static void compare(struct odb_db *db, const struct db_place *p, const struct odb_stop *stop, bool index)
{
    struct db_regs regs;
    unsigned was = n_bad;
    must(db_registers(db, p->t, 0, &regs));
    if (stop->reason != ODB_STOP_POSITION || stop->text[0])
        n_bad++;
    if (index && stop->insns != p->t &&
        stop->insns + 1 != p->t) /* the one before is perhaps not counted yet */
        n_bad++;
    if (regs.tid != p->tid || regs.pid != p->pid || stop->tid != p->tid)
        n_bad++;
    if (stop->regs.rip != p->rip || regs.regs.scalar[ODB_REG_RIP] != p->rip || stop->tick != p->tick ||
        stop->event != p->event)
        n_bad++;
    for (unsigned i = 0; i < ODB_N_GPR; i++)
        if (stop->regs.gpr[i] != regs.regs.scalar[i])
            n_bad++;
    n_places++;
    if (n_bad != was)
        fprintf(stderr,
                "t %lu tid %u tick %lu rip 0x%lx event %lu: the replay is at t %lu tid %u tick %lu rip 0x%lx "
                "event %lu, reason %u %s\n",
                p->t, p->tid, p->tick, p->rip, p->event, stop->insns, stop->tid, stop->tick, stop->regs.rip,
                stop->event, stop->reason, stop->text);
}

/* Stops at single steps: to a t between the position and the next. */
static void step_to(struct replay *r, struct odb_db *db, const struct db_place *p, uint64_t n)
{
    struct odb_run steps = {.flags = ODB_RUN_STEPS, .steps = n};
    const struct odb_stop *stop;
    struct db_regs regs;
    must(replay_run(r, &steps, &stop));
    must(db_registers(db, p->t + n, 0, &regs));
    bool same = stop->reason == ODB_STOP_POSITION && stop->tid == regs.tid &&
                stop->regs.rip == regs.regs.scalar[ODB_REG_RIP];
    for (unsigned i = 0; i < ODB_N_GPR; i++)
        same &= stop->regs.gpr[i] == regs.regs.scalar[i];
    n_steps++;
    if (same)
        return;
    n_bad++;
    fprintf(
        stderr,
        "t %lu + %lu steps: the replay is at tid %u rip 0x%lx, reason %u, the index at tid %u rip 0x%lx\n",
        p->t, n, stop->tid, stop->regs.rip, stop->reason, regs.tid, regs.regs.scalar[ODB_REG_RIP]);
}

/* t of the position that will be visited next. */
static uint64_t next_position(struct odb_db *db, uint64_t t, uint64_t every)
{
    sqlite3_stmt *st;
    if (sqlite3_prepare_v2(db_sqlite(db), "SELECT t FROM positions WHERE t>?1 ORDER BY t LIMIT 1 OFFSET ?2",
                           -1, &st, NULL) != SQLITE_OK)
        must(odb_err("%s", sqlite3_errmsg(db_sqlite(db))));
    sqlite3_bind_int64(st, 1, (sqlite3_int64)t);
    sqlite3_bind_int64(st, 2, (sqlite3_int64)every - 1);
    uint64_t next = sqlite3_step(st) == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(st, 0) : db_end_t(db);
    sqlite3_finalize(st);
    return next;
}

static void visit(const char *dir, struct odb_db *db, bool index, uint64_t every)
{
    struct replay *r;
    sqlite3_stmt *st;
    must(replay_open(dir, &(struct replay_options){.out_fd = {-1, -1, -1}, .index = index}, &r));
    if (sqlite3_prepare_v2(db_sqlite(db),
                           "SELECT t FROM (SELECT t, row_number() OVER (ORDER BY t) AS n FROM positions)"
                           " WHERE (n-1) % ?1 = 0 ORDER BY t",
                           -1, &st, NULL) != SQLITE_OK)
        must(odb_err("%s", sqlite3_errmsg(db_sqlite(db))));
    sqlite3_bind_int64(st, 1, (sqlite3_int64)every);
    while (sqlite3_step(st) == SQLITE_ROW && n_bad < 20) {
        struct db_place p;
        bool found;
        const struct odb_stop *stop;
        must(db_place_before(db, (uint64_t)sqlite3_column_int64(st, 0), &found, &p));
        if (!found || p.t != (uint64_t)sqlite3_column_int64(st, 0))
            must(odb_err("no position at t %lld", sqlite3_column_int64(st, 0)));
        struct odb_run to = {.flags = ODB_RUN_TO_RUN | ODB_RUN_TO_POS,
                             .run_number = p.run_number,
                             .tid = p.tid,
                             .tick = p.tick,
                             .rip = p.rip};
        do
            must(replay_run(r, &to, &stop));
        while (stop->reason == ODB_STOP_LOG_FULL);
        compare(db, &p, stop, index);
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        uint64_t n = 1 + (seed >> 33) % 3000;
        if (!index && p.t + n < next_position(db, p.t, every))
            step_to(r, db, &p, n);
    }
    sqlite3_finalize(st);
    replay_close(r);
}

int main(int argc, char **argv)
{
    char path[4096];
    struct odb_db *db;
    sqlite3_stmt *st;
    if (argc < 2) {
        fprintf(stderr, "usage: test_positions REC [POINTS]\n");
        return 2;
    }
    uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 0) : 200;
    snprintf(path, sizeof(path), "%s/index.db", argv[1]);
    if (access(path, F_OK))
        must(odb_index(argv[1], NULL, NULL));
    must(db_open(path, &db));
    if (sqlite3_prepare_v2(db_sqlite(db), "SELECT count(*), coalesce(max(t),0) FROM positions", -1, &st,
                           NULL) != SQLITE_OK ||
        sqlite3_step(st) != SQLITE_ROW)
        must(odb_err("%s", sqlite3_errmsg(db_sqlite(db))));
    uint64_t rows = (uint64_t)sqlite3_column_int64(st, 0), last = (uint64_t)sqlite3_column_int64(st, 1);
    sqlite3_finalize(st);
    if (!rows || last + 2 * 65536 < db_end_t(db) || rows > 65 + db_end_t(db) / 20000) {
        fprintf(stderr, "test_positions: %lu positions, the last at %lu of %lu\n", rows, last, db_end_t(db));
        n_bad++;
    }
    visit(argv[1], db, false, rows / n + 1);
    visit(argv[1], db, true, rows / n + 1);
    printf("%s: %lu instructions, %lu positions, %u compared, %u t behind them, %u differences\n", argv[1],
           db_end_t(db), rows, n_places, n_steps, n_bad);
    db_close(db);
    return n_bad != 0;
}
