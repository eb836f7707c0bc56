/* `odb index`: the index of a recording, by one replay with logging. */
#ifndef ODB_INDEXER_INDEX_H
#define ODB_INDEXER_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "indexer/store.h"

struct odb_index_options {
    /* Called now and then from the calling thread: ticks replayed, of how many (0: unknown). May be NULL. */
    void (*progress)(void *ctx, uint64_t done, uint64_t total);
    void *ctx;
    struct store_guest guest; /* adds tables before the index is published */
};

struct odb_index_result {
    uint64_t insns; /* instructions in the index */
    char *damage;   /* owned. NULL: the index covers the whole recording; else why it ends early, one line */
};

/* Makes dir/index.db, over an older one. A recording that is cut off, or whose replay diverges, gives an
 * index up to there, which is said in ret->damage (opt and ret may be NULL). On an error there is no new
 * index. */
struct odb_err *odb_index(const char *dir, const struct odb_index_options *opt, struct odb_index_result *ret)
    ODB_MUST_CHECK;
void odb_index_result_deinit(struct odb_index_result *r);

#endif
