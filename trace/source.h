/* Where the reader's bytes come from: the blocks of `events`, then what the engine left in `ring`.
 * Inside trace/. Gives raw bytes, checksummed but not yet looked into. */
#ifndef ODB_TRACE_SOURCE_H
#define ODB_TRACE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct trace_source;

/* A place to read on from; plain data, so that a look ahead can go back. */
struct source_pos {
    uint64_t file_offset;
    uint64_t stream_offset;
    /* Bytes of NOTE events that the recorder itself put in behind ring_stream_base; the reader, who
     * looks into events, counts them. */
    uint64_t host_note_bytes;
    bool is_file_done, is_ring_done;
};

struct source_block {
    uint8_t *data; /* owned, aligned for events */
    size_t cap_bytes;
    size_t len_bytes;
    uint64_t stream_offset;
};

struct odb_err *trace_source_open(const char *dir, struct trace_source **ret) ODB_MUST_CHECK;
void trace_source_close(struct trace_source *s);
void trace_source_rewind(struct trace_source *s, struct source_pos *ret);
/* Next block; len_bytes 0 at the end. Damage is not an error: it is the end, and a text. */
struct odb_err *trace_source_next(struct trace_source *s, struct source_pos *pos, struct source_block *ret)
    ODB_MUST_CHECK;
/* Why the source ended before its natural end; "" if it did not. */
const char *trace_source_damage(const struct trace_source *s);
/* File bytes behind pos (0 when the file is used up). */
uint64_t trace_source_left(const struct trace_source *s, const struct source_pos *pos);
uint64_t trace_source_time_ns(const struct trace_source *s);
/* Stream bytes that came from `ring`; 0 if none did. */
uint64_t trace_source_ring_bytes(const struct trace_source *s);
/* Is stream offset o behind what the recorder wrote before the engine's first event? */
bool trace_source_is_behind_base(const struct trace_source *s, uint64_t stream_offset);
void source_block_deinit(struct source_block *b);

#endif
