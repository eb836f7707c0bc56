/* Memory runs out: allocation n fails, for n = 1, 2, ... until nothing fails any more. Whatever is asked
 * must end in an answer or an error. (The allocator below stands in for that of every library.)
 *
 *     test_db_oom INDEX.DB SCRATCH_DIR */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/db.h"
#include "indexer/builder.h"
#include "tests/db/synth.h"

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t m);
void *__libc_realloc(void *p, size_t n);

static long countdown; /* 0: off; 1: the next allocation fails, and all after it */
static bool failed;

static bool fails(void)
{
    if (!countdown || --countdown)
        return false;
    countdown = 1; /* stays out of memory */
    failed = true;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t n) { return fails() ? NULL : __libc_malloc(n); }
void *calloc(size_t n, size_t m) { return fails() ? NULL : __libc_calloc(n, m); }
void *realloc(void *p, size_t n) { return fails() ? NULL : __libc_realloc(p, n); }
void *reallocarray(void *p, size_t n, size_t m)
{
    return n && m > SIZE_MAX / n ? NULL : realloc(p, n * m); /* NOLINT */
}

static void drop(struct odb_err *e) { odb_err_free(e); }

static void sql(struct odb_db *db, const char *text)
{
    sqlite3_stmt *st;
    if (sqlite3_prepare_v2(db_sqlite(db), text, -1, &st, NULL) != SQLITE_OK)
        return;
    for (int i = 0; i < 200 && sqlite3_step(st) == SQLITE_ROW; i++)
        for (int c = 0; c < sqlite3_column_count(st); c++)
            sqlite3_column_text(st, c);
    sqlite3_finalize(st);
}

static void ask(const char *path)
{
    static uint8_t buf[9000];
    struct odb_db *db;
    struct db_regs regs;
    struct db_write w;
    struct db_map *maps;
    bool found;
    size_t n;
    struct odb_err *e = db_open(path, &db);
    if (e) {
        drop(e);
        return;
    }
    drop(db_memory(db, 3000, 0, 0x10000000, sizeof(buf), buf, NULL, &n));
    drop(db_registers(db, 3000, 0, &regs));
    drop(db_last_write(db, 0, 0x10003000, 8, 3000, &found, &w));
    e = db_maps(db, 3000, 0, &maps, &n);
    if (!e)
        db_maps_free(maps, n);
    drop(e);
    sql(db, "SELECT * FROM mem_writes WHERE t < 2000 ORDER BY t DESC");
    sql(db, "SELECT *, memory(t, 0x10000000, 9) FROM reg_writes WHERE reg='rax'");
    sql(db, "SELECT * FROM registers(77)");
    db_close(db);
}

static void build(const struct synth *s, const char *dir)
{
    struct index_builder *b;
    struct odb_err *e = index_builder_create(dir, &b);
    if (!e) {
        e = index_builder_feed(b, s->log.p, s->log.n);
        if (e)
            index_builder_discard(b);
        else
            e = index_builder_finish(b, &(struct index_end){0});
    }
    drop(e);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: test_db_oom INDEX.DB SCRATCH_DIR\n");
        return 2;
    }
    long n = 1, rounds[2] = {0};
    for (failed = true; failed; n += 1 + n / 40, rounds[0]++) {
        failed = false;
        countdown = n;
        ask(argv[1]);
        countdown = 0;
    }
    struct synth s;
    synth_make(&s, argv[2], 3000, 5, 100);
    for (failed = true, n = 1; failed; n += 1 + n / 20, rounds[1]++) {
        failed = false;
        countdown = n;
        build(&s, argv[2]);
        countdown = 0;
    }
    synth_free(&s);
    printf("%ld rounds of questions, %ld of indexing\n", rounds[0], rounds[1]);
    return rounds[0] < 50 || rounds[1] < 50;
}
