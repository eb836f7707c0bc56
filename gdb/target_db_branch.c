/* Branches of a target over an index: see target_db.h.
 *
 * A branch executes, so it needs a replay. The index knows for each stretch of instructions a place that a replay finds
 * (db_place_before); from there it steps to t. The replay is a target of its own, made when a branch is first wanted and
 * kept for the next; while a branch lasts, everything about the state is asked of it. */
#include <inttypes.h>

#include "gdb/target_db.h"
#include "gdb/target_replay.h"
#include "indexer/schema.h"

/* The world before instruction t. */
static struct odb_err *world_at(struct target_db *g, struct target_replay *r, uint64_t t, struct replay **ret)
{
    struct db_place at;
    bool found;
    struct replay *w;
    const struct odb_stop *stop;
    ODB_TRY(db_place_before(g->db, t, &found, &at));
    if (!found)
        return odb_err("the index knows no place for a replay before t %" PRIu64, t);
    const struct place place = {.run = at.run_number,
                                .tick = at.tick,
                                .rip = at.rip,
                                .event = at.event,
                                .tid = at.tid,
                                .pid = at.pid};
    ODB_TRY(timeline_seek(r->tl, &place));
    ODB_TRY(replay_checkpoint(timeline_world(r->tl), &w));
    if (t > at.t) {
        struct odb_err *e =
            replay_run(w, &(struct odb_run){.flags = ODB_RUN_STEPS, .steps = t - at.t}, &stop);
        if (!e && stop->reason != ODB_STOP_POSITION)
            e = odb_err("the replay did not reach t %" PRIu64, t);
        if (e) {
            replay_close(w);
            return e;
        }
    }
    *ret = w;
    return NULL;
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
    if (w->by_descriptor || w->flags & ODB_MEM_SIGNAL)
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
    for (size_t i = 0; i < g->n_watches; i++)
        ODB_TRY(target_insert_watch(g->replay, g->watches[i].pid, g->watches[i].kind, g->watches[i].addr,
                                    g->watches[i].n_bytes));
    return target_set_catch(g->replay, &g->catches);
}

struct odb_err *tdb_begin_branch(struct target_db *g)
{
    if (g->in_branch)
        return NULL;
    if (!g->replay) {
        ODB_TRY(target_replay_open(g->base.dir, &(struct target_options){0}, &g->replay));
        ODB_TRY(copy_stops(g));
    }
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
