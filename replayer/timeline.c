/* Timelines: the current world, marks, and getting to a place. Searches are in timeline_search.c.
 *
 * The idea: going back is going forward from an earlier copy. All that matters is how far that is. So a run that lasts is
 * interrupted now and then (timeline_pacer.c) and leaves a mark; and the way to a place that is sought is gone in halves,
 * each of which leaves a mark when it took some time, so marks lie at exponential distances before it.
 *
 * Getting to a place is a run to its run number, then to its position in the thread that has that run, then, where a
 * fault and the signal it leads to have the same position, to its event.
 *
 * Invariants: marks are sorted by place, no two at the same; marks[0] is the start; no mark ever runs. now.at is where
 * now.r is. When a run fails, now.r may be NULL: the next seek takes a copy of a mark. */
#include "replayer/timeline.h"

#include <stdlib.h>
#include <string.h>

#include "replayer/handle.h"
#include "replayer/timeline_impl.h"

int place_compare(const struct place *a, const struct place *b)
{
    const uint64_t x[] = {a->run, a->tick, a->rip, a->event, a->phase};
    const uint64_t y[] = {b->run, b->tick, b->rip, b->event, b->phase};
    for (int i = 0; i < 5; i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return 0;
}

struct place place_of(const struct odb_stop *stop)
{
    return (struct place){
        .run = stop->run_number,
        .tick = stop->tick,
        .rip = stop->regs.rip,
        .event = stop->event,
        .phase = stop->phase,
        .tid = stop->tid,
        .pid = stop->pid,
    };
}

/* ---- worlds ---- */

void world_deinit(struct world *w)
{
    replay_close(w->r);
    w->r = NULL;
}

uint64_t world_ns(const struct world *w) { return w->base_ns + replay_cpu_ns(w->r); }

static struct odb_err *copy_at(struct timeline *tl, const struct world *from, uint64_t ns, struct world *ret)
{
    struct replay *r;
    ODB_TRY(replay_checkpoint(from->r, &r));
    tl->figures.n_forks++;
    *ret = (struct world){.r = r, .at = from->at, .base_ns = ns};
    return NULL;
}

struct odb_err *world_copy(struct timeline *tl, const struct world *from, struct world *ret)
{
    return copy_at(tl, from, world_ns(from), ret);
}

/* ---- marks ---- */

struct mark *timeline_mark_before(struct timeline *tl, const struct place *p, bool at)
{
    size_t low = 0, high = tl->n_marks;
    while (low < high) {
        size_t mid = (low + high) / 2;
        int c = place_compare(&tl->marks[mid].w.at, p);
        if (c < 0 || (at && c == 0))
            low = mid + 1;
        else
            high = mid;
    }
    return low ? &tl->marks[low - 1] : NULL;
}

static void remove_mark(struct timeline *tl, size_t i)
{
    world_deinit(&tl->marks[i].w);
    memmove(&tl->marks[i], &tl->marks[i + 1], (tl->n_marks - i - 1) * sizeof(tl->marks[0]));
    tl->n_marks--;
}

/* The gap that would be without mark i, in proportion to its distance from `here`, times 2^16. */
static uint64_t worth(const struct timeline *tl, size_t i, uint64_t here)
{
    const struct mark *m = &tl->marks[i];
    uint64_t end = i + 1 < tl->n_marks ? m[1].ns : m->ns + TIMELINE_PACE_NS;
    uint64_t gap = end > m[-1].ns ? end - m[-1].ns : 0;
    uint64_t distance = here > m->ns ? here - m->ns : m->ns - here;
    return (gap << 16) / (distance + TIMELINE_LADDER_NS);
}

static uint32_t vessels_of(const struct replay *r) { return r->world->n_vessels ? r->world->n_vessels : 1; }

/* Not so many that the machine feels them. */
static void thin(struct timeline *tl, uint64_t here)
{
    for (;;) {
        uint32_t vessels = 0;
        for (size_t i = 0; i < tl->n_marks; i++)
            vessels += vessels_of(tl->marks[i].w.r);
        bool many = tl->n_marks > TIMELINE_MAX_MARKS || vessels > TIMELINE_MAX_VESSELS;
        if (!many || tl->n_marks < 3)
            return;
        size_t least = 1;
        for (size_t i = 2; i < tl->n_marks; i++)
            if (worth(tl, i, here) < worth(tl, least, here))
                least = i;
        remove_mark(tl, least);
    }
}

static struct odb_err *add_mark(struct timeline *tl, uint64_t ns)
{
    if (tl->n_marks == tl->cap_marks) {
        size_t cap = tl->cap_marks ? tl->cap_marks * 2 : 64;
        struct mark *m = realloc(tl->marks, cap * sizeof(*m));
        if (!m)
            return odb_err("out of memory");
        tl->marks = m;
        tl->cap_marks = cap;
    }
    struct mark m = {.ns = ns, .stops_gen = tl->now_gen};
    ODB_TRY(copy_at(tl, &tl->now, ns, &m.w));
    const struct mark *before = timeline_mark_before(tl, &m.w.at, true);
    size_t i = before ? (size_t)(before - tl->marks) + 1 : 0;
    odb_assert(tl->marks && i <= tl->n_marks);
    memmove(&tl->marks[i + 1], &tl->marks[i], (tl->n_marks - i) * sizeof(m));
    tl->marks[i] = m;
    tl->n_marks++;
    return NULL;
}

struct odb_err *timeline_mark_here(struct timeline *tl, uint64_t min_ns)
{
    uint64_t ns = world_ns(&tl->now);
    const struct mark *m = timeline_mark_before(tl, &tl->now.at, true);
    if (m && (place_compare(&m->w.at, &tl->now.at) == 0 || ns < m->ns + min_ns))
        return NULL;
    ODB_TRY(add_mark(tl, ns));
    thin(tl, ns);
    return NULL;
}

struct odb_err *timeline_take_mark(struct timeline *tl, const struct mark *m)
{
    struct world w;
    uint32_t gen = m->stops_gen;
    ODB_TRY(copy_at(tl, &m->w, m->ns, &w));
    world_deinit(&tl->now);
    tl->now = w;
    tl->now_gen = gen;
    return NULL;
}

/* ---- running ---- */

static struct odb_err *diverged(const struct odb_stop *s)
{
    char *text = replay_divergence_text(s);
    struct odb_err *e = odb_err("%s", text ? text : "replay differs from the recording");
    free(text);
    return e;
}

static void note_last(struct timeline *tl)
{
    uint64_t n;
    const struct odb_stop *last = replay_last_hit(tl->now.r, &n);
    if (n)
        tl->last = *last;
    tl->n_hits += n;
}

static struct odb_err *run_once(struct timeline *tl, const struct odb_run *run, const struct odb_stop **ret)
{
    if (!tl->now.r)
        return odb_err("the replay was lost by the error before");
    if (run->flags & ODB_RUN_STOPS && tl->now_gen != tl->stops_gen) {
        ODB_TRY(replay_set_stops(tl->now.r, &tl->stops));
        tl->now_gen = tl->stops_gen;
    }
    tl->figures.n_runs++;
    pacer_begin(tl->pacer, tl->now.r);
    struct odb_err *e = replay_run(tl->now.r, run, ret);
    pacer_end(tl->pacer);
    if (e)
        return e;
    tl->now.at = place_of(*ret);
    if ((*ret)->reason == ODB_STOP_END)
        tl->now.at.run = UINT64_MAX; /* nothing lives in this world any more: it is no place to go on from */
    if (run->flags & ODB_RUN_LAST)
        note_last(tl);
    return (*ret)->reason == ODB_STOP_DIVERGED ? diverged(*ret) : NULL;
}

struct odb_err *timeline_run(struct timeline *tl, const struct odb_run *how, const struct odb_stop **ret)
{
    struct odb_run run = *how;
    *ret = NULL;
    for (;;) {
        struct odb_err *e = run_once(tl, &run, ret);
        if (e) {
            world_deinit(&tl->now);
            return e;
        }
        odb_assert(*ret);
        if ((*ret)->reason != ODB_STOP_INTERRUPTED || timeline_is_interrupted(tl))
            return NULL;
        run.steps -= run.flags & ODB_RUN_STEPS ? (*ret)->steps : 0;
        ODB_TRY(timeline_mark_here(tl, TIMELINE_PACE_NS / 2));
        if (run.flags & ODB_RUN_STOPS)
            run.flags |= ODB_RUN_HERE;
    }
}

struct odb_err *timeline_run_other(struct timeline *tl, struct replay *r, const struct odb_run *run,
                                   const struct odb_stop **ret)
{
    do {
        pacer_begin(tl->pacer, r);
        struct odb_err *e = replay_run(r, run, ret);
        pacer_end(tl->pacer);
        if (e)
            return e;
    } while ((*ret)->reason == ODB_STOP_INTERRUPTED && !timeline_take_interrupt(tl));
    return NULL;
}

/* ---- getting to a place ---- */

static bool is_before_pos(const struct place *a, const struct place *b)
{
    return a->tick < b->tick || (a->tick == b->tick && a->rip < b->rip);
}

/* The next run on the way. near: half of what is left, as long as that can be named. */
static struct odb_run next_leg(const struct place *at, const struct place *to, bool near)
{
    struct odb_run run = {.flags = ODB_RUN_TO_EVENT, .event = to->event};
    if (at->run < to->run) {
        run.flags = ODB_RUN_TO_RUN;
        run.run_number = near ? at->run + (to->run - at->run + 1) / 2 : to->run;
    } else if (is_before_pos(at, to)) {
        bool half = near && to->tick - at->tick > 1;
        run.flags = ODB_RUN_TO_POS;
        run.tid = to->tid;
        run.tick = half ? at->tick + (to->tick - at->tick + 1) / 2 : to->tick;
        run.rip = half ? 0 : to->rip;
    }
    return run;
}

struct odb_err *timeline_go(struct timeline *tl, const struct place *to, uint32_t flags, bool near,
                            const struct odb_stop **ret_stop, bool *ret_there)
{
    for (;;) {
        struct place before = tl->now.at;
        int c = place_compare(&before, to);
        *ret_there = c == 0;
        if (c >= 0)
            return NULL;
        struct odb_run run = next_leg(&before, to, near);
        run.flags |= flags;
        ODB_TRY(timeline_run(tl, &run, ret_stop));
        if ((*ret_stop)->reason != ODB_STOP_POSITION && (*ret_stop)->reason != ODB_STOP_EVENT)
            return NULL;
        if (place_compare(&tl->now.at, &before) <= 0)
            return odb_err("this place cannot be reached: replay stays at event %llu, tick %llu",
                           (unsigned long long)before.event, (unsigned long long)before.tick);
        if (near)
            ODB_TRY(timeline_mark_here(tl, TIMELINE_LADDER_NS));
        if (flags & ODB_RUN_STOPS)
            flags |= ODB_RUN_HERE;
    }
}

/* The current world is good enough if no mark is nearer. */
static struct odb_err *start_for(struct timeline *tl, const struct place *to)
{
    const struct mark *m = timeline_mark_before(tl, to, true);
    bool usable = tl->now.r && place_compare(&tl->now.at, to) <= 0;
    if (usable && (!m || place_compare(&m->w.at, &tl->now.at) <= 0))
        return NULL;
    if (!m)
        return odb_err("this place is before the start");
    return timeline_take_mark(tl, m);
}

static bool same_position(const struct place *a, const struct place *b)
{
    return a->run == b->run && a->tick == b->tick && a->rip == b->rip;
}

/* *ret: got there. A user's wish to stop something does not concern the way. */
static struct odb_err *seek_once(struct timeline *tl, const struct place *to, bool *ret)
{
    const struct odb_stop *stop = NULL;
    ODB_TRY(start_for(tl, to));
    atomic_fetch_add(&tl->deaf, 1);
    struct odb_err *e = timeline_go(tl, to, 0, true, &stop, ret);
    atomic_fetch_sub(&tl->deaf, 1);
    return e;
}

/* Runs to the event, run or end that `run` names; a user's wish to stop does not matter. */
static struct odb_err *run_deaf(struct timeline *tl, const struct odb_run *run, const struct odb_stop **ret)
{
    atomic_fetch_add(&tl->deaf, 1);
    struct odb_err *e = timeline_run(tl, run, ret);
    atomic_fetch_sub(&tl->deaf, 1);
    return e;
}

/* To event n, or over the end: *ret_stop. */
static struct odb_err *go_to_event(struct timeline *tl, uint64_t n, const struct odb_stop **ret_stop)
{
    const struct mark *best = &tl->marks[0];
    for (size_t i = 1; i < tl->n_marks && tl->marks[i].w.at.event < n; i++)
        best = &tl->marks[i];
    if (!tl->now.r || tl->now.at.event >= n || place_compare(&tl->now.at, &best->w.at) < 0)
        ODB_TRY(timeline_take_mark(tl, best));
    return run_deaf(tl, &(struct odb_run){.flags = ODB_RUN_TO_EVENT, .event = n}, ret_stop);
}

struct odb_err *timeline_seek(struct timeline *tl, const struct place *to)
{
    const struct odb_stop *stop;
    bool there;
    tl->told = tl->open = false;
    ODB_TRY(seek_once(tl, to, &there));
    if (there)
        return NULL;
    /* Between a fault and the delivery of its signal there is no place: it is the one before the fault. */
    struct place first = *to;
    first.event = 0;
    ODB_TRY(seek_once(tl, &first, &there));
    if (same_position(&tl->now.at, to))
        return NULL;
    /* Behind a call that a seccomp filter answered by a signal: only its event leads there. */
    ODB_TRY(go_to_event(tl, to->event, &stop)); /* and not what the end is: that is found by this function */
    if (same_position(&tl->now.at, to))
        return NULL;
    return odb_err("this place cannot be reached: event %llu, run %llu of threads, tick %llu, rip 0x%llx",
                   (unsigned long long)to->event, (unsigned long long)to->run, (unsigned long long)to->tick,
                   (unsigned long long)to->rip);
}

struct odb_err *timeline_seek_start(struct timeline *tl) { return timeline_seek(tl, &tl->marks[0].w.at); }

/* ---- the end ---- */

/* Before the beginning of run n there is a mark; the current world goes there, or stays at the mark if that is the end. */
static struct odb_err *begin_of_run(struct timeline *tl, uint64_t n)
{
    struct place begin = {.run = n};
    const struct mark *m = timeline_mark_before(tl, &begin, true);
    const struct odb_stop *stop;
    ODB_TRY(timeline_take_mark(tl, m ? m : &tl->marks[0]));
    struct place from = tl->now.at;
    if (from.run >= n)
        return NULL;
    ODB_TRY(run_deaf(tl, &(struct odb_run){.flags = ODB_RUN_TO_RUN, .run_number = n}, &stop));
    return stop->reason == ODB_STOP_END ? timeline_seek(tl, &from) : NULL;
}

/* The last event's place, if it is in the last run; else that run's beginning. */
static struct odb_err *last_place(struct timeline *tl, const struct place *end)
{
    const struct odb_stop *stop;
    if (end->event > 1) {
        ODB_TRY(go_to_event(tl, end->event - 1, &stop));
        if (stop->reason == ODB_STOP_EVENT && tl->now.at.run == end->run)
            return NULL;
    }
    return begin_of_run(tl, end->run);
}

/* The engine tells of the end with the registers of the thread that went last. If that place cannot be had (it was
 * killed by somebody else), the last run of a thread begins the end. */
struct odb_err *timeline_note_end(struct timeline *tl)
{
    if (tl->end_known)
        return timeline_seek(tl, &tl->end);
    struct place end = place_of(replay_where(tl->now.r));
    bool cut_off = replay_where(tl->now.r)->text[0]; /* it says so there */
    int32_t status = cut_off ? INT32_MIN : replay_where(tl->now.r)->status;
    const struct mark *m = timeline_mark_before(tl, &end, false);
    ODB_TRY(timeline_take_mark(tl, m ? m : &tl->marks[0]));
    struct odb_err *e = timeline_seek(tl, &end);
    if (e) {
        odb_err_free(e);
        ODB_TRY(last_place(tl, &end));
    }
    tl->end = tl->now.at;
    tl->end_known = true;
    tl->status = status;
    return NULL;
}

struct odb_err *timeline_seek_end(struct timeline *tl)
{
    if (tl->end_known)
        return timeline_seek(tl, &tl->end);
    const struct mark *m = &tl->marks[tl->n_marks - 1];
    const struct odb_stop *stop;
    tl->told = tl->open = false;
    if (!tl->now.r || place_compare(&tl->now.at, &m->w.at) < 0)
        ODB_TRY(timeline_take_mark(tl, m));
    ODB_TRY(run_deaf(tl, &(struct odb_run){0}, &stop));
    return timeline_note_end(tl);
}

/* ---- other ways to name a place ---- */

struct odb_err *timeline_seek_event(struct timeline *tl, uint64_t n)
{
    const struct odb_stop *stop;
    tl->told = tl->open = false;
    ODB_TRY(go_to_event(tl, n, &stop));
    return stop->reason == ODB_STOP_END ? timeline_note_end(tl) : NULL;
}

struct odb_err *timeline_seek_run(struct timeline *tl, uint64_t n, bool *ret)
{
    struct place old = tl->now.at, to = {.run = n};
    const struct mark *m = timeline_mark_before(tl, &to, true);
    const struct odb_stop *stop;
    tl->told = tl->open = false;
    if (!tl->now.r || old.run >= n)
        ODB_TRY(timeline_take_mark(tl, m ? m : &tl->marks[0]));
    *ret = true;
    if (tl->now.at.run >= n)
        return NULL;
    ODB_TRY(run_deaf(tl, &(struct odb_run){.flags = ODB_RUN_TO_RUN, .run_number = n}, &stop));
    *ret = stop->reason == ODB_STOP_POSITION;
    return *ret ? NULL : timeline_seek(tl, &old);
}

/* ---- begin and end ---- */

static struct odb_err *open_all(struct timeline *tl)
{
    static const struct replay_options opt = {.out_fd = {-1, -1, -1}, .keeps_stream = true};
    ODB_TRY(pacer_create(tl, &tl->pacer));
    ODB_TRY(replay_open(tl->dir, &opt, &tl->now.r));
    tl->now.at = place_of(replay_where(tl->now.r));
    return add_mark(tl, world_ns(&tl->now));
}

struct odb_err *timeline_open(const char *dir, struct timeline **ret)
{
    struct timeline *tl = calloc(1, sizeof(*tl));
    if (!tl)
        return odb_err("out of memory");
    tl->dir = strdup(dir);
    tl->status = INT32_MIN;
    struct odb_err *e = tl->dir ? open_all(tl) : odb_err("out of memory");
    if (e) {
        timeline_close(tl);
        return e;
    }
    *ret = tl;
    return NULL;
}

static void free_stops(struct replay_stops *s)
{
    free((void *)(uintptr_t)s->breaks);
    free((void *)(uintptr_t)s->watches);
    *s = (struct replay_stops){0};
}

void timeline_close(struct timeline *tl)
{
    if (!tl)
        return;
    pacer_destroy(tl->pacer);
    world_deinit(&tl->now);
    for (size_t i = tl->n_marks; i-- > 0;)
        world_deinit(&tl->marks[i].w);
    free(tl->marks);
    free_stops(&tl->stops);
    free(tl->trail.places);
    free(tl->dir);
    free(tl);
}

/* ---- small things ---- */

static struct odb_err *copy_array(const void *from, size_t n, size_t each, void *ret)
{
    void *p = NULL;
    if (n) {
        p = malloc(n * each);
        if (!p)
            return odb_err("out of memory");
        memcpy(p, from, n * each);
    }
    memcpy(ret, &p, sizeof(p));
    return NULL;
}

struct odb_err *timeline_set_stops(struct timeline *tl, const struct replay_stops *stops)
{
    struct replay_stops copy = *stops;
    copy.breaks = NULL;
    copy.watches = NULL;
    ODB_TRY(copy_array(stops->breaks, stops->n_breaks, sizeof(stops->breaks[0]), &copy.breaks));
    struct odb_err *e =
        copy_array(stops->watches, stops->n_watches, sizeof(stops->watches[0]), &copy.watches);
    if (e) {
        free_stops(&copy);
        return e;
    }
    free_stops(&tl->stops);
    tl->stops = copy;
    tl->stops_gen++;
    return NULL;
}

struct place timeline_where(const struct timeline *tl) { return tl->now.at; }
struct replay *timeline_world(const struct timeline *tl) { return tl->now.r; }
int32_t timeline_status(const struct timeline *tl) { return tl->status; }
void timeline_interrupt(struct timeline *tl) { atomic_store(&tl->interrupted, true); }

void timeline_figures(const struct timeline *tl, struct timeline_figures *ret)
{
    *ret = tl->figures;
    ret->n_marks = (uint32_t)tl->n_marks;
}
