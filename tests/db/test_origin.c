/* Random chains of `why` (cli/origin.h) over a recording's index: whatever is said to be a copy has, where it came from, the same
 * value; each step ends, and none is an error. Beginnings are registers at random t, and memory that was written there.
 *
 *     test_origin REC [CHAINS [SEED]] */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/origin.h"
#include "db/db.h"

#define STEPS_MAX 300

static unsigned n_bad;
static uint64_t seed = 1, n_steps, n_kinds[6], n_ends[6];

static void must(struct odb_err *e)
{
    if (e) {
        fprintf(stderr, "test_origin: %s\n", odb_err_text(e));
        exit(1);
    }
}

static uint64_t below(uint64_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return n ? (seed >> 20) % n : 0;
}

static bool same_bytes(const struct origin_step *s)
{
    const struct origin_ref *from = &s->from[0];
    if (!s->to.known || !from->known || s->to.n_bytes != from->n_bytes)
        return false;
    if (!memcmp(s->to.value, from->value, s->to.n_bytes))
        return true;
    if (strcmp(s->text, "bytes in reverse") != 0)
        return false;
    for (unsigned i = 0; i < s->to.n_bytes; i++)
        if (s->to.value[i] != from->value[from->n_bytes - 1 - i])
            return false;
    return true;
}

static void complain(const struct origin_step *s, const char *what)
{
    if (n_bad++ < 20)
        fprintf(stderr,
                "t %lu tid %u 0x%lx %s: %s %s (asked at t %lu: %s 0x%lx %u+%u = 0x%lx, from 0x%lx) %s\n",
                s->t, s->tid, s->rip, s->insn, what, origin_kind_name(s->kind), s->to.t,
                s->to.kind ? "reg" : "mem", s->to.addr, s->to.number, s->to.at, origin_number(&s->to),
                s->n_from ? origin_number(&s->from[0]) : 0, s->text);
}

static void chain(struct origin *o, struct origin_ref at)
{
    for (int i = 0; i < STEPS_MAX; i++) {
        struct origin_step s;
        must(origin_back(o, &at, &s));
        n_kinds[s.kind]++;
        n_steps++;
        if (s.to.n_bytes > at.n_bytes || !s.to.n_bytes)
            complain(&s, "explains something else:");
        if (s.kind == ORIGIN_COPY && !same_bytes(&s))
            complain(&s, "other value:");
        int on = s.kind == ORIGIN_COPY ? 0 : s.kind == ORIGIN_MADE ? s.go_on : -1;
        if (on < 0 || i == STEPS_MAX - 1) {
            n_ends[s.kind]++;
            return;
        }
        at = s.from[on];
    }
}

/* A place that was written near t. */
static bool random_memory(struct odb_db *db, uint64_t t, struct origin_ref *ret)
{
    sqlite3_stmt *st;
    if (sqlite3_prepare_v2(
            db_sqlite(db),
            "SELECT addr, size, pid FROM mem_writes WHERE t<?1 AND t>?1-2000 LIMIT 1 OFFSET ?2", -1, &st,
            NULL) != SQLITE_OK)
        must(odb_err("%s", sqlite3_errmsg(db_sqlite(db))));
    sqlite3_bind_int64(st, 1, (sqlite3_int64)t);
    sqlite3_bind_int64(st, 2, (sqlite3_int64)below(200));
    bool row = sqlite3_step(st) == SQLITE_ROW && sqlite3_column_type(st, 0) == SQLITE_INTEGER;
    if (row) {
        uint64_t size = (uint64_t)sqlite3_column_int64(st, 1), off = below(size);
        ret->addr = (gaddr)sqlite3_column_int64(st, 0) + (below(3) ? 0 : off);
        ret->n_bytes = (unsigned)(below(2) && size <= 8 ? size : 1 + below(16));
        ret->pid = (uint32_t)sqlite3_column_int64(st, 2);
    }
    sqlite3_finalize(st);
    return row;
}

/* Registers at the first instruction of each thread. */
static void each_thread(struct odb_db *db, struct origin *o)
{
    sqlite3_stmt *st;
    if (sqlite3_prepare_v2(db_sqlite(db), "SELECT pid, tid, t_start FROM threads ORDER BY t_start LIMIT 20",
                           -1, &st, NULL) != SQLITE_OK)
        must(odb_err("%s", sqlite3_errmsg(db_sqlite(db))));
    while (sqlite3_step(st) == SQLITE_ROW)
        for (unsigned reg = 0; reg <= ODB_REG_FS_BASE; reg++) {
            struct origin_ref at = {.kind = REF_REGISTER,
                                    .pid = (uint32_t)sqlite3_column_int64(st, 0),
                                    .tid = (uint32_t)sqlite3_column_int64(st, 1),
                                    .t = (uint64_t)sqlite3_column_int64(st, 2),
                                    .number = reg,
                                    .n_bytes = 8};
            struct odb_err *e = reg == ODB_REG_RIP ? NULL : origin_read(o, &at);
            if (!e && at.known)
                chain(o, at);
            odb_err_free(e); /* it never ran */
        }
    sqlite3_finalize(st);
}

int main(int argc, char **argv)
{
    char path[4096];
    struct odb_db *db;
    struct origin *o;
    struct timespec begin, end;
    if (argc < 2) {
        fprintf(stderr, "usage: test_origin REC [CHAINS [SEED]]\n");
        return 2;
    }
    int n = argc > 2 ? atoi(argv[2]) : 200;
    seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
    snprintf(path, sizeof(path), "%s/index.db", argv[1]);
    must(db_open(path, &db));
    must(origin_create(db, &o));
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int i = 0; i < n; i++) {
        struct origin_ref at = {.kind = REF_REGISTER, .t = 1 + below(db_end_t(db))};
        must(db_running(db, at.t, &at.pid, &at.tid));
        if (i % 2) {
            bool vector = !below(3);
            at.number = (unsigned)(vector ? ODB_REG_VEC0 + below(16) : below(16));
            at.n_bytes = vector ? 4u << below(4) : 1u << below(4);
        } else {
            at.kind = REF_MEMORY;
            if (!random_memory(db, at.t, &at))
                continue;
        }
        struct odb_err *dead = origin_read(o, &at); /* the process lives no more */
        if (!dead && at.known)
            chain(o, at);
        odb_err_free(dead);
    }
    each_thread(db, o);
    clock_gettime(CLOCK_MONOTONIC, &end);
    double ms = (double)(end.tv_sec - begin.tv_sec) * 1e3 + (double)(end.tv_nsec - begin.tv_nsec) / 1e6;
    printf("%s: %d chains, %lu steps, %.2f ms each;", argv[1], n, n_steps,
           n_steps ? ms / (double)n_steps : 0);
    for (int i = 0; i < 6; i++)
        printf(" %s %lu/%lu", origin_kind_name((enum origin_kind)i), n_kinds[i], n_ends[i]);
    printf("; %u bad\n", n_bad);
    origin_destroy(o);
    db_close(db);
    return n_bad != 0;
}
