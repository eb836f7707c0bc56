/* The baton from the recorder's side: the protocol is in preload/shared.h, the engine's side in preload/baton.c.
 *
 * The recorder takes it to write what the recorded themselves cannot: the end of a process that was killed. It never
 * sleeps with it. A dead holder has left no half-written event: ring_head moves only when an event is complete. It may
 * have left an event without all its MEM followers; the writer of the recording blanks those (trace/writer.c). */
#include "recorder/baton.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define RECORDER ODB_BATON_OF(ODB_MAX_TASKS)
#define LOOK_MS 5
#define SPACE_TRIES 200 /* of 10 ms */

/* ---- events ---- */

/* Room for an event in the ring, zeroed but for its header; NULL: nobody empties the ring. */
static void *event_begin(struct ring *r, uint16_t type, uint32_t pid, size_t n_bytes)
{
    struct odb_control *c = r->control;
    uint32_t size = (uint32_t)((n_bytes + 7) & ~(size_t)7);
    uint64_t head = atomic_load(&c->ring_head);
    for (int tries = 0;; tries++) {
        uint32_t seen = atomic_load(&c->ring_space);
        if (head + size - atomic_load(&c->ring_tail) <= ODB_RING_BYTES)
            break;
        if (tries == SPACE_TRIES)
            return NULL;
        atomic_store(&c->engine_waiting, 1);
        atomic_fetch_add(&c->ring_data, 1);
        ring_wake(&c->ring_data);
        ring_sleep(&c->ring_space, seen, 10);
    }
    struct odb_event *ev = (struct odb_event *)(void *)(r->bytes + head % ODB_RING_BYTES);
    memset(ev, 0, size);
    *ev = (struct odb_event){.size_bytes = size, .type = type, .tid = pid, .pid = pid};
    return ev;
}

static void event_commit(struct ring *r, const struct odb_event *ev)
{
    atomic_fetch_add_explicit(&r->control->ring_head, ev->size_bytes, memory_order_release);
}

bool baton_write_killed(struct ring *r, uint32_t pid, int32_t status)
{
    struct odb_ev_exit *ev = event_begin(r, ODB_EV_EXIT, pid, sizeof(*ev));
    if (!ev)
        return false;
    ev->ev.flags = ODB_EXIT_KILLED;
    ev->status = status;
    event_commit(r, &ev->ev);
    r->shared->killed++;
    return true;
}

bool baton_write_note(struct ring *r, uint32_t pid, uint32_t kind, const char *text)
{
    size_t n = strlen(text) + 1;
    struct odb_ev_note *ev = event_begin(r, ODB_EV_NOTE, pid, sizeof(*ev) + n);
    if (!ev)
        return false;
    ev->text_bytes = (uint32_t)n;
    ev->kind = kind;
    memcpy(ev + 1, text, n);
    event_commit(r, &ev->ev);
    return true;
}

void baton_write_switch(struct ring *r, uint32_t task)
{
    const struct odb_task *t = &r->shared->tasks[task];
    struct odb_ev_switch *ev = event_begin(r, ODB_EV_SWITCH, t->pid, sizeof(*ev));
    if (!ev)
        return;
    ev->ev.tid = t->tid;
    ev->tick = t->call_tick;
    ev->rip = t->call_rip;
    ev->kind = ODB_SWITCH_CALL;
    ev->nr = t->call_nr;
    event_commit(r, &ev->ev);
}

/* ---- the baton ---- */

static bool is_running(uint32_t word)
{
    return word != ODB_BATON_FREE && word != ODB_BATON_HANDOFF && !(word & ODB_BATON_IN_CALL) &&
           ODB_BATON_TASK(word) < ODB_MAX_TASKS;
}

uint32_t baton_holder(const struct odb_shared *s)
{
    uint32_t word = atomic_load(&s->baton.word);
    return is_running(word) ? ODB_BATON_TASK(word) : ODB_MAX_TASKS;
}

void baton_ask_to_yield(struct odb_shared *s, uint32_t task)
{
    const struct odb_task *t = &s->tasks[task];
    siginfo_t info;
    memset(&info, 0, sizeof(info));
    info.si_signo = ODB_SIG_YIELD;
    info.si_code = SI_QUEUE;
    info.si_value.sival_ptr = (void *)(uintptr_t)ODB_YIELD_VALUE;
    if (t->pid && t->tid)
        syscall(SYS_rt_tgsigqueueinfo, t->pid, t->tid, ODB_SIG_YIELD, &info);
}

/* One attempt; *ret_word is what was found. */
static bool try_take(struct ring *r, uint32_t dead_pid, uint32_t *ret_word)
{
    struct odb_baton *b = &r->shared->baton;
    uint32_t word = *ret_word = atomic_load(&b->word);
    if (is_running(word) && (!dead_pid || r->shared->tasks[ODB_BATON_TASK(word)].pid != dead_pid))
        return false;
    if (!atomic_compare_exchange_strong(&b->word, &word, RECORDER))
        return false;
    if (word & ODB_BATON_IN_CALL && ODB_BATON_TASK(word) < ODB_MAX_TASKS)
        baton_write_switch(r, ODB_BATON_TASK(word));
    return true;
}

bool baton_take(struct ring *r, uint32_t dead_pid, int timeout_ms)
{
    struct odb_baton *b = &r->shared->baton;
    uint32_t asked = 0;
    for (int waited_ms = 0;;) {
        uint32_t word;
        if (try_take(r, dead_pid, &word))
            return true;
        if (!is_running(word))
            continue; /* it changed under our hands */
        if (waited_ms >= timeout_ms)
            return false;
        atomic_fetch_add(&b->waiters, 1);
        if (asked != word)
            baton_ask_to_yield(r->shared, ODB_BATON_TASK(word));
        asked = word;
        ring_sleep(&b->word, word, LOOK_MS);
        atomic_fetch_sub(&b->waiters, 1);
        waited_ms += LOOK_MS;
    }
}

bool baton_seize(struct ring *r, uint32_t word)
{
    return atomic_compare_exchange_strong(&r->shared->baton.word, &word, RECORDER);
}

void baton_release(struct ring *r)
{
    struct odb_baton *b = &r->shared->baton;
    bool wanted = atomic_load(&b->waiters) != 0;
    atomic_store(&b->word, wanted ? ODB_BATON_HANDOFF : ODB_BATON_FREE);
    if (wanted || atomic_load(&b->waiters))
        ring_wake(&b->word);
}

void baton_forget_task(struct odb_shared *s, uint32_t task)
{
    struct odb_task *t = &s->tasks[task];
    uint32_t state = atomic_load(&t->state);
    if (state == ODB_TASK_FREE)
        return;
    if (atomic_exchange(&t->waiting, 0))
        atomic_fetch_sub(&s->baton.waiters, 1);
    if (state != ODB_TASK_EXITED)
        atomic_fetch_sub(&s->n_tasks, 1);
    t->pid = t->tid = 0;
    atomic_store(&t->state, ODB_TASK_FREE);
}
