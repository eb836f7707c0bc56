/* Walking over what was recorded, forwards or backwards in t, decoding only chunks that can match. */
#ifndef ODB_DB_SCAN_H
#define ODB_DB_SCAN_H

#include "db/internal.h"

enum scan_kind { SCAN_EXEC, SCAN_REG, SCAN_MEM };

struct db_scan {
    /* what to find: set these, then db_scan_begin */
    enum scan_kind kind;
    bool desc;
    uint64_t t_lo, t_hi; /* inclusive */
    bool has_range;      /* MEM: addresses [lo, hi], inclusive */
    bool overlap;        /* ... that the write touches; else where it starts */
    gaddr lo, hi;
    bool has_rip;
    gaddr rip;
    const struct db_target *target; /* MEM: writes to this memory, instead of a range; borrowed; NULL: none */
    int reg;                        /* REG: -1 any */
    bool has_tid, has_pid;
    uint32_t tid, pid;

    /* where it is: the current row is `i` of `col` in `chunk` */
    struct odb_db *db;
    bool done;
    struct db_chunk chunk;
    struct db_column *col;       /* pinned, of the scan's kind */
    struct db_column *insns;     /* pinned; NULL until needed */
    const struct db_view *views; /* of the chunk's space */
    size_t n_views;
    uint32_t i, first, last; /* rows [first, last) of the chunk are within t; i one behind/before the next */

    /* postings of one group */
    bool have_group;
    uint64_t group, group_chunks;
};

struct odb_err *db_scan_begin(struct db_scan *s, struct odb_db *db) ODB_MUST_CHECK;
/* Next row; *ret false at the end. */
struct odb_err *db_scan_next(struct db_scan *s, bool *ret) ODB_MUST_CHECK;
/* Lets go of chunks. May be called at any time, twice too. */
void db_scan_end(struct db_scan *s);
static inline void db_scan_endp(struct db_scan *s) { db_scan_end(s); }
#define _cleanup_scan_ __attribute__((cleanup(db_scan_endp)))

/* The current row's instruction. rip 0: not known, another thread's (the first writes of a turn). */
uint64_t db_scan_t(const struct db_scan *s);
struct odb_err *db_scan_rip(struct db_scan *s, gaddr *ret) ODB_MUST_CHECK;

#endif
