/* Breakpoints, watches, steps and catches of a replay (debug.h): what is wanted is in the world, so that all vessels
 * of it see the same; what is under way between two instructions is here, in the vessel that runs.
 *
 * An instruction that debug_before() saw is `begun`. It completes (debug_completed, from hook.c, or at the next one), or is
 * cancelled: it faulted, or waits in a system call while others run and is begun again. Only then it counts as a step, and
 * what it touched as a hit.
 *
 * A place where a stop was told is passed when the run goes on from there. */
#include "preload/debug.h"

#include <linux/sched.h>

#include "common/sigset.h"
#include "preload/access.h"
#include "preload/core.h"
#include "preload/replay.h"
#include "preload/sys.h"
#include "preload/watch.h"

#define MAX_HITS 8

bool debug_on;
uint32_t debug_n_breaks, debug_watching;

static uint32_t seen_version;
static uint64_t *known;              /* addresses of breakpoints that are translated in, sorted */
static bool looking;                 /* a fast translation found something to look at in hook mode */
static struct odb_place begun, call; /* tid 0: none */
static uint64_t call_nr;
static struct odb_place passed;
static struct odb_place told_behind; /* a stop of that kind: a signal at the same place is still to be told */
static struct hit {
    struct odb_world_watch watch;
    struct odb_place by;
} pending[MAX_HITS], ready[MAX_HITS]; /* touched by the instruction begun; to be told */
static int n_pending, n_ready;

static struct odb_place place_here(void)
{
    const struct replay_thread *t = replay_current;
    return (struct odb_place){WORLD->run_number, core_tick(),    ctx.rip,
                              WORLD->ordinal,    t ? t->tid : 0, t ? t->pid : 0};
}

static bool is_passed(void)
{
    return passed.tid && replay_current && passed.tid == replay_current->tid && passed.rip == ctx.rip &&
           passed.tick == core_tick() && passed.run_number == WORLD->run_number;
}

/* ---- stops ---- */

static struct odb_stop *details(void)
{
    struct odb_stop *s = &CONTROL->stop;
    vessel_clear_details();
    return s;
}

/* Hits that translated code has counted by itself become the host's. They were made since the last event, in this run. */
void debug_take_counted(void)
{
    struct watch_counted c = watch_counted;
    struct odb_control *k = CONTROL;
    if (!c.n)
        return;
    watch_counted = (struct watch_counted){0};
    k->n_hits += c.n;
    struct odb_stop *s = &k->last_hit;
    memset(s, 0, sizeof(*s));
    s->reason = ODB_STOP_WATCH;
    s->tid = replay_current->tid;
    s->pid = replay_current->pid;
    s->tick = c.tick;
    s->regs.rip = c.rip;
    s->event = WORLD->ordinal;
    s->run_number = WORLD->run_number;
    s->by = (struct odb_place){s->run_number, c.tick, c.rip, s->event, s->tid, s->pid};
    s->watch_addr = c.range->start;
    s->watch_bytes = c.range->end - c.range->start;
    s->watch_kind = (c.range->kind & MEM_WRITE ? (unsigned)WORLD_WATCH_WRITE : 0) |
                    (c.range->kind & MEM_READ ? (unsigned)WORLD_WATCH_READ : 0);
}

/* Of a kind that ODB_RUN_LAST only counts; details are in CONTROL->stop. */
static void stop_for(uint32_t reason)
{
    debug_take_counted();
    bool behind = reason == ODB_STOP_WATCH || reason == ODB_STOP_TASK || reason == ODB_STOP_SYSCALL_RETURN;
    if (!WORLD->last_on || !behind) /* else what is before the next instruction counts, too */
        passed = place_here();
    told_behind = behind ? place_here() : (struct odb_place){0};
    if (!WORLD->last_on) {
        vessel_stop(reason, 0);
        return;
    }
    vessel_describe(reason, 0);
    CONTROL->n_hits++;
    CONTROL->last_hit = CONTROL->stop;
    CONTROL->last_hit.text[0] = 0;
}

static void tell_watches(void)
{
    while (n_ready && WORLD->stops_on) {
        struct hit h = ready[0];
        for (int i = 1; i < n_ready; i++)
            ready[i - 1] = ready[i];
        n_ready--;
        struct odb_stop *s = details();
        s->watch_addr = h.watch.addr;
        s->watch_bytes = h.watch.n_bytes;
        s->watch_kind = h.watch.kind;
        s->by = h.by;
        stop_for(ODB_STOP_WATCH);
    }
    n_ready = 0;
}

static void tell_task(uint32_t kind, const struct odb_place *by, uint32_t tid, uint32_t pid,
                      uint32_t other_tid, uint32_t other_pid, int32_t status)
{
    struct odb_stop *s = details();
    s->task_kind = kind;
    s->by = *by;
    s->task_tid = tid;
    s->task_pid = pid;
    s->other_tid = other_tid;
    s->other_pid = other_pid;
    s->task_status = status;
    stop_for(ODB_STOP_TASK);
}

/* ---- breakpoints ---- */

/* The first entry that is not below addr. */
static uint32_t break_from(gaddr addr)
{
    uint32_t lo = 0, hi = WORLD->n_breaks;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (WORLD->breaks[mid].addr < addr)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

bool debug_is_break(gaddr rip)
{
    uint32_t i = break_from(rip);
    return i < WORLD->n_breaks && WORLD->breaks[i].addr == rip;
}

static bool break_here(void)
{
    for (uint32_t i = break_from(ctx.rip); i < WORLD->n_breaks && WORLD->breaks[i].addr == ctx.rip; i++)
        if (!WORLD->breaks[i].pid || WORLD->breaks[i].pid == replay_current->pid)
            return true;
    return false;
}

bool debug_break_exit(void)
{
    if (!WORLD->stops_on || !break_here() || is_passed())
        return false;
    if (WORLD->last_on) { /* fast translations run only where nothing else is due */
        details();
        stop_for(ODB_STOP_BREAK);
        return false;
    }
    looking = true;
    return true;
}

/* ---- watches ---- */

static void note_hits(gaddr addr, uint64_t n_bytes, unsigned kind, uint32_t pid, const struct odb_place *by,
                      struct hit *to, int *n)
{
    for (uint32_t i = 0; i < WORLD->n_watches && *n < MAX_HITS; i++) {
        const struct odb_world_watch *w = &WORLD->watches[i];
        if (addr < w->addr + w->n_bytes && addr + n_bytes > w->addr && w->kind & kind &&
            (!w->pid || w->pid == pid))
            to[(*n)++] = (struct hit){*w, *by};
    }
}

/* The instruction at ctx.rip against all watches. */
static int hits_of(const struct insn *in, const struct odb_place *by, struct hit to[MAX_HITS])
{
    struct access list[ACCESS_MAX];
    int n = 0, n_access = access_any(in) ? access_list(in, list) : 0;
    for (int i = 0; i < n_access; i++) {
        unsigned kind = (list[i].kind & MEM_WRITE ? (unsigned)WORLD_WATCH_WRITE : 0) |
                        (list[i].kind & MEM_READ ? (unsigned)WORLD_WATCH_READ : 0);
        note_hits(list[i].addr, list[i].n_bytes, kind, by->pid, by, to, &n);
    }
    return n;
}

bool debug_watch_exit(const struct insn *in)
{
    struct odb_place by = {.pid = replay_current->pid};
    struct hit found[MAX_HITS];
    if (!WORLD->stops_on || !hits_of(in, &by, found))
        return false;
    looking = true;
    return true;
}

void debug_kernel_write(gaddr addr, uint64_t n_bytes, uint32_t pid)
{
    if (!WORLD->n_watches || !WORLD->stops_on || !replay_current)
        return;
    struct odb_place by = call.tid ? call : place_here();
    note_hits(addr, n_bytes, WORLD_WATCH_WRITE, pid ? pid : replay_current->pid, &by, ready, &n_ready);
    if (n_ready)
        core_set_hook(true); /* told at the next instruction, if nobody does before */
}

/* ---- one instruction after the other ---- */

void debug_completed(void)
{
    if (!begun.tid)
        return;
    struct odb_world *w = WORLD;
    if (w->steps_on && (!w->steps_tid || w->steps_tid == begun.tid)) {
        w->steps_left -= w->steps_left != 0;
        w->steps_done++;
        w->stepped = begun;
    }
    begun.tid = 0;
    for (int i = 0; i < n_pending && n_ready < MAX_HITS; i++)
        ready[n_ready++] = pending[i];
    n_pending = 0;
}

/* The one counted last faulted: it touched nothing. */
static void uncount(void)
{
    struct watch_counted *c = &watch_counted;
    if (!c->n || c->rip != ctx.rip || c->tick != core_tick())
        return;
    *c = (struct watch_counted){
        .n = c->n - c->same, .rip = c->before_rip, .tick = c->before_tick, .range = c->before_range};
}

void debug_cancelled(void)
{
    if (debug_watching)
        uncount();
    begun.tid = 0;
    n_pending = 0;
}

void debug_in_insn(bool is_call)
{
    if (debug_on)
        begun = place_here();
    if (debug_on && is_call) {
        call = begun;
        call_nr = ctx.gpr[ODB_RAX];
    }
}

/* A system call during which others run: it is not the next instruction of all. */
static bool others_first(void)
{
    uint8_t code[2];
    if (WORLD->branch || !engine_peek(ctx.rip, code, 2) || code[0] != 0x0f || code[1] != 0x05)
        return false;
    const struct odb_ev_switch *ev = (const struct odb_ev_switch *)replay_main_event();
    return ev && ev->ev.type == ODB_EV_SWITCH && ev->ev.tid == replay_current->tid &&
           ev->kind == ODB_SWITCH_CALL;
}

bool debug_steps_done(void) { return WORLD->steps_on && !WORLD->steps_left && !others_first(); }

bool debug_wants_hook(void) { return WORLD->steps_on || looking || n_ready || n_pending; }

void debug_behind(void)
{
    debug_completed();
    if (n_ready)
        tell_watches();
}

void debug_before(bool is_break)
{
    const struct odb_world *w = WORLD;
    uint32_t stops = vessel_stops;
    looking = false;
    if (debug_steps_done()) {
        details()->by = w->stepped;
        passed = place_here();
        vessel_stop(ODB_STOP_POSITION, 0);
    } else if (is_break && w->stops_on && !is_passed() && break_here()) {
        details();
        stop_for(ODB_STOP_BREAK);
    }
    if (stops != vessel_stops)
        return;
    begun = place_here();
    n_pending = 0;
    struct insn in;
    if (w->n_watches && w->stops_on && insn_at(ctx.rip, &in))
        n_pending = hits_of(&in, &begun, pending);
    if (!debug_wants_hook())
        core_set_hook(w->hook);
}

/* ---- events ---- */

static bool call_is_caught(uint64_t nr)
{
    return WORLD->catch_ & WORLD_CATCH_SYSCALLS && nr < 512 && WORLD->catch_syscalls[nr / 64] >> nr % 64 & 1;
}

/* The call itself is what comes next. */
static bool call_is_next(void)
{
    if (WORLD->branch)
        return true;
    const struct odb_event *ev = replay_main_event();
    if (!ev)
        return false;
    if (ev->type == ODB_EV_EXEC)
        return ev->pid == replay_current->pid;
    if (ev->tid != replay_current->tid || ev->type == ODB_EV_SWITCH)
        return false;
    return !(ev->type == ODB_EV_SYSCALL && ev->flags & ODB_SYSCALL_AGAIN);
}

void debug_call_begins(const struct model_call *c)
{
    if (!debug_on)
        return;
    debug_take_counted();
    call = place_here();
    call_nr = c->nr;
    bool is_break = WORLD->n_breaks && break_here(), caught = call_is_caught(c->nr);
    if (!WORLD->stops_on || (!is_break && !caught) || is_passed() || !call_is_next())
        return;
    if (WORLD->to_event && WORLD->ordinal >= WORLD->want_event)
        return; /* replay_next() stops there */
    struct odb_place was = begun;
    uint32_t stops = vessel_stops;
    struct odb_stop *s = details();
    s->number = (int64_t)c->nr;
    stop_for(is_break ? ODB_STOP_BREAK : ODB_STOP_SYSCALL_ENTRY);
    begun = was;
    if (stops != vessel_stops)
        debug_in_insn(true);
}

static void tell_return(uint64_t nr, const struct odb_place *by)
{
    if (!WORLD->stops_on || !call_is_caught(nr))
        return;
    struct odb_stop *s = details();
    s->number = (int64_t)nr;
    s->by = *by;
    stop_for(ODB_STOP_SYSCALL_RETURN);
}

void debug_call_done(const struct model_call *c, uint32_t child)
{
    if (!debug_on)
        return;
    debug_completed();
    tell_watches();
    uint64_t flags = c->result > 0 && task_is_clone(c->nr) ? task_clone_flags(c) : 0;
    bool forked = c->result > 0 && task_is_clone(c->nr);
    struct odb_place by = call;
    call.tid = 0;
    if (forked && WORLD->stops_on && WORLD->catch_ & WORLD_CATCH_TASKS) {
        uint32_t kind = flags & CLONE_VFORK                 ? ODB_TASK_VFORK_DONE
                        : flags & (CLONE_THREAD | CLONE_VM) ? ODB_TASK_CLONE
                                                            : ODB_TASK_FORK;
        const struct odb_world_task *t = child ? world_task(child) : NULL;
        tell_task(kind, &by, by.tid, by.pid, child ? child : (uint32_t)c->result, t ? t->pid : child, 0);
    }
    tell_return(c->nr, &by);
    if (!debug_wants_hook())
        core_set_hook(WORLD->hook);
}

static void tell_signal(int signo, const void *siginfo128)
{
    struct odb_stop *s = details();
    s->signo = signo;
    s->has_siginfo = siginfo128 != NULL;
    if (siginfo128)
        memcpy(s->siginfo, siginfo128, sizeof(s->siginfo));
    stop_for(ODB_STOP_SIGNAL);
}

static bool signal_is_caught(int signo)
{
    return debug_on && WORLD->stops_on && WORLD->catch_ & WORLD_CATCH_SIGNALS && signo >= 1 && signo <= 64 &&
           !odb_sigset_has(WORLD->pass_signals, signo);
}

void debug_signal(int signo, const void *siginfo128)
{
    tell_watches(); /* of the frame of another, delivered at the same instruction */
    bool told =
        is_passed() && !(told_behind.tid == passed.tid && told_behind.rip == passed.rip &&
                         told_behind.tick == passed.tick && told_behind.run_number == passed.run_number);
    if (signal_is_caught(signo) && !told)
        tell_signal(signo, siginfo128);
}

void debug_branch_signal(int signo, const void *siginfo128, bool deadly)
{
    if (deadly)
        WORLD->last_on = false;
    if (deadly || signal_is_caught(signo))
        tell_signal(signo, siginfo128);
}

void debug_task_ended(uint32_t tid, uint32_t pid, int32_t status)
{
    struct odb_world *w = WORLD;
    if (!w->stops_on || !(w->catch_ & WORLD_CATCH_TASKS) || w->n_task_stops == WORLD_MAX_TASK_STOPS)
        return;
    struct odb_world_task_stop *s = &w->task_stops[w->n_task_stops++];
    *s = (struct odb_world_task_stop){
        .kind = tid ? ODB_TASK_THREAD_EXIT : ODB_TASK_EXIT, .tid = tid, .pid = pid, .status = status};
    if (replay_current && replay_current->pid == pid)
        s->by = place_here();
}

void debug_vforked(uint32_t parent_tid)
{
    const struct odb_world_task *t = world_task(parent_tid);
    if (!WORLD->stops_on || !(WORLD->catch_ & WORLD_CATCH_TASKS) || !t)
        return;
    struct odb_place by = {WORLD->run_number - 1, t->tick, t->rip, WORLD->ordinal, t->tid, t->pid};
    tell_task(ODB_TASK_VFORK, &by, t->tid, t->pid, replay_current->tid, replay_current->pid, 0);
}

static void run_reached(void)
{
    struct odb_world *w = WORLD;
    if (!w->to_run || w->run_number < w->want_run || (w->to_pos && w->run_number == w->want_run))
        return;
    if (w->to_pos)
        vessel_text("this position is not reached: run %lu does not execute 0x%lx at tick %lu", w->want_run,
                    w->want_rip, w->want_tick);
    w->to_run = w->to_pos = false;
    details();
    vessel_stop(ODB_STOP_POSITION, 0);
}

void debug_run_begins(bool exec)
{
    struct odb_world *w = WORLD;
    for (uint32_t i = 0; i < w->n_task_stops && w->stops_on; i++) {
        struct odb_world_task_stop s = w->task_stops[i];
        tell_task(s.kind, &s.by, s.tid, s.pid, s.tid, s.pid, s.status);
    }
    w->n_task_stops = 0;
    if (exec && debug_on) {
        passed.tid = 0; /* ticks begin anew */
        if (w->stops_on && w->catch_ & WORLD_CATCH_TASKS)
            tell_task(ODB_TASK_EXEC, &call, call.tid, call.pid, replay_current->tid, replay_current->pid, 0);
        if (call.tid)
            tell_return(call_nr, &call);
        call.tid = 0;
    }
    run_reached();
}

/* ---- commands ---- */

/* Breakpoints came and went: what was translated with or without them goes. */
static void breaks_changed(void)
{
    const struct odb_world *w = WORLD;
    uint32_t i = 0, k = 0, n = 0;
    if (!known)
        known = engine_alloc(WORLD_MAX_BREAKS * sizeof(*known));
    while (i < w->n_breaks || k < debug_n_breaks) {
        gaddr wanted = i < w->n_breaks ? w->breaks[i].addr : UINT64_MAX;
        gaddr old = k < debug_n_breaks ? known[k] : UINT64_MAX;
        gaddr addr = wanted < old ? wanted : old;
        if (wanted != old)
            core_invalidate(addr, addr + 1);
        while (i < w->n_breaks && w->breaks[i].addr == addr)
            i++;
        while (k < debug_n_breaks && known[k] == addr)
            k++;
    }
    for (i = 0; i < w->n_breaks; i++)
        if (!n || known[n - 1] != w->breaks[i].addr)
            known[n++] = w->breaks[i].addr;
    debug_n_breaks = n;
}

static bool is_watched(const struct odb_world_watch *w)
{
    for (uint32_t i = 0; i < WORLD->n_watches; i++) {
        const struct odb_world_watch *x = &WORLD->watches[i];
        if (x->addr == w->addr && x->n_bytes == w->n_bytes && x->pid == w->pid && x->kind == w->kind)
            return true;
    }
    return false;
}

static void watches_changed(void)
{
    uint32_t want = 0;
    int n = 0;
    for (int i = 0; i < n_ready; i++) /* nobody wants to hear of the others any more */
        if (is_watched(&ready[i].watch))
            ready[n++] = ready[i];
    n_ready = n;
    for (uint32_t i = 0; i < WORLD->n_watches; i++)
        want |= WORLD->watches[i].kind & WORLD_WATCH_READ ? 2 : 1;
    want = want & 2 ? 2 : want;
    if (want)
        watch_set();
    if (want != debug_watching)
        cache_flush();
    debug_watching = want;
}

void debug_sync(void)
{
    debug_on = WORLD->stops_on || WORLD->steps_on;
    if (replay_current && WORLD->n_watches)
        watch_choose(replay_current->pid, WORLD->last_on && WORLD->stops_on);
    if (seen_version == WORLD->stops_version)
        return;
    seen_version = WORLD->stops_version;
    watches_changed();
    breaks_changed();
}

void debug_set_run(const struct odb_run *run)
{
    struct odb_world *w = WORLD;
    w->stops_on = (run->flags & ODB_RUN_STOPS) != 0;
    w->last_on = (run->flags & ODB_RUN_LAST) != 0;
    w->steps_on = (run->flags & ODB_RUN_STEPS) != 0;
    w->steps_tid = run->tid;
    w->steps_left = run->steps;
    w->steps_done = 0;
    w->stepped = (struct odb_place){0};
    CONTROL->n_hits = 0;
    begun.tid = 0;
    n_pending = 0;
    looking = false;
    n_ready = w->stops_on ? n_ready : 0;
    w->n_task_stops = w->stops_on ? w->n_task_stops : 0;
    passed = place_here();
    if (run->flags & ODB_RUN_HERE)
        passed.tid = 0;
    debug_sync();
}
