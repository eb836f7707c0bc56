/* Writing events into the ring; see event.h and the protocol in control.h.
 *
 * The holder of the baton is the only writer. `head` is its private copy of ring_head; what lies between ring_head
 * and the reserved end is not an event yet, so a kill at any instruction leaves whole events only. */
#include "preload/event.h"

#include <linux/futex.h>

#include "preload/raw.h"

/* Wake the recorder after this many new bytes. */
#define EVENT_WAKE_BYTES (ODB_RING_BYTES / 4)

static uint64_t head;     /* == CONTROL->ring_head, while we have the baton */
static uint64_t woken_at; /* head at the last wake-up of the recorder */
static uint32_t pending_bytes;

static uint8_t *ring_at(uint64_t offset) { return (uint8_t *)(ODB_RING_ADDR + offset % ODB_RING_BYTES); }

bool event_ready(void) { return CONTROL->mode == ODB_MODE_RECORD; }

void event_follow(void) { head = atomic_load(&CONTROL->ring_head); }

static void wake_recorder(void)
{
    woken_at = head;
    atomic_fetch_add(&CONTROL->ring_data, 1);
    raw3(__NR_futex, &CONTROL->ring_data, FUTEX_WAKE, 1);
}

static void wait_for_space(uint32_t size_bytes)
{
    static const int64_t wait_for[2] = {0,
                                        100 * 1000 * 1000}; /* struct timespec: a lost wake-up costs this */
    for (;;) {
        uint32_t seen = atomic_load(&CONTROL->ring_space);
        if (head + size_bytes - atomic_load(&CONTROL->ring_tail) <= ODB_RING_BYTES)
            break;
        atomic_store(&CONTROL->engine_waiting, 1);
        wake_recorder();
        raw4(__NR_futex, &CONTROL->ring_space, FUTEX_WAIT, seen, wait_for);
    }
    atomic_store(&CONTROL->engine_waiting, 0);
}

void *event_begin(uint16_t type, uint16_t flags, uint32_t size_bytes)
{
    size_bytes = (size_bytes + 7) & ~7u;
    if (head + size_bytes - atomic_load_explicit(&CONTROL->ring_tail, memory_order_acquire) > ODB_RING_BYTES)
        wait_for_space(size_bytes);
    uint8_t *to = ring_at(head);
    *(uint64_t *)(to + size_bytes - 8) = 0;
    struct odb_event *ev = (struct odb_event *)to;
    ev->size_bytes = size_bytes;
    ev->type = type;
    ev->flags = flags;
    ev->tid = ctx.tid;
    ev->pid = ctx.pid;
    pending_bytes = size_bytes;
    return to;
}

void event_shrink(uint32_t size_bytes)
{
    ((struct odb_event *)ring_at(head))->size_bytes = size_bytes;
    pending_bytes = size_bytes;
}

void event_commit(void)
{
    head += pending_bytes;
    pending_bytes = 0;
    atomic_store_explicit(&CONTROL->ring_head, head, memory_order_release);
    if (head - woken_at >= EVENT_WAKE_BYTES)
        wake_recorder();
}

void event_mem(gaddr addr, uint64_t len_bytes, uint16_t flags)
{
    while (len_bytes) {
        uint64_t n = len_bytes < ODB_MEM_MAX_BYTES ? len_bytes : ODB_MEM_MAX_BYTES;
        struct odb_ev_mem *ev = event_begin(ODB_EV_MEM, flags, (uint32_t)(sizeof(*ev) + n));
        ev->addr = addr;
        ev->len_bytes = n;
        if (n == 8)
            *(uint64_t *)(ev + 1) = *(const uint64_t *)addr;
        else
            memcpy(ev + 1, (const void *)addr, n);
        event_commit();
        addr += n;
        len_bytes -= n;
    }
}

void event_note(uint32_t kind, const char *text)
{
    if (!event_ready())
        return;
    uint32_t n = (uint32_t)strlen(text) + 1;
    struct odb_ev_note *ev = event_begin(ODB_EV_NOTE, 0, (uint32_t)sizeof(*ev) + n);
    ev->tick = core_tick();
    ev->rip = ctx.rip;
    ev->text_bytes = n;
    ev->kind = kind;
    memcpy(ev + 1, text, n);
    event_commit();
}
