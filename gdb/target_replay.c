/* A target without an index: a timeline (replayer/timeline.h), and what gdb's server asks of it.
 *
 * Looking asks the world where the timeline is; a branch is a copy of that world, set free, which is looked at instead as long
 * as it lives. What stops is kept here, and given to the timeline when something is resumed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gdb/target_replay.h"

struct replay *trp_world(struct target_replay *g) { return g->branch ? g->branch : timeline_world(g->tl); }

const struct odb_stop *trp_stop(struct target_replay *g)
{
    static const struct odb_stop nowhere;
    struct replay *r = timeline_world(g->tl);
    return g->branch ? &g->branch_stop : r ? replay_where(r) : &nowhere;
}

struct odb_err *trp_alive(struct target_replay *g)
{
    return trp_world(g) ? NULL : odb_err("the replay was lost by the error before");
}

struct odb_err *trp_back(struct target_replay *g, const struct place *to, struct odb_err *e)
{
    struct place now = timeline_where(g->tl);
    if (!e || (timeline_world(g->tl) && place_compare(&now, to) == 0))
        return e;
    struct odb_err *lost = timeline_seek(g->tl, to);
    if (lost) {
        odb_err_free(lost);
        lost = timeline_seek_start(g->tl);
    }
    odb_err_free(lost); /* then there is no world: trp_alive() */
    return e;
}

struct odb_err *trp_scan(struct target_replay *g, const struct scan **ret)
{
    if (!g->scan.done)
        ODB_TRY(scan_read(g->base.dir, &g->scan));
    *ret = &g->scan;
    return NULL;
}

/* ---- where ---- */

static void where(struct target *target, struct target_position *ret)
{
    struct place p = timeline_where(trp_of(target)->tl);
    *ret = (struct target_position){
        .event = p.event,
        .tick = p.tick,
        .run = p.run,
        .pid = p.pid,
        .tid = p.tid,
        .rip = p.rip,
        .in_signal = false,
    };
}

static void leave(struct target_replay *g)
{
    replay_close(g->branch);
    g->branch = NULL;
}

static void forget(struct target_replay *g)
{
    leave(g);
    g->has_siginfo = false;
    g->returned.reason = ODB_STOP_NONE;
}

static struct odb_err *seek(struct target *target, const struct target_position *to)
{
    struct target_replay *g = trp_of(target);
    struct place p = {
        .run = to->run,
        .tick = to->tick,
        .rip = to->rip,
        .event = to->event,
        .tid = to->tid,
        .pid = to->pid,
    };
    if (to->has_t)
        return odb_err("this recording has no index: a position is not a t");
    forget(g);
    const struct place begin = timeline_where(g->tl);
    return trp_back(g, &begin, timeline_seek(g->tl, &p));
}

static struct odb_err *seek_percent(struct target_replay *g, unsigned long part)
{
    const struct scan *scan;
    ODB_TRY(trp_scan(g, &scan));
    if (part == 0)
        return timeline_seek_start(g->tl);
    if (part >= 100)
        return timeline_seek_end(g->tl);
    return timeline_seek_event(g->tl, scan->n_positions * part / 100);
}

static struct odb_err *seek_by_text(struct target_replay *g, const char *text)
{
    static const char event[] = "event:";
    bool is_event = strncmp(text, event, sizeof(event) - 1) == 0;
    const char *digits = is_event ? text + sizeof(event) - 1 : text;
    char *rest;
    if (strcmp(text, "start") == 0)
        return timeline_seek_start(g->tl);
    if (strcmp(text, "end") == 0)
        return timeline_seek_end(g->tl);
    errno = 0;
    unsigned long long n = strtoull(digits, &rest, 0);
    if (rest == digits || *digits == '-' || errno)
        return odb_err("'%s' is no position: start, end, N%% or event:N", text);
    if (is_event && !*rest)
        return timeline_seek_event(g->tl, n);
    if (!is_event && strcmp(rest, "%") == 0 && n <= 100)
        return seek_percent(g, n);
    if (!*rest)
        return odb_err("without an index a position is start, end, N%% or event:N, not a t: see `odb index`");
    return odb_err("'%s' is no position: start, end, N%% or event:N", text);
}

static struct odb_err *seek_text(struct target *target, const char *text)
{
    struct target_replay *g = trp_of(target);
    forget(g);
    const struct place begin = timeline_where(g->tl);
    return trp_back(g, &begin, seek_by_text(g, text));
}

/* ---- what stops ---- */

static struct odb_err *grow(void *array, size_t n, size_t *cap, size_t each)
{
    void *p;
    if (n < *cap)
        return NULL;
    memcpy(&p, array, sizeof(p));
    p = reallocarray(p, *cap ? *cap * 2 : 16, each);
    if (!p)
        return odb_err("out of memory");
    memcpy(array, &p, sizeof(p));
    *cap = *cap ? *cap * 2 : 16;
    return NULL;
}

static struct odb_err *insert_break(struct target *target, uint32_t pid, gaddr addr)
{
    struct target_replay *g = trp_of(target);
    for (size_t i = 0; i < g->n_breaks; i++)
        if (g->breaks[i].addr == addr && g->breaks[i].pid == pid)
            return NULL;
    ODB_TRY(grow(&g->breaks, g->n_breaks, &g->cap_breaks, sizeof(g->breaks[0])));
    g->breaks[g->n_breaks++] = (struct replay_break){.addr = addr, .pid = pid};
    g->stops_dirty = true;
    return NULL;
}

static struct odb_err *remove_break(struct target *target, uint32_t pid, gaddr addr)
{
    struct target_replay *g = trp_of(target);
    for (size_t i = 0; i < g->n_breaks; i++)
        if (g->breaks[i].addr == addr && g->breaks[i].pid == pid) {
            g->breaks[i] = g->breaks[--g->n_breaks];
            g->stops_dirty = true;
            return NULL;
        }
    return NULL;
}

static uint32_t watch_kind(enum target_watch_kind kind)
{
    return kind == TARGET_WATCH_WRITE  ? REPLAY_WATCH_WRITE
           : kind == TARGET_WATCH_READ ? REPLAY_WATCH_READ
                                       : REPLAY_WATCH_ACCESS;
}

static struct replay_watch *find_watch(struct target_replay *g, const struct replay_watch *w)
{
    for (size_t i = 0; i < g->n_watches; i++) {
        const struct replay_watch *v = &g->watches[i];
        if (v->addr == w->addr && v->n_bytes == w->n_bytes && v->pid == w->pid && v->kind == w->kind)
            return &g->watches[i];
    }
    return NULL;
}

static struct odb_err *insert_watch(struct target *target, uint32_t pid, enum target_watch_kind kind,
                                    gaddr addr, uint64_t n)
{
    struct target_replay *g = trp_of(target);
    const struct replay_watch w = {.addr = addr, .n_bytes = n, .pid = pid, .kind = watch_kind(kind)};
    if (find_watch(g, &w))
        return NULL;
    ODB_TRY(grow(&g->watches, g->n_watches, &g->cap_watches, sizeof(g->watches[0])));
    g->watches[g->n_watches++] = w;
    g->stops_dirty = true;
    return NULL;
}

static struct odb_err *remove_watch(struct target *target, uint32_t pid, enum target_watch_kind kind,
                                    gaddr addr, uint64_t n)
{
    struct target_replay *g = trp_of(target);
    const struct replay_watch w = {.addr = addr, .n_bytes = n, .pid = pid, .kind = watch_kind(kind)};
    struct replay_watch *found = find_watch(g, &w);
    if (found) {
        *found = g->watches[--g->n_watches];
        g->stops_dirty = true;
    }
    return NULL;
}

static struct odb_err *set_catch(struct target *target, const struct target_catch *c)
{
    struct target_replay *g = trp_of(target);
    g->catches = *c;
    g->catches.numbers = NULL;
    memset(g->syscalls, c->numbers ? 0 : 0xff, sizeof(g->syscalls));
    for (size_t i = 0; c->numbers && i < c->n_numbers; i++)
        if (c->numbers[i] < 512)
            g->syscalls[c->numbers[i] / 64] |= 1ULL << c->numbers[i] % 64;
    g->stops_dirty = true;
    return NULL;
}

/* Where a process is killed: by the fault before, or by somebody. */
static struct odb_err *siginfo_of_end(struct target_replay *g, const struct odb_stop *here, uint8_t ret[128])
{
    const struct scan *scan;
    ODB_TRY(trp_scan(g, &scan));
    const struct scan_death *d = scan_death_of(scan, here->tid, here->stream_offset);
    target_make_siginfo(here->signo, d ? d->code : 0, d ? d->addr : 0, ret);
    return NULL;
}

static struct odb_err *siginfo(struct target *target, uint32_t tid, uint8_t ret[128], size_t *ret_n)
{
    struct target_replay *g = trp_of(target);
    struct odb_stop here;
    *ret_n = 0;
    if (g->has_siginfo && (!tid || tid == g->siginfo_tid)) { /* also behind: a branch */
        memcpy(ret, g->siginfo, sizeof(g->siginfo));
        *ret_n = sizeof(g->siginfo);
        return NULL;
    }
    if (g->branch || !timeline_signal_here(g->tl, &here) || (tid && tid != here.tid))
        return NULL;
    if (here.has_siginfo)
        memcpy(ret, here.siginfo, sizeof(here.siginfo));
    else
        ODB_TRY(siginfo_of_end(g, &here, ret));
    *ret_n = sizeof(here.siginfo);
    return NULL;
}

/* ---- branches ---- */

static struct odb_err *begin_branch(struct target_replay *g)
{
    struct replay *r;
    if (g->branch)
        return NULL;
    ODB_TRY(trp_alive(g));
    struct odb_stop stop = *trp_stop(g);
    ODB_TRY(replay_checkpoint(timeline_world(g->tl), &r));
    struct odb_err *e = replay_branch(r);
    if (e) {
        replay_close(r);
        return e;
    }
    g->branch_stop = stop;
    g->branch = r;
    return NULL;
}

static struct odb_err *write_memory(struct target *target, uint32_t pid, gaddr addr, const void *from,
                                    size_t n)
{
    struct target_replay *g = trp_of(target);
    ODB_TRY(begin_branch(g));
    return replay_write(g->branch, pid, addr, from, n);
}

static struct odb_err *write_registers(struct target *target, uint32_t tid, const struct target_regs *from)
{
    struct target_replay *g = trp_of(target);
    const struct odb_xstate *now;
    const struct odb_stop *stop;
    static _Thread_local struct odb_xstate x;
    ODB_TRY(begin_branch(g));
    ODB_TRY(replay_registers(g->branch, tid, &stop, &now));
    struct odb_regs regs = stop->regs;
    x = *now;
    trp_put_registers(from, &regs, &x);
    return replay_set_registers(g->branch, tid, &regs, &x);
}

static bool in_branch(const struct target *target)
{
    return ((const struct target_replay *)(const void *)target)->branch != NULL;
}

static struct odb_err *leave_branch(struct target *target)
{
    leave(trp_of(target));
    return NULL;
}

/* ---- begin and end ---- */

static void interrupt(struct target *target) { timeline_interrupt(trp_of(target)->tl); }

static unsigned vector_bytes(const struct target *target)
{
    return ((const struct target_replay *)(const void *)target)->vector_bytes;
}

static void close_target(struct target *target)
{
    struct target_replay *g = trp_of(target);
    if (!g)
        return;
    leave(g);
    timeline_close(g->tl);
    scan_deinit(&g->scan);
    free(g->breaks);
    free(g->watches);
    free(g->base.dir);
    free(g);
}

static const struct target_ops ops = {
    .close = close_target,
    .where = where,
    .seek = seek,
    .seek_text = seek_text,
    .threads = trp_threads,
    .registers = trp_registers,
    .vector_bytes = vector_bytes,
    .read = trp_read,
    .maps = trp_maps,
    .auxv = trp_auxv,
    .exec_file = trp_exec_file,
    .command_line = trp_command_line,
    .files = trp_files,
    .insert_break = insert_break,
    .remove_break = remove_break,
    .insert_watch = insert_watch,
    .remove_watch = remove_watch,
    .set_catch = set_catch,
    .resume = trp_resume,
    .interrupt = interrupt,
    .siginfo = siginfo,
    .write = write_memory,
    .write_registers = write_registers,
    .in_branch = in_branch,
    .leave_branch = leave_branch,
};

/* To where process pid runs first, from the start. */
static struct odb_err *seek_process(struct target_replay *g, uint32_t pid)
{
    ODB_TRY(timeline_seek_start(g->tl));
    for (;;) {
        struct place p = timeline_where(g->tl);
        bool more;
        if (p.pid == pid)
            return NULL;
        ODB_TRY(timeline_seek_run(g->tl, p.run + 1, &more));
        if (!more)
            return odb_err("no process %u runs in this recording", (unsigned)pid);
    }
}

struct of_process {
    uint32_t pid;
};

static bool is_exit_of(void *ctx, const struct odb_stop *stop)
{
    const struct of_process *p = ctx;
    return stop->reason == ODB_STOP_TASK && stop->task_kind == ODB_TASK_EXIT && stop->task_pid == p->pid;
}

/* From the end back to the last place of process pid. */
static struct odb_err *seek_process_end(struct target_replay *g, uint32_t pid)
{
    struct of_process p = {pid};
    const struct timeline_want want = {.kind = is_exit_of, .ctx = &p};
    struct timeline_hit hit;
    ODB_TRY(timeline_seek_end(g->tl));
    if (timeline_where(g->tl).pid == pid)
        return NULL;
    ODB_TRY(timeline_set_stops(g->tl, &(struct replay_stops){.catch_ = REPLAY_CATCH_TASKS}));
    ODB_TRY(timeline_backward(g->tl, &want, &hit));
    return hit.end == TIMELINE_HIT ? NULL
                                   : odb_err("process %u does not end in this recording", (unsigned)pid);
}

static struct odb_err *attach(struct target_replay *g, const struct target_options *opt)
{
    const char *at = opt->at ? opt->at : "start";
    if (opt->pid && strcmp(at, "start") == 0)
        return seek_process(g, opt->pid);
    if (opt->pid && strcmp(at, "end") == 0)
        return seek_process_end(g, opt->pid);
    return seek_text(&g->base, at);
}

static struct odb_err *open_all(struct target_replay *g, const struct target_options *opt)
{
    g->base.dir = strdup(g->base.dir);
    if (!g->base.dir)
        return odb_err("out of memory");
    memset(g->syscalls, 0xff, sizeof(g->syscalls));
    g->stops_dirty = true;
    ODB_TRY(timeline_open(g->base.dir, &g->tl));
    ODB_TRY(trp_measure_vectors(g));
    return attach(g, opt);
}

struct odb_err *target_replay_open(const char *dir, const struct target_options *opt, struct target **ret)
{
    static const struct target_options none;
    struct target_replay *g = calloc(1, sizeof(*g));
    if (!g)
        return odb_err("out of memory");
    g->base.ops = &ops;
    g->base.dir = (char *)(uintptr_t)dir; /* copied at once */
    struct odb_err *e = open_all(g, opt ? opt : &none);
    if (e) {
        close_target(&g->base);
        return e;
    }
    *ret = &g->base;
    return NULL;
}
