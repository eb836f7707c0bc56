/* What an index cannot answer, by a replay: branches, and watches of reads. See target_db.h.
 *
 * The index knows for each stretch of instructions a place that a replay finds (table positions); from there it steps
 * to t, and from it the steps to a place are counted to find its t. The replay is a target of its own, made when it is first
 * wanted and kept; it has the same breakpoints, watches and catches. While a branch lasts, and while it searches,
 * everything about the state is asked of it. */
#include <inttypes.h>
#include <stdio.h>

#include "gdb/target_db.h"
#include "gdb/target_replay.h"

/* The condition's target is the one that the caller knows. */
struct by_replay {
    struct target_db *g;
    const struct target_resume *how;
};

static bool by_replay_wanted(void *ctx, struct target *replay, uint32_t pid, uint32_t tid, gaddr addr)
{
    struct by_replay *b = ctx;
    (void)replay;
    return b->how->wanted(b->how->ctx, &b->g->base, pid, tid, addr);
}

/* A copy of the replay at a place that the index knows. */
static struct odb_err *world_at_place(struct target_replay *r, const struct db_place *at, struct replay **ret)
{
    const struct place place = {.run = at->run_number,
                                .tick = at->tick,
                                .rip = at->rip,
                                .event = at->event,
                                .tid = at->tid,
                                .pid = at->pid};
    ODB_TRY(timeline_seek(r->tl, &place));
    return replay_checkpoint(timeline_world(r->tl), ret);
}

static struct odb_err *run_world(struct replay *w, const struct odb_run *run, const char *where,
                                 const struct odb_stop **ret)
{
    ODB_TRY(replay_run(w, run, ret));
    return (*ret)->reason == ODB_STOP_POSITION ? NULL : odb_err("the replay did not reach %s", where);
}

/* The world before instruction t. */
static struct odb_err *world_at(struct target_db *g, struct target_replay *r, uint64_t t, struct replay **ret)
{
    struct db_place at;
    bool found;
    struct replay *w;
    const struct odb_stop *stop;
    char where[32];
    snprintf(where, sizeof(where), "t %" PRIu64, t);
    ODB_TRY(db_place_before(g->db, t, &found, &at));
    if (!found)
        return odb_err("the index knows no place for a replay before %s", where);
    ODB_TRY(world_at_place(r, &at, &w));
    struct odb_err *e = NULL;
    if (t > at.t)
        e = run_world(w, &(struct odb_run){.flags = ODB_RUN_STEPS, .steps = t - at.t}, where, &stop);
    if (e)
        replay_close(w);
    else
        *ret = w;
    return e;
}

/* Is it about to execute the thread's instruction at rip? */
static struct odb_err *check_world(struct replay *w, uint32_t tid, gaddr rip)
{
    const struct odb_stop *stop = replay_where(w);
    return stop->tid == tid && stop->regs.rip == rip
               ? NULL
               : odb_err("nothing can be changed here: the replay is at 0x%" PRIx64 " of thread %u instead",
                         stop->regs.rip, stop->tid);
}

/* Makes the world, which it takes over, the branch. */
static struct odb_err *begin_with(struct target_replay *r, struct replay *w)
{
    struct odb_stop stop = *replay_where(w);
    struct odb_err *e = replay_branch(w);
    if (e) {
        replay_close(w);
        return e;
    }
    r->branch = w;
    r->branch_stop = stop;
    return NULL;
}

static struct odb_err *begin_here(struct target_db *g, struct target_replay *r)
{
    struct replay *w;
    gaddr rip = 0;
    ODB_TRY(tdb_rip(g, g->tid, &rip));
    ODB_TRY(world_at(g, r, g->at.t, &w));
    struct odb_err *e = check_world(w, g->tid, rip);
    if (e) {
        replay_close(w);
        return e;
    }
    return begin_with(r, w);
}

static struct odb_err *redo_write(void *ctx, const struct db_write *w)
{
    struct target_db *g = ctx;
    if (w->by_descriptor || w->of_frame)
        return NULL;
    return target_write(g->replay, w->pid, w->addr, w->new_, w->n_bytes);
}

/* No replay stops here: the process is killed by the last instruction, or it is before the delivery of a signal. The
 * branch begins one instruction earlier, and gets what that did written into it. */
static struct odb_err *begin_before(struct target_db *g, struct target_replay *r)
{
    struct target_regs regs;
    struct replay *w;
    gaddr rip;
    uint32_t tid;
    ODB_TRY(target_registers(&g->base, g->tid, &regs));
    ODB_TRY(db_position(g->db, g->at.t - 1, &rip, &tid));
    if (tid != g->tid)
        return odb_err("nothing can be changed here: another thread ran before");
    ODB_TRY(world_at(g, r, g->at.t - 1, &w));
    struct odb_err *e = check_world(w, tid, rip);
    if (e) {
        replay_close(w);
        return e;
    }
    ODB_TRY(begin_with(r, w));
    e = db_each_write(g->db, g->at.t - 1, g->at.t, false, redo_write, g);
    if (!e)
        e = target_write_registers(g->replay, tid, &regs);
    if (e)
        odb_err_free(target_leave_branch(g->replay));
    return e;
}

static struct odb_err *copy_stops(struct target_db *g)
{
    for (size_t i = 0; i < g->n_breaks; i++)
        ODB_TRY(target_insert_break(g->replay, g->breaks[i].pid, g->breaks[i].addr));
    for (size_t i = 0; i < g->n_watches + g->n_reads; i++) {
        const struct tdb_watch *w = i < g->n_watches ? &g->watches[i] : &g->reads[i - g->n_watches];
        ODB_TRY(target_insert_watch(g->replay, w->pid, w->kind, w->addr, w->n_bytes));
    }
    return target_set_catch(g->replay, &g->catches);
}

struct odb_err *tdb_open_replay(struct target_db *g)
{
    if (g->replay)
        return NULL;
    ODB_TRY(target_replay_open(g->base.dir, &(struct target_options){0}, &g->replay));
    return copy_stops(g);
}

struct odb_err *tdb_begin_branch(struct target_db *g)
{
    if (g->in_branch)
        return NULL;
    ODB_TRY(tdb_open_replay(g));
    struct target_replay *r = trp_of(g->replay);
    struct odb_err *e = tdb_signal_here(g) ? NULL : begin_here(g, r);
    if (g->at.t && (e || tdb_signal_here(g))) {
        struct odb_err *other = begin_before(g, r);
        if (e && other) /* the first says more */
            odb_err_free(other);
        else if (e)
            odb_err_free(e);
        e = e && other ? e : other;
    }
    g->in_branch = !e;
    return e;
}

/* ---- resuming by replay ---- */

struct odb_err *tdb_resume_replay(struct target_db *g, const struct target_resume *how,
                                  struct target_stop *ret)
{
    struct by_replay b = {g, how};
    struct target_resume own = *how;
    if (how->wanted) {
        own.wanted = by_replay_wanted;
        own.ctx = &b;
    }
    if (atomic_exchange(&g->base.interrupted, false))
        target_interrupt(g->replay);
    struct odb_err *e = target_resume(g->replay, &own, ret);
    g->base.interrupted = false;
    return e;
}

/* The last known place that is not behind p. */
static struct odb_err *place_before(struct target_db *g, const struct target_position *p,
                                    struct db_place *ret)
{
    _cleanup_tdb_reset_ sqlite3_stmt *st = NULL;
    bool row = false;
    ODB_TRY(tdb_prepare(g, TDB_PLACE, &st));
    sqlite3_bind_int64(st, 1, (int64_t)p->run);
    sqlite3_bind_int64(st, 2, (int64_t)p->tick);
    sqlite3_bind_int64(st, 3, (int64_t)p->rip);
    ODB_TRY(tdb_row(g, st, &row));
    if (!row)
        return odb_err("the index knows no place for a replay there");
    *ret = (struct db_place){.t = (uint64_t)sqlite3_column_int64(st, 0),
                             .pid = (uint32_t)sqlite3_column_int64(st, 1),
                             .tid = (uint32_t)sqlite3_column_int64(st, 2),
                             .run_number = (uint64_t)sqlite3_column_int64(st, 3),
                             .event = (uint64_t)sqlite3_column_int64(st, 4),
                             .tick = (uint64_t)sqlite3_column_int64(st, 5),
                             .rip = (gaddr)sqlite3_column_int64(st, 6)};
    return NULL;
}

/* Runs the world to p and adds the instructions on the way. */
static struct odb_err *count_steps(struct replay *w, const struct target_position *p, uint64_t *n)
{
    struct place now = place_of(replay_where(w));
    const struct odb_stop *stop;
    if (now.run < p->run) {
        const struct odb_run run = {
            .flags = ODB_RUN_STEPS | ODB_RUN_TO_RUN, .steps = UINT64_MAX, .run_number = p->run};
        ODB_TRY(run_world(w, &run, "the stop's place", &stop));
        *n += stop->steps;
        now = place_of(stop);
    }
    if (now.run != p->run || now.tick > p->tick || (now.tick == p->tick && now.rip > p->rip))
        return odb_err("the stop's place is not where a replay passes");
    if (now.tick == p->tick && now.rip == p->rip)
        return NULL;
    const struct odb_run run = {.flags = ODB_RUN_STEPS | ODB_RUN_TO_POS,
                                .steps = UINT64_MAX,
                                .tid = p->tid,
                                .tick = p->tick,
                                .rip = p->rip};
    ODB_TRY(run_world(w, &run, "the stop's place", &stop));
    *n += stop->steps;
    return NULL;
}

/* t of a place: the instructions from the last known place to there are counted. */
static struct odb_err *t_of_place(struct target_db *g, const struct target_position *p, uint64_t *ret)
{
    struct db_place at;
    struct replay *w;
    ODB_TRY(place_before(g, p, &at));
    *ret = at.t;
    if (at.run_number == p->run && at.tick == p->tick && at.rip == p->rip)
        return NULL;
    ODB_TRY(world_at_place(trp_of(g->replay), &at, &w));
    struct odb_err *e = count_steps(w, p, ret);
    replay_close(w);
    return e;
}

/* Resumes the replay once, and goes to where it stopped. */
static struct odb_err *resume_once(struct target_db *g, const struct target_resume *how,
                                   struct place *ret_place, struct target_stop *ret)
{
    struct target_position p;
    uint64_t t;
    g->in_branch = true; /* for conditions */
    struct odb_err *e = tdb_resume_replay(g, how, ret);
    g->in_branch = false;
    if (e)
        return e;
    target_where(g->replay, &p);
    *ret_place = timeline_where(trp_of(g->replay)->tl);
    if (ret->kind == TARGET_STOP_END || ret->kind == TARGET_STOP_START)
        return tdb_go(g, ret->kind == TARGET_STOP_END ? g->end : 0, TDB_AT_INSTRUCTION);
    ODB_TRY(t_of_place(g, &p, &t));
    ODB_TRY(tdb_go(g, t, ret->kind == TARGET_STOP_SIGNAL ? 0 : TDB_AT_INSTRUCTION));
    for (unsigned i = 1; ret->kind == TARGET_STOP_SIGNAL && i < g->n_signals; i++)
        if (g->signals[i].rip == p.rip && g->signals[i].signo == ret->signo)
            ODB_TRY(tdb_go(g, t, i));
    gaddr rip = p.rip;
    ODB_TRY(tdb_rip(g, g->tid, &rip));
    return rip == p.rip ? NULL
                        : odb_err("index and replay differ at t %" PRIu64 ": 0x%" PRIx64 ", 0x%" PRIx64, t,
                                  rip, p.rip);
}

/* A replay cannot begin before the delivery of a signal. It begins at a neighbouring state, and what is not beyond the
 * place is passed. */
struct odb_err *tdb_resume_with_reads(struct target_db *g, const struct target_resume *how,
                                      struct target_stop *ret)
{
    struct target_position from, p;
    struct replay *w;
    ODB_TRY(tdb_open_replay(g));
    struct target_replay *r = trp_of(g->replay);
    bool earlier = g->at.sig < g->n_signals && !how->reverse && g->at.t;
    target_where(&g->base, &from);
    ODB_TRY(world_at(g, r, g->at.t - earlier, &w));
    struct place place = place_of(replay_where(w));
    replay_close(w);
    do {
        ODB_TRY(timeline_seek(r->tl, &place)); /* finding t has moved it */
        ODB_TRY(resume_once(g, how, &place, ret));
        target_where(&g->base, &p);
    } while (from.in_signal && ret->kind != TARGET_STOP_INTERRUPTED && ret->kind != TARGET_STOP_END &&
             ret->kind != TARGET_STOP_START &&
             (how->reverse ? target_compare(&p, &from) >= 0 : target_compare(&p, &from) <= 0));
    return NULL;
}

/* ---- writing ---- */

struct odb_err *tdb_write(struct target *base, uint32_t pid, gaddr addr, const void *from, size_t n)
{
    struct target_db *g = tdb_of(base);
    ODB_TRY(tdb_begin_branch(g));
    return target_write(g->replay, pid ? pid : g->pid, addr, from, n);
}

struct odb_err *tdb_write_registers(struct target *base, uint32_t tid, const struct target_regs *regs)
{
    struct target_db *g = tdb_of(base);
    ODB_TRY(tdb_begin_branch(g));
    return target_write_registers(g->replay, tid ? tid : g->tid, regs);
}

bool tdb_in_branch(const struct target *base)
{
    return ((const struct target_db *)(const void *)base)->in_branch;
}

struct odb_err *tdb_leave_branch(struct target *base)
{
    struct target_db *g = tdb_of(base);
    g->in_branch = false;
    return g->replay ? target_leave_branch(g->replay) : NULL;
}
