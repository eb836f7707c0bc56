/* Which bytes of a pipe or socket pair that was read are of which write.
 *
 * A channel is one direction of bytes. Writes and reads come in the order in which their calls were done, as the
 * log has them. Where calls of several processes overlap, that is not always the order of the bytes: a read may be done
 * before the write is that it took bytes from. So contents decide: a read waits until writes are known that fit. */
#ifndef ODB_INDEXER_PIPES_H
#define ODB_INDEXER_PIPES_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "indexer/store.h"

/* Bytes of a write that a read took. */
struct pipe_run {
    uint64_t w_used, n, r_t, r_at;
    uint32_t r_pid, r_tid;
};

/* A read or a write: some bytes of one call. */
struct pipe_part {
    uint64_t t;
    uint32_t pid, tid;
    uint64_t at;           /* of data[0] in the call's bytes */
    uint8_t *data;         /* owned; NULL: not known, fits anything */
    uint64_t n, used;      /* used: matched already */
    struct pipe_run *runs; /* owned; of a write: who took what is used */
    size_t n_runs;
};

struct pipe_queue {
    struct pipe_part *v; /* owned */
    size_t n, cap;
    uint64_t n_bytes; /* unmatched */
    uint64_t last_t, next_at;
};

struct pipes {
    struct channel {
        struct pipe_queue writes, reads; /* not matched yet */
    } * v;                               /* owned, number 1 first */
    uint32_t n;
    struct store *store; /* borrowed */
};

struct odb_err *pipes_new(struct pipes *p, const char *kind, uint64_t t, uint32_t *ret_id) ODB_MUST_CHECK;
struct odb_err *pipes_write(struct pipes *p, uint32_t id, uint64_t t, uint32_t pid, uint32_t tid,
                            const void *data, uint64_t n_bytes) ODB_MUST_CHECK;
struct odb_err *pipes_read(struct pipes *p, uint32_t id, uint64_t t, uint32_t pid, uint32_t tid,
                           const void *data, uint64_t n_bytes) ODB_MUST_CHECK;
/* No more will come: what still waits is matched in order. */
struct odb_err *pipes_finish(struct pipes *p) ODB_MUST_CHECK;
void pipes_deinit(struct pipes *p);

#endif
