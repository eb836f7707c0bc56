/* Reads of watched ranges, which an index does not have: found by a replay, and named by their t. See target_db.h.
 *
 * A search is given instructions [lo, hi), what all other kinds of stops left over. The index knows for each stretch of
 * instructions a place that a replay finds (table positions); a copy of the replay goes to the last one before lo, steps to
 * lo, and runs to the place of hi with the watches in force. Backwards the copies begin nearer first, each so much
 * further away than the one before that all of them together cost little more than the longest, and the engine
 * remembers the last hit of each. The t of a hit is that of the last known place before it, and the steps from there. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "gdb/target_db_replay.h"

enum { FIRST_WINDOW = 1 << 17, WINDOW_GROWTH = 8 };

static void world_closep(struct replay **w) { replay_close(*w); }
#define _cleanup_world_ __attribute__((cleanup(world_closep)))

/* ---- from t to a place ---- */

/* A copy of the replay at a place that the index knows. */
static struct odb_err *world_at_place(struct target_db *g, const struct db_place *at, struct replay **ret)
{
    struct timeline *tl = trp_of(g->replay)->tl;
    const struct place place = {.run = at->run_number,
                                .tick = at->tick,
                                .rip = at->rip,
                                .event = at->event,
                                .tid = at->tid,
                                .pid = at->pid};
    ODB_TRY(timeline_seek(tl, &place));
    return replay_checkpoint(timeline_world(tl), ret);
}

static struct odb_err *run_world(struct replay *w, const struct odb_run *run, const char *where,
                                 const struct odb_stop **ret)
{
    ODB_TRY(replay_run(w, run, ret));
    return (*ret)->reason == ODB_STOP_POSITION ? NULL : odb_err("the replay did not reach %s", where);
}

struct odb_err *tdb_world_at(struct target_db *g, uint64_t t, struct replay **ret)
{
    struct db_place at;
    bool found;
    _cleanup_world_ struct replay *w = NULL;
    const struct odb_stop *stop;
    char where[32];
    snprintf(where, sizeof(where), "t %" PRIu64, t);
    ODB_TRY(db_place_before(g->db, t, &found, &at));
    if (!found)
        return odb_err("the index knows no place for a replay before %s", where);
    ODB_TRY(world_at_place(g, &at, &w));
    if (t > at.t)
        ODB_TRY(run_world(w, &(struct odb_run){.flags = ODB_RUN_STEPS, .steps = t - at.t}, where, &stop));
    *ret = take_ptr(w);
    return NULL;
}

/* ---- from a place to t ---- */

/* The next run of a world on its way from `now` to `to`: to its run of a thread, then to the position in that. */
static struct odb_run leg_to(const struct place *now, const struct place *to, uint32_t flags)
{
    if (now->run < to->run)
        return (struct odb_run){.flags = flags | ODB_RUN_TO_RUN, .steps = UINT64_MAX, .run_number = to->run};
    return (struct odb_run){.flags = flags | ODB_RUN_TO_POS,
                            .steps = UINT64_MAX,
                            .tid = to->tid,
                            .tick = to->tick,
                            .rip = to->rip};
}

static bool is_there(const struct place *now, const struct place *to)
{
    return now->run == to->run && now->tick == to->tick && now->rip == to->rip;
}

static bool is_beyond(const struct place *now, const struct place *to)
{
    return now->run != to->run ? now->run > to->run
                               : now->tick > to->tick || (now->tick == to->tick && now->rip > to->rip);
}

/* t of a place: the instructions from the last known place to there are counted. */
static struct odb_err *t_of_place(struct target_db *g, const struct place *p, uint64_t *ret)
{
    struct db_place at;
    _cleanup_world_ struct replay *w = NULL;
    const struct odb_stop *stop;
    bool found = false;
    ODB_TRY(db_place_before_position(g->db, p->run, p->tick, p->rip, &found, &at));
    if (!found)
        return odb_err("the index knows no place for a replay there");
    uint64_t t = at.t;
    ODB_TRY(world_at_place(g, &at, &w));
    for (;;) {
        const struct place now = place_of(replay_where(w));
        if (is_there(&now, p))
            break;
        if (is_beyond(&now, p))
            return odb_err("the stop's place is not where a replay passes");
        const struct odb_run run = leg_to(&now, p, ODB_RUN_STEPS);
        ODB_TRY(run_world(w, &run, "the stop's place", &stop));
        t += stop->steps;
    }
    *ret = t;
    return NULL;
}

/* ---- searching ---- */

struct hit {
    bool found;
    struct odb_stop stop;
};

static struct odb_err *set_watches(struct target_db *g, struct replay *w)
{
    _cleanup_free_ struct replay_watch *v = calloc(g->n_reads, sizeof(*v));
    if (!v)
        return odb_err("out of memory");
    for (size_t i = 0; i < g->n_reads; i++)
        v[i] =
            (struct replay_watch){g->reads[i].addr, g->reads[i].n_bytes, g->reads[i].pid, REPLAY_WATCH_READ};
    return replay_set_stops(w, &(struct replay_stops){.watches = v, .n_watches = g->n_reads});
}

/* Runs the world to the place (NULL: the end). last: to the end of it all, and what was the last hit; else to the first. */
static struct odb_err *search_world(struct target_db *g, struct replay *w, const struct place *to, bool last,
                                    struct hit *ret)
{
    uint32_t flags = ODB_RUN_STOPS | (last ? ODB_RUN_LAST : 0u);
    const struct odb_stop *stop;
    for (;;) {
        const struct place now = place_of(replay_where(w));
        if (to && !is_beyond(to, &now))
            return NULL;
        const struct odb_run run = to ? leg_to(&now, to, flags) : (struct odb_run){.flags = flags};
        ODB_TRY(timeline_run_other(trp_of(g->replay)->tl, w, &run, &stop));
        uint64_t n = 0;
        const struct odb_stop *hit = last ? replay_last_hit(w, &n) : NULL;
        if (n || stop->reason == ODB_STOP_WATCH)
            *ret = (struct hit){true, n ? *hit : *stop};
        if (g->base.interrupted)
            return odb_err("interrupted");
        if (stop->reason == ODB_STOP_DIVERGED)
            return odb_err("replay differs from the recording");
        if (stop->reason == ODB_STOP_END || (ret->found && !last))
            return NULL;
    }
}

/* [lo, hi): instructions. */
static struct odb_err *search_part(struct target_db *g, uint64_t lo, uint64_t hi, bool last, struct hit *ret)
{
    _cleanup_world_ struct replay *w = NULL;
    struct place to = {0};
    if (hi < g->end) {
        ODB_TRY(tdb_world_at(g, hi, &w));
        to = place_of(replay_where(w));
        replay_close(w);
        w = NULL;
    }
    ODB_TRY(tdb_world_at(g, lo, &w));
    ODB_TRY(set_watches(g, w));
    return search_world(g, w, hi < g->end ? &to : NULL, last, ret);
}

static struct odb_err *search_all(struct target_db *g, uint64_t lo, uint64_t hi, bool reverse,
                                  struct hit *ret)
{
    if (!reverse)
        return search_part(g, lo, hi, false, ret);
    for (uint64_t size = FIRST_WINDOW; lo < hi && !ret->found; size *= WINDOW_GROWTH) {
        uint64_t begin = hi - lo > size ? hi - size : lo;
        ODB_TRY(search_part(g, begin, hi, true, ret));
        hi = begin;
    }
    return NULL;
}

/* The watch that the stop is of, as it was asked for. */
static enum target_watch_kind kind_of(const struct target_db *g, const struct odb_stop *s)
{
    for (size_t i = 0; i < g->n_reads; i++)
        if (g->reads[i].addr == s->watch_addr && g->reads[i].n_bytes == s->watch_bytes)
            return g->reads[i].kind;
    return TARGET_WATCH_READ;
}

struct odb_err *tdb_find_read(struct target_db *g, uint64_t lo, uint64_t hi, bool reverse, bool *ret_found,
                              uint64_t *ret_t, struct target_stop *ret)
{
    struct hit hit = {0};
    *ret_found = false;
    if (!g->n_reads || lo >= hi)
        return NULL;
    ODB_TRY(tdb_open_replay(g));
    atomic_store(&g->searching, true);
    struct odb_err *e = search_all(g, lo, hi, reverse, &hit);
    atomic_store(&g->searching, false);
    g->replay->interrupted = false;
    if (e || !hit.found)
        return e;
    const struct place by = {.run = hit.stop.by.run_number,
                             .tick = hit.stop.by.tick,
                             .rip = hit.stop.by.rip,
                             .event = hit.stop.by.event,
                             .tid = hit.stop.by.tid,
                             .pid = hit.stop.by.pid};
    ODB_TRY(t_of_place(g, &by, ret_t));
    *ret = (struct target_stop){.kind = TARGET_STOP_WATCH,
                                .pid = by.pid,
                                .tid = by.tid,
                                .addr = hit.stop.watch_addr,
                                .watch = kind_of(g, &hit.stop)};
    *ret_found = *ret_t >= lo && *ret_t < hi;
    return *ret_found ? NULL : odb_err("index and replay differ: a read at t %" PRIu64, *ret_t);
}
