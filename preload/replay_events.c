/* The order of things on replay: which thread runs next, what happens to it without its asking, where the host stops it.
 *
 * Asynchronous events (SIGNAL, SWITCH YIELD, EXIT by a signal, the end of the stream) have a position of their own. The
 * core is told to stop there (core_set_stop), and replay_stopped() makes them happen. The host's wish to
 * stop uses the same mechanism; the earlier of both is armed. Positions are those of the running thread: what is armed is
 * forgotten at a switch, and look_ahead() arms anew for the next thread.
 *
 * A run of a thread ends with SWITCH, with its exit, or with the death of its process. Then go_on() asks the stream who is
 * next, and loads that thread or passes the turn to its vessel. A process killed from outside (EXIT, KILLED) interrupts
 * whoever runs: the turn goes to the killed, which ends, and the stream says who goes on.
 *
 * A difference is a divergence: reported once, with the process kept as it is. Nothing in a recording may
 * crash the vessel. */
#include <linux/signal.h>
#include <stddef.h>

#include "common/hash.h"
#include "preload/core.h"
#include "preload/debug.h"
#include "preload/raw.h"
#include "preload/replay.h"

/* The next asynchronous thing. rip 0: at the beginning of the tick. */
static struct {
    bool armed;
    uint64_t tick;
    gaddr rip;
} async;
static bool user_armed; /* the host's position is one that the running thread can reach */
/* The host interrupts: at the head of this tick, where all flags are exact. */
static struct {
    bool armed;
    uint64_t tick;
} interruption;

/* ---- divergences ---- */

_Noreturn void replay_diverged(uint32_t kind, uint32_t reg, uint64_t expected, uint64_t found, gaddr addr,
                               const char *what)
{
    struct odb_divergence *d = &CONTROL->stop.divergence;
    const struct engine_map *m = maps_find(ctx.rip);
    *d = (struct odb_divergence){
        .kind = kind,
        .reg = reg,
        .event = WORLD->ordinal,
        .stream_offset = cursor.offset,
        .tick = core_tick(),
        .rip = ctx.rip,
        .expected = expected,
        .found = found,
        .addr = addr,
    };
    engine_format(d->what, sizeof(d->what), "%s", what);
    if (m)
        vessel_text("%s+0x%lx", m->name[0] ? m->name : "[anonymous]", ctx.rip - m->start + m->offset);
    vessel_stay(ODB_STOP_DIVERGED, 0);
}

void replay_compare_position(uint64_t tick, gaddr rip, const char *what)
{
    if (__builtin_expect(ctx.rip != rip, 0))
        replay_diverged(ODB_DIV_RIP, ODB_REG_RIP, rip, ctx.rip, 0, what);
    if (__builtin_expect(core_tick() != tick, 0))
        replay_diverged(ODB_DIV_TICK, 0, tick, core_tick(), 0, what);
}

/* ---- the index log ---- */

void replay_log_begin(void)
{
    if (!log_active() || WORLD->log_begun)
        return;
    WORLD->log_begun = 1;
    vessel_log_start();
}

void replay_log_event(uint16_t kind, const struct odb_event *ev)
{
    if (!log_active())
        return;
    struct odb_log head = {.kind = kind, .n = ev->size_bytes, .arg = WORLD->ordinal};
    log_record(&head, ev, ev->size_bytes);
}

/* ---- where to stop ---- */

static bool is_past(uint64_t tick, gaddr rip)
{
    uint64_t now = core_tick();
    return tick < now || (tick == now && rip && rip < ctx.rip);
}

static bool user_wants_this_thread(void)
{
    return WORLD->to_pos && replay_current && (!WORLD->to_run || WORLD->run_number >= WORLD->want_run) &&
           (!WORLD->want_tid || WORLD->want_tid == replay_current->tid) &&
           !is_past(WORLD->want_tick, WORLD->want_rip);
}

static void arm(void)
{
    user_armed = user_wants_this_thread();
    bool user_first = user_armed && (!async.armed || WORLD->want_tick < async.tick ||
                                     (WORLD->want_tick == async.tick && WORLD->want_rip <= async.rip));
    uint64_t tick = user_first ? WORLD->want_tick : async.armed ? async.tick : UINT64_MAX;
    gaddr rip = user_first ? WORLD->want_rip : async.armed ? async.rip : 0;
    if (interruption.armed && interruption.tick < tick) {
        tick = interruption.tick;
        rip = 0;
    }
    core_set_stop(tick, rip);
}

/* Does the host interrupt the run? */
static void look_for_interruption(void)
{
    interruption.armed = atomic_load_explicit(&CONTROL->interrupt, memory_order_relaxed) && replay_current;
    interruption.tick = core_tick() + 1;
}

static void arm_async(uint64_t tick, gaddr rip)
{
    async.armed = true;
    async.tick = tick;
    async.rip = rip;
    arm();
}

/* Has thread tid passed this position? Where it is not known: no. */
static bool has_passed(uint32_t tid, uint64_t tick, gaddr rip)
{
    if (!replay_current || (tid && tid != replay_current->tid)) {
        const struct odb_world_task *t = tid ? world_task(tid) : NULL;
        return t && (tick < t->tick || (tick == t->tick && rip && rip < t->rip));
    }
    return (tid || WORLD->n_tasks <= 1) && is_past(tick, rip);
}

const char *replay_set_run(const struct odb_run *run, bool *ret_at_once)
{
    struct odb_world *w = WORLD;
    if (w->branch)
        async.armed = false;
    *ret_at_once = false;
    bool to_run = run->flags & ODB_RUN_TO_RUN, later = to_run && run->run_number > w->run_number;
    if ((to_run && run->run_number < w->run_number) ||
        (run->flags & ODB_RUN_TO_POS && !later && has_passed(run->tid, run->tick, run->rip)))
        return "this position is in the past";
    if (run->flags & ODB_RUN_TO_EVENT && run->event < w->ordinal)
        return "this event is in the past";
    bool had_position = w->to_pos;
    w->to_pos = run->flags & ODB_RUN_TO_POS;
    w->want_tid = run->tid;
    w->want_tick = run->tick;
    w->want_rip = run->rip;
    w->to_event = run->flags & ODB_RUN_TO_EVENT;
    w->want_event = run->event;
    w->to_run = to_run;
    w->want_run = run->run_number;
    debug_set_run(run);
    look_for_interruption();
    if ((w->to_run && !w->to_pos && !later) || (w->steps_on && !w->steps_left)) {
        *ret_at_once = true;
        return NULL;
    }
    if (user_wants_this_thread() && w->want_tick == core_tick() && (!w->want_rip || w->want_rip == ctx.rip)) {
        w->to_pos = false;
        *ret_at_once = true;
        return NULL;
    }
    w->hook =
        run->flags & ODB_RUN_HOOK || CONTROL->mode == ODB_MODE_INDEX || CONTROL->options & ODB_OPT_TRACE_HOOK;
    core_set_hook(w->hook || debug_wants_hook());
    if (w->to_pos || had_position || interruption.armed)
        arm();
    replay_log_begin();
    return NULL;
}

/* ---- the stream ---- */

_Noreturn void replay_end_of_stream(void)
{
    const struct odb_event *ev = cursor_peek();
    int32_t status = 0;
    if (ev) {
        int32_t w = ((const struct odb_ev_end *)ev)->wait_status;
        status = WORLD->first_ended ? WORLD->first_status : (w & 127) ? -(w & 127) : (w >> 8) & 255;
    } else if (!WORLD->n_tasks && !WORLD->refusal[0]) {
        status = WORLD->first_status;
    } else {
        vessel_text("%s", WORLD->refusal[0] ? WORLD->refusal : "the recording ends here");
    }
    vessel_stay(ODB_STOP_END, status);
}

static void compare_page(const struct odb_page_hash *p)
{
    static uint8_t page[ODB_PAGE_BYTES];
    if (!engine_peek(p->addr, page, sizeof(page)))
        replay_diverged(ODB_DIV_PAGE, 0, p->hash, 0, p->addr, "a page is not there");
    uint64_t found = odb_hash64(page, sizeof(page), 0);
    if (found != p->hash)
        replay_diverged(ODB_DIV_PAGE, 0, p->hash, found, p->addr, "a page has other contents");
}

static uint64_t vector_hash(void)
{
    static _Alignas(64) uint8_t image[4096];
    return odb_hash64(image, xstate_save(image, sizeof(image)), 0);
}

/* A CHECK holds where it was made; elsewhere it is another difference, already on its way to be noticed. */
static void compare_check(const struct odb_ev_check *ev)
{
    if (!(CONTROL->options & ODB_OPT_CHECK))
        return;
    replay_compare_position(ev->tick, ev->rip, "position of a check of memory");
    uint64_t found = vector_hash();
    if (found != ev->vector_hash)
        replay_diverged(ODB_DIV_VECTOR, 0, ev->vector_hash, found, 0, "vector or x87 registers");
    const struct odb_page_hash *p = (const struct odb_page_hash *)(ev + 1);
    for (uint32_t i = 0; i < ev->n_pages; i++)
        compare_page(&p[i]);
}

/* Events that are nobody's doing. True: gone over. */
static bool pass_over(const struct odb_event *ev)
{
    switch (ev->type) {
    case ODB_EV_FILE:
        image_note_file((const struct odb_ev_file *)ev);
        replay_log_event(ODB_LOG_EVENT, ev);
        break;
    case ODB_EV_START:
    case ODB_EV_CPU: break;
    case ODB_EV_NOTE:
        if (((const struct odb_ev_note *)ev)->kind == ODB_NOTE_REFUSED)
            engine_format(WORLD->refusal, sizeof(WORLD->refusal), "%s",
                          (const char *)((const struct odb_ev_note *)ev + 1));
        break;
    default: return false;
    }
    cursor_take(ev);
    return true;
}

const struct odb_event *replay_main_event(void)
{
    for (;;) {
        const struct odb_event *ev = cursor_peek();
        if (!ev || ev->type == ODB_EV_END)
            return NULL;
        if (pass_over(ev))
            continue;
        if (ev->type != ODB_EV_CHECK)
            return ev;
        if (replay_current && ev->tid != replay_current->tid)
            return ev; /* this thread has ended: another goes on */
        if (replay_current)
            compare_check((const struct odb_ev_check *)ev);
        cursor_take(ev);
    }
}

const char *replay_type_name(uint32_t type)
{
    static const char *const names[ODB_N_EV] = {
        [ODB_EV_EXEC] = "a new program image",
        [ODB_EV_SYSCALL] = "a system call",
        [ODB_EV_INSN] = "a non-deterministic instruction",
        [ODB_EV_FAULT] = "a fault",
        [ODB_EV_SIGNAL] = "a signal",
        [ODB_EV_EXIT] = "the end of the process",
        [ODB_EV_SWITCH] = "a switch to another thread",
        [ODB_EV_TASK] = "the beginning of a thread",
    };
    return type < ODB_N_EV && names[type] ? names[type] : "something that cannot be here";
}

static bool is_killed(const struct odb_event *ev)
{
    return ev->type == ODB_EV_EXIT && ev->flags & ODB_EXIT_KILLED;
}

static _Noreturn void other_event(uint16_t type, const struct odb_event *ev)
{
    char what[160];
    if (ev->tid != replay_current->tid)
        engine_format(what, sizeof(what), "%s of thread %u, where the recording has %s of thread %u",
                      replay_type_name(type), replay_current->tid, replay_type_name(ev->type), ev->tid);
    else
        engine_format(what, sizeof(what), "%s, where the recording has %s", replay_type_name(type),
                      replay_type_name(ev->type));
    replay_diverged(ODB_DIV_EVENT_TYPE, 0, ev->type, type, 0, what);
}

const struct odb_event *replay_next(uint16_t type)
{
    for (;;) {
        const struct odb_event *ev = replay_main_event();
        if (!ev)
            replay_end_of_stream();
        if (is_killed(ev)) { /* before the instruction, which is begun again if it was another process */
            hook_cancel();
            replay_switch();
        }
        if (WORLD->to_event && WORLD->ordinal >= WORLD->want_event) {
            WORLD->to_event = false;
            vessel_stop(ODB_STOP_EVENT, 0);
            if (type == ODB_EV_SYSCALL || type == ODB_EV_INSN)
                debug_in_insn(type == ODB_EV_SYSCALL);
            continue;
        }
        if (ev->type == type && ev->tid == replay_current->tid)
            return ev;
        other_event(type, ev);
    }
}

void replay_taken(const struct odb_event *ev)
{
    debug_take_counted();
    cursor_take(ev);
    WORLD->ordinal++;
}

/* ---- asynchronous events ---- */

void replay_deliver(const struct odb_ev_signal *ev)
{
    uint8_t siginfo[128];
    int signo = ev->signo;
    memcpy(siginfo, ev->siginfo, sizeof(siginfo));
    debug_signal(signo, siginfo);
    if (signo < 1 || signo > ENGINE_NSIG || sig_actions[signo].handler <= 1)
        replay_diverged(ODB_DIV_EVENT_TYPE, 0, (uint64_t)signo, 0, 0,
                        "a signal that the program does not handle");
    sys_signal(signo, siginfo);
    signal_deliver(signo, siginfo);
}

bool replay_is_trap(const struct odb_event *ev)
{
    const struct odb_ev_fault *f = (const struct odb_ev_fault *)ev;
    return ev->type == ODB_EV_FAULT && f->signo == SIGSYS && f->code == 1 /* SYS_SECCOMP */;
}

/* Does ev happen to the running thread at a position of its own? */
static bool has_position(const struct odb_event *ev, uint64_t *ret_tick, gaddr *ret_rip)
{
    switch (ev->type) {
    case ODB_EV_SIGNAL:
        *ret_tick = ((const struct odb_ev_signal *)ev)->tick;
        *ret_rip = ((const struct odb_ev_signal *)ev)->rip;
        return true;
    case ODB_EV_SWITCH:
        *ret_tick = ((const struct odb_ev_switch *)ev)->tick;
        *ret_rip = ((const struct odb_ev_switch *)ev)->rip;
        return ((const struct odb_ev_switch *)ev)->kind == ODB_SWITCH_YIELD;
    case ODB_EV_CHECK: /* hides what comes behind it until it is due */
        *ret_tick = ((const struct odb_ev_check *)ev)->tick;
        *ret_rip = ((const struct odb_ev_check *)ev)->rip;
        return true;
    case ODB_EV_FAULT:
        *ret_tick = ((const struct odb_ev_fault *)ev)->tick;
        *ret_rip = ((const struct odb_ev_fault *)ev)->regs.rip;
        return core_faults_announced() && !replay_is_trap(ev);
    case ODB_EV_EXIT:
        *ret_tick = ((const struct odb_ev_exit *)ev)->tick;
        *ret_rip = ((const struct odb_ev_exit *)ev)->rip;
        return ((const struct odb_ev_exit *)ev)->status < 0;
    default: return false;
    }
}

/* The event, which has the position where the running thread is, happens. Does not return if another thread runs then. */
static void happens(const struct odb_event *ev)
{
    switch (ev->type) {
    case ODB_EV_SIGNAL:
        ev = replay_next(ODB_EV_SIGNAL);
        replay_deliver((const struct odb_ev_signal *)ev);
        return;
    case ODB_EV_SWITCH: cursor_take(ev); replay_switch();
    case ODB_EV_CHECK:
    case ODB_EV_FAULT: return; /* only a place to look at: the instruction faults by itself */
    default:
        debug_signal(-((const struct odb_ev_exit *)ev)->status, NULL);
        task_process_ends((const struct odb_ev_exit *)ev);
    }
}

/* FILE and NOTE do not hide what comes; a CHECK is due when its place is reached. */
static const struct odb_event *peek_ahead(void)
{
    for (;;) {
        const struct odb_event *ev = cursor_peek();
        if (!ev || ev->type == ODB_EV_END)
            return NULL;
        if (ev->type == ODB_EV_CHECK) {
            const struct odb_ev_check *k = (const struct odb_ev_check *)ev;
            bool here = ev->tid == replay_current->tid && k->tick == core_tick() && k->rip == ctx.rip;
            if (!here && CONTROL->options & ODB_OPT_CHECK)
                return ev;
            compare_check(k);
            cursor_take(ev);
        } else if (ev->type != ODB_EV_FILE && ev->type != ODB_EV_NOTE) {
            return ev;
        } else {
            pass_over(ev);
        }
    }
}

void replay_look_ahead(bool at_rest)
{
    if (async.armed) { /* it has come in another way */
        async.armed = false;
        arm();
    }
    if (WORLD->branch)
        return;
    for (;;) {
        const struct odb_event *ev = peek_ahead();
        uint64_t tick;
        gaddr rip;
        if (!ev) {
            arm_async(core_tick() + 1, 0);
            return;
        }
        bool at_once = at_rest && !log_active() && !WORLD->to_event && !WORLD->to_pos;
        if (is_killed(ev)) {
            if (at_once)
                replay_switch();
            arm_async(core_tick(), 0);
            return;
        }
        if (!has_position(ev, &tick, &rip))
            return;
        if (ev->tid != replay_current->tid)
            replay_diverged(ODB_DIV_BAD_EVENT, 0, replay_current->tid, ev->tid, 0,
                            "an event of another thread without a switch to it");
        if (is_past(tick, rip))
            replay_diverged(ODB_DIV_TICK, 0, tick, core_tick(), 0, "the recording goes back in time");
        if (ev->type == ODB_EV_FAULT && tick == core_tick() && rip == ctx.rip)
            return;
        if (!at_once || tick != core_tick() || rip != ctx.rip) {
            arm_async(tick, rip);
            return;
        }
        happens(ev);
    }
}

static void async_happens(void)
{
    async.armed = false;
    hook_complete(); /* of the instruction before */
    const struct odb_event *ev = peek_ahead();
    if (!ev)
        replay_end_of_stream();
    if (is_killed(ev))
        replay_switch();
    uint64_t tick;
    gaddr rip;
    if (has_position(ev, &tick, &rip) && tick == core_tick() && rip == ctx.rip)
        happens(ev);
    replay_look_ahead(true);
}

/* Steps that are done are told: the interruption is for the next run. */
static void interrupted(void)
{
    interruption.armed = false;
    if (debug_steps_done())
        return;
    atomic_store(&CONTROL->interrupt, 0);
    vessel_stop(ODB_STOP_INTERRUPTED, 0);
}

void replay_stopped(void)
{
    uint64_t tick = core_tick();
    struct odb_world *w = WORLD;
    if (user_armed && w->to_pos &&
        (tick > w->want_tick || (tick == w->want_tick && (!w->want_rip || w->want_rip == ctx.rip)))) {
        if (tick > w->want_tick)
            vessel_text("this position is not reached: tick %lu does not execute 0x%lx", w->want_tick,
                        w->want_rip);
        w->to_pos = false;
        vessel_stop(ODB_STOP_POSITION, 0);
    }
    if (async.armed && tick == async.tick && (!async.rip || async.rip == ctx.rip))
        async_happens();
    else if (interruption.armed && tick >= interruption.tick)
        interrupted();
    else if (async.armed && tick >= async.tick && is_past(async.tick, async.rip))
        replay_diverged(ODB_DIV_TICK, 0, async.tick, tick, 0,
                        "the position of a signal or switch was not reached");
    arm();
}

/* A program that has gone astray may run for ever without doing anything that would be compared. */
void replay_interrupted(void)
{
    uint64_t tick;
    if (atomic_load_explicit(&CONTROL->interrupt, memory_order_relaxed) && !interruption.armed) {
        look_for_interruption();
        arm();
    }
    const struct odb_event *ev = replay_current && !WORLD->branch ? cursor_peek() : NULL;
    if (!ev || ev->tid != replay_current->tid)
        return;
    switch (ev->type) {
    case ODB_EV_SYSCALL: tick = ((const struct odb_ev_syscall *)ev)->tick; break;
    case ODB_EV_INSN: tick = ((const struct odb_ev_insn *)ev)->tick; break;
    case ODB_EV_FAULT: tick = ((const struct odb_ev_fault *)ev)->tick; break;
    case ODB_EV_SWITCH: tick = ((const struct odb_ev_switch *)ev)->tick; break;
    case ODB_EV_EXIT: tick = ((const struct odb_ev_exit *)ev)->tick; break;
    default: return;
    }
    if (core_tick() <= tick || is_killed(ev))
        return;
    char what[160];
    engine_format(what, sizeof(what), "the program runs on, where the recording has %s",
                  replay_type_name(ev->type));
    replay_diverged(ODB_DIV_TICK, 0, tick, core_tick(), 0, what);
}

/* ---- who runs next ---- */

/* The event is the first that does not concern nobody: which task's is it? NULL: the event was gone over. */
static struct odb_world_task *owner(const struct odb_event *ev)
{
    struct odb_world_task *t = world_task(ev->tid);
    if (is_killed(ev)) {
        t = world_task_of_process(ev->pid);
        if (!t)
            cursor_take(ev); /* it had told of its end already */
        return t;
    }
    if (ev->type == ODB_EV_EXEC) {
        t = world_task_of_process(ev->pid);
        const struct replay_thread *caller = t && t->vessel == world_me ? task_in_exec(ev->pid) : NULL;
        t = caller ? world_task(caller->tid) : t;
    }
    if (ev->type == ODB_EV_TASK && !t) {
        t = world_task(((const struct odb_ev_task *)ev)->parent_tid);
        if (t && t->vessel == world_me) {
            task_vforked((const struct odb_ev_task *)ev);
            return NULL;
        }
    }
    if (!t)
        replay_error("bad recording: an event of thread %u, which does not exist, at stream offset %lu",
                     ev->tid, cursor.offset);
    return t;
}

void replay_new_run(void)
{
    WORLD->run_number++;
    look_for_interruption();
    arm();
}

/* The thread that the next event names has been found here. */
static _Noreturn void run_thread(struct replay_thread *t)
{
    thread_make_current(t);
    hook_switched();
    debug_sync();
    core_set_hook(WORLD->hook || debug_wants_hook());
    async.armed = false;
    replay_new_run();
    if (log_active()) {
        WORLD->log_begun = 1;
        vessel_log_start();
    }
    if (t->is_new)
        task_begin();
    debug_run_begins(false);
    replay_look_ahead(true);
    core_run();
}

static void publish_position(void)
{
    struct odb_world_task *t = replay_current ? world_task(replay_current->tid) : NULL;
    if (t) {
        t->tick = core_tick();
        t->rip = ctx.rip;
    }
}

static void go_on(void)
{
    if (replay_current)
        debug_take_counted();
    publish_position();
    for (;;) {
        const struct odb_event *ev = cursor_peek();
        if (!ev || ev->type == ODB_EV_END)
            replay_end_of_stream();
        if (pass_over(ev))
            continue;
        const struct odb_world_task *next = owner(ev);
        if (!next)
            continue;
        if (next->vessel != world_me) {
            if (!thread_count())
                world_leave(next->vessel);
            world_pass(next->vessel);
            continue;
        }
        struct replay_thread *t = thread_by_number(next->local);
        if (!t)
            replay_error("replay: thread %u is not where it should be", ev->tid);
        if (is_killed(ev)) {
            thread_make_current(t);
            task_process_ends((const struct odb_ev_exit *)ev);
        }
        run_thread(t);
    }
}

_Noreturn void replay_switch(void)
{
    if (replay_current && log_active() && WORLD->log_begun) {
        const struct odb_log head = {.kind = ODB_LOG_STAY, .arg = ctx.rip};
        log_record(&head, NULL, 0);
    }
    engine_restart_stack(go_on);
}

static void wake_up(void)
{
    world_wait();
    go_on();
}

_Noreturn void replay_sleep(void) { engine_restart_stack(wake_up); }
