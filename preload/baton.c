/* The baton: one thread of all recorded processes runs at a time. Protocol: shared.h.
 *
 * Alone, as most programs are most of the time, a thread pays nothing. With others, a call that may last costs a copy of
 * the thread's state and two compare-and-swaps as long as nobody wants to run meanwhile. */
#include <linux/errno.h>
#include <linux/futex.h>
#include <linux/signal.h>

#include "preload/event.h"
#include "preload/raw.h"
#include "preload/sys.h"
#include "preload/thread.h"

#define BATON (&SHARED->baton)
#define MAX_ASKED 1000

bool baton_wanted(void) { return CONTROL->mode == ODB_MODE_RECORD && atomic_load(&BATON->waiters) != 0; }

void baton_write_switch(const struct odb_task *k, uint32_t kind, uint64_t tick, gaddr rip, uint32_t nr)
{
    struct odb_ev_switch *ev = event_begin(ODB_EV_SWITCH, 0, sizeof(*ev));
    ev->ev.tid = k->tid;
    ev->ev.pid = k->pid;
    ev->tick = tick;
    ev->rip = rip;
    ev->kind = kind;
    ev->nr = nr;
    event_commit();
}

/* xorshift; the state is in shared memory and belongs to the holder, or nearly so: it is only dice. */
static uint64_t chaos_random(void)
{
    uint64_t x = BATON->chaos;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return BATON->chaos = x;
}

static uint64_t slice_ns(void)
{
    uint64_t us = BATON->slice_us ? BATON->slice_us : 3000;
    if (BATON->chaos)
        us = chaos_random() % (2 * us) + 50;
    return us * 1000;
}

/* `w` had the baton for a slice while `me` waited. Process ids are those of the recorder's namespace: who is in another
 * one leaves it to the recorder, which looks now and then. */
static void ask_to_yield(uint32_t w, uint32_t me)
{
    const struct odb_task *own = &SHARED->tasks[ODB_BATON_TASK(me)];
    uint32_t i = ODB_BATON_TASK(w);
    if (w == ODB_BATON_FREE || w == ODB_BATON_HANDOFF || w & ODB_BATON_IN_CALL || i >= ODB_MAX_TASKS)
        return;
    const struct odb_task *k = &SHARED->tasks[i];
    if (own->ns_pid != own->pid || atomic_load(&k->state) != ODB_TASK_ALIVE)
        return;
    struct {
        int32_t signo, error, code, pad, pid, uid;
        uint64_t value;
        uint8_t rest[96];
    } info = {.signo = ODB_SIG_YIELD, .code = -1 /* SI_QUEUE */, .value = ODB_YIELD_VALUE};
    _Static_assert(sizeof(info) == 128, "siginfo");
    raw4(__NR_rt_tgsigqueueinfo, k->pid, k->tid, ODB_SIG_YIELD, &info);
}

/* Returns the word it was taken from. */
static uint32_t take_word(uint32_t me)
{
    bool slept = false;
    uint32_t asked = 0, asked_word = 0;
    for (;;) {
        uint32_t w = atomic_load(&BATON->word);
        if (w == ODB_BATON_FREE || (w == ODB_BATON_HANDOFF && slept) || (w & ODB_BATON_IN_CALL)) {
            if (atomic_compare_exchange_strong(&BATON->word, &w, me))
                return w;
            continue;
        }
        uint64_t ns = slice_ns();
        int64_t timeout[2] = {(int64_t)(ns / 1000000000), (int64_t)(ns % 1000000000)};
        struct odb_task *k = &SHARED->tasks[ODB_BATON_TASK(me)];
        atomic_fetch_add(&BATON->waiters, 1);
        atomic_store(&k->waiting, 1);
        long r = raw4(__NR_futex, &BATON->word, FUTEX_WAIT, w, timeout);
        atomic_store(&k->waiting, 0);
        atomic_fetch_sub(&BATON->waiters, 1);
        slept = true;
        asked = w == asked_word ? asked + 1 : 0;
        asked_word = w;
        /* Who never answers is dead, and the recorder's business. */
        if (r == -ETIMEDOUT && atomic_load(&BATON->word) == w && asked < MAX_ASKED)
            ask_to_yield(w, me);
    }
}

static void give_word(void)
{
    bool wanted = atomic_load(&BATON->waiters) != 0;
    atomic_store(&BATON->word, wanted ? ODB_BATON_HANDOFF : ODB_BATON_FREE);
    if (wanted || atomic_load(&BATON->waiters))
        raw3(__NR_futex, &BATON->word, FUTEX_WAKE, 1);
}

/* The baton came from a task in a call: tells where it is. */
static void write_call_of(uint32_t from)
{
    uint32_t i = ODB_BATON_TASK(from);
    event_follow();
    if (from & ODB_BATON_IN_CALL && i < ODB_MAX_TASKS) {
        const struct odb_task *k = &SHARED->tasks[i];
        baton_write_switch(k, ODB_SWITCH_CALL, k->call_tick, k->call_rip, k->call_nr);
    }
}

static void wait_while_stopping(struct thread *t)
{
    uint32_t n;
    while ((n = atomic_load(&t->process->stopping)) != 0)
        raw4(__NR_futex, &t->process->stopping, FUTEX_WAIT, n, 0);
}

void baton_take(struct thread *t)
{
    wait_while_stopping(t);
    uint32_t from = take_word(ODB_BATON_OF(t->task));
    while (atomic_load(&t->process->stopping)) {
        write_call_of(from);
        give_word();
        wait_while_stopping(t);
        from = take_word(ODB_BATON_OF(t->task));
    }
    if (t->process->exiting) { /* it ends: never again */
        write_call_of(from);
        give_word();
        for (;;)
            raw0(__NR_pause);
    }
    write_call_of(from);
    thread_load(t);
    t->yield_wanted = false;
}

void baton_chaos(struct thread *t)
{
    if (BATON->chaos && baton_wanted() && chaos_random() % 8 == 0)
        baton_yield(t);
}

/* t, which runs, stops here. */
static void write_yield(struct thread *t)
{
    baton_write_switch(&SHARED->tasks[t->task], ODB_SWITCH_YIELD, core_tick(), ctx.rip, 0);
    thread_save(t);
}

void baton_leave(struct thread *t)
{
    if (CONTROL->mode != ODB_MODE_RECORD)
        return;
    write_yield(t);
    atomic_fetch_add(&t->process->stopping, 1);
    give_word();
}

void baton_return(struct thread *t)
{
    if (CONTROL->mode != ODB_MODE_RECORD)
        return;
    atomic_fetch_sub(&t->process->stopping, 1);
    raw3(__NR_futex, &t->process->stopping, FUTEX_WAKE, 1 << 30);
    baton_take(t);
}

void baton_yield(struct thread *t)
{
    t->yield_wanted = false;
    if (!baton_wanted())
        return;
    write_yield(t);
    give_word();
    baton_take(t);
}

void baton_call_begin(struct thread *t, const struct model_call *c, bool give)
{
    struct odb_task *k = &SHARED->tasks[t->task];
    k->call_tick = core_tick();
    k->call_rip = ctx.rip;
    k->call_nr = (uint32_t)c->nr;
    thread_save(t);
    if (give) {
        baton_write_switch(k, ODB_SWITCH_CALL, k->call_tick, k->call_rip, k->call_nr);
        give_word();
    } else {
        atomic_store(&BATON->word, ODB_BATON_OF(t->task) | ODB_BATON_IN_CALL);
    }
}

bool baton_call_end(struct thread *t)
{
    uint32_t w = ODB_BATON_OF(t->task) | ODB_BATON_IN_CALL;
    if (atomic_compare_exchange_strong(&BATON->word, &w, ODB_BATON_OF(t->task)))
        return false; /* nobody came */
    baton_take(t);
    return true;
}

void baton_drop(void) { give_word(); }
