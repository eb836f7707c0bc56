/* Damaged databases: bytes of a good index.db are changed, and columns are changed below their checksums.
 * Every question must end in an answer or an error: no crash (run under sanitizers), no hang (alarm).
 *
 *     test_corrupt INDEX.DB SCRATCH.DB [ROUNDS [SEED]] */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "common/fs.h"
#include "db/db.h"
#include "indexer/chunk.h"

static uint64_t seed = 1;
static unsigned n_answers, n_errors;

static uint64_t below(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (seed >> 16) % n;
}

static void count(struct odb_err *e)
{
    if (e)
        n_errors++;
    else
        n_answers++;
    odb_err_free(e);
}

static void must(struct odb_err *e)
{
    if (e) {
        fprintf(stderr, "%s\n", odb_err_text(e));
        exit(1);
    }
}

/* ---- questions ---- */

static struct odb_err *on_write(void *ctx, const struct db_write *w)
{
    unsigned *sum = ctx;
    for (uint32_t i = 0; i < w->n_bytes; i++)
        *sum += w->new_[i] ^ w->old[i];
    return NULL;
}

static void ask_sql(struct odb_db *db, const char *sql)
{
    sqlite3_stmt *st;
    if (sqlite3_prepare_v2(db_sqlite(db), sql, -1, &st, NULL) != SQLITE_OK) {
        n_errors++;
        return;
    }
    int rc, rows = 0;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW && rows < 3000) {
        rows++;
        for (int i = 0; i < sqlite3_column_count(st); i++)
            sqlite3_column_bytes(st, i);
    }
    n_errors += rc != SQLITE_ROW && rc != SQLITE_DONE;
    n_answers += rc == SQLITE_ROW || rc == SQLITE_DONE;
    sqlite3_finalize(st);
}

static void ask(struct odb_db *db)
{
    static const char *const sqls[] = {
        "SELECT * FROM mem_writes ORDER BY t DESC",
        "SELECT * FROM reg_writes WHERE reg='rax'",
        "SELECT * FROM executions",
        "SELECT * FROM maps",
        "SELECT * FROM syscalls",
        "SELECT memory(t, addr, size) FROM mem_writes WHERE t > 500",
        "SELECT * FROM mem_writes(0x10002fe0, 64) ORDER BY t DESC",
        "SELECT * FROM registers(1000)",
        "SELECT *, object, object_offset FROM mem_writes(0x20002fe0, 4096, 1002)",
        "SELECT memory(t, addr, size, pid) FROM mem_writes WHERE object = 1",
        "SELECT * FROM switches, processes, threads",
    };
    static uint8_t buf[20000];
    static bool valid[20000];
    struct db_regs regs;
    struct db_write w;
    struct db_map *maps;
    unsigned sum = 0;
    bool found;
    size_t n;
    for (int i = 0; i < 10; i++) {
        uint64_t t = below(db_end_t(db) + 1), addr = 0x10000000 + below(128 * 4096), len = 1 + below(9000);
        count(db_memory(db, t, 0, addr, len, buf, valid, &n));
        count(
            db_memory(db, t, 1000 + (uint32_t)below(20), 0x20000000 + below(24 * 4096), len, buf, valid, &n));
        count(
            db_last_write(db, 1000 + (uint32_t)below(20), 0x20000000 + below(24 * 4096), len, t, &found, &w));
        count(db_registers(db, t, below(2) ? 0 : 101, &regs));
        count(db_last_write(db, 0, addr, len, t, &found, &w));
        count(db_writes(db, 0, 0x10002fe0, 1 + below(100), t, t + 5000, on_write, &sum));
    }
    struct odb_err *e = db_maps(db, below(db_end_t(db) + 1), 0, &maps, &n);
    if (!e)
        db_maps_free(maps, n);
    count(e);
    for (size_t i = 0; i < sizeof(sqls) / sizeof(*sqls); i++)
        ask_sql(db, sqls[i]);
}

static void round_file(const char *good, size_t n, const char *scratch)
{
    char *bad = malloc(n);
    memcpy(bad, good, n);
    size_t keep = n;
    switch (below(4)) {
    case 0: keep = below(n + 1); break;
    case 1: { /* a whole run */
        size_t at = below(n), len = below(5000);
        for (size_t i = at; i < n && i < at + len; i++)
            bad[i] = (char)below(256);
        break;
    }
    default:
        for (uint64_t k = 1 + below(200); k; k--)
            bad[below(n)] ^= (char)(1u << below(8));
        break;
    }
    must(fs_write_file(scratch, bad, keep));
    free(bad);
    struct odb_db *db;
    struct odb_err *e = db_open(scratch, &db);
    count(e);
    if (!e) {
        ask(db);
        db_close(db);
    }
}

/* ---- below the checksums: a column is unpacked, damaged, packed again ---- */

static const char *const column_sql[] = {
    "UPDATE odb_insns SET data=damage(data)",
    "UPDATE odb_regs SET data=damage(data)",
    "UPDATE odb_mems SET data=damage(data)",
    "UPDATE odb_snapshots SET data=damage(data)",
    "UPDATE odb_images SET data=damage(data)",
    "UPDATE odb_postings SET data=CAST(substr(data, 1, abs(random() % 40)) AS BLOB)",
    "UPDATE odb_postings SET data=randomblob(length(data)) WHERE random() % 3 = 0",
    "UPDATE odb_chunks SET n=n+random() % 3, t_start=t_start + random() % 2 WHERE random() % 20 = 0",
    "UPDATE odb_contents SET src=random()&~4095, file_id=random()%4, offset=random(), t_start=random()%10000",
    "UPDATE odb_contents SET src=start + 4096 WHERE random() % 2",
    "DELETE FROM odb_chunks WHERE random() % 10 = 0",
    "UPDATE odb_meta SET value=random() WHERE key='end'",
    "UPDATE odb_chunks SET n_mem=0, n_reg=random()",
};
#define N_COLUMN_SQL (sizeof(column_sql) / sizeof(*column_sql))

static void damage_fn(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    const void *p = sqlite3_value_blob(argv[0]);
    size_t n = (size_t)sqlite3_value_bytes(argv[0]);
    unsigned long long raw_n = ZSTD_getFrameContentSize(p, n);
    uint8_t *raw = malloc((size_t)raw_n + 1);
    ZSTD_decompress(raw, (size_t)raw_n, p, n);
    for (uint64_t k = below(4); k; k--)
        raw[below(2) ? below(raw_n) : below(raw_n < 40 ? raw_n : 40)] = (uint8_t)below(256);
    size_t cap = ZSTD_compressBound((size_t)raw_n), got;
    void *out = malloc(cap);
    if (!below(20))
        raw_n = below(raw_n);
    got = ZSTD_compress(out, cap, raw, (size_t)raw_n, 1);
    sqlite3_result_blob(ctx, out, (int)got, free);
    free(raw);
}

static void round_column(const char *good, size_t n, const char *scratch)
{
    sqlite3 *sq;
    must(fs_write_file(scratch, good, n));
    if (sqlite3_open(scratch, &sq) != SQLITE_OK)
        exit(1);
    sqlite3_create_function(sq, "damage", 1, SQLITE_UTF8, NULL, damage_fn, NULL, NULL);
    char *message = NULL;
    sqlite3_exec(sq, "PRAGMA synchronous=OFF; PRAGMA journal_mode=OFF", NULL, NULL, NULL);
    if (sqlite3_exec(sq, column_sql[below(N_COLUMN_SQL)], NULL, NULL, &message) != SQLITE_OK) {
        fprintf(stderr, "%s\n", message);
        exit(1);
    }
    sqlite3_close(sq);
    struct odb_db *db;
    struct odb_err *e = db_open(scratch, &db);
    count(e);
    if (!e) {
        ask(db);
        db_close(db);
    }
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: test_corrupt INDEX.DB SCRATCH.DB [ROUNDS [SEED]]\n");
        return 2;
    }
    unsigned rounds = argc > 3 ? (unsigned)atoi(argv[3]) : 100;
    seed = (argc > 4 ? strtoull(argv[4], NULL, 0) : 1) * 0x9e3779b97f4a7c15u + 1;
    char *good;
    size_t n;
    must(fs_read_file(argv[1], 1u << 30, &good, &n));
    for (unsigned i = 0; i < rounds; i++) {
        alarm(60);
        if (i % 2)
            round_file(good, n, argv[2]);
        else
            round_column(good, n, argv[2]);
    }
    free(good);
    printf("%u rounds: %u answers, %u errors\n", rounds, n_answers, n_errors);
    return n_answers && n_errors ? 0 : 1;
}
