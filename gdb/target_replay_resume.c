/* Resuming a target over a replay: what gdb asks as stops of a timeline, and its answers as gdb's. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/sigset.h"
#include "gdb/target_replay.h"

/* ---- which stops count ---- */

static bool task_counts(const struct target_catch *c, uint32_t kind)
{
    switch (kind) {
    case ODB_TASK_FORK: return c->forks;
    case ODB_TASK_VFORK:
    case ODB_TASK_VFORK_DONE: return c->vforks;
    case ODB_TASK_CLONE:
    case ODB_TASK_THREAD_EXIT: return c->thread_events;
    case ODB_TASK_EXEC: return c->execs;
    case ODB_TASK_EXIT: return c->exits;
    default: return false;
    }
}

static bool kind_counts(void *ctx, const struct odb_stop *s)
{
    const struct target_replay *g = *(struct target_replay **)ctx;
    const struct target_catch *c = &g->catches;
    switch (s->reason) {
    case ODB_STOP_SYSCALL_ENTRY:
    case ODB_STOP_SYSCALL_RETURN:
        return c->syscalls && (uint64_t)s->number < 512 && g->syscalls[s->number / 64] >> s->number % 64 & 1;
    case ODB_STOP_SIGNAL: return !odb_sigset_has(c->pass_signals, s->signo);
    case ODB_STOP_TASK: return task_counts(c, s->task_kind);
    default: return true;
    }
}

struct wanted {
    struct target_replay *g; /* first: see kind_counts */
    const struct target_resume *how;
};

static bool break_counts(void *ctx, struct timeline *tl, const struct odb_stop *s)
{
    struct wanted *w = ctx;
    (void)tl;
    return w->how->wanted(w->how->ctx, &w->g->base, s->pid, s->tid, s->regs.rip);
}

static struct replay_stops stops_of(const struct target_replay *g)
{
    const struct target_catch *c = &g->catches;
    bool tasks = c->forks || c->vforks || c->execs || c->thread_events || c->exits;
    return (struct replay_stops){
        .breaks = g->breaks,
        .n_breaks = g->n_breaks,
        .watches = g->watches,
        .n_watches = g->n_watches,
        .catch_ = REPLAY_CATCH_SIGNALS | (c->syscalls ? REPLAY_CATCH_SYSCALLS : 0u) |
                  (tasks ? REPLAY_CATCH_TASKS : 0u),
        .pass_signals = c->pass_signals,
        .syscalls = g->syscalls,
    };
}

/* ---- answers ---- */

static enum target_stop_kind task_stop(uint32_t kind)
{
    switch (kind) {
    case ODB_TASK_FORK: return TARGET_STOP_FORK;
    case ODB_TASK_VFORK: return TARGET_STOP_VFORK;
    case ODB_TASK_CLONE: return TARGET_STOP_CLONE;
    case ODB_TASK_VFORK_DONE: return TARGET_STOP_VFORK_DONE;
    case ODB_TASK_EXEC: return TARGET_STOP_EXEC;
    case ODB_TASK_THREAD_EXIT: return TARGET_STOP_THREAD_EXIT;
    default: return TARGET_STOP_EXIT;
    }
}

static enum target_watch_kind watch_of(uint32_t kind)
{
    return kind == REPLAY_WATCH_WRITE  ? TARGET_WATCH_WRITE
           : kind == REPLAY_WATCH_READ ? TARGET_WATCH_READ
                                       : TARGET_WATCH_ACCESS;
}

/* What does not depend on where the stop is looked at. */
static void fill_task(struct target_replay *g, const struct odb_stop *s, struct target_stop *ret)
{
    ret->kind = task_stop(s->task_kind);
    ret->pid = s->task_pid;
    ret->tid = s->task_tid;
    ret->other_pid = s->other_pid;
    ret->other_tid = s->other_tid;
    ret->status = s->task_status;
    if (ret->kind == TARGET_STOP_EXEC || ret->kind == TARGET_STOP_VFORK_DONE)
        ret->other_pid = ret->other_tid = 0;
    if (ret->kind == TARGET_STOP_EXEC) {
        ret->pid = s->pid; /* who executed it may have been another thread */
        ret->tid = s->tid;
        char *path = NULL;
        struct odb_err *e = trp_exec_file(&g->base, s->pid, &path);
        snprintf(ret->text, sizeof(ret->text), "%s", path ? path : "");
        free(path);
        odb_err_free(e);
    }
}

/* Where a fault was; 0: it is none. */
static gaddr fault_addr(const struct odb_stop *s)
{
    int32_t code;
    gaddr addr;
    bool fault = s->signo == SIGSEGV || s->signo == SIGBUS || s->signo == SIGFPE || s->signo == SIGILL ||
                 s->signo == SIGSYS;
    memcpy(&code, s->siginfo + 8, 4);
    memcpy(&addr, s->siginfo + 16, 8);
    return fault && s->has_siginfo && code > 0 ? addr : 0;
}

static void fill(struct target_replay *g, const struct odb_stop *s, struct target_stop *ret)
{
    bool by = s->reason == ODB_STOP_WATCH && s->by.run_number;
    *ret = (struct target_stop){.pid = by ? s->by.pid : s->pid, .tid = by ? s->by.tid : s->tid};
    switch (s->reason) {
    case ODB_STOP_BREAK:
        ret->kind = TARGET_STOP_BREAK;
        ret->addr = s->regs.rip;
        break;
    case ODB_STOP_WATCH:
        ret->kind = TARGET_STOP_WATCH;
        ret->addr = s->watch_addr;
        ret->watch = watch_of(s->watch_kind);
        break;
    case ODB_STOP_SYSCALL_ENTRY:
    case ODB_STOP_SYSCALL_RETURN:
        ret->kind =
            s->reason == ODB_STOP_SYSCALL_ENTRY ? TARGET_STOP_SYSCALL_ENTRY : TARGET_STOP_SYSCALL_RETURN;
        ret->number = s->number;
        if (s->reason == ODB_STOP_SYSCALL_RETURN)
            g->returned = *s;
        break;
    case ODB_STOP_SIGNAL:
        ret->kind = TARGET_STOP_SIGNAL;
        ret->signo = s->signo;
        ret->addr = fault_addr(s);
        g->has_siginfo = s->has_siginfo;
        g->siginfo_tid = s->tid;
        memcpy(g->siginfo, s->siginfo, sizeof(g->siginfo));
        break;
    case ODB_STOP_TASK: fill_task(g, s, ret); break;
    default: ret->kind = TARGET_STOP_STEP; break;
    }
}

static void answer(struct target_replay *g, const struct timeline_hit *hit, struct target_stop *ret)
{
    static const enum target_stop_kind kinds[] = {
        [TIMELINE_STEPPED] = TARGET_STOP_STEP,
        [TIMELINE_START] = TARGET_STOP_START,
        [TIMELINE_AT_END] = TARGET_STOP_END,
        [TIMELINE_INTERRUPTED] = TARGET_STOP_INTERRUPTED,
    };
    if (hit->end == TIMELINE_HIT) {
        fill(g, &hit->stop, ret);
        return;
    }
    struct place p = timeline_where(g->tl);
    *ret = (struct target_stop){.kind = kinds[hit->end], .pid = p.pid, .tid = p.tid};
    if (hit->end == TIMELINE_AT_END)
        ret->status = timeline_status(g->tl);
}

/* ---- the recording ---- */

static struct odb_err *rip_of(struct target_replay *g, uint32_t tid, gaddr *ret)
{
    const struct odb_stop *s;
    const struct odb_xstate *x;
    ODB_TRY(replay_registers(trp_world(g), tid, &s, &x));
    *ret = s->regs.rip;
    return NULL;
}

/* Between a deadly fault and the end that it makes lies no instruction. */
static bool is_same_instruction(struct place a, struct place b)
{
    return a.run == b.run && a.tick == b.tick && a.rip == b.rip && a.tid == b.tid;
}

static struct odb_err *steps(struct target_replay *g, const struct target_resume *how,
                             const struct timeline_want *want, struct timeline_hit *hit)
{
    struct place begin = timeline_where(g->tl);
    uint32_t tid = how->tid ? how->tid : begin.tid;
    struct odb_stop death;
    bool dies = how->reverse && tid == begin.tid && timeline_signal_here(g->tl, &death) && !death.has_siginfo;
    for (;;) {
        gaddr rip;
        if (how->reverse)
            ODB_TRY(timeline_step_back(g->tl, tid, want, hit));
        else
            ODB_TRY(timeline_step(g->tl, tid, want, hit));
        if (dies && hit->end == TIMELINE_STEPPED && is_same_instruction(timeline_where(g->tl), begin))
            continue;
        if (hit->end != TIMELINE_STEPPED || how->range_start >= how->range_end)
            return NULL;
        ODB_TRY(rip_of(g, tid, &rip));
        if (rip < how->range_start || rip >= how->range_end)
            return NULL;
    }
}

static struct odb_err *pid_of(struct target_replay *g, uint32_t tid, uint32_t *ret)
{
    struct replay_task *tasks;
    size_t n;
    ODB_TRY(replay_tasks(trp_world(g), &tasks, &n));
    for (size_t i = 0; i < n; i++)
        if (tasks[i].tid == tid)
            *ret = tasks[i].pid;
    free(tasks);
    return NULL;
}

static struct odb_err *resume_recording(struct target_replay *g, const struct target_resume *how,
                                        struct target_stop *ret)
{
    struct wanted w = {g, how};
    struct timeline_want want = {.kind = kind_counts, .here = how->wanted ? break_counts : NULL, .ctx = &w};
    struct timeline_hit hit;
    if (g->stops_dirty) {
        struct replay_stops stops = stops_of(g);
        ODB_TRY(timeline_set_stops(g->tl, &stops));
        g->stops_dirty = false;
    }
    const struct place begin = timeline_where(g->tl);
    uint32_t pid = begin.pid, tid = how->tid ? how->tid : begin.tid;
    ODB_TRY(trp_alive(g));
    if (tid != begin.tid)
        ODB_TRY(pid_of(g, tid, &pid));
    g->has_siginfo = false;
    g->returned.reason = ODB_STOP_NONE;
    ODB_TRY(trp_back(g, &begin,
                     how->step      ? steps(g, how, &want, &hit)
                     : how->reverse ? timeline_backward(g->tl, &want, &hit)
                                    : timeline_forward(g->tl, &want, &hit)));
    answer(g, &hit, ret);
    if (hit.end == TIMELINE_STEPPED) {
        ret->tid = tid;
        ret->pid = pid;
    }
    return NULL;
}

/* ---- a branch ---- */

static struct odb_err *resume_branch(struct target_replay *g, const struct target_resume *how,
                                     struct target_stop *ret)
{
    const struct odb_stop *s;
    struct odb_run run = {.flags = ODB_RUN_STOPS};
    struct replay_stops stops = stops_of(g);
    struct wanted w = {g, how};
    if (how->reverse)
        return odb_err("what was made by writing has no past: it runs forwards only");
    ODB_TRY(replay_set_stops(g->branch, &stops));
    if (how->step) {
        run.flags |= ODB_RUN_STEPS;
        run.steps = 1;
    }
    bool interrupted = false, done = false;
    while (!done && !interrupted) {
        ODB_TRY(timeline_run_other(g->tl, g->branch, &run, &s));
        g->branch_stop = *s;
        bool in_range = s->regs.rip >= how->range_start && s->regs.rip < how->range_end;
        if (s->reason == ODB_STOP_INTERRUPTED)
            interrupted = true;
        else if (s->reason == ODB_STOP_POSITION)
            done = !in_range;
        else if (s->reason == ODB_STOP_BREAK)
            done = (!how->wanted || break_counts(&w, NULL, s)) && kind_counts(&w, s);
        else
            done = s->reason == ODB_STOP_END || kind_counts(&w, s);
        interrupted = interrupted || (!done && timeline_take_interrupt(g->tl));
    }
    fill(g, &g->branch_stop, ret);
    if (s->reason == ODB_STOP_END) {
        ret->kind = TARGET_STOP_END;
        ret->status = s->status;
    } else if (interrupted) {
        ret->kind = TARGET_STOP_INTERRUPTED;
    }
    return NULL;
}

struct odb_err *trp_resume(struct target *target, const struct target_resume *how, struct target_stop *ret)
{
    struct target_replay *g = trp_of(target);
    struct odb_err *e = g->branch ? resume_branch(g, how, ret) : resume_recording(g, how, ret);
    target->interrupted = false;
    return e;
}
