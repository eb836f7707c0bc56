/* Branches, by a replay. See target_db.h.
 *
 * The index knows for each stretch of instructions a place that a replay finds (table positions); from there it steps
 * to t. The replay is a target of its own, made when it is first wanted and kept; it has the same breakpoints, watches and
 * catches. While a branch lasts, everything about the state is asked of it. */
#include <inttypes.h>
#include <stdio.h>

#include "gdb/target_db_replay.h"

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
    ODB_TRY(tdb_world_at(g, g->at.t, &w));
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
    ODB_TRY(tdb_world_at(g, g->at.t - 1, &w));
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
    for (size_t i = 0; i < g->n_watches + g->n_reads; i++) { /* one that is in both is kept once */
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
