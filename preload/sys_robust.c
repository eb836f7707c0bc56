/* What the kernel does with a thread's robust list at its end (kernel/futex/core.c, exit_robust_list, Linux 6.x), done
 * while the thread still has the baton, so that the words change at a known place of the recording.
 *
 * The list is the program's memory and may be anything: every access is guarded, at most 2048 entries are followed,
 * and the walk ends at the first that cannot be read, all as in the kernel. An entry's lowest bit says "priority
 * inheritance": the kernel hands such a futex on in another way, here they are alike (sys_futex.c). */
#include "preload/sys_robust.h"

#include <linux/futex.h>

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
