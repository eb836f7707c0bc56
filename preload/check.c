/* CHECK events.
 *
 * Which pages: private and writable, and present without being the file's (/proc/self/pagemap), because
 * only those can have changed. A check in the middle hashes a part, beginning where the last one
 * stopped; the one at the end hashes all. Time is measured with the time stamp counter, and the next check
 * is put off in proportion to what the last one cost, so checks take a fixed share of the time. */
#include "preload/check.h"

#include <linux/fcntl.h>
#include <linux/mman.h>

#include "common/hash.h"
#include "preload/event.h"
#include "preload/procmaps.h"
#include "preload/raw.h"
#include "preload/sys.h"
#include "preload/sys_record.h"

#define CHECK_PAGES 1024 /* of one check in the middle */
#define CHECK_END_BYTES (256ull << 20)
#define EVENT_PAGES 16384 /* of one event: 256 KiB */
#define BATCH 512
#define SHARE_USUAL 100 /* 1 % of the time */
#define SHARE_DENSE 8
#define CALLS_PER_LOOK 16
#define PM_PRESENT (1ULL << 63)
#define PM_FILE (1ULL << 61)

static uint64_t next_at; /* time stamp of the next check */
static uint32_t n_calls;
static gaddr resume_at; /* where the next check begins */
static int pagemap_fd = -1;

static struct odb_ev_check *event; /* under construction; NULL: none */

static uint64_t clock_now(void)
{
    uint32_t lo, hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return (uint64_t)hi << 32 | lo;
}

static uint64_t vector_hash(void)
{
    static _Alignas(64) uint8_t image[4096];
    size_t n = xstate_save(image, sizeof(image));
    return odb_hash64(image, n, 0);
}

static void event_open(uint32_t max_pages)
{
    event =
        event_begin(ODB_EV_CHECK, 0, (uint32_t)(sizeof(*event) + max_pages * sizeof(struct odb_page_hash)));
    event->tick = core_tick();
    event->rip = ctx.rip;
    event->n_pages = 0;
    event->reserved = 0;
    event->vector_hash = vector_hash();
}

static void event_close(void)
{
    event_shrink((uint32_t)(sizeof(*event) + event->n_pages * sizeof(struct odb_page_hash)));
    event_commit();
    event = NULL;
}

static void add_page(gaddr page, uint32_t max_pages)
{
    if (event->n_pages == max_pages) {
        event_close();
        event_open(max_pages);
    }
    struct odb_page_hash *p = (struct odb_page_hash *)(event + 1) + event->n_pages++;
    p->addr = page;
    p->hash = odb_hash64((const void *)page, ODB_PAGE_BYTES, 0);
}

/* Pages of [start, end). Returns how many were added, at most n_max; *ret_stop: where it stopped. */
static uint64_t check_range(gaddr start, gaddr end, uint64_t n_max, uint32_t event_pages, gaddr *ret_stop)
{
    static uint64_t info[BATCH];
    uint64_t added = 0;
    gaddr a = start;
    while (a < end && added < n_max) {
        uint64_t n = (end - a) / ODB_PAGE_BYTES;
        n = n < BATCH ? n : BATCH;
        if (raw4(__NR_pread64, pagemap_fd, info, n * 8, a / ODB_PAGE_BYTES * 8) != (long)(n * 8))
            break;
        for (uint64_t i = 0; i < n && added < n_max; i++, a += ODB_PAGE_BYTES) {
            if (!(info[i] & PM_PRESENT) || (info[i] & PM_FILE))
                continue;
            add_page(a, event_pages);
            added++;
        }
    }
    *ret_stop = a;
    return added;
}

static bool worth_checking(const struct engine_map *m)
{
    return (m->prot & (PROT_READ | PROT_WRITE)) == (PROT_READ | PROT_WRITE) && !(m->flags & MAP_SHARED);
}

/* Up to n_max pages from resume_at on, once around at most. */
static void check_pages(uint64_t n_max, uint32_t event_pages)
{
    long fd = proc_open("thread-self/pagemap", O_RDONLY);
    if (fd < 0)
        return;
    pagemap_fd = (int)fd;
    gaddr first = resume_at;
    event_open(event_pages);
    for (int round = 0; round < 2 && n_max; round++) {
        for (int i = 0; i < maps_count() && n_max; i++) {
            const struct engine_map *m = maps_get(i);
            gaddr start = round == 0 && m->start < first ? first : m->start;
            gaddr end = round == 1 && m->end > first ? first : m->end;
            if (worth_checking(m) && start < end)
                n_max -= check_range(start, end, n_max, event_pages, &resume_at);
        }
    }
    event_close();
    raw1(__NR_close, fd);
}

void check_sometimes(void)
{
    if (record_call_writes_now())
        return;
    if (++n_calls % CALLS_PER_LOOK) /* reading the clock is dear in a virtual machine */
        return;
    uint64_t now = clock_now();
    if (now < next_at)
        return;
    check_pages(CHECK_PAGES, CHECK_PAGES);
    uint64_t done = clock_now();
    next_at = done + (done - now) * ((CONTROL->options & ODB_OPT_CHECK) ? SHARE_DENSE : SHARE_USUAL);
}

void check_at_end(void)
{
    if (record_call_writes_now())
        return;
    resume_at = 0;
    check_pages(CHECK_END_BYTES / ODB_PAGE_BYTES, EVENT_PAGES);
}
