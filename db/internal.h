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
    DB_CHUNK_NEXT_PID,
    DB_CHUNK_PREV_PID,
    DB_CHUNK_NEXT_TID,
    DB_CHUNK_PREV_TID,
    DB_INSNS,
    DB_REGS,
    DB_MEMS,
    DB_SNAPSHOT,
    DB_SNAPSHOT_NEXT,
    DB_POST_NEXT,
    DB_POST_PREV,
    DB_POST_WORDS,
    DB_IMAGE,
    DB_PIECE,
    DB_SYSCALL_AT,
    DB_SYSCALL_BETWEEN,
    DB_CONTENTS,
    DB_VIEWS,
    DB_STAY,
    DB_BIRTH,
    DB_THREAD,
    DB_MAPS,
    DB_PLACE,
    DB_PLACE_OF,
    DB_N_STMT,
};

struct db_chunk {
    uint64_t id, t_start;
    uint32_t n;
    uint32_t pid, tid, space;
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

#define DB_RECENT_CHUNKS 64
#define DB_RECENT_STAYS 8
/* Which space a process has in states t_start <= t < t_end; t_end 0: none. */
struct db_stay {
    uint32_t pid, space;
    uint64_t t_start, t_end;
};
struct db_pages;
#define DB_REGS_TRACKS 4
struct db_regs_track;

/* Where the memory of a space came from. */
struct db_space {
    uint32_t number;
    struct db_content *contents; /* owned, by start */
    gaddr *reach;                /* owned: highest end of contents[0..i] */
    size_t n;
    uint64_t *times; /* owned: all t_start and t_end, ascending */
    bool plain;      /* nothing of it was ever shared, or copied from another space */
};

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
    struct db_space *spaces; /* owned, by number: those asked for */
    size_t n_spaces;
    const _Atomic bool *interrupt;                /* borrowed; NULL: none */
    struct db_regs_track *tracks[DB_REGS_TRACKS]; /* owned: registers.c */
    struct db_pages *pages;                       /* owned: pages.c */
    uint64_t n_mismatches;
    struct db_chunk recent[DB_RECENT_CHUNKS]; /* by id modulo their number; n and n_mem 0: none */
    struct db_stay stays[DB_RECENT_STAYS];
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
/* Room in the array *v, of `*cap` elements of `size` bytes, for element number n. */
struct odb_err *db_grow(void **v, size_t *cap, size_t n, size_t size) ODB_MUST_CHECK;
struct odb_err *db_sql_err(struct odb_db *db) ODB_MUST_CHECK;

static inline void db_resetp(sqlite3_stmt **st) { sqlite3_reset(*st); }
#define _cleanup_reset_ __attribute__((cleanup(db_resetp)))

/* The chunk that holds state t (t = end: the last). An error where there is none. */
struct odb_err *db_chunk_at(struct odb_db *db, uint64_t t, struct db_chunk *ret) ODB_MUST_CHECK;
struct odb_err *db_chunk_by_id(struct odb_db *db, uint64_t id, bool *ret_found, struct db_chunk *ret)
    ODB_MUST_CHECK;
/* Which chunks: of a register and one of the others at most; what is not looked at is passed over later. */
struct db_chunk_wish {
    int reg;           /* >= 0: that write this register */
    uint32_t tid, pid; /* not 0: of this thread, process */
};
/* The first chunk with id >= from (desc: the last with id <= from) that fits the wish. */
struct odb_err *db_chunk_seek(struct odb_db *db, uint64_t from, bool desc, const struct db_chunk_wish *wish,
                              bool *ret_found, struct db_chunk *ret) ODB_MUST_CHECK;

/* A column, pinned until db_column_put. */
struct odb_err *db_column_get(struct odb_db *db, enum chunk_column kind, const struct db_chunk *c,
                              struct db_column **ret) ODB_MUST_CHECK;
/* Is it decoded and kept? */
bool db_column_is_there(const struct odb_db *db, enum chunk_column kind, const struct db_chunk *c);
void db_column_put(struct db_column *col);
static inline void db_column_putp(struct db_column **col)
{
    if (*col)
        db_column_put(*col);
}
#define _cleanup_column_ __attribute__((cleanup(db_column_putp)))

/* ---- lookup.c ---- */

/* Row `row` of the chunk's writes; with_rip: decodes its instructions too. */
struct odb_err *db_write_of(struct odb_db *db, const struct db_chunk *c, const struct db_column *mems,
                            uint32_t row, bool with_rip, struct db_write *ret) ODB_MUST_CHECK;
struct db_target;
/* The nearest write to the target with from <= t < to. */
struct odb_err *db_nearest_write(struct odb_db *db, const struct db_target *target, uint64_t from,
                                 uint64_t to, bool desc, bool *ret_found, struct db_write *ret)
    ODB_MUST_CHECK;

/* ---- memory.c, pages.c ---- */

/* Bytes within one page of a space, from the chunks; `to` is untouched where the page is not mapped. */
struct odb_err *db_find_bytes(struct odb_db *db, uint32_t space, uint64_t t, gaddr addr, size_t n_bytes,
                              uint8_t *to, bool *ret_mapped) ODB_MUST_CHECK;
/* The same, keeping what was found for states near t. */
struct odb_err *db_page_read(struct odb_db *db, uint32_t space, uint64_t t, gaddr addr, size_t n_bytes,
                             uint8_t *to, bool *ret_mapped) ODB_MUST_CHECK;
#define DB_KEPT_BYTES_MAX 65536 /* larger pieces are read past what is kept */
void db_pages_free(struct odb_db *db);

/* ---- registers.c ---- */

void db_regs_tracks_free(struct odb_db *db);

/* ---- spaces.c ---- */

void db_spaces_free(struct odb_db *db);
/* The contents in force at (t, addr) of a space, or NULL. Valid until the next call. */
struct odb_err *db_find_content(struct odb_db *db, uint32_t space, uint64_t t, gaddr addr,
                                const struct db_content **ret) ODB_MUST_CHECK;
/* Do the space's contents change in a state lo < t <= hi? */
struct odb_err *db_space_changes(struct odb_db *db, uint32_t space, uint64_t lo, uint64_t hi, bool *ret)
    ODB_MUST_CHECK;
struct odb_err *db_space_is_plain(struct odb_db *db, uint32_t space, bool *ret) ODB_MUST_CHECK;
/* The space of a process at t (pid 0: of the one that runs); `last`: where it is gone by then, its last. */
struct odb_err *db_space_of(struct odb_db *db, uint32_t pid, uint64_t t, bool last, uint32_t *ret)
    ODB_MUST_CHECK;

/* Memory to look for writes to: the same bytes may have several addresses, in several spaces. */
struct db_view {
    uint32_t space;
    gaddr lo, hi;        /* inclusive */
    uint64_t t_lo, t_hi; /* writes at t_lo <= t < t_hi */
    uint64_t at;         /* what lo is in the target's own terms: an address, or an offset in the object */
};
struct db_lines {
    int kind; /* enum odb_posting_kind */
    uint64_t first, last;
    uint16_t first_words, last_words; /* bit: 4 bytes of the first line, of the last, that are meant */
};
/* From byte first_byte of the first line to byte last_byte of the last. */
struct db_lines db_lines_of(int kind, uint64_t first_line, uint64_t first_byte, uint64_t last_line,
                            uint64_t last_byte);
/* Adds to words[64], by line of the page, what of it is meant. */
void db_lines_words(const struct db_lines *v, uint64_t page, uint16_t *words);
/* The chunks of a group (bits) that touched any of the words; blob: the page's posting in that group. */
struct odb_err *db_posting_chunks(struct odb_db *db, int kind, uint64_t page, uint64_t group,
                                  const void *blob, size_t n_bytes, const uint16_t *words, uint64_t *ret)
    ODB_MUST_CHECK;
struct db_target {
    struct db_view *views; /* owned, by space */
    size_t n_views;
    struct db_lines *lines; /* owned: postings that tell the chunks */
    size_t n_lines;
};
/* What is at [addr, addr + n) of a space in the state at t. */
struct odb_err *db_target_at(struct odb_db *db, uint32_t space, gaddr addr, uint64_t n_bytes, uint64_t t,
                             struct db_target *ret) ODB_MUST_CHECK;
/* Whatever was at [addr, addr + n) of a space, or of those it is a copy of, in states from..to. */
struct odb_err *db_target_history(struct odb_db *db, uint32_t space, gaddr addr, uint64_t n_bytes,
                                  uint64_t from, uint64_t to, struct db_target *ret) ODB_MUST_CHECK;
/* Bytes lo..hi of an object, or of the private memory of a space, written at t_lo <= t < t_hi. */
struct odb_err *db_target_bytes(struct odb_db *db, uint32_t space, uint64_t lo, uint64_t hi, uint64_t t_lo,
                                uint64_t t_hi, struct db_target *ret) ODB_MUST_CHECK;
void db_target_deinit(struct db_target *t);
#define _cleanup_target_ __attribute__((cleanup(db_target_deinit)))

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
