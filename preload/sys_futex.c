/* FUTEX_LOCK_PI, LOCK_PI2, TRYLOCK_PI, UNLOCK_PI.
 *
 * The kernel changes the word of such a futex whenever it likes: when a waiter goes to sleep, when the owner dies, when a
 * lock changes hands. Others would see that at moments which replay cannot know. So the engine does these operations:
 * every change of the word happens under the baton and is in the recording, and the kernel sees a plain wait and wake.
 * Priorities are not inherited, which nobody notices where one thread runs at a time.
 *
 * The word, as the kernel has it: the owner's tid, 0x40000000 its owner died, 0x80000000 there may be waiters. A lock
 * that is free but has waiters keeps that bit, so that nobody takes it without asking here.
 *
 * A waiter first marks the word (an event of its own, ODB_SYSCALL_AGAIN), then waits for the word to change. */
#include "preload/sys_futex.h"

#include <asm/unistd_64.h>
#include <linux/errno.h>
#include <linux/futex.h>

#include "preload/core.h"
#include "preload/raw.h"
#include "preload/sys_deny.h"
#include "preload/thread.h"

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif

static bool put_word(gaddr at, uint32_t value)
{
    return engine_poke(at, &value, 4) || (core_unprotect_all() && engine_poke(at, &value, 4));
}

static enum futex_pi done(struct model_call *c, int64_t result)
{
    c->result = result;
    return FUTEX_PI_DONE;
}

static enum futex_pi take(struct model_call *c, uint32_t word)
{
    uint32_t mine = self->ns_tid | (word & (FUTEX_WAITERS | FUTEX_OWNER_DIED));
    return done(c, put_word(c->args[0], mine) ? 0 : -EFAULT);
}

static enum futex_pi unlock(struct model_call *c, uint32_t word)
{
    if ((word & FUTEX_TID_MASK) != self->ns_tid)
        return done(c, -EPERM);
    if (!put_word(c->args[0], word & FUTEX_WAITERS))
        return done(c, -EFAULT);
    if (word & FUTEX_WAITERS &&
        raw3(__NR_futex, c->args[0], FUTEX_WAKE | (c->args[1] & FUTEX_PRIVATE_FLAG), 1) <= 0)
        put_word(c->args[0], 0);
    return done(c, 0);
}

static void make_wait(const struct model_call *c, uint32_t word, struct model_call *wait)
{
    uint64_t op = c->args[1] & FUTEX_CMD_MASK;
    *wait = *c;
    wait->args[1] = FUTEX_WAIT_BITSET | (c->args[1] & FUTEX_PRIVATE_FLAG) |
                    (op == FUTEX_LOCK_PI ? FUTEX_CLOCK_REALTIME : (c->args[1] & FUTEX_CLOCK_REALTIME));
    wait->args[2] = word;
    wait->args[5] = FUTEX_BITSET_MATCH_ANY;
}

static enum futex_pi lock(struct model_call *c, uint32_t word, struct model_call *wait)
{
    uint32_t owner = word & FUTEX_TID_MASK;
    if (!owner)
        return take(c, word);
    if (owner == self->ns_tid)
        return done(c, -EDEADLK);
    if ((c->args[1] & FUTEX_CMD_MASK) == FUTEX_TRYLOCK_PI)
        return done(c, -EAGAIN);
    if (raw2(__NR_tkill, owner, 0) == -ESRCH)
        return done(c, -ESRCH);
    if (!(word & FUTEX_WAITERS))
        return put_word(c->args[0], word | FUTEX_WAITERS) ? FUTEX_PI_AGAIN : done(c, -EFAULT);
    make_wait(c, word, wait);
    return FUTEX_PI_WAIT;
}

enum futex_pi sys_futex_pi(struct model_call *c, struct model_call *wait)
{
    uint32_t op = (uint32_t)c->args[1] & FUTEX_CMD_MASK, word;
    if (op == FUTEX_WAIT_REQUEUE_PI || op == FUTEX_CMP_REQUEUE_PI) { /* nobody uses them since glibc 2.25 */
        sys_deny_say(DENY_REQUEUE_PI,
                     "the program used FUTEX_CMP_REQUEUE_PI or FUTEX_WAIT_REQUEUE_PI, which are not "
                     "recorded: it was told ENOSYS");
        return done(c, -ENOSYS);
    }
    if (op != FUTEX_LOCK_PI && op != FUTEX_LOCK_PI2 && op != FUTEX_TRYLOCK_PI && op != FUTEX_UNLOCK_PI)
        return FUTEX_PI_NOT;
    if (c->args[0] & 3)
        return done(c, -EINVAL);
    if (engine_owns(c->args[0], 4) || !engine_peek(c->args[0], &word, 4))
        return done(c, -EFAULT);
    return op == FUTEX_UNLOCK_PI ? unlock(c, word) : lock(c, word, wait);
}
