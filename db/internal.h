/* Inside db/: an open index, its statements and decoded chunks.
 *
 * Statements are prepared on first use and always reset before a function returns, so look-ups nest
 * freely. As an extension the connection is its owner's: sqlite3_close() answers BUSY while a statement
 * lives, so the last virtual table to be disconnected finalizes them (db_use, db_unuse).
 *
 * All sources of db/ are compiled twice: for odb itself, and with ODB_LOADABLE for the extension, which
 * calls SQLite only through the table of functions that its host hands over. */
#ifndef ODB_DB_INTERNAL_H
#define ODB_DB_INTERNAL_H

#ifdef ODB_LOADABLE
#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT3
#else
#include <sqlite3.h>
#endif

#include "db/db.h"
#include "indexer/chunk.h"
#include "indexer/schema.h"

enum db_stmt {
    DB_CHUNK_BY_ID,
    DB_CHUNK_BY_T,
    DB_CHUNK_NEXT,
    DB_CHUNK_PREV,
    DB_CHUNK_NEXT_REG,
    DB_CHUNK_PREV_REG,
    DB_INSNS,
    DB_REGS,
    DB_MEMS,
    DB_SNAPSHOT,
    DB_POST_NEXT,
    DB_POST_PREV,
    DB_IMAGE,
    DB_PIECE,
    DB_SYSCALL_AT,
    DB_CONTENTS,
    DB_MAPS,
    DB_N_STMT,
};

struct db_chunk {
    uint64_t id, t_start;
    uint32_t n;
    uint32_t pid, tid;
    uint32_t n_reg, n_mem;
};

/* A decoded column, shared and counted. */
struct db_column {
    enum chunk_column kind;
    uint64_t chunk;
    int refs;
    uint64_t used;
    struct chunk_insns insns;
    struct chunk_regs regs;
    struct chunk_mems mems;
};
#define DB_CACHE_COLUMNS 48

struct odb_db {
    sqlite3 *sq;
    bool owned;  /* sq is ours to close */
    bool loaded; /* meta below is read */
    int uses;    /* connected virtual tables */
    sqlite3_stmt *stmt[DB_N_STMT];
    uint64_t end, end_rip, n_reg, n_mem, n_chunks;
    unsigned vector_bytes;
    char *damage;                              /* owned */
    struct db_chunk last;                      /* chunk found last; n = 0: none */
    struct db_column *cache[DB_CACHE_COLUMNS]; /* owned */
    uint64_t clock;
    struct db_content *contents; /* owned, by start; loaded on first use */
    gaddr *contents_reach;       /* owned: highest end of contents[0..i] */
    size_t n_contents;
    bool have_contents;
};

/* For the extension: an odb_db on somebody else's connection. */
struct odb_db *db_borrow(sqlite3 *sq);
void db_free(struct odb_db *db);
void db_use(struct odb_db *db);
void db_unuse(struct odb_db *db);
/* Reads meta unless that is done: "not an odb index" and the like. */
struct odb_err *db_load(struct odb_db *db) ODB_MUST_CHECK;
/* Registers tables and functions on db's connection; db is freed with the connection if `adopt`. */
int db_register(struct odb_db *db, bool adopt);

/* A statement, ready for binding. */
struct odb_err *db_prepare(struct odb_db *db, enum db_stmt which, sqlite3_stmt **ret) ODB_MUST_CHECK;
/* Steps once. */
struct odb_err *db_step(struct odb_db *db, sqlite3_stmt *st, bool *ret_row) ODB_MUST_CHECK;
struct odb_err *db_sql_err(struct odb_db *db) ODB_MUST_CHECK;

static inline void db_resetp(sqlite3_stmt **st) { sqlite3_reset(*st); }
#define _cleanup_reset_ __attribute__((cleanup(db_resetp)))

/* The chunk that holds state t (t = end: the last). An error where there is none. */
struct odb_err *db_chunk_at(struct odb_db *db, uint64_t t, struct db_chunk *ret) ODB_MUST_CHECK;
struct odb_err *db_chunk_by_id(struct odb_db *db, uint64_t id, bool *ret_found, struct db_chunk *ret)
    ODB_MUST_CHECK;
/* The first chunk with id >= from (desc: the last with id <= from); reg >= 0: that writes this register. */
struct odb_err *db_chunk_seek(struct odb_db *db, uint64_t from, bool desc, int reg, bool *ret_found,
                              struct db_chunk *ret) ODB_MUST_CHECK;

/* A column, pinned until db_column_put. */
struct odb_err *db_column_get(struct odb_db *db, enum chunk_column kind, const struct db_chunk *c,
                              struct db_column **ret) ODB_MUST_CHECK;
void db_column_put(struct db_column *col);
static inline void db_column_putp(struct db_column **col)
{
    if (*col)
        db_column_put(*col);
}
#define _cleanup_column_ __attribute__((cleanup(db_column_putp)))

/* First index in the ascending array with v[i] >= key. */
static inline uint32_t db_lower(const uint32_t *v, uint32_t n, uint64_t key)
{
    uint32_t lo = 0, hi = n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (v[mid] < key)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

#endif
