/* Builds index.db out of the log that a replay in INDEX mode produces (preload/control.h, "index log").
 *
 *     index_builder_create -> index_builder_event for the recording's own events (START, FILE, END; any
 *     order, before or between) -> index_builder_feed, whole records, in order -> index_builder_finish
 *
 * It needs no replay: tests feed logs of their own. A log is checked like any input: a bad one is an
 * error. t and states: a write is at t, the number of its instruction; a mapping made by instruction t
 * is in force from state t + 1 on. */
#ifndef ODB_INDEXER_BUILDER_H
#define ODB_INDEXER_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "indexer/store.h"
#include "trace/format.h"

struct index_builder;

/* Creates dir/index.db.tmp; mapped files are read from dir/files/N. */
struct odb_err *index_builder_create(const char *dir, struct index_builder **ret) ODB_MUST_CHECK;
/* A validated event of the recording: START, FILE, EXIT, END and NOTE are used, others ignored. FILE and
 * NOTE may come twice (here and inside the log). */
struct odb_err *index_builder_event(struct index_builder *b, const struct odb_event *ev) ODB_MUST_CHECK;
struct odb_err *index_builder_feed(struct index_builder *b, const void *log, size_t n_bytes) ODB_MUST_CHECK;
/* Chunks end after so many written bytes instead of ODB_CHUNK_BYTES: for tests. */
void index_builder_limit_chunks(struct index_builder *b, uint32_t n_bytes);
/* Instructions so far. */
uint64_t index_builder_insns(const struct index_builder *b);

struct index_end {
    const char *damage; /* NULL: the index covers the whole recording; else why not, for people */
    uint64_t rip;       /* of the instruction that did not complete; 0: as the log says */
    bool have_status;
    int64_t status; /* of the process: exit code, or -signo */
    struct store_guest guest;
};
/* Writes what is left, renames to index.db. b is gone even on error. */
struct odb_err *index_builder_finish(struct index_builder *b, const struct index_end *end) ODB_MUST_CHECK;
/* Gives up; no index.db. NULL is fine. */
void index_builder_discard(struct index_builder *b);

#endif
