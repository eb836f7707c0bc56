/* Which 64-byte lines were touched in which chunks of the current group: the source of odb_postings. */
#ifndef ODB_INDEXER_LINES_H
#define ODB_INDEXER_LINES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/regs.h"
#include "indexer/store.h"

struct line_entry {
    uint64_t line;   /* address / 64, plus 1: 0 is empty */
    uint64_t chunks; /* bit c: touched in chunk c of the group */
};

#define LINES_RECENT 4096

struct lines {
    struct line_entry *v; /* owned: open addressing */
    uint64_t n, cap;
    uint64_t recent[LINES_RECENT]; /* lines (plus 1) already marked in this chunk */
};

struct odb_err *lines_init(struct lines *l) ODB_MUST_CHECK;
void lines_deinit(struct lines *l);
void lines_next_chunk(struct lines *l);
/* Slow path of lines_mark. */
struct odb_err *lines_add(struct lines *l, uint64_t line, unsigned chunk_bit) ODB_MUST_CHECK;
/* Writes the group's rows and empties the set. */
struct odb_err *lines_flush(struct lines *l, struct store *store, int kind, uint64_t group) ODB_MUST_CHECK;

/* Is the line already marked in this chunk? (false also where that is forgotten) */
static inline bool lines_known(const struct lines *l, uint64_t line)
{
    return l->recent[line % LINES_RECENT] == line + 1;
}

#endif
