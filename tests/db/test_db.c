/* index.db against a naive oracle: random runs are indexed, then thousands of random questions are asked
 * through the C interface and through SQL, and compared with what a plain list of events says.
 *
 *     test_db DIR [SEED [INSTRUCTIONS [TURN]]]    DIR is an empty folder; index.db stays there */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "db/db.h"
#include "indexer/builder.h"
#include "indexer/schema.h"
#include "tests/db/synth.h"

static unsigned n_checks;

#define CHECK(cond, ...)                                               \
    do {                                                               \
        n_checks++;                                                    \
        if (!(cond)) {                                                 \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #cond); \
            fprintf(stderr, __VA_ARGS__);                              \
            fprintf(stderr, "\n");                                     \
            exit(1);                                                   \
        }                                                              \
    } while (0)

static void must(struct odb_err *e)
{
    if (e) {
        fprintf(stderr, "%s\n", odb_err_text(e));
        exit(1);
    }
}

static void build(struct synth *s, const char *dir, uint32_t limit)
{
    struct index_builder *b;
    must(index_builder_create(dir, &b));
    if (limit)
        index_builder_limit_chunks(b, limit);
    /* in pieces, as a replay would hand it over */
    for (size_t at = 0; at < s->log.n;) {
        size_t n = 0, want = 1 + synth_below(s, 200000);
        while (n < want && at + n < s->log.n) {
            uint16_t kind;
            uint32_t len;
            memcpy(&kind, s->log.p + at + n, 2);
            memcpy(&len, s->log.p + at + n + 4, 4);
            n += 16 + (kind == 1 ? 0 : ((len + 7ull) & ~7ull) * (kind == 3 ? 2 : 1));
        }
        must(index_builder_feed(b, s->log.p + at, n));
        at += n;
    }
    must(index_builder_finish(b, &(struct index_end){.rip = 0x1234}));
}

/* ---- one state ---- */

static void check_memory(struct synth *s, struct odb_db *db, const struct synth_state *st, uint64_t t)
{
    static uint8_t buf[20000];
    static bool valid[20000];
    uint64_t at = synth_below(s, SYNTH_PAGES * 4096), n = 1 + synth_below(s, synth_below(s, 4) ? 64 : 9000);
    if (!synth_below(s, 3))
        at = 3 * 4096 - 64 + synth_below(s, 300), n = 1 + synth_below(s, 300);
    if (at + n > SYNTH_PAGES * 4096)
        n = SYNTH_PAGES * 4096 - at;
    size_t n_valid;
    must(db_memory(db, t, 0, SYNTH_BASE + at, n, buf, valid, &n_valid));
    for (uint64_t i = 0; i < n; i++) {
        const struct synth_page *p = &st->pages[(at + i) / 4096];
        uint8_t want = p->mapped ? p->data[(at + i) % 4096] : 0;
        CHECK(valid[i] == p->mapped && buf[i] == want, "t %lu addr 0x%llx: got %d %02x, want %d %02x", t,
              SYNTH_BASE + at + i, valid[i], buf[i], p->mapped, want);
    }
}

static void check_registers(struct odb_db *db, const struct synth *s, const struct synth_state *st,
                            uint64_t t, uint32_t tid)
{
    struct db_regs r;
    struct odb_err *e = db_registers(db, t, tid, &r);
    uint32_t running = t < s->count ? s->tid[t] : s->tid[s->count - 1];
    if (e && tid && tid != running) { /* has not run yet */
        odb_err_free(e);
        return;
    }
    must(e);
    const struct regfile *f = &st->regs[r.tid - SYNTH_PID];
    CHECK(tid ? r.tid == tid : r.tid == running, "t %lu: tid %u", t, r.tid);
    for (unsigned reg = 0; reg < ODB_N_REG; reg++)
        if (reg != ODB_REG_RIP)
            CHECK(regfile_wide(reg) >= 0 || r.regs.scalar[reg] == f->scalar[reg],
                  "t %lu tid %u reg %u: %lx, want %lx", t, r.tid, reg, r.regs.scalar[reg], f->scalar[reg]);
    CHECK(!memcmp(r.regs.wide, f->wide, sizeof(f->wide)), "t %lu tid %u: vectors", t, r.tid);
    if (r.runs)
        CHECK(r.regs.scalar[ODB_REG_RIP] == (t < s->count ? s->rip[t] : 0x1234), "t %lu: rip", t);
}

static int by_value(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static void check_states(struct synth *s, struct odb_db *db, unsigned n)
{
    uint64_t *ts = malloc(n * sizeof(*ts));
    struct synth_state *st = calloc(1, sizeof(*st));
    size_t op = 0;
    for (unsigned i = 0; i < n; i++)
        ts[i] = i < 20 ? i : i < 24 ? s->count : synth_below(s, s->count + 1);
    qsort(ts, n, sizeof(*ts), by_value);
    for (unsigned i = 0; i < n; i++) {
        synth_replay(s, st, &op, ts[i]);
        for (int k = 0; k < 6; k++)
            check_memory(s, db, st, ts[i]);
        check_registers(db, s, st, ts[i], 0);
        check_registers(db, s, st, ts[i], SYNTH_PID + (uint32_t)synth_below(s, 2));
    }
    free(st);
    free(ts);
}

/* ---- writes ---- */

static bool overlaps(const struct synth_op *op, uint64_t addr, uint64_t len)
{
    /* NOLINTNEXTLINE: callers pass elements of the list */
    return op->kind == OP_WRITE && !op->base && op->addr < addr + len && op->addr + op->len > addr;
}

struct walk {
    const struct synth *s;
    size_t op;
    uint64_t addr, len, to;
    unsigned n;
};

static void compare_write(const struct synth *s, const struct synth_op *op, const struct db_write *w)
{
    uint64_t t = op->count - 1;
    CHECK(w->t == t && w->addr == op->addr && w->n_bytes == op->len && w->flags == op->flags &&
              w->rip == s->rip[t] && w->tid == s->tid[t],
          "write at %lu 0x%lx+%u, want %lu 0x%lx+%lu", w->t, w->addr, w->n_bytes, t, op->addr, op->len);
    CHECK(!memcmp(w->new_, s->bytes.p + op->bytes, op->len), "new value at t %lu", t);
    CHECK(!memcmp(w->old, s->bytes.p + op->bytes + op->len, op->len), "old value at t %lu", t);
}

static struct odb_err *on_write(void *ctx, const struct db_write *w)
{
    struct walk *k = ctx;
    while (k->op < k->s->n_ops && !overlaps(&k->s->ops[k->op], k->addr, k->len))
        k->op++;
    CHECK(k->op < k->s->n_ops && k->s->ops[k->op].count - 1 < k->to, "a write too many at t %lu", w->t);
    compare_write(k->s, &k->s->ops[k->op++], w);
    k->n++;
    return NULL;
}

static void check_writes(struct synth *s, struct odb_db *db)
{
    uint64_t addr = SYNTH_BASE + (synth_below(s, 2) ? 3 * 4096 - 40 + synth_below(s, 300)
                                                    : synth_below(s, SYNTH_PAGES * 4096));
    uint64_t len = 1 + synth_below(s, synth_below(s, 10) ? 16 : 400000), t = synth_below(s, s->count + 1);
    bool found;
    struct db_write w;
    must(db_last_write(db, 0, addr, len, t, &found, &w));
    size_t i = s->n_ops;
    while (i && !(overlaps(&s->ops[i - 1], addr, len) && s->ops[i - 1].count - 1 < t))
        i--;
    CHECK(found == (i > 0), "last write of 0x%lx before %lu", addr, t);
    if (found)
        compare_write(s, &s->ops[i - 1], &w);
    uint64_t from = synth_below(s, s->count), to = from + synth_below(s, s->count);
    struct walk k = {.s = s, .addr = addr, .len = len, .to = to};
    unsigned want = 0;
    while (k.op < s->n_ops && s->ops[k.op].count < from + 1)
        k.op++;
    for (i = k.op; i < s->n_ops && s->ops[i].count - 1 < to; i++)
        want += overlaps(&s->ops[i], addr, len);
    must(db_writes(db, 0, addr, len, from, to, on_write, &k));
    CHECK(k.n == want, "writes to 0x%lx+%lu in %lu..%lu: %u, want %u", addr, len, from, to, k.n, want);
}

/* ---- SQL ---- */

enum { W_T, W_ADDR, W_SIZE, W_RIP, W_TID, W_REG, W_LO, N_WHERE };
struct where {
    int n;
    struct {
        int what, op;
        int64_t value, len;
    } terms[4];
};
static const char *const op_text[] = {"=", "<", "<=", ">", ">="};

static bool holds(int op, int64_t x, int64_t y)
{
    return op == 0 ? x == y : op == 1 ? x < y : op == 2 ? x <= y : op == 3 ? x > y : x >= y;
}

static void random_where(struct synth *s, struct where *w, int table, char *sql, size_t n_bytes)
{
    static const char *const names[] = {"t", "addr", "size", "rip", "tid", "reg"};
    w->n = (int)synth_below(s, 4);
    size_t at = 0;
    sql[0] = 0;
    for (int i = 0; i < w->n; i++) {
        int what = (int)synth_below(s, N_WHERE);
        if ((table != 0 && (what == W_ADDR || what == W_SIZE || what == W_LO)) ||
            (what == W_REG && table != 1))
            what = W_T;
        for (int k = 0; k < i; k++)
            if (w->terms[k].what == W_LO && what == W_LO)
                what = W_ADDR;
        int op = what == W_T || what == W_ADDR ? (int)synth_below(s, 5) : 0;
        int64_t v = what == W_T      ? (int64_t)synth_below(s, s->count + 3) - 1
                    : what == W_SIZE ? 1 + (int64_t)synth_below(s, 9)
                    : what == W_RIP  ? (int64_t)s->rip[synth_below(s, s->count)]
                    : what == W_TID  ? SYNTH_PID + (int64_t)synth_below(s, 3)
                    : what == W_REG
                        ? (int64_t)synth_below(s, 20)
                        : (int64_t)(SYNTH_BASE + (synth_below(s, 2) ? 3 * 4096 - 32 + synth_below(s, 256)
                                                                    : synth_below(s, SYNTH_PAGES * 4096)));
        w->terms[i].what = what, w->terms[i].op = op, w->terms[i].value = v,
        w->terms[i].len = 1 + (int64_t)synth_below(s, 100);
        if (what == W_LO)
            at += (size_t)snprintf(sql + at, n_bytes - at, " AND lo=%ld AND len=%ld", v, w->terms[i].len);
        else if (what == W_REG)
            at += (size_t)snprintf(sql + at, n_bytes - at, " AND reg='%s'",
                                   db_reg_name((unsigned)v, 32) ?: "none");
        else
            at += (size_t)snprintf(sql + at, n_bytes - at, " AND %s %s %ld%s", names[what], op_text[op], v,
                                   what == W_T && op && !synth_below(s, 3) ? ".5" : "");
        if (what == W_T && sql[at - 1] == '5' &&
            sql[at - 2] == '.') { /* t < 5.5 is t <= 5; t > 5.5 is t >= 6; of -1.5 the like */
            if (v < 0)
                w->terms[i].value = v - 1;
            w->terms[i].op = op == 1 || op == 2 ? 2 : 3;
        }
    }
}

/* Row number i of the table (an instruction or an op) against the terms. */
static bool row_holds(const struct synth *s, const struct where *w, int table, size_t i)
{
    const struct synth_op *op = table == 2 ? NULL : &s->ops[i];
    if (op && (op->kind != (table ? OP_REG : OP_WRITE) || op->base))
        return false;
    uint64_t t = op ? op->count - 1 : i;
    for (int k = 0; k < w->n; k++) {
        int64_t v = w->terms[k].value, x = (int64_t)t;
        switch (w->terms[k].what) {
        case W_ADDR: x = (int64_t)op->addr; break;
        case W_SIZE: x = (int64_t)op->len; break;
        case W_RIP: x = (int64_t)s->rip[t]; break;
        case W_TID: x = s->tid[t]; break;
        case W_REG: x = op->reg; break;
        case W_LO:
            if (!overlaps(op, (uint64_t)v, (uint64_t)w->terms[k].len))
                return false;
            continue;
        default: break;
        }
        if (!holds(w->terms[k].op, x, v))
            return false;
    }
    return true;
}

static void check_sql(struct synth *s, sqlite3 *sq)
{
    static const char *const names[] = {"mem_writes", "reg_writes", "executions"};
    static const char *const keys[] = {"addr", "length(value)", "rip"};
    int table = (int)synth_below(s, 3), order = (int)synth_below(s, 3);
    uint64_t limit = synth_below(s, 3) ? UINT32_MAX : 1 + synth_below(s, 5);
    struct where w;
    char where[400], sql[700];
    random_where(s, &w, table, where, sizeof(where));
    snprintf(sql, sizeof(sql), "SELECT t, %s FROM %s WHERE 1%s%s LIMIT %lu", table == 1 ? "reg" : keys[table],
             names[table], where,
             order == 0   ? ""
             : order == 1 ? " ORDER BY t"
                          : " ORDER BY t DESC",
             limit);
    sqlite3_stmt *st;
    CHECK(sqlite3_prepare_v2(sq, sql, -1, &st, NULL) == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(sq));
    size_t n = table == 2 ? s->count : s->n_ops;
    uint64_t n_rows = 0;
    for (size_t k = 0; k < n && n_rows < limit; k++) {
        size_t i = order == 2 ? n - 1 - k : k;
        if (!row_holds(s, &w, table, i))
            continue;
        n_rows++;
        CHECK(sqlite3_step(st) == SQLITE_ROW, "%s: row %lu is missing: %s", sql, n_rows, sqlite3_errmsg(sq));
        uint64_t t = table == 2 ? i : s->ops[i].count - 1;
        CHECK((uint64_t)sqlite3_column_int64(st, 0) == t, "%s: row %lu: t %lld, want %lu", sql, n_rows,
              sqlite3_column_int64(st, 0), t);
        if (table == 1)
            CHECK(!strcmp((const char *)sqlite3_column_text(st, 1), db_reg_name(s->ops[i].reg, 32)),
                  "%s: register", sql);
        else
            CHECK((uint64_t)sqlite3_column_int64(st, 1) == (table ? s->rip[i] : s->ops[i].addr),
                  "%s: row %lu", sql, n_rows);
    }
    if (n_rows < limit)
        CHECK(sqlite3_step(st) == SQLITE_DONE, "%s: more than %lu rows", sql, n_rows);
    sqlite3_finalize(st);
}

static int64_t sql_int(sqlite3 *sq, const char *sql)
{
    sqlite3_stmt *st;
    CHECK(sqlite3_prepare_v2(sq, sql, -1, &st, NULL) == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(sq));
    CHECK(sqlite3_step(st) == SQLITE_ROW, "%s: %s", sql, sqlite3_errmsg(sq));
    int64_t v = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return v;
}

static void check_totals(const struct synth *s, sqlite3 *sq)
{
    int64_t n_mem = 0, n_reg = 0, n_kernel = 0;
    for (size_t i = 0; i < s->n_ops; i++) {
        bool w = s->ops[i].kind == OP_WRITE && !s->ops[i].base;
        n_mem += w;
        n_kernel += w && s->ops[i].flags;
        n_reg += s->ops[i].kind == OP_REG;
    }
    CHECK(sql_int(sq, "SELECT count(*) FROM executions") == (int64_t)s->count, "executions");
    CHECK(sql_int(sq, "SELECT count(*) FROM mem_writes") == n_mem, "mem_writes");
    CHECK(sql_int(sq, "SELECT count(*) FROM mem_writes WHERE syscall='read'") == n_kernel, "kernel writes");
    CHECK(sql_int(sq, "SELECT count(*) FROM reg_writes") == n_reg, "reg_writes");
    CHECK(sql_int(sq, "SELECT count(*) FROM syscalls") == (int64_t)s->n_calls, "syscalls");
    CHECK(sql_int(sq, "SELECT value FROM odb_meta WHERE key='shadow_mismatches'") == 0, "shadow");
    /* every write, joined with the state after it: memory() shows its value */
    CHECK(sql_int(sq, "SELECT count(*) FROM (SELECT * FROM mem_writes WHERE size>8 LIMIT 200) w WHERE "
                      "memory(w.t+1, addr, size)<>value") <= 100,
          "memory()");
    CHECK(sql_int(sq, "SELECT count(*) FROM (SELECT * FROM reg_writes WHERE reg='rax' LIMIT 300) w, "
                      "registers(w.t+1, w.tid) r WHERE r.rax<>w.value") <= 150,
          "registers()");
}

/* Damaged logs: an error or an index, never a crash. */
static void check_bad_logs(const char *dir, uint64_t seed)
{
    struct synth s;
    synth_make(&s, dir, 400, seed + 77, 100);
    for (int i = 0; i < 60; i++) {
        struct index_builder *b;
        must(index_builder_create(dir, &b));
        uint8_t *log = malloc(s.log.n);
        memcpy(log, s.log.p, s.log.n);
        for (uint64_t k = 1 + synth_below(&s, 20); k; k--)
            log[synth_below(&s, s.log.n)] ^= (uint8_t)(1u << synth_below(&s, 8));
        struct odb_err *e = index_builder_feed(b, log, s.log.n - (i % 3 ? 0 : synth_below(&s, 1000)));
        free(log);
        if (e || i % 2)
            index_builder_discard(b);
        else
            e = index_builder_finish(b, &(struct index_end){0});
        odb_err_free(e);
        n_checks++;
    }
    synth_free(&s);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: test_db DIR [SEED [INSTRUCTIONS [TURN]]]\n");
        return 2;
    }
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1,
             n = argc > 3 ? strtoull(argv[3], NULL, 0) : 40000;
    unsigned turn = argc > 4 ? (unsigned)atoi(argv[4]) : 100;
    struct synth s;
    synth_make(&s, argv[1], n, seed, turn);
    build(&s, argv[1], seed % 2 ? 0 : 4000); /* small chunks: one instruction's writes go over several */
    char path[4096];
    snprintf(path, sizeof(path), "%s/index.db", argv[1]);
    struct odb_db *db;
    must(db_open(path, &db));
    CHECK(db_end_t(db) == s.count, "end is %lu", db_end_t(db));
    check_totals(&s, db_sqlite(db));
    check_states(&s, db, 1000);
    for (int i = 0; i < 800; i++)
        check_writes(&s, db);
    for (int i = 0; i < 800; i++)
        check_sql(&s, db_sqlite(db));
    db_close(db);
    synth_free(&s);
    _cleanup_free_ char *bad = NULL;
    if (asprintf(&bad, "%s/bad", argv[1]) < 0 || (mkdir(bad, 0755) && errno != EEXIST))
        return 1;
    check_bad_logs(bad, seed);
    printf("%u checks\n", n_checks);
    return 0;
}
