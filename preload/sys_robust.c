/* What the kernel does with a thread's robust list at its end (kernel/futex/core.c, exit_robust_list, Linux 6.x), done
 * while the thread still has the baton, so that the words change at a known place of the recording.
 *
 * The list is the program's memory and may be anything: every access is guarded, at most 2048 entries are followed,
 * and the walk ends at the first that cannot be read, all as in the kernel. An entry's lowest bit says "priority
 * inheritance": the kernel hands such a futex on in another way, here they are alike (sys_futex.c). */
#include "preload/sys_robust.h"

#include <linux/futex.h>
#include <linux/mman.h>

#include "preload/raw.h"
#include "preload/thread.h"

#define ROBUST_LIMIT 2048 /* ROBUST_LIST_LIMIT */

struct robust_head {
    uint64_t next;
    int64_t futex_offset;
    uint64_t pending;
};
_Static_assert(sizeof(struct robust_head) == sizeof(struct robust_list_head), "the kernel's");

struct words {
    struct model_range *ret;
    int n, max;
};

static void wake_one(gaddr word) { raw3(__NR_futex, word, FUTEX_WAKE, 1); }

/* handle_futex_death(). False: the walk ends. */
static bool owner_died(gaddr word, bool pi, bool pending, struct words *w)
{
    uint32_t value;
    if (word & 3 || engine_owns(word, 4) || !engine_peek(word, &value, 4))
        return false;
    uint32_t owner = value & FUTEX_TID_MASK;
    if (pending && !pi && !owner) { /* it died between unlocking and waking */
        wake_one(word);
        return true;
    }
    if (owner != self->ns_tid)
        return true;
    uint32_t dead = (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
    if (w->n == w->max)
        return false;
    if (!engine_poke(word, &dead, 4)) {
        core_unprotect_all();
        if (!engine_poke(word, &dead, 4))
            return false;
    }
    w->ret[w->n++] = (struct model_range){word, 4};
    if (value & FUTEX_WAITERS) /* of a PI futex, too: sys_futex.c */
        wake_one(word);
    return true;
}

int robust_exit(gaddr head, uint64_t len, struct model_range *ret, int max)
{
    struct robust_head h;
    struct words w = {ret, 0, max};
    if (!head || len != sizeof(h) || !engine_peek(head, &h, sizeof(h)))
        return 0;
    uint64_t offset = (uint64_t)h.futex_offset, entry = h.next, pending = h.pending & ~1ULL;
    for (int i = 0; i < ROBUST_LIMIT && (entry & ~1ULL) != head; i++) {
        uint64_t next = 0;
        bool more = engine_peek(entry & ~1ULL, &next, 8); /* now: the waiter may free the entry */
        if ((entry & ~1ULL) != pending && !owner_died((entry & ~1ULL) + offset, entry & 1, false, &w))
            return w.n;
        if (!more)
            return w.n;
        entry = next;
    }
    if (pending)
        owner_died(pending + offset, h.pending & 1, true, &w);
    return w.n;
}

/* ---- the killed ---- */

#define SCAN_BYTES (64ull << 20)
#define SCAN_PAGES 256

static int scan_page(gaddr page, struct model_range *ranges, int n, int max)
{
    static uint32_t words[ODB_PAGE_BYTES / 4];
    if (!engine_peek(page, words, sizeof(words)))
        return n;
    for (uint32_t i = 0; i < ODB_PAGE_BYTES / 4 && n < max; i++)
        if ((words[i] & ~(uint32_t)FUTEX_WAITERS) == FUTEX_OWNER_DIED)
            ranges[n++] = (struct model_range){page + 4 * i, 4};
    return n;
}

/* Only pages that exist: reading must not make any. */
static int scan_map(const struct engine_map *m, struct model_range *ranges, int n, int max)
{
    static uint8_t resident[SCAN_PAGES];
    for (gaddr at = m->start; at < m->end; at += SCAN_PAGES * ODB_PAGE_BYTES) {
        uint64_t pages = (m->end - at) / ODB_PAGE_BYTES;
        pages = pages < SCAN_PAGES ? pages : SCAN_PAGES;
        if (raw3(__NR_mincore, at, pages * ODB_PAGE_BYTES, resident) < 0)
            continue;
        for (uint64_t i = 0; i < pages; i++)
            if (resident[i] & 1)
                n = scan_page(at + i * ODB_PAGE_BYTES, ranges, n, max);
    }
    return n;
}

static uint32_t seen; /* SHARED->killed when we looked */

void robust_look_again(void) { seen = SHARED->killed - 1; }

int robust_after_kills(struct model_range *ranges, int n, int max)
{
    uint32_t killed = SHARED->killed;
    if (killed == seen)
        return n;
    seen = killed;
    uint64_t scanned = 0;
    for (int i = 0; i < maps_count() && scanned < SCAN_BYTES; i++) {
        const struct engine_map *m = maps_get(i);
        if (!(m->flags & MAP_SHARED) || (m->prot & (PROT_READ | PROT_WRITE)) != (PROT_READ | PROT_WRITE))
            continue;
        n = scan_map(m, ranges, n, max);
        scanned += m->end - m->start;
    }
    return n;
}
