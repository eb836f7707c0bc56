/* The recorder keeps all recorded tasks on one CPU. What they would see without it is kept here: the mask each began
 * with or set later (odb_task.affinity), and a CPU number out of that mask.
 *
 * A new mask is checked by the kernel itself: it is really set for a moment, read back (cut to the cpuset), and taken
 * back. Real-time policies are not put in force: on one CPU a spinning real-time thread would never let the one run
 * that it waits for. They are tried, so that the program gets the error that it would get. */
#include "preload/sys_sched.h"

#include <linux/sched.h>
#include <linux/sched/types.h>

#include "preload/raw.h"
#include "preload/thread.h"

#define E_FAULT 14
#define E_INVAL 22

#define MASK_BYTES (SCHED_MASK_WORDS * 8)

/* The recorded task that a call names; NULL: none of ours. */
static struct odb_task *target(uint64_t pid_arg)
{
    uint32_t tid = (uint32_t)pid_arg;
    if (!tid || tid == self->ns_tid)
        return &SHARED->tasks[self->task];
    for (uint32_t i = 0; i < odb_n_slots(SHARED); i++) {
        struct odb_task *t = &SHARED->tasks[i];
        if (atomic_load(&t->state) == ODB_TASK_ALIVE && (t->ns_tid ? t->ns_tid : t->tid) == tid)
            return t;
    }
    return NULL;
}

static bool is_set(const uint64_t *mask)
{
    for (int i = 0; i < SCHED_MASK_WORDS; i++)
        if (mask[i])
            return true;
    return false;
}

void sched_mask(const struct odb_task *t, uint64_t ret[SCHED_MASK_WORDS])
{
    if (is_set(t->affinity))
        memcpy(ret, t->affinity, MASK_BYTES);
    else
        memcpy(ret, SHARED->affinity, MASK_BYTES);
}

static bool set_affinity(struct model_call *c)
{
    struct odb_task *t = target(c->args[0]);
    uint64_t pinned[SCHED_MASK_WORDS] = {0}, now[SCHED_MASK_WORDS] = {0};
    if (!t || !is_set((const uint64_t *)SHARED->affinity))
        return false;
    long n = raw3(__NR_sched_getaffinity, c->args[0], MASK_BYTES, pinned);
    c->result = raw3(__NR_sched_setaffinity, c->args[0], c->args[1], c->args[2]);
    if (c->result < 0 || n <= 0)
        return true;
    raw3(__NR_sched_getaffinity, c->args[0], MASK_BYTES, now);
    memcpy(t->affinity, now, MASK_BYTES);
    raw3(__NR_sched_setaffinity, c->args[0], n, pinned);
    return true;
}

static bool get_affinity(struct model_call *c)
{
    const struct odb_task *t = target(c->args[0]);
    uint64_t mask[SCHED_MASK_WORDS];
    if (!t || !is_set((const uint64_t *)SHARED->affinity))
        return false;
    c->result = raw3(__NR_sched_getaffinity, c->args[0], c->args[1], c->args[2]);
    if (c->result <= 0)
        return true;
    sched_mask(t, mask);
    uint64_t n = (uint64_t)c->result < MASK_BYTES ? (uint64_t)c->result : MASK_BYTES;
    if (!engine_poke(c->args[2], mask, n))
        c->result = -E_FAULT;
    return true;
}

/* A thread that set its mask to one CPU wants to be told that it runs there. */
static bool get_cpu(struct model_call *c)
{
    uint64_t mask[SCHED_MASK_WORDS];
    uint32_t cpu = 0;
    c->result = raw3(__NR_getcpu, c->args[0], c->args[1], c->args[2]);
    if (c->result || !c->args[0] || !engine_peek(c->args[0], &cpu, 4))
        return true;
    sched_mask(&SHARED->tasks[self->task], mask);
    if (!is_set(mask) || cpu >= MASK_BYTES * 8 || mask[cpu / 64] >> (cpu % 64) & 1)
        return true;
    for (cpu = 0; !(mask[cpu / 64] >> (cpu % 64) & 1);)
        cpu++;
    engine_poke(c->args[0], &cpu, 4);
    return true;
}

static bool real_time(uint64_t policy)
{
    uint32_t p = (uint32_t)policy & ~(uint32_t)SCHED_RESET_ON_FORK;
    return p == SCHED_FIFO || p == SCHED_RR || p == SCHED_DEADLINE;
}

static uint32_t remembered(uint32_t policy, uint32_t priority)
{
    uint32_t reset = policy & SCHED_RESET_ON_FORK ? SCHED_RESET : 0;
    return reset | (policy & 15) << 8 | (priority & 255);
}

/* The call itself, for its errors; then back to the usual policy. */
static bool set_policy(struct model_call *c)
{
    struct odb_task *t = target(c->args[0]);
    struct sched_attr attr = {.sched_policy = (uint32_t)c->args[1]};
    uint32_t zero = 0;
    if (!t)
        return false;
    if (c->nr == __NR_sched_setattr ? !engine_peek(c->args[1], &attr, SCHED_ATTR_SIZE_VER0)
                                    : !engine_peek(c->args[2], &attr.sched_priority, 4))
        return false;
    c->result = raw3(c->nr, c->args[0], c->args[1], c->args[2]);
    if (c->result)
        return true;
    t->real_time = 0;
    if (real_time(attr.sched_policy)) {
        raw3(__NR_sched_setscheduler, c->args[0], SCHED_NORMAL, &zero);
        t->real_time = remembered(attr.sched_policy, attr.sched_priority);
    }
    return true;
}

/* sched_setparam of a task that believes to be real-time. */
static bool set_priority(struct model_call *c)
{
    struct odb_task *t = target(c->args[0]);
    uint32_t priority;
    if (!t || !t->real_time || !engine_peek(c->args[1], &priority, 4))
        return false;
    c->result = priority >= 1 && priority <= 99 ? 0 : -E_INVAL;
    if (!c->result)
        t->real_time = (t->real_time & ~255u) | priority;
    return true;
}

static bool get_policy(struct model_call *c)
{
    const struct odb_task *t = target(c->args[0]);
    if (!t || !t->real_time)
        return false;
    uint32_t policy = (t->real_time >> 8 & 15), priority = t->real_time & 255;
    uint32_t flagged = policy | (t->real_time & SCHED_RESET ? SCHED_RESET_ON_FORK : 0);
    switch (c->nr) {
    case __NR_sched_getscheduler: c->result = flagged; return true;
    case __NR_sched_getparam: c->result = engine_poke(c->args[1], &priority, 4) ? 0 : -E_FAULT; return true;
    default: /* sched_getattr */
        c->result = raw4(c->nr, c->args[0], c->args[1], c->args[2], c->args[3]);
        if (!c->result) {
            engine_poke(c->args[1] + offsetof(struct sched_attr, sched_policy), &policy, 4);
            engine_poke(c->args[1] + offsetof(struct sched_attr, sched_priority), &priority, 4);
        }
        return true;
    }
}

bool sys_sched(struct model_call *c)
{
    switch (c->nr) {
    case __NR_sched_setaffinity: return set_affinity(c);
    case __NR_sched_getaffinity: return get_affinity(c);
    case __NR_getcpu: return get_cpu(c);
    case __NR_sched_setscheduler:
    case __NR_sched_setattr: return set_policy(c);
    case __NR_sched_setparam: return set_priority(c);
    case __NR_sched_getscheduler:
    case __NR_sched_getparam:
    case __NR_sched_getattr: return get_policy(c);
    default: return false;
    }
}
