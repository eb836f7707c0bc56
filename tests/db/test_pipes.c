/* Reads matched with writes (indexer/pipes.h), where the log has the calls in another order than the pipe had the bytes: a
 * write may be done after reads that took its bytes, and after later writes. Contents are random, so each byte is known.
 *     test_pipes DIR [SEED] */
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "indexer/pipes.h"
#include "tests/common/check.h"

enum { CALLS = 2000, WRITERS = 5, CALL_MAX = 9000 };

struct call {
    uint64_t t, n;
    uint32_t pid; /* 0: a read */
    uint8_t *data;
    uint64_t done; /* place in the log */
    uint64_t at;   /* place in the pipe */
};
static struct call calls[CALLS];
static uint64_t state;

static uint64_t below(uint64_t n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % n;
}

static int by_done(const void *a, const void *b)
{
    const struct call *x = a, *y = b;
    return x->done < y->done ? -1 : x->done > y->done;
}

static int by_t(const void *a, const void *b)
{
    const struct call *x = a, *y = b;
    return x->t < y->t ? -1 : x->t > y->t;
}

/* Calls in the order of the bytes; a write is done up to six places late, but each writer's in order. */
static size_t make(bool late)
{
    static uint8_t stream[CALLS * CALL_MAX];
    uint64_t written = 0, taken = 0, last_done[WRITERS + 1] = {0};
    size_t n = 0;
    for (; n < CALLS; n++) {
        struct call *c = &calls[n];
        bool write = written == taken || below(2);
        *c = (struct call){.t = n + 1, .pid = write ? 1 + (uint32_t)below(WRITERS) : 0};
        c->n = 1 + (write ? 15 + below(below(10) ? 200 : CALL_MAX - 16)
                          : below(written - taken < 300 ? written - taken
                                  : below(2)            ? 3
                                                        : 300));
        c->done = 100 * c->t + (write && late ? below(600) : 0);
        if (c->done <= last_done[c->pid])
            c->done = last_done[c->pid] + 1;
        last_done[c->pid] = c->done;
        c->data = malloc(c->n);
        for (uint64_t i = 0; i < c->n; i++) {
            if (write)
                stream[written + i] = (uint8_t)below(256);
            c->data[i] = stream[(write ? written : taken) + i];
        }
        c->at = write ? written : taken;
        *(write ? &written : &taken) += c->n;
    }
    qsort(calls, n, sizeof(*calls), by_done);
    return n;
}

static void run(const char *dir, bool late)
{
    struct store *store;
    uint32_t id;
    size_t n = make(late);
    CHECK_OK(store_create(dir, &store));
    struct pipes p = {.store = store};
    CHECK_OK(pipes_new(&p, "pipe", 0, &id));
    uint64_t taken = 0, matched = 0;
    for (size_t i = 0; i < n; i++) {
        const struct call *c = &calls[i];
        if (c->pid)
            CHECK_OK(pipes_write(&p, id, c->t, c->pid, c->pid, c->data, c->n));
        else
            CHECK_OK(pipes_read(&p, id, c->t, 99, 99, c->data, c->n));
        taken += c->pid ? 0 : c->n;
    }
    CHECK_OK(pipes_finish(&p));
    pipes_deinit(&p);
    CHECK_OK(store_commit(store, NULL));
    qsort(calls, n, sizeof(*calls), by_t);
    char path[4096];
    sqlite3 *db;
    sqlite3_stmt *st;
    snprintf(path, sizeof(path), "%s/index.db", dir);
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    CHECK(sqlite3_prepare_v2(db, "SELECT size, w_t, w_pid, w_at, r_t, r_at FROM transfers", -1, &st, NULL) ==
          SQLITE_OK);
    while (sqlite3_step(st) == SQLITE_ROW) {
        uint64_t v[6];
        for (int i = 0; i < 6; i++)
            v[i] = (uint64_t)sqlite3_column_int64(st, i);
        const struct call *w = &calls[v[1] - 1], *r = &calls[v[4] - 1];
        CHECK(w->pid == v[2] && !r->pid && v[3] + v[0] <= w->n && v[5] + v[0] <= r->n);
        CHECK(w->at + v[3] == r->at + v[5]);
        matched += v[0];
    }
    CHECK(matched == taken);
    sqlite3_finalize(st);
    sqlite3_close(db);
    for (size_t i = 0; i < n; i++)
        free(calls[i].data);
    printf("%zu calls, %llu bytes read, each with its write\n", n, (unsigned long long)taken);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    state = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    run(argv[1], false);
    run(argv[1], true);
    return 0;
}
