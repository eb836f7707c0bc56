/* Children teach their parents what they translated, while recording.
 *
 * A forked child begins with a copy of its parent's translations. What it then runs for the first time (the way out of a
 * shell's subshell, say) is translated in its own copy, and lost with it; the next child would do the same again, and each of
 * the pages that it wrote for that would be copied again. So a child leaves the addresses of its new blocks in the shared
 * tables when it ends or executes another program, and its parent makes those blocks, and links them, before it forks the next time.
 *
 * Nothing depends on it: which blocks exist when is never seen by the program, nor by replay. An address that makes no
 * sense any more (the parent has executed another program) is left out, or costs one useless block. */
#include "preload/learn.h"

#include <linux/mman.h>
#include <linux/sched.h>

#include "preload/core.h"
#include "preload/sys.h"
#include "preload/thread.h"

#define HAS_PAD (1ULL << 63)

static uint32_t parent_pid; /* 0: none, or no memory of our own */
static uint32_t first_own;  /* blocks from here on are not the parent's */
static uint32_t flushes_at_start;

static struct odb_lesson *lesson_of(uint32_t pid) { return &SHARED->lessons[pid % ODB_LESSONS]; }

void learn_forked(uint32_t parent)
{
    parent_pid = parent;
    first_own = cache_n_blocks();
    flushes_at_start = flush_count;
}

static void teach_one(struct odb_lesson *to, uint64_t rip)
{
    if (to->n < ODB_LESSON_RIPS)
        to->rips[to->n++] = rip;
}

void learn_teach(void)
{
    if (!parent_pid || parent_pid == ctx.pid || flushes_at_start != flush_count ||
        self->clone_flags & CLONE_VM)
        return;
    struct odb_lesson *to = lesson_of(parent_pid), *from = lesson_of(ctx.pid);
    uint32_t n = cache_n_blocks();
    if (to->pid != parent_pid) {
        to->pid = parent_pid;
        to->n = 0;
    }
    for (uint32_t i = first_own; i < n; i++)
        if (blocks[i].variant == VARIANT_FAST && !blocks[i].flags)
            teach_one(to, blocks[i].start | (blocks[i].pad ? HAS_PAD : 0));
    if (from != to && from->pid == ctx.pid) /* not learned: it did not fork again */
        for (uint32_t i = 0; i < from->n; i++)
            teach_one(to, from->rips[i]);
    first_own = n;
}

static bool is_plain_code(gaddr rip)
{
    const struct engine_map *m = maps_find(rip);
    return m && m->prot & PROT_EXEC && !(m->prot & PROT_WRITE) && !(m->flags & MAP_SHARED);
}

static bool learn_one(gaddr rip, bool with_pad)
{
    struct block *b = block_find(rip, VARIANT_FAST);
    if (b && (!with_pad || b->pad))
        return false;
    if (b)
        pad_ensure(b);
    else if (is_plain_code(rip))
        translate(rip, VARIANT_FAST, with_pad);
    return true;
}

void learn(void)
{
    struct odb_lesson *from = lesson_of(ctx.pid);
    bool is_new = false;
    if (from->pid != ctx.pid || !from->n || flush_pending)
        return;
    for (uint32_t i = 0; i < from->n && i < ODB_LESSON_RIPS && cache_has_room(); i++)
        is_new |= learn_one(from->rips[i] & ~HAS_PAD, from->rips[i] & HAS_PAD);
    if (is_new)
        cache_link_all();
    from->n = 0;
}
