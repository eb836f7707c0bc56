/* The drain: one thread between the ring and the trace writer.
 *
 * ring_tail is the promise "everything before is in `events`", so it moves only after a flush, never
 * after a mere append: whoever is killed, and when, either `events` or `ring` has the bytes. To flush
 * often costs compression, to flush seldom costs ring space; FLUSH_BYTES is a good block. */
#include "recorder/drain.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>

#define FLUSH_BYTES (1u << 20)
#define SLEEP_MS 20

/* Gives the writer all that is complete; true if there was something. */
static struct odb_err *take(struct drain *d, bool *ret_any)
{
    uint64_t head = atomic_load_explicit(&d->ring->control->ring_head, memory_order_acquire);
    *ret_any = head != d->taken;
    if (head == d->taken)
        return NULL;
    if (head < d->taken || head - d->taken > ODB_RING_BYTES)
        return odb_err("the ring's head is impossible: the recorded program wrote over it");
    /* the ring is mapped twice in a row: one flat piece */
    ODB_TRY(trace_writer_append(d->writer, d->ring->bytes + d->taken % ODB_RING_BYTES, head - d->taken));
    d->taken = head;
    return NULL;
}

/* What the writer has put into the file is the engine's space again. */
static void release(struct drain *d)
{
    struct odb_control *c = d->ring->control;
    uint64_t flushed = trace_writer_flushed(d->writer);
    uint64_t tail = flushed > c->ring_stream_base ? flushed - c->ring_stream_base : 0;
    if (tail <= atomic_load(&c->ring_tail))
        return;
    atomic_store_explicit(&c->ring_tail, tail, memory_order_release);
    atomic_fetch_add(&c->ring_space, 1);
    if (atomic_load(&c->engine_waiting))
        ring_wake(&c->ring_space);
}

static struct odb_err *drain_once(struct drain *d, bool last, bool *ret_any)
{
    ODB_TRY(take(d, ret_any));
    uint64_t pending = trace_writer_offset(d->writer) - trace_writer_flushed(d->writer);
    bool wanted = atomic_load(&d->ring->control->engine_waiting) != 0;
    if (pending && (last || pending >= FLUSH_BYTES || wanted))
        ODB_TRY(trace_writer_flush(d->writer));
    release(d);
    return NULL;
}

static void *drain_thread(void *arg)
{
    struct drain *d = arg;
    struct odb_control *c = d->ring->control;
    for (;;) {
        bool stopping = atomic_load(&d->stop) != 0;
        uint32_t seen = atomic_load(&c->ring_data);
        bool any = false;
        d->error = drain_once(d, stopping, &any);
        if (d->error) {
            d->failed(d->arg);
            return NULL;
        }
        if (stopping && !any)
            return NULL;
        if (!any && !stopping)
            ring_sleep(&c->ring_data, seen, SLEEP_MS);
    }
}

struct odb_err *drain_start(struct drain *d)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* signals are the main thread's business */
    int err = pthread_create(&d->thread, NULL, drain_thread, d);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return err ? odb_err_errno(err, "cannot start the thread that writes the recording") : NULL;
}

struct odb_err *drain_finish(struct drain *d)
{
    atomic_store(&d->stop, 1);
    atomic_fetch_add(&d->ring->control->ring_data, 1);
    ring_wake(&d->ring->control->ring_data);
    pthread_join(d->thread, NULL);
    struct odb_err *e = d->error;
    d->error = NULL;
    return e;
}
