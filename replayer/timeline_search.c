/* Stops on a timeline, forwards and backwards, and steps.
 *
 * Backwards: pieces between two marks, the last first. A piece is run once, with ODB_RUN_LAST: however many stops there
 * are, the engine only remembers the last one; then the timeline goes there. Only where the stops that count cannot be told by the
 * engine (conditions of breakpoints, filters) a piece is run from stop to stop.
 *
 * A step back: from a mark at which the thread was elsewhere, to the tick before its present one, and from there
 * instruction by instruction. The places on this way, the *trail*, are kept: the next step back knows its goal already.
 *
 * What counts as before: for stops that are behind what they tell of (WATCH, TASK), the instruction that did it; it is also
 * where the search ends. */
#include <stdlib.h>
#include <string.h>

#include "common/sigset.h"
#include "replayer/timeline_impl.h"

static struct place place_by(const struct odb_stop *s)
{
    return (struct place){
        .run = s->by.run_number,
        .tick = s->by.tick,
        .rip = s->by.rip,
        .event = s->by.event,
        .tid = s->by.tid,
        .pid = s->by.pid,
    };
}

/* Where a stop is, seen backwards. */
static struct place goal_of(const struct odb_stop *s)
{
    bool behind = s->reason == ODB_STOP_WATCH || s->reason == ODB_STOP_TASK;
    return behind && s->by.run_number ? place_by(s) : place_of(s);
}

/* A stop behind something leaves open what else is at its place: the flag for going on from there. */
static uint32_t here_behind(const struct odb_stop *s)
{
    bool behind = s->reason == ODB_STOP_WATCH || s->reason == ODB_STOP_TASK ||
                  s->reason == ODB_STOP_SYSCALL_RETURN || s->reason == ODB_STOP_INTERRUPTED;
    return behind ? ODB_RUN_HERE : 0;
}

static bool counts(struct timeline *tl, const struct timeline_want *want, const struct odb_stop *s)
{
    if (want && want->kind && !want->kind(want->ctx, s))
        return false;
    return s->reason != ODB_STOP_BREAK || !want || !want->here || want->here(want->ctx, tl, s);
}

bool timeline_take_interrupt(struct timeline *tl) { return atomic_exchange(&tl->interrupted, false); }

static struct timeline_hit only(enum timeline_end end)
{
    struct timeline_hit h = {.end = end};
    return h;
}

/* ---- forwards ---- */

static bool is_at_end(const struct timeline *tl)
{
    return tl->end_known && place_compare(&tl->now.at, &tl->end) >= 0;
}

/* The signal that is delivered here, if it counts. */
static bool signal_counts(struct timeline *tl, const struct timeline_want *want, struct timeline_hit *ret)
{
    struct odb_stop stop;
    const struct replay_stops *all = &tl->stops;
    if (!(all->catch_ & REPLAY_CATCH_SIGNALS) || !timeline_signal_here(tl, &stop) ||
        odb_sigset_has(all->pass_signals, stop.signo) || !counts(tl, want, &stop))
        return false;
    *ret = (struct timeline_hit){.stop = stop};
    tl->told = true;
    return true;
}

/* What a run's end means. *ret_done false: go on. */
static struct odb_err *judge(struct timeline *tl, const struct odb_stop *stop,
                             const struct timeline_want *want, struct timeline_hit *ret, bool *ret_done)
{
    *ret_done = true;
    switch (stop->reason) {
    case ODB_STOP_END: *ret = only(TIMELINE_AT_END); return timeline_note_end(tl);
    case ODB_STOP_POSITION: *ret = only(TIMELINE_STEPPED); return NULL;
    case ODB_STOP_INTERRUPTED:
        *ret = only(TIMELINE_INTERRUPTED);
        *ret_done = timeline_take_interrupt(tl);
        return NULL;
    default: break;
    }
    struct odb_stop copy = *stop;
    *ret_done = counts(tl, want, &copy);
    *ret = (struct timeline_hit){.stop = copy};
    tl->told = copy.reason == ODB_STOP_SIGNAL;
    tl->open = here_behind(&copy) && copy.by.tid != copy.tid;
    return NULL;
}

/* One run after the other until a stop counts. run.flags has ODB_RUN_STOPS. */
static struct odb_err *run_on(struct timeline *tl, struct odb_run run, const struct timeline_want *want,
                              struct timeline_hit *ret)
{
    const struct odb_stop *stop;
    bool told = tl->told, done = false;
    uint32_t here = tl->open ? ODB_RUN_HERE : 0;
    struct place begin = tl->now.at;
    tl->told = tl->open = false;
    if (timeline_take_interrupt(tl) || is_at_end(tl)) {
        *ret = only(is_at_end(tl) ? TIMELINE_AT_END : TIMELINE_INTERRUPTED);
        return NULL;
    }
    if (!told && signal_counts(tl, want, ret))
        return NULL;
    while (!done) {
        run.flags = (run.flags & ~(uint32_t)ODB_RUN_HERE) | here;
        ODB_TRY(timeline_run(tl, &run, &stop));
        here = here_behind(stop);
        if (told && stop->reason == ODB_STOP_SIGNAL && place_compare(&tl->now.at, &begin) == 0)
            continue; /* the engine's last stop here was another; but this one was read from the stream, and told */
        ODB_TRY(judge(tl, stop, want, ret, &done));
    }
    return NULL;
}

/* After an error it is where it was. */
static struct odb_err *run_to_stop(struct timeline *tl, struct odb_run run, const struct timeline_want *want,
                                   struct timeline_hit *ret)
{
    struct place begin = tl->now.at;
    struct odb_err *e = tl->now.r ? NULL : timeline_seek(tl, &begin);
    if (!e)
        e = run_on(tl, run, want, ret);
    if (e)
        odb_err_free(timeline_seek(tl, &begin));
    return e;
}

struct odb_err *timeline_forward(struct timeline *tl, const struct timeline_want *want,
                                 struct timeline_hit *ret)
{
    return run_to_stop(tl, (struct odb_run){.flags = ODB_RUN_STOPS}, want, ret);
}

/* Where a signal is delivered, the step leads to the handler's first instruction: a tick begins there. */
struct odb_err *timeline_step(struct timeline *tl, uint32_t tid, const struct timeline_want *want,
                              struct timeline_hit *ret)
{
    struct odb_stop signal;
    struct odb_run run = {.flags = ODB_RUN_STOPS | ODB_RUN_STEPS, .steps = 1};
    run.tid = tid ? tid : tl->now.at.tid;
    if (tl->now.r && run.tid == tl->now.at.tid && timeline_signal_here(tl, &signal)) {
        run.flags = ODB_RUN_STOPS | ODB_RUN_TO_POS;
        run.tick = tl->now.at.tick + 1;
    }
    ODB_TRY(run_to_stop(tl, run, want, ret));
    if (ret->end == TIMELINE_STEPPED)
        signal_counts(tl, want, ret);
    return NULL;
}

/* ---- backwards ---- */

struct search {
    const struct timeline_want *want;
    struct place origin; /* where it began: stops count before it */
    bool found, interrupted;
    struct odb_stop stop;
};

/* A SYSCALL_RETURN at the end of its piece counts in this one: the next begins behind it. */
static void consider(struct timeline *tl, struct search *s, const struct odb_stop *stop)
{
    struct place goal = goal_of(stop);
    if (place_compare(&goal, &s->origin) >= 0 || !counts(tl, s->want, stop))
        return;
    s->found = true;
    s->stop = *stop;
}

/* The current world, which is at a mark, runs to `upper`. */
static struct odb_err *search_piece(struct timeline *tl, struct search *s, const struct place *upper,
                                    uint32_t flags)
{
    const struct odb_stop *stop = NULL;
    bool there;
    tl->n_hits = 0;
    for (uint32_t here = ODB_RUN_HERE;;) {
        ODB_TRY(timeline_go(tl, upper, ODB_RUN_STOPS | here | flags, false, &stop, &there));
        if (there || !stop || place_compare(&tl->now.at, upper) > 0 || stop->reason == ODB_STOP_END)
            return NULL;
        if (stop->reason == ODB_STOP_INTERRUPTED) {
            s->interrupted = true;
            return NULL;
        }
        struct odb_stop copy = *stop;
        here = here_behind(&copy);
        consider(tl, s, &copy);
    }
}

/* The last stop of the piece between mark m and `upper`. */
static struct odb_err *search_from(struct timeline *tl, const struct mark *m, struct search *s,
                                   const struct place *upper)
{
    bool by_engine = !s->want || !s->want->here;
    struct place from = m->w.at;
    ODB_TRY(timeline_take_mark(tl, m));
    if (by_engine) {
        ODB_TRY(search_piece(tl, s, upper, ODB_RUN_LAST));
        if (s->interrupted || (!tl->n_hits && !s->found))
            return NULL;
        if (tl->n_hits) {
            s->found = false;
            struct odb_stop last = tl->last;
            consider(tl, s, &last);
        }
        if (s->found)
            return NULL;
        m = timeline_mark_before(tl, &from, true);
        ODB_TRY(timeline_take_mark(tl, m));
    }
    return search_piece(tl, s, upper, 0);
}

/* Goes on with world w, instead of the current one. */
static void take_back(struct timeline *tl, struct world *w, uint32_t gen)
{
    world_deinit(&tl->now);
    tl->now = *w;
    tl->now_gen = gen;
    w->r = NULL;
}

/* All of [upper, origin) was searched in vain. */
static struct odb_err *give_up(struct timeline *tl, struct world *origin, uint32_t gen,
                               const struct place *upper, struct timeline_hit *ret)
{
    timeline_take_interrupt(tl);
    *ret = only(TIMELINE_INTERRUPTED);
    if (place_compare(upper, &origin->at) == 0) {
        take_back(tl, origin, gen);
        return NULL;
    }
    return timeline_seek(tl, upper);
}

static struct odb_err *go_to_hit(struct timeline *tl, const struct odb_stop *stop, struct timeline_hit *ret)
{
    struct place goal = goal_of(stop);
    *ret = (struct timeline_hit){.stop = *stop};
    ODB_TRY(timeline_seek(tl, &goal));
    tl->told = stop->reason == ODB_STOP_SIGNAL;
    return NULL;
}

static struct odb_err *search_back(struct timeline *tl, const struct timeline_want *want,
                                   struct world *origin, uint32_t gen, struct timeline_hit *ret)
{
    struct place upper = origin->at;
    struct search s = {.want = want, .origin = origin->at};
    for (;;) {
        const struct mark *m = timeline_mark_before(tl, &upper, false);
        if (atomic_load(&tl->interrupted))
            return give_up(tl, origin, gen, &upper, ret);
        if (!m) {
            *ret = only(TIMELINE_START);
            return timeline_seek_start(tl);
        }
        struct place lower = m->w.at;
        ODB_TRY(search_from(tl, m, &s, &upper));
        if (s.interrupted)
            return give_up(tl, origin, gen, &upper, ret);
        if (s.found)
            break;
        upper = lower;
    }
    return go_to_hit(tl, &s.stop, ret);
}

struct odb_err *timeline_backward(struct timeline *tl, const struct timeline_want *want,
                                  struct timeline_hit *ret)
{
    struct world origin = tl->now;
    uint32_t gen = tl->now_gen;
    if (!origin.r)
        return odb_err("the replay was lost by the error before");
    tl->now.r = NULL; /* `origin` stays alive, to come back to */
    struct odb_err *e = search_back(tl, want, &origin, gen, ret);
    if (e && origin.r)
        take_back(tl, &origin, gen);
    world_deinit(&origin);
    return e;
}

/* ---- a step back ---- */

static struct odb_err *trail_add(struct trail *t, const struct place *p)
{
    if (t->n == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 64;
        struct place *a = realloc(t->places, cap * sizeof(*a));
        if (!a)
            return odb_err("out of memory");
        t->places = a;
        t->cap = cap;
    }
    t->places[t->n++] = *p;
    return NULL;
}

/* Where thread tid is in world r. *ret_alive false: it does not live there. */
static struct odb_err *thread_pos(struct replay *r, uint32_t tid, struct odb_pos *ret, bool *ret_alive)
{
    struct replay_task *tasks;
    const struct odb_stop *stop;
    const struct odb_xstate *x;
    size_t n;
    ODB_TRY(replay_tasks(r, &tasks, &n));
    *ret_alive = false;
    for (size_t i = 0; i < n; i++)
        *ret_alive |= tasks[i].tid == tid;
    free(tasks);
    if (!*ret_alive)
        return NULL;
    ODB_TRY(replay_registers(r, tid, &stop, &x));
    *ret = (struct odb_pos){stop->tick, stop->regs.rip};
    return NULL;
}

/* The last mark before `upper` at which the thread is not where it is at `upper`. NULL: there is none. */
static struct odb_err *mark_elsewhere(struct timeline *tl, uint32_t tid, const struct place *upper,
                                      const struct odb_pos *pos, const struct mark **ret, bool *ret_alive)
{
    const struct mark *m = timeline_mark_before(tl, upper, false);
    for (; m; m = m > tl->marks ? m - 1 : NULL) {
        struct odb_pos p;
        ODB_TRY(thread_pos(m->w.r, tid, &p, ret_alive));
        if (!*ret_alive || p.tick != pos->tick || p.rip != pos->rip)
            break;
    }
    *ret = m;
    return NULL;
}

/* To the beginning of the run of `upper`, or (behind an execve) of the one before, if it is of thread tid and before
 * `upper`. Else stays. */
static struct odb_err *come_to_run(struct timeline *tl, uint32_t tid, const struct place *upper)
{
    for (uint64_t n = upper->run; n > tl->now.at.run && n + 2 > upper->run; n--) {
        struct place begin = {.run = n};
        struct world old;
        const struct odb_stop *stop;
        bool there;
        uint32_t gen = tl->now_gen;
        ODB_TRY(world_copy(tl, &tl->now, &old));
        struct odb_err *e = timeline_go(tl, &begin, 0, true, &stop, &there);
        bool good = !e && tl->now.at.tid == tid && place_compare(&tl->now.at, upper) < 0;
        if (!e && !good)
            take_back(tl, &old, gen);
        world_deinit(&old);
        if (e || good)
            return e;
    }
    return NULL;
}

/* The current world is before `upper`, where the thread is at pos. Goes nearer, if that is simple: `back` ticks before. */
static struct odb_err *come_near(struct timeline *tl, uint32_t tid, const struct place *upper,
                                 const struct odb_pos *pos, uint64_t back)
{
    struct odb_pos p;
    bool alive, there;
    const struct odb_stop *stop = NULL;
    if (tid == upper->tid && back == 1)
        ODB_TRY(come_to_run(tl, tid, upper));
    ODB_TRY(thread_pos(tl->now.r, tid, &p, &alive));
    if (alive && p.tick + back >= pos->tick)
        return NULL;
    uint64_t tick = pos->tick > back ? pos->tick - back : 0; /* or where it begins, if that is later */
    if (tl->now.at.run == upper->run) {
        struct place near = *upper;
        near.tick = tick;
        near.rip = 0;
        return timeline_go(tl, &near, 0, true, &stop, &there);
    }
    const struct odb_run run = {.flags = ODB_RUN_TO_POS, .tid = tid, .tick = tick};
    return timeline_run(tl, &run, &stop);
}

/* From here to `upper`: every place at which an instruction of the thread is next. */
static struct odb_err *collect(struct timeline *tl, uint32_t tid, const struct place *upper)
{
    const struct odb_stop *stop;
    tl->trail.n = 0;
    tl->trail.tid = tid;
    while (place_compare(&tl->now.at, upper) < 0) {
        const struct odb_run run = {.flags = ODB_RUN_STEPS, .tid = tid, .steps = 1};
        struct place before = tl->now.at;
        ODB_TRY(timeline_run(tl, &run, &stop));
        if (stop->reason == ODB_STOP_END && before.tid == tid) /* the last instruction, and then the end */
            return trail_add(&tl->trail, &before);
        struct place by = place_by(stop);
        if (stop->reason != ODB_STOP_POSITION || !by.run || place_compare(&by, upper) >= 0)
            return NULL;
        ODB_TRY(trail_add(&tl->trail, &by));
    }
    return NULL;
}

/* The thread's instructions before `upper` are on the trail; empty: it has none. Between where the first attempt begins
 * and `upper` there may be nothing but the delivery of signals: then from further back. */
static struct odb_err *make_trail(struct timeline *tl, uint32_t tid, const struct place *upper)
{
    struct odb_pos pos;
    struct place limit = *upper;
    bool alive;
    const struct mark *m;
    tl->trail.n = 0;
    ODB_TRY(thread_pos(tl->now.r, tid, &pos, &alive));
    if (!alive)
        return odb_err("there is no thread %u here", (unsigned)tid);
    for (uint64_t back = 1; !tl->trail.n; back *= 8) {
        ODB_TRY(mark_elsewhere(tl, tid, &limit, &pos, &m, &alive));
        if (!m)
            return NULL;
        limit = m->w.at;
        ODB_TRY(timeline_take_mark(tl, m));
        ODB_TRY(come_near(tl, tid, upper, &pos, back));
        if (place_compare(&tl->now.at, upper) >= 0 && !alive) /* it begins there */
            return NULL;
        if (place_compare(&tl->now.at, upper) >= 0)
            return odb_err("replay went past the place that it came from");
        if (place_compare(&tl->now.at, &limit) > 0) /* the same mark will do for another attempt */
            limit = tl->now.at;
        ODB_TRY(timeline_mark_here(tl, TIMELINE_LADDER_NS / 8));
        ODB_TRY(collect(tl, tid, upper));
    }
    return NULL;
}

/* On the trail, the last place before p; NULL when the trail does not know. */
static const struct place *on_trail(const struct trail *t, uint32_t tid, const struct place *p)
{
    if (t->tid != tid || !t->n || place_compare(&t->places[t->n - 1], p) < 0)
        return NULL;
    for (size_t i = t->n; i-- > 0;)
        if (place_compare(&t->places[i], p) < 0)
            return &t->places[i];
    return NULL;
}

/* Stops between `goal` and `here`, and what the instruction at `goal` did. */
static struct odb_err *stops_between(struct timeline *tl, const struct timeline_want *want,
                                     const struct place *goal, const struct place *here, struct search *s)
{
    *s = (struct search){.want = want, .origin = *here};
    bool plain = goal->run == here->run && goal->event == here->event;
    bool any = tl->stops.n_breaks || tl->stops.catch_;
    if (!tl->stops.n_watches && (plain || !any))
        return NULL;
    struct odb_err *e = timeline_seek(tl, goal);
    if (!e)
        e = search_piece(tl, s, here, 0);
    struct place at = s->found ? goal_of(&s->stop) : *goal;
    bool behind = s->stop.reason == ODB_STOP_WATCH || s->stop.reason == ODB_STOP_TASK;
    s->found = s->found && (place_compare(&at, goal) > 0 || behind);
    return e;
}

/* To `goal`, unless something that counts lies between. */
static struct odb_err *step_back_to(struct timeline *tl, const struct timeline_want *want,
                                    const struct place *goal, const struct place *here,
                                    struct timeline_hit *ret)
{
    struct search s;
    ODB_TRY(stops_between(tl, want, goal, here, &s));
    if (s.interrupted)
        timeline_take_interrupt(tl);
    if (s.found)
        return go_to_hit(tl, &s.stop, ret);
    *ret = only(TIMELINE_STEPPED);
    return timeline_seek(tl, goal);
}

struct odb_err *timeline_step_back(struct timeline *tl, uint32_t tid, const struct timeline_want *want,
                                   struct timeline_hit *ret)
{
    struct place here = tl->now.at;
    tid = tid ? tid : here.tid;
    tl->told = false;
    if (timeline_take_interrupt(tl)) {
        *ret = only(TIMELINE_INTERRUPTED);
        return NULL;
    }
    atomic_fetch_add(&tl->deaf, 1);
    const struct place *known = on_trail(&tl->trail, tid, &here);
    struct odb_err *e = known ? NULL : make_trail(tl, tid, &here);
    if (!known && tl->trail.n)
        known = &tl->trail.places[tl->trail.n - 1];
    if (!e && known) {
        struct place goal = *known;
        e = step_back_to(tl, want, &goal, &here, ret);
    } else if (!e) {
        *ret = only(TIMELINE_START);
        e = timeline_seek(tl, &here);
    }
    atomic_fetch_sub(&tl->deaf, 1);
    if (e)
        odb_err_free(timeline_seek(tl, &here));
    return e;
}
