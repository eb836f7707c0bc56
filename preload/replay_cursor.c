/* The event stream as the vessel sees it: a window of ODB_EVENTS_BYTES on the host's memfd that slides.
 *
 * The host decompresses ahead and publishes control.events_available (always at the end of an event). Three
 * limits decide whether the next event can be used where it is: published, inside the window, and as a
 * whole (an event is at most ODB_EVENT_MAX_BYTES). All are folded into cursor.limit, one compare per event.
 * The window slides only when a main event is asked for beyond WINDOW_MAIN, so that followers stay put. */
#include <linux/futex.h>
#include <linux/mman.h>

#include "preload/raw.h"
#include "preload/replay.h"

#define FOLLOWERS_BYTES (4u << 20)
#define WINDOW_ALL (ODB_EVENTS_BYTES - ODB_EVENT_MAX_BYTES)
#define WINDOW_MAIN (WINDOW_ALL - FOLLOWERS_BYTES)

struct cursor cursor;

static void window_move(void)
{
    cursor.base = cursor.offset & ~(uint64_t)(ODB_PAGE_BYTES - 1);
    cursor.limit = 0;
    long r = raw6(__NR_mmap, ODB_EVENTS_ADDR, ODB_EVENTS_BYTES, PROT_READ, MAP_SHARED | MAP_FIXED,
                  CONTROL->events_fd, cursor.base);
    if (r < 0)
        engine_panic("engine: cannot map the event stream (%ld)", r);
    atomic_store_explicit(&CONTROL->events_consumed, cursor.base, memory_order_relaxed);
}

void cursor_init(void)
{
    cursor.offset = 0;
    window_move();
}

void cursor_seek(uint64_t offset)
{
    cursor.offset = offset;
    cursor.limit = 0; /* looked at anew */
    if (offset < cursor.base || offset >= cursor.base + WINDOW_MAIN)
        window_move();
}

/* Waits until bytes at the cursor are published. False: no more will come. */
static bool wait_available(uint64_t *ret_available)
{
    struct odb_control *c = CONTROL;
    for (;;) {
        uint32_t seq = atomic_load(&c->events_seq);
        bool complete = atomic_load(&c->events_complete);
        *ret_available = atomic_load(&c->events_available);
        if (*ret_available > cursor.offset)
            return true;
        if (complete)
            return false;
        atomic_store_explicit(&c->events_consumed, cursor.offset, memory_order_relaxed);
        raw6(__NR_futex, &c->events_seq, FUTEX_WAIT, seq, 0, 0, 0);
    }
}

/* The limit stays that of main events: only the compare here knows that followers reach further. */
static const struct odb_event *peek_within(uint64_t window_bytes)
{
    uint64_t available;
    if (!wait_available(&available))
        return NULL;
    if (cursor.offset >= cursor.base + window_bytes)
        window_move();
    uint64_t end = cursor.base + WINDOW_MAIN;
    cursor.limit = available < end ? available : end;
    return (const struct odb_event *)(ODB_EVENTS_ADDR + (cursor.offset - cursor.base));
}

const struct odb_event *cursor_slow(void) { return peek_within(WINDOW_MAIN); }

const struct odb_ev_mem *cursor_mem(void)
{
    const struct odb_event *ev;
    if (cursor.offset < cursor.limit)
        ev = (const struct odb_event *)(ODB_EVENTS_ADDR + (cursor.offset - cursor.base));
    else
        ev = peek_within(WINDOW_ALL);
    if (!ev || ev->type != ODB_EV_MEM)
        replay_error("bad recording: contents of memory missing at stream offset %lu", cursor.offset);
    return (const struct odb_ev_mem *)ev;
}
