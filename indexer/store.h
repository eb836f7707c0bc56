/* Writing index.db: tables (indexer/schema.h), one prepared INSERT per table, one big transaction.
 * May be called from several threads. */
#ifndef ODB_INDEXER_STORE_H
#define ODB_INDEXER_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

enum store_table {
    STORE_META,
    STORE_CHUNK,
    STORE_INSNS,
    STORE_REGS,
    STORE_MEMS,
    STORE_SNAPSHOT,
    STORE_POSTING,
    STORE_IMAGE,
    STORE_CONTENT,
    STORE_STAY,
    STORE_OBJECT,
    STORE_PIECE,
    STORE_MAP,
    STORE_FILE,
    STORE_THREAD,
    STORE_PROCESS,
    STORE_EXEC,
    STORE_SYSCALL,
    STORE_SIGNAL,
    STORE_OUTPUT,
    STORE_CHANNEL,
    STORE_TRANSFER,
    STORE_EVENT,
    STORE_POSITION,
    STORE_N,
};

struct store;

/* Creates dir/index.db.tmp. An error when another indexer is at work there. */
struct odb_err *store_create(const char *dir, struct store **ret) ODB_MUST_CHECK;
/* One row. `shape` has one letter per column:
 *     i  int64_t, uint64_t              t  const char *, NULL is NULL
 *     N  NULL; takes an integer         b  const void *, size_t: blob
 *                                       s  const void *, size_t: text if UTF-8 without NUL, else blob */
struct odb_err *store_put(struct store *s, enum store_table table, const char *shape, ...) ODB_MUST_CHECK;
/* Who adds rows of its own when all tables and views are there: symbols, of which the indexer knows nothing. It runs in no
 * transaction, leaves no statement behind, and an error of it is one of the index. */
struct sqlite3;
struct store_guest {
    struct odb_err *(*add)(void *ctx, struct sqlite3 *db); /* NULL: nobody */
    void *ctx;
};
/* Commits, syncs, renames to index.db. guest may be NULL. s is gone even on error. */
struct odb_err *store_commit(struct store *s, const struct store_guest *guest) ODB_MUST_CHECK;
/* Gives up: removes the unfinished file. NULL is fine. */
void store_discard(struct store *s);

#endif
