/* Resuming over an index: of everything that would stop, which comes first. Nothing is executed; each kind of stop is a
 * look-up for the nearest one, within what the kinds before it left over. See target_db.h.
 *
 * Order of what is at one t (struct place): what is behind instruction t - 1; then the signals before instruction t, one
 * by one; ends of processes killed by them; what is before instruction t. A search takes places beyond the current
 * one, so that nothing is found twice. A stop behind something (WATCH, SYSCALL_RETURN, ...) leaves open what else is
 * at that place: the next resume forwards tells it, but for what is before an instruction of the same thread. */
#include <limits.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "common/cleanup.h"
#include "common/sigset.h"
#include "gdb/target_db.h"

enum { /* struct place.order */
       FIRST = -10,
       BEHIND_WATCH, /* behind instruction t - 1, in this order */
       BEHIND_TASK,
       BEHIND_EXEC,
       BEHIND_END,
       BEHIND_CALL,
       BEHIND_STEP,
       SIGNAL_0 = 1, /* + number of the signal */
       KILLED = INT_MAX - 1,
       BEFORE = INT_MAX
};
struct place {
    uint64_t t;
    int order;
};

struct search {
    struct target_db *g;
    bool reverse;
    struct place from; /* places beyond it count */
    uint32_t
        behind_tid; /* what is before an instruction of this thread counts only behind from.t; 0: of any */
    struct place best;
    bool found;
    struct target_stop stop;
    struct tdb_position to; /* where the stop is */
};

static int compare(struct place a, struct place b)
{
    return a.t != b.t ? (a.t < b.t ? -1 : 1) : (a.order > b.order) - (a.order < b.order);
}

/* Is the place beyond where the search begins, and nearer than the best so far? What happens where a step ends
 * anyway is told instead of the step. */
static bool is_better(const struct search *s, struct place p)
{
    int from = compare(p, s->from), best = s->found ? compare(p, s->best) : 0;
    if (s->reverse ? from >= 0 : from <= 0)
        return false;
    return !s->found || (s->reverse ? best > 0 : best < 0) || (!best && s->stop.kind == TARGET_STOP_STEP);
}

/* to_order: the stop's position there, in terms of `order`. */
static void take(struct search *s, struct place p, uint64_t to_t, int to_order,
                 const struct target_stop *stop)
{
    s->found = true;
    s->best = p;
    s->stop = *stop;
    s->to.t = to_t;
    s->to.sig = to_order < SIGNAL_0                         ? 0
                : to_order >= SIGNAL_0 && to_order < KILLED ? (unsigned)(to_order - SIGNAL_0)
                                                            : TDB_AT_INSTRUCTION;
}

/* Something between states p.t - 1 and p.t: forwards the stop is behind it, backwards before. */
static void offer_between(struct search *s, uint64_t t_behind, int order, const struct target_stop *stop)
{
    if (s->reverse && t_behind) {
        struct place p = {t_behind - 1, BEFORE};
        if (is_better(s, p))
            take(s, p, p.t, BEFORE, stop);
    } else if (!s->reverse && is_better(s, (struct place){t_behind, order})) {
        take(s, (struct place){t_behind, order}, t_behind, order, stop);
    }
}

/* t of what may still be found: bounds for SQL, inclusive. What instruction t - 1 did may be told at t. */
static void bounds(const struct search *s, sqlite3_stmt *st)
{
    uint64_t from = s->from.t - (!s->reverse && s->from.t);
    uint64_t to = s->found ? s->best.t : s->reverse ? 0 : s->g->end;
    to = s->found && !s->reverse && to < s->g->end ? to + 1 : s->found && s->reverse && to ? to - 1 : to;
    sqlite3_bind_int64(st, 1, (int64_t)from);
    sqlite3_bind_int64(st, 2, (int64_t)to);
}

/* Begins a statement pair (NEXT, PREV). */
static struct odb_err *begin(struct search *s, enum tdb_stmt next, sqlite3_stmt **ret)
{
    ODB_TRY(tdb_prepare(s->g, s->reverse ? next + 1 : next, ret));
    bounds(s, *ret);
    return NULL;
}

/* ---- signals ---- */

static struct odb_err *find_signals(struct search *s)
{
    struct target_db *g = s->g;
    _cleanup_tdb_reset_ sqlite3_stmt *st = NULL;
    uint64_t t = UINT64_MAX;
    unsigned i = 0;
    bool none;
    ODB_TRY(tdb_in_gap(g, &g->signal_gap, TDB_SIGNALS_AROUND, s->from.t, &none));
    if (none && s->found && s->best.t >= g->signal_gap.lo && s->best.t < g->signal_gap.hi)
        return NULL; /* a step */
    ODB_TRY(begin(s, TDB_SIGNAL_NEXT, &st));
    for (;;) {
        struct tdb_signal sig;
        bool row = false;
        ODB_TRY(tdb_row(g, st, &row));
        if (!row)
            return NULL;
        tdb_signal_of(st, &sig);
        i = sig.t == t ? i + 1 : 0;
        t = sig.t;
        if (odb_sigset_has(g->catches.pass_signals, sig.signo))
            continue;
        if (s->reverse && sig.fatal && sig.t == g->end)
            continue; /* nothing is behind it: the end is this state */
        unsigned number = i;
        if (s->reverse) { /* counted from the last one: how many there are */
            _cleanup_tdb_reset_ sqlite3_stmt *count = NULL;
            bool more = true;
            unsigned n = 0;
            ODB_TRY(tdb_prepare(g, TDB_SIGNALS_AT, &count));
            sqlite3_bind_int64(count, 1, (int64_t)sig.t);
            for (; more; n += more)
                ODB_TRY(tdb_row(g, count, &more));
            number = n - 1 - i;
        }
        struct place p = {sig.t, SIGNAL_0 + (int)number};
        if (!is_better(s, p))
            continue;
        take(s, p, sig.t, p.order,
             &(struct target_stop){.kind = TARGET_STOP_SIGNAL,
                                   .pid = sig.pid,
                                   .tid = sig.tid,
                                   .signo = sig.signo,
                                   .addr = sig.addr});
        return NULL;
    }
}

/* ---- system calls ---- */

static bool wants_call(const struct target_db *g, long nr)
{
    if (!g->catches.numbers)
        return true;
    for (size_t i = 0; i < g->catches.n_numbers; i++)
        if (g->catches.numbers[i] == nr)
            return true;
    return false;
}

static void offer_call(struct search *s, uint64_t t, const struct target_stop *call, bool returns)
{
    struct target_stop stop = *call;
    struct place entry = {t, BEFORE}, behind = {t + 1, BEHIND_CALL};
    stop.kind = TARGET_STOP_SYSCALL_RETURN;
    bool other = s->behind_tid && stop.tid != s->behind_tid;
    if (returns && is_better(s, behind))
        take(s, behind, t + 1, BEHIND_CALL, &stop);
    stop.kind = TARGET_STOP_SYSCALL_ENTRY;
    if (is_better(s, entry) && (t != s->from.t || s->from.order >= SIGNAL_0 || !s->behind_tid || other))
        take(s, entry, t, BEFORE, &stop);
}

static bool wants_calls(const struct target_db *g) { return g->catches.syscalls; }

static struct odb_err *offer_call_row(struct search *s, sqlite3_stmt *st, uint64_t t)
{
    if (!wants_call(s->g, (long)sqlite3_column_int64(st, 3)))
        return NULL;
    struct target_stop stop = {.pid = (uint32_t)sqlite3_column_int64(st, 1),
                               .tid = (uint32_t)sqlite3_column_int64(st, 2),
                               .number = (long)sqlite3_column_int64(st, 3)};
    offer_call(s, t, &stop, sqlite3_column_type(st, 4) != SQLITE_NULL);
    return NULL;
}

/* ---- processes and threads ---- */

static struct odb_err *parent_of(struct target_db *g, uint32_t pid, uint64_t t, uint64_t *ret_start,
                                 uint32_t *ret)
{
    _cleanup_tdb_reset_ sqlite3_stmt *st = NULL;
    bool row = false;
    ODB_TRY(tdb_prepare(g, TDB_PROCESS_AT, &st));
    sqlite3_bind_int64(st, 1, pid);
    sqlite3_bind_int64(st, 2, (int64_t)t);
    ODB_TRY(tdb_row(g, st, &row));
    *ret_start = row ? (uint64_t)sqlite3_column_int64(st, 0) : 0;
    *ret = row ? (uint32_t)sqlite3_column_int64(st, 2) : 0;
    return NULL;
}

/* Did the thread make its child with vfork? Its registers in the call (state t) tell. */
static bool calls_vfork(struct target_db *g, uint64_t t, uint32_t tid)
{
    struct db_regs r;
    uint64_t flags = 0;
    size_t n;
    _cleanup_err_ struct odb_err *e = db_registers(g->db, t, tid, &r);
    if (e)
        return false;
    if (r.regs.scalar[ODB_RAX] == SYS_clone)
        flags = r.regs.scalar[ODB_RDI];
    if (r.regs.scalar[ODB_RAX] == SYS_clone3)
        e = db_memory(g->db, t, r.pid, r.regs.scalar[ODB_RDI], 8, (uint8_t *)&flags, NULL, &n);
    return r.regs.scalar[ODB_RAX] == SYS_vfork || (!e && flags & CLONE_VFORK);
}

/* A thread begins with state t: who made it, and how. */
static struct odb_err *describe_start(struct target_db *g, uint64_t t, uint32_t pid, uint32_t tid,
                                      struct target_stop *ret)
{
    uint64_t process_start;
    uint32_t parent, maker_pid, maker;
    ODB_TRY(parent_of(g, pid, t, &process_start, &parent));
    bool thread = process_start != t || pid != tid || !parent;
    ODB_TRY(db_running(g->db, t - 1, &maker_pid, &maker));
    if (maker_pid != (thread ? pid : parent))
        ODB_TRY(db_last_thread(g->db, t - 1, thread ? pid : parent, &maker));
    *ret = (struct target_stop){.kind = TARGET_STOP_CLONE,
                                .pid = thread ? pid : parent,
                                .tid = maker,
                                .other_pid = pid,
                                .other_tid = tid};
    if (!thread)
        ret->kind =
            calls_vfork(g, t, maker) || calls_vfork(g, t - 1, maker) ? TARGET_STOP_VFORK : TARGET_STOP_FORK;
    return NULL;
}

static bool wants_start(const struct target_db *g, enum target_stop_kind kind)
{
    return kind == TARGET_STOP_CLONE  ? g->catches.thread_events
           : kind == TARGET_STOP_FORK ? g->catches.forks
                                      : g->catches.vforks;
}

static bool wants_starts(const struct target_db *g)
{
    return g->catches.thread_events || g->catches.forks || g->catches.vforks;
}

static struct odb_err *offer_start(struct search *s, sqlite3_stmt *st, uint64_t t)
{
    struct target_stop stop;
    ODB_TRY(describe_start(s->g, t, (uint32_t)sqlite3_column_int64(st, 1),
                           (uint32_t)sqlite3_column_int64(st, 2), &stop));
    if (wants_start(s->g, stop.kind))
        offer_between(s, t, BEHIND_TASK, &stop);
    return NULL;
}

static bool wants_vforks(const struct target_db *g) { return g->catches.vforks; }

static struct odb_err *offer_vfork_done(struct search *s, sqlite3_stmt *st, uint64_t t)
{
    struct target_stop stop = {.kind = TARGET_STOP_VFORK_DONE,
                               .pid = (uint32_t)sqlite3_column_int64(st, 1),
                               .tid = (uint32_t)sqlite3_column_int64(st, 2),
                               .other_pid = (uint32_t)sqlite3_column_int64(st, 4)};
    if (calls_vfork(s->g, t, stop.tid))
        offer_between(s, t + 1, BEHIND_TASK, &stop);
    return NULL;
}

static bool wants_execs(const struct target_db *g) { return g->catches.execs; }

static struct odb_err *offer_exec(struct search *s, sqlite3_stmt *st, uint64_t t)
{
    uint32_t pid = (uint32_t)sqlite3_column_int64(st, 1);
    const char *exe = (const char *)sqlite3_column_text(st, 2);
    struct target_stop stop = {.kind = TARGET_STOP_EXEC, .pid = pid, .tid = pid};
    snprintf(stop.text, sizeof(stop.text), "%s", exe ? exe : "");
    offer_between(s, t, BEHIND_EXEC, &stop);
    return NULL;
}

static bool wants_exits(const struct target_db *g) { return g->catches.exits; }

static struct odb_err *offer_process_end(struct search *s, sqlite3_stmt *st, uint64_t t)
{
    if (t >= s->g->end)
        return NULL;
    struct target_stop stop = {.kind = TARGET_STOP_EXIT, .pid = (uint32_t)sqlite3_column_int64(st, 1)};
    bool known = sqlite3_column_type(st, 2) != SQLITE_NULL;
    stop.status = known ? sqlite3_column_int(st, 2) : INT32_MIN;
    ODB_TRY(db_last_thread(s->g->db, t, stop.pid, &stop.tid));
    offer_between(s, t, known && stop.status < 0 ? KILLED : BEHIND_END, &stop);
    return NULL;
}

static bool wants_thread_events(const struct target_db *g) { return g->catches.thread_events; }

static struct odb_err *offer_thread_end(struct search *s, sqlite3_stmt *st, uint64_t t)
{
    struct target_db *g = s->g;
    bool ends = false;
    struct target_stop stop = {.kind = TARGET_STOP_THREAD_EXIT,
                               .pid = (uint32_t)sqlite3_column_int64(st, 1),
                               .tid = (uint32_t)sqlite3_column_int64(st, 2)};
    if (t >= g->end)
        return NULL;
    _cleanup_tdb_reset_ sqlite3_stmt *life = NULL; /* with its process? */
    ODB_TRY(tdb_prepare(g, TDB_PROCESS_AT, &life));
    sqlite3_bind_int64(life, 1, stop.pid);
    sqlite3_bind_int64(life, 2, (int64_t)t);
    ODB_TRY(tdb_row(g, life, &ends));
    if (!ends || (uint64_t)sqlite3_column_int64(life, 1) != t)
        offer_between(s, t, BEHIND_END, &stop);
    return NULL;
}

/* ---- what is a row of a small table ---- */

static const struct row_kind {
    enum tdb_stmt next; /* and its PREV; column 0 is t */
    bool (*wants)(const struct target_db *g);
    struct odb_err *(*offer)(struct search *s, sqlite3_stmt *st, uint64_t t);
} row_kinds[] = {
    {TDB_SYSCALL_NEXT, wants_calls, offer_call_row},
    {TDB_THREAD_START_NEXT, wants_starts, offer_start},
    {TDB_VFORK_NEXT, wants_vforks, offer_vfork_done},
    {TDB_EXEC_NEXT, wants_execs, offer_exec},
    {TDB_PROCESS_END_NEXT, wants_exits, offer_process_end},
    {TDB_THREAD_END_NEXT, wants_thread_events, offer_thread_end},
};

/* Offers rows until they are beyond the best. */
static struct odb_err *find_rows(struct search *s, const struct row_kind *kind)
{
    _cleanup_tdb_reset_ sqlite3_stmt *st = NULL;
    if (!kind->wants(s->g))
        return NULL;
    ODB_TRY(begin(s, kind->next, &st));
    for (;;) {
        bool row = false;
        ODB_TRY(tdb_row(s->g, st, &row));
        if (!row)
            return NULL;
        uint64_t t = (uint64_t)sqlite3_column_int64(st, 0);
        if (s->found && (s->reverse ? t + 1 < s->best.t : t > s->best.t))
            return NULL;
        ODB_TRY(kind->offer(s, st, t));
    }
}

/* ---- watches ---- */

/* Bounds for instructions that may still do something: [*lo, *hi). */
static void instructions(const struct search *s, uint64_t *lo, uint64_t *hi)
{
    if (s->reverse) {
        *lo = s->found ? s->best.t - (s->best.t && s->best.order != BEFORE) : 0;
        *hi = s->from.t;
    } else {
        *lo = s->from.t;
        *hi = s->found ? s->best.t : s->g->end;
    }
}

static struct odb_err *find_watches(struct search *s)
{
    struct target_db *g = s->g;
    uint64_t lo, hi;
    bool found, in_signal = g->at.sig < g->n_signals;
    struct db_write w;
    size_t i;
    instructions(s, &lo, &hi);
    /* the frames of signals that are delivered here are writes of the instruction before */
    if (!s->reverse && in_signal && lo)
        lo--;
    if (!g->n_watches || lo >= hi)
        return NULL;
    for (;;) {
        ODB_TRY(db_find_write(g->db, g->ranges, g->n_watches, g->at.t, lo, hi, s->reverse, &found, &w, &i));
        if (!found)
            return NULL;
        bool frame = w.of_frame;
        if (in_signal && w.t + 1 == g->at.t && frame == s->reverse) { /* is, or is not, done yet */
            lo = s->reverse ? lo : w.t + 1;
            hi = s->reverse ? w.t : hi;
            if (lo >= hi)
                return NULL;
            continue;
        }
        struct target_stop stop = {.kind = TARGET_STOP_WATCH,
                                   .pid = w.pid,
                                   .tid = w.tid,
                                   .addr = g->ranges[i].addr,
                                   .watch = g->watches[i].kind};
        struct place p = s->reverse ? (struct place){w.t, BEFORE} : (struct place){w.t + 1, BEHIND_WATCH};
        if (frame)
            p = s->reverse ? (struct place){w.t + 1, SIGNAL_0} : (struct place){w.t + 1, KILLED};
        if (is_better(s, p) || (s->found && !compare(p, s->best)))
            take(s, p, p.t, p.order, &stop);
        return NULL;
    }
}

static struct odb_err *find_reads(struct search *s)
{
    struct target_stop stop;
    uint64_t lo, hi, t = 0;
    bool found;
    instructions(s, &lo, &hi);
    ODB_TRY(tdb_find_read(s->g, lo, hi, s->reverse, &found, &t, &stop));
    if (!found)
        return NULL;
    struct place p = s->reverse ? (struct place){t, BEFORE} : (struct place){t + 1, BEHIND_WATCH};
    if (is_better(s, p) || (s->found && !compare(p, s->best)))
        take(s, p, p.t, p.order, &stop);
    return NULL;
}

/* ---- breakpoints and steps ---- */

static struct odb_err *find_break(struct search *s)
{
    struct target_db *g = s->g;
    struct db_execution x;
    uint64_t lo = s->from.t, hi;
    bool found;
    if (!g->n_breaks)
        return NULL;
    if (s->reverse) {
        hi = s->from.t;
        lo = s->found ? s->best.t + (s->best.order == BEFORE) : 0;
    } else {
        lo += s->from.order == BEFORE;
        hi = s->found ? s->best.t + (s->best.order == BEFORE) : g->end;
    }
    while (lo < hi) {
        ODB_TRY(db_find_execution(g->db, g->breaks, g->n_breaks, lo, hi, s->reverse, &found, &x));
        if (!found)
            return NULL;
        if (!s->reverse && x.t == s->from.t && s->from.order < SIGNAL_0 && x.tid == s->behind_tid) {
            lo = x.t + 1; /* it was stopped here */
            continue;
        }
        struct place p = {x.t, BEFORE};
        if (is_better(s, p) && (!s->found || compare(p, s->best)))
            take(s, p, x.t, BEFORE,
                 &(struct target_stop){.kind = TARGET_STOP_BREAK, .pid = x.pid, .tid = x.tid, .addr = x.rip});
        return NULL;
    }
    return NULL;
}

/* The step's own end: the thread has executed an instruction, and is outside the range. */
static struct odb_err *find_step(struct search *s, const struct target_resume *how)
{
    struct target_db *g = s->g;
    uint32_t tid = how->tid ? how->tid : g->tid;
    struct target_stop stop = {.kind = TARGET_STOP_STEP, .pid = g->pid, .tid = tid};
    bool in_signal = g->at.sig < g->n_signals, range = how->range_start < how->range_end, found;
    struct db_execution x;
    if (in_signal && !s->reverse && g->signals[g->at.sig].tid == tid && !g->signals[g->at.sig].fatal) {
        take(s, (struct place){g->at.t, KILLED}, g->at.t, BEFORE, &stop); /* into the handler */
        return NULL;
    }
    uint64_t lo = s->reverse ? 0 : g->at.t, hi = s->reverse ? g->at.t : g->end;
    ODB_TRY(db_find_run(g->db, tid, 0, 0, lo, hi, s->reverse, &found, &x));
    if (!found && s->reverse) { /* its first instruction is still to come: it stays */
        stop.kind = TARGET_STOP_START;
        take(s, s->from, g->at.t, BEFORE, &stop);
        s->to = g->at;
    }
    if (!found)
        return NULL;
    if (range && s->reverse) {
        ODB_TRY(db_find_run(g->db, tid, how->range_start, how->range_end, 0, x.t + 1, true, &found, &x));
    } else if (range) { /* behind the last one before the first outside */
        ODB_TRY(
            db_find_run(g->db, tid, how->range_start, how->range_end, x.t + 1, g->end, false, &found, &x));
        if (found)
            ODB_TRY(db_find_run(g->db, tid, 0, 0, lo, x.t, true, &found, &x));
    }
    if (!found)
        return NULL;
    stop.pid = x.pid;
    if (s->reverse)
        take(s, (struct place){x.t, BEFORE}, x.t, BEFORE, &stop);
    else
        take(s, (struct place){x.t + 1, BEHIND_STEP}, x.t + 1, BEHIND_STEP, &stop);
    return NULL;
}

/* ---- all together ---- */

static struct odb_err *find_others(struct search *s)
{
    ODB_TRY(find_signals(s));
    for (size_t i = 0; i < sizeof(row_kinds) / sizeof(row_kinds[0]); i++)
        ODB_TRY(find_rows(s, &row_kinds[i]));
    return find_watches(s);
}

/* Backwards, what is behind instruction t - 1 is not beyond this place where it is the same state. */
static struct place here(const struct target_db *g, bool reverse)
{
    int order = g->behind ? g->behind : BEFORE;
    if (g->at.sig < g->n_signals && !g->behind)
        order = reverse && !g->at.sig ? FIRST : SIGNAL_0 + (int)g->at.sig;
    else if (reverse && (!g->n_signals || (g->at.t == g->end && g->signals[g->n_signals - 1].fatal)))
        order = FIRST;
    return (struct place){g->at.t, order};
}

static struct odb_err *finish_nothing(struct search *s)
{
    struct target_db *g = s->g;
    _cleanup_tdb_reset_ sqlite3_stmt *st = NULL;
    bool row = false;
    s->stop = (struct target_stop){.kind = s->reverse ? TARGET_STOP_START : TARGET_STOP_END};
    ODB_TRY(tdb_go(g, s->reverse ? 0 : g->end, TDB_AT_INSTRUCTION));
    s->stop.pid = g->pid;
    s->stop.tid = g->tid;
    s->stop.status = INT32_MIN;
    if (s->reverse)
        return NULL;
    ODB_TRY(tdb_prepare(g, TDB_FIRST_STATUS, &st));
    ODB_TRY(tdb_row(g, st, &row));
    if (row && sqlite3_column_type(st, 0) != SQLITE_NULL)
        s->stop.status = sqlite3_column_int(st, 0);
    return NULL;
}

static struct odb_err *finish(struct search *s)
{
    struct target_db *g = s->g;
    if (!s->found)
        return finish_nothing(s);
    ODB_TRY(tdb_go(g, s->to.t, s->to.sig));
    /* a signal that comes at the place where a step ends is told at once */
    if (s->stop.kind == TARGET_STOP_STEP && !s->reverse && s->best.order == BEHIND_STEP) {
        const struct tdb_signal *sig = tdb_signal_here(g);
        bool passed = !sig || odb_sigset_has(g->catches.pass_signals, sig->signo);
        if (!passed)
            s->stop = (struct target_stop){.kind = TARGET_STOP_SIGNAL,
                                           .pid = sig->pid,
                                           .tid = sig->tid,
                                           .signo = sig->signo,
                                           .addr = sig->addr};
        return NULL;
    }
    g->behind = !s->reverse && s->best.order < SIGNAL_0 ? s->best.order : 0;
    g->behind_tid = s->stop.tid;
    return NULL;
}

/* Of the breakpoints before the best of the others, the first that is wanted. */
static struct odb_err *find_wanted(struct search *s, const struct target_resume *how)
{
    struct target_db *g = s->g;
    for (;;) {
        struct search b = *s;
        ODB_TRY(find_break(&b));
        if (!b.found || b.stop.kind != TARGET_STOP_BREAK) /* the best is still another */
            return NULL;
        if (!how->wanted) {
            *s = b;
            return NULL;
        }
        ODB_TRY(tdb_go(g, b.to.t, b.to.sig));
        db_set_interrupt(g->db, NULL);
        bool wanted = how->wanted(how->ctx, &g->base, b.stop.pid, b.stop.tid, b.stop.addr);
        db_set_interrupt(g->db, &g->base.interrupted);
        if (wanted) {
            *s = b;
            return NULL;
        }
        if (g->base.interrupted)
            return odb_err("interrupted");
        s->from = b.best;
    }
}

static struct odb_err *search(struct search *s, const struct target_resume *how)
{
    if (how->step)
        ODB_TRY(find_step(s, how));
    if (s->found && s->stop.kind == TARGET_STOP_START)
        return finish(s);
    const struct place from = s->from;
    ODB_TRY(find_others(s));
    ODB_TRY(find_wanted(s, how)); /* leaves `from` at the last one that was not */
    s->from = from;
    ODB_TRY(find_reads(s));
    return finish(s);
}

static int is_interrupted(void *g) { return ((struct target_db *)g)->base.interrupted; }

struct odb_err *tdb_resume(struct target *base, const struct target_resume *how, struct target_stop *ret)
{
    struct target_db *g = tdb_of(base);
    if (g->in_branch)
        return tdb_resume_replay(g, how, ret);
    struct search s = {.g = g,
                       .reverse = how->reverse,
                       .from = here(g, how->reverse),
                       .behind_tid = g->behind ? g->behind_tid : 0};
    db_set_interrupt(g->db, &g->base.interrupted);
    sqlite3_progress_handler(db_sqlite(g->db), 2000, is_interrupted, g);
    struct odb_err *e = g->base.interrupted ? odb_err("interrupted") : search(&s, how);
    sqlite3_progress_handler(db_sqlite(g->db), 0, NULL, NULL);
    db_set_interrupt(g->db, NULL);
    if (atomic_exchange(&g->base.interrupted, false) &&
        e) { /* the position is as before, or at the last hit not wanted */
        odb_err_free(e);
        e = NULL;
        s.stop = (struct target_stop){.kind = TARGET_STOP_INTERRUPTED, .pid = g->pid, .tid = g->tid};
    }
    if (!e)
        *ret = s.stop;
    return e;
}
