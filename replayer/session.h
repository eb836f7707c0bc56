/* What the vessels of one recording share: control slots, the decompressed stream and the thread that fills
 * it, the log buffers. Inside replayer/ only. */
#ifndef ODB_REPLAYER_SESSION_H
#define ODB_REPLAYER_SESSION_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "preload/control.h"
#include "preload/world.h"
#include "trace/trace.h"

#define SESSION_SLOTS 1024

/* States of the stream: the feeder appends to events_fd up to `available`, then sets `complete`. All under
 * `lock`; each live slot has its own copy in its control page, written by publish() in the order
 * events_available (or events_complete), events_seq, futex wake. */
struct session {
    int refs; /* vessels; changed under lock */
    int control_fd, events_fd, log_fd, recdir_fd, world_fd, live_fd;
    uint8_t *control; /* all slots, mapped; owned */
    uint8_t *world;   /* all worlds, mapped; owned; one for each slot */
    uint8_t *log;     /* all log buffers, mapped; NULL without index */
    bool used[SESSION_SLOTS];
    pthread_mutex_t lock;
    pthread_t feeder;
    bool feeding, quit;
    uint64_t available, punched; /* stream offsets */
    bool complete;
    struct trace_reader *reader; /* owned; the feeder's while it runs */
    char damage[600];            /* after complete: "" is whole */
};

/* on_disk: the stream is kept in a nameless temporary file (of $TMPDIR, else /var/tmp), if one can be had. */
struct odb_err *session_create(const char *dir, bool on_disk, struct session **ret) ODB_MUST_CHECK;
/* Starts the thread that decompresses. */
struct odb_err *session_feed(struct session *s) ODB_MUST_CHECK;
/* A free slot, its stream fields valid from now on. */
struct odb_err *session_take_slot(struct session *s, uint32_t *ret) ODB_MUST_CHECK;
/* Gives the slot back; the last one takes the session with it. */
void session_drop_slot(struct session *s, uint32_t slot);
void session_destroy(struct session *s);

static inline struct odb_control *session_control(const struct session *s, uint32_t slot)
{
    return (struct odb_control *)(void *)(s->control + (size_t)slot * ODB_CONTROL_BYTES);
}

static inline struct odb_world *session_world(const struct session *s, uint32_t slot)
{
    return (struct odb_world *)(void *)(s->world + (size_t)slot * ODB_SHARED_BYTES);
}

/* Around writing over a slot's whole control page: the feeder stays away, and its fields are right afterwards. */
void session_begin_copy(struct session *s);
void session_end_copy(struct session *s, uint32_t slot);
/* The shared memory of one world into another. */
struct odb_err *session_copy_live(struct session *s, uint32_t from, uint32_t to) ODB_MUST_CHECK;

/* A futex shared with vessels: wakes all waiters; waits while *word == value, at most timeout_ms. */
void session_wake(_Atomic uint32_t *word);
void session_wait(_Atomic uint32_t *word, uint32_t value, int timeout_ms);

#endif
