/* Which 64-byte lines were touched in which chunks of the current group: the source of odb_postings.
 *
 * Of lines that are touched in more than one chunk of a group, and in the groups behind it, also which of their 4-byte words
 * were touched in which chunks: what is rarely touched beside something hot is found as fast as if it were alone. */
#ifndef ODB_INDEXER_LINES_H
#define ODB_INDEXER_LINES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/regs.h"
#include "indexer/schema.h"
#include "indexer/store.h"

struct line_entry {
    uint64_t line;   /* address / 64, plus 1: 0 is empty */
    uint64_t chunks; /* bit c: touched in chunk c of the group */
    uint64_t hot;    /* number, from 1, in `hot`; 0: its words are not told apart */
};

#define LINES_RECENT 4096

struct lines {
    struct line_entry *v; /* owned: open addressing */
    uint64_t n, cap;
    uint64_t (*hot)[ODB_LINE_WORDS]; /* owned: chunks in which each word was touched, or may have been */
    uint64_t n_hot, cap_hot;
    struct {
        uint64_t line; /* plus 1 */
        uint64_t words;
    } recent[LINES_RECENT]; /* what is already marked in this chunk */
};

struct odb_err *lines_init(struct lines *l) ODB_MUST_CHECK;
void lines_deinit(struct lines *l);
void lines_next_chunk(struct lines *l);
/* words: bit i: its i-th 4 bytes. */
struct odb_err *lines_add(struct lines *l, uint64_t line, unsigned words, unsigned chunk_bit) ODB_MUST_CHECK;
/* Writes the group's rows and empties the set. */
struct odb_err *lines_flush(struct lines *l, struct store *store, int kind, uint64_t group) ODB_MUST_CHECK;

/* Are these words of the line already marked in this chunk? (false also where that is forgotten) */
static inline bool lines_known(const struct lines *l, uint64_t line, unsigned words)
{
    return l->recent[line % LINES_RECENT].line == line + 1 &&
           !(words & ~l->recent[line % LINES_RECENT].words);
}

/* The words that bytes [at, last] of a line touch. */
static inline unsigned lines_words(uint64_t at, uint64_t last)
{
    return (0xffffu >> (15 - last / 4)) & (0xffffu << at / 4);
}

#endif
