/* A target over an index against a brute-force run through everything that the index's tables list.
 *
 * usage: test_target_db REC [ROUNDS [SEED]]
 *
 * The oracle has all executions, writes and signals in arrays and moves one instruction at a time, looking at each for what
 * would stop; the target answers by look-up. Random places, breakpoints, watched ranges, passed signals, steps of random
 * threads, both directions. States are compared with the tables registers() and memory(). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/fs.h"
#include "db/db.h"
#include "gdb/target.h"
#include "indexer/schema.h"
#include "tests/common/check.h"

#include <sqlite3.h>

struct insn {
    uint32_t pid, tid;
    gaddr rip;
};
struct mem {
    uint64_t t;
    uint32_t pid, tid, size;
    gaddr addr;
    bool frame;
};
struct sig {
    uint64_t t;
    uint32_t tid;
    int signo;
    bool fatal;
};

static struct insn *insns;
static struct mem *mems;
static struct sig *sigs;
static uint64_t n_insns, n_mems, n_sigs;
static uint64_t *first_mem; /* of t: index of its first write */
static uint64_t *first_sig;
/* What is behind instruction t - 1 besides writes (order as they are told), and system calls. */
enum { TASK, EXEC, ENDED, CALL, TOLD, KILLED };
struct event {
    uint64_t t;
    int order;
    enum target_stop_kind kind;
    uint32_t tid;
    long nr;
    bool returns;
};
static struct event *events;
static uint64_t n_events;
static struct target_catch catches;
static struct odb_db *db;
static uint64_t state = 1;

static uint64_t rnd(uint64_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return n ? (state * 0x2545f4914f6cdd1dull >> 11) % n : 0;
}

static sqlite3_stmt *prepare(const char *sql)
{
    sqlite3_stmt *st;
    if (sqlite3_prepare_v2(db_sqlite(db), sql, -1, &st, NULL) != SQLITE_OK) {
        fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db_sqlite(db)));
        exit(1);
    }
    return st;
}
#define COL(st, i) ((uint64_t)sqlite3_column_int64(st, i))

static void load(void)
{
    uint64_t end = db_end_t(db), cap = 0;
    insns = calloc(end + 1, sizeof(*insns));
    first_mem = calloc(end + 2, sizeof(*first_mem));
    first_sig = calloc(end + 2, sizeof(*first_sig));
    sqlite3_stmt *st = prepare("SELECT t, pid, tid, rip FROM executions");
    while (sqlite3_step(st) == SQLITE_ROW)
        insns[COL(st, 0)] = (struct insn){(uint32_t)COL(st, 1), (uint32_t)COL(st, 2), COL(st, 3)};
    sqlite3_finalize(st);
    n_insns = end;
    st = prepare("SELECT t, pid, tid, addr, size, syscall='signal' FROM mem_writes WHERE addr IS NOT NULL");
    while (sqlite3_step(st) == SQLITE_ROW) {
        if (n_mems == cap) {
            cap = cap ? 2 * cap : 1024;
            mems = reallocarray(mems, cap, sizeof(*mems));
        }
        mems[n_mems++] = (struct mem){.t = COL(st, 0),
                                      .pid = (uint32_t)COL(st, 1),
                                      .tid = (uint32_t)COL(st, 2),
                                      .addr = COL(st, 3),
                                      .size = (uint32_t)COL(st, 4),
                                      .frame = COL(st, 5) != 0};
    }
    sqlite3_finalize(st);
    st = prepare("SELECT t, tid, signo, fatal FROM signals ORDER BY t, rowid");
    while (sqlite3_step(st) == SQLITE_ROW) {
        sigs = reallocarray(sigs, n_sigs + 1, sizeof(*sigs));
        sigs[n_sigs++] =
            (struct sig){COL(st, 0), (uint32_t)COL(st, 1), sqlite3_column_int(st, 2), COL(st, 3) != 0};
    }
    sqlite3_finalize(st);
    for (uint64_t t = 0, i = 0, k = 0; t <= end + 1; t++) {
        while (i < n_mems && mems[i].t < t)
            i++;
        while (k < n_sigs && sigs[k].t < t)
            k++;
        first_mem[t] = i;
        first_sig[t] = k;
    }
}

static void load_events(const char *sql)
{
    sqlite3_stmt *st = prepare(sql);
    while (sqlite3_step(st) == SQLITE_ROW) {
        if (!(n_events & (n_events + 1)))
            events = reallocarray(events, 2 * (n_events + 1), sizeof(*events));
        events[n_events++] = (struct event){.t = COL(st, 0),
                                            .order = sqlite3_column_int(st, 1),
                                            .kind = (enum target_stop_kind)sqlite3_column_int(st, 2),
                                            .tid = (uint32_t)COL(st, 3),
                                            .nr = (long)COL(st, 4),
                                            .returns = sqlite3_column_int(st, 5)};
    }
    sqlite3_finalize(st);
}

static int by_t(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    return x->t != y->t ? (x->t < y->t ? -1 : 1) : x->order - y->order;
}

static void load_all_events(void)
{
    char sql[1024];
    const unsigned long end = (unsigned long)n_insns;
    load_events("SELECT t, 3, 5, tid, nr, result IS NOT NULL FROM syscalls"); /* t: of the instruction */
    snprintf(sql, sizeof(sql),
             "SELECT th.t_start, 0, CASE WHEN p.pid IS NULL THEN %d WHEN s.name='vfork' THEN %d ELSE %d END, "
             "s.tid, 0, 0 "
             "FROM threads th LEFT JOIN processes p ON p.pid=th.tid AND p.t_start=th.t_start "
             "JOIN syscalls s ON s.result=th.tid AND s.name IN ('fork','vfork','clone','clone3') WHERE "
             "th.t_start>0",
             TARGET_STOP_CLONE, TARGET_STOP_VFORK, TARGET_STOP_FORK);
    load_events(sql);
    snprintf(sql, sizeof(sql), "SELECT t+1, 0, %d, tid, 0, 0 FROM syscalls WHERE name='vfork' AND result>0",
             TARGET_STOP_VFORK_DONE);
    load_events(sql);
    snprintf(sql, sizeof(sql), "SELECT t, 1, %d, pid, 0, 0 FROM execs WHERE t>0", TARGET_STOP_EXEC);
    load_events(sql);
    snprintf(sql, sizeof(sql),
             "SELECT t_end, CASE WHEN status<0 THEN 5 ELSE 2 END, %d, 0, 0, 0 FROM processes WHERE t_end<%lu",
             TARGET_STOP_EXIT, end);
    load_events(sql);
    snprintf(sql, sizeof(sql),
             "SELECT th.t_end, 2, %d, th.tid, 0, 0 FROM threads th WHERE t_end<%lu AND NOT EXISTS "
             "(SELECT 1 FROM processes p WHERE p.pid=th.pid AND p.t_end=th.t_end)",
             TARGET_STOP_THREAD_EXIT, end);
    load_events(sql);
    if (n_events)
        qsort(events, n_events, sizeof(*events), by_t);
}

/* ---- the oracle ---- */

struct place {
    uint64_t t;
    unsigned sig; /* number of signals at t: before the instruction */
};
struct point {
    gaddr addr;
    uint32_t pid;
};
struct range {
    gaddr addr;
    uint64_t n;
};
static struct point breaks[64];
static struct range watches[16];
static int n_breaks, n_watches;
static uint64_t pass;

static unsigned n_signals(uint64_t t) { return (unsigned)(first_sig[t + 1] - first_sig[t]); }
static const struct sig *signal_of(uint64_t t, unsigned i) { return &sigs[first_sig[t] + i]; }

static bool stops_at_signal(uint64_t t, unsigned i)
{
    const struct sig *s = signal_of(t, i);
    return !(pass >> s->signo & 1);
}

static bool is_break(uint64_t t)
{
    for (int i = 0; i < n_breaks; i++)
        if (t < n_insns && insns[t].rip == breaks[i].addr &&
            (!breaks[i].pid || breaks[i].pid == insns[t].pid))
            return true;
    return false;
}

/* Did instruction t (frames: the signals before instruction t + 1) write into a watched range? */
static const struct mem *watch_hit(uint64_t t, bool frames)
{
    for (uint64_t i = first_mem[t]; i < first_mem[t + 1]; i++)
        for (int k = 0; k < n_watches; k++)
            if (mems[i].frame == frames && mems[i].addr < watches[k].addr + watches[k].n &&
                watches[k].addr < mems[i].addr + mems[i].size)
                return &mems[i];
    return NULL;
}

struct answer {
    enum target_stop_kind kind;
    struct place at;
    uint32_t tid;
    int order; /* < TOLD: behind something, and this was what */
};

static bool wanted(const struct event *e)
{
    switch (e->kind) {
    case TARGET_STOP_SYSCALL_RETURN:
        return catches.syscalls && (!catches.numbers || e->nr == catches.numbers[0]);
    case TARGET_STOP_CLONE:
    case TARGET_STOP_THREAD_EXIT: return catches.thread_events;
    case TARGET_STOP_FORK: return catches.forks;
    case TARGET_STOP_VFORK:
    case TARGET_STOP_VFORK_DONE: return catches.vforks;
    case TARGET_STOP_EXEC: return catches.execs;
    default: return catches.exits;
    }
}

/* The first wanted event with `t`, lo <= order < hi. */
static const struct event *event_at(uint64_t t, int lo, int hi)
{
    uint64_t a = 0, b = n_events;
    while (a < b) {
        uint64_t mid = (a + b) / 2;
        if (events[mid].t < t)
            a = mid + 1;
        else
            b = mid;
    }
    for (; a < n_events && events[a].t == t; a++)
        if (events[a].order >= lo && events[a].order < hi && wanted(&events[a]))
            return &events[a];
    return NULL;
}

/* What is behind instruction t - 1, from `lo` on. */
static const struct event *behind(uint64_t t, int lo)
{
    const struct event *e = event_at(t, lo, CALL);
    if (!e && t && lo <= CALL)
        e = event_at(t - 1, CALL, TOLD);
    return e && (e->kind != TARGET_STOP_SYSCALL_RETURN || e->returns) ? e : NULL;
}

/* from: what of the place was told already; `of` by whom. */
static struct answer forwards(struct place p, int from, uint32_t of, uint32_t step)
{
    bool first = true, into = false;
    const struct event *e = from < TOLD ? behind(p.t, from + 1) : NULL;
    if (e)
        return (struct answer){e->kind, p, e->tid, e->order};
    for (;;) {
        if (p.sig < n_signals(p.t)) {
            const struct sig *s = signal_of(p.t, p.sig);
            if ((!first || from < TOLD) && stops_at_signal(p.t, p.sig))
                return (struct answer){TARGET_STOP_SIGNAL, p, s->tid, TOLD};
            if (s->fatal && p.t == n_insns)
                return (struct answer){TARGET_STOP_END, {p.t, n_signals(p.t)}, 0, TOLD};
            into |= first && step == s->tid && !s->fatal;
            first = false;
            p.sig++;
            if (p.sig < n_signals(p.t))
                continue;
            const struct mem *m = p.t ? watch_hit(p.t - 1, true) : NULL;
            if (m)
                return (struct answer){TARGET_STOP_WATCH, p, m->tid, TOLD};
            e = event_at(p.t, KILLED, KILLED + 1);
            if (e)
                return (struct answer){e->kind, p, e->tid, TOLD};
            if (into)
                return (struct answer){TARGET_STOP_STEP, p, s->tid, TOLD};
        } else if (!first || from < TOLD) {
            e = event_at(p.t, KILLED, KILLED + 1);
            if (e)
                return (struct answer){e->kind, p, e->tid, TOLD};
        }
        e = event_at(p.t, CALL, TOLD);
        if (e && (!first || (from < TOLD && e->tid != of)))
            return (struct answer){TARGET_STOP_SYSCALL_ENTRY, p, e->tid, TOLD};
        if (p.t == n_insns)
            return (struct answer){TARGET_STOP_END, p, 0, TOLD};
        if (is_break(p.t) && (!first || (from < TOLD && insns[p.t].tid != of)))
            return (struct answer){TARGET_STOP_BREAK, p, insns[p.t].tid, TOLD};
        first = false;
        const struct mem *m = watch_hit(p.t, false);
        uint32_t tid = insns[p.t].tid;
        p.t++;
        p.sig = 0;
        if (m)
            return (struct answer){TARGET_STOP_WATCH, p, m->tid, -1};
        e = behind(p.t, TASK);
        if (e)
            return (struct answer){e->kind, p, e->tid, e->order};
        if (step == tid && n_signals(p.t) && stops_at_signal(p.t, 0))
            return (struct answer){TARGET_STOP_SIGNAL, p, signal_of(p.t, 0)->tid, TOLD};
        if (step == tid)
            return (struct answer){TARGET_STOP_STEP, p, tid, TOLD};
    }
}

static struct answer backwards(struct place p, uint32_t step)
{
    uint64_t before = p.t;
    while (step && before && insns[before - 1].tid != step)
        before--;
    if (step && !before)
        return (struct answer){TARGET_STOP_START, p, 0, TOLD};
    bool between = p.sig < n_signals(p.t);  /* not all frames are there */
    bool there = !n_signals(p.t) || !p.sig; /* the state behind t - 1 is where we are */
    if (p.t == n_insns && n_signals(p.t) && signal_of(p.t, n_signals(p.t) - 1)->fatal) {
        p.sig = 0;
        there = true;
    }
    for (;; between &= p.sig > 0) {
        if (p.sig) { /* all frames of the place go with the first signal */
            const struct mem *m = p.sig == 1 && p.t && !between ? watch_hit(p.t - 1, true) : NULL;
            if (m)
                return (struct answer){TARGET_STOP_WATCH, {p.t, 0}, m->tid, TOLD};
            p.sig--;
            if (stops_at_signal(p.t, p.sig))
                return (struct answer){TARGET_STOP_SIGNAL, p, signal_of(p.t, p.sig)->tid, TOLD};
            continue;
        }
        if (!p.t)
            return (struct answer){TARGET_STOP_START, p, 0, TOLD};
        const struct event *e = event_at(p.t - 1, CALL, TOLD), *k = e;
        if (e && e->returns && !there)
            return (struct answer){TARGET_STOP_SYSCALL_RETURN, p, e->tid, TOLD};
        there = false;
        p.t--;
        p.sig = n_signals(p.t);
        const struct mem *m = watch_hit(p.t, false);
        if (m)
            return (struct answer){TARGET_STOP_WATCH, p, m->tid, TOLD};
        e = event_at(p.t + 1, TASK, CALL);
        e = e ? e : event_at(p.t + 1, KILLED, KILLED + 1);
        if (k)
            return (struct answer){TARGET_STOP_SYSCALL_ENTRY, p, k->tid, TOLD};
        if (e)
            return (struct answer){e->kind, p, e->tid, TOLD};
        if (step == insns[p.t].tid)
            return (struct answer){TARGET_STOP_STEP, p, step, TOLD};
        if (is_break(p.t))
            return (struct answer){TARGET_STOP_BREAK, p, insns[p.t].tid, TOLD};
    }
}

/* ---- states ---- */

static uint64_t n_states;

static void check_registers(const struct target_regs *r, uint64_t t, uint32_t tid)
{
    static sqlite3_stmt *st;
    if (!st)
        st = prepare("SELECT rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15, "
                     "rip, rflags, "
                     "fs_base, gs_base, mxcsr, ymm0, ymm5, ymm15 FROM registers(?1, ?2)");
    sqlite3_bind_int64(st, 1, (int64_t)t);
    sqlite3_bind_int64(st, 2, tid);
    CHECK(sqlite3_step(st) == SQLITE_ROW);
    for (int i = 0; i < 16; i++)
        CHECK(r->gpr[i] == COL(st, i));
    if (sqlite3_column_type(st, 16) != SQLITE_NULL)
        CHECK(r->rip == COL(st, 16));
    CHECK(r->rflags == COL(st, 17) && r->fs_base == COL(st, 18) && r->gs_base == COL(st, 19) &&
          r->mxcsr == COL(st, 20));
    static const int vec[] = {0, 5, 15};
    for (int i = 0; i < 3; i++)
        CHECK((unsigned)sqlite3_column_bytes(st, 21 + i) == r->vector_bytes &&
              !memcmp(sqlite3_column_blob(st, 21 + i), r->vec[vec[i]], r->vector_bytes));
    sqlite3_reset(st);
}

static void check_memory(struct target *g, uint64_t t, uint32_t pid, gaddr addr, size_t n)
{
    enum { LARGE = 70000 }; /* so much at once goes past what db/ keeps from one state to the next */
    static uint8_t got[LARGE], want[LARGE];
    static bool valid[LARGE];
    size_t n_got, n_want, k = 0;
    CHECK_OK(target_read(g, pid, addr, got, n, &n_got));
    CHECK_OK(db_memory(db, t, pid, addr, LARGE, want, valid, &n_want));
    while (k < n && valid[k])
        k++;
    CHECK(n_got == k);
    CHECK(!memcmp(got, want, k));
}

/* Before the delivery of one signal: what the interrupted instruction left. Only where that is the same thread's. */
static void check_interrupted(struct target *g, const struct target_position *p, const struct target_regs *r)
{
    uint8_t got[128], want[128];
    size_t n_got, n_want;
    if (n_signals(p->t) != 1 || !p->t || insns[p->t - 1].tid != p->tid || signal_of(p->t, 0)->fatal)
        return;
    /* memory as it was before the frame: that of the state before, but for what instruction t - 1 itself wrote */
    gaddr at = r->gpr[ODB_RSP] - 128 - sizeof(got);
    CHECK_OK(target_read(g, p->pid, at, got, sizeof(got), &n_got));
    CHECK_OK(db_memory(db, p->t - 1, p->pid, at, sizeof(want), want, NULL, &n_want));
    for (uint64_t i = first_mem[p->t - 1]; i < first_mem[p->t]; i++)
        if (!mems[i].frame && mems[i].addr < at + sizeof(got) && at < mems[i].addr + mems[i].size)
            return;
    CHECK(n_got == n_want && !memcmp(got, want, n_got));
    n_states++;
}

/* The target's state against the tables. */
static void check_state(struct target *g)
{
    struct target_position p;
    struct target_regs r;
    struct target_thread *threads;
    size_t n;
    target_where(g, &p);
    CHECK_OK(target_threads(g, &threads, &n));
    CHECK(n && threads[0].tid == p.tid && threads[0].pid == p.pid);
    uint32_t tid = threads[rnd(n)].tid;
    CHECK_OK(target_registers(g, tid, &r));
    if (!p.in_signal && !n_signals(p.t)) {
        n_states++;
        check_registers(&r, p.t, tid);
        if (tid == p.tid && p.t < n_insns)
            CHECK(p.rip == insns[p.t].rip && p.tid == insns[p.t].tid);
        CHECK_OK(target_registers(g, 0, &r));
        check_memory(g, p.t, p.pid, r.gpr[ODB_RSP], 1 + rnd(300));
        check_memory(g, p.t, p.pid, r.rip, 16);
        if (n_mems)
            check_memory(g, p.t, p.pid, mems[rnd(n_mems)].addr, 8);
        gaddr at = p.t && first_mem[p.t] ? mems[first_mem[p.t] - 1].addr : r.gpr[ODB_RSP];
        check_memory(g, p.t, p.pid, at, 64);
    } else if (p.in_signal) {
        const struct sig *s = signal_of(p.t, (unsigned)p.run);
        uint8_t info[128];
        int signo;
        CHECK_OK(target_siginfo(g, 0, info, &n));
        memcpy(&signo, info, sizeof(signo));
        CHECK(n == 128 && signo == s->signo && p.tid == s->tid);
        CHECK_OK(target_registers(g, 0, &r));
        CHECK(r.rip == p.rip);
        check_interrupted(g, &p, &r);
    }
    free(threads);
}

/* ---- random questions ---- */

static void choose(struct target *g)
{
    for (int i = 0; i < n_breaks; i++)
        CHECK_OK(target_remove_break(g, breaks[i].pid, breaks[i].addr));
    for (int i = 0; i < n_watches; i++)
        CHECK_OK(target_remove_watch(g, 0, TARGET_WATCH_WRITE, watches[i].addr, watches[i].n));
    n_breaks = (int)(rnd(3) ? rnd(4) : rnd(64));
    n_watches = (int)(rnd(3) ? rnd(3) : 0);
    if (n_mems == 0)
        n_watches = 0;
    for (int i = 0; i < n_breaks; i++) {
        const struct insn *x = &insns[rnd(n_insns)];
        breaks[i] = (struct point){x->rip + (rnd(5) ? 0 : 0x100000), rnd(2) ? x->pid : 0};
        CHECK_OK(target_insert_break(g, breaks[i].pid, breaks[i].addr));
    }
    for (int i = 0; i < n_watches; i++) {
        const struct mem *m = &mems[rnd(n_mems)];
        uint64_t most = rnd(4) ? 8 : rnd(4) ? 10000 : 2000000; /* hundreds of pages */
        watches[i] = (struct range){m->addr + rnd(4), 1 + rnd(most)};
        CHECK_OK(target_insert_watch(g, 0, TARGET_WATCH_WRITE, watches[i].addr, watches[i].n));
    }
    pass = rnd(2) ? UINT64_MAX : 0;
    static uint16_t nr;
    catches = (struct target_catch){.pass_signals = pass};
    if (rnd(2)) {
        catches.syscalls = rnd(2);
        catches.forks = rnd(2);
        catches.vforks = rnd(2);
        catches.execs = rnd(2);
        catches.exits = rnd(2);
        catches.thread_events = rnd(2);
    }
    if (catches.syscalls && n_events && rnd(2)) {
        nr = (uint16_t)events[rnd(n_events)].nr;
        catches.numbers = &nr;
        catches.n_numbers = 1;
    }
    CHECK_OK(target_set_catch(g, &catches));
}

/* ---- branches ---- */

static uint64_t n_branches, n_no_branches;

/* In a branch what is written is there, the rest is as before; behind it nothing has changed. */
static void check_branch(struct target *g)
{
    struct target_regs before, r;
    struct target_position p, q;
    uint8_t was[64], now[64], data[64];
    size_t n, k;
    target_where(g, &p);
    CHECK_OK(target_registers(g, 0, &before));
    gaddr at = before.gpr[ODB_RSP] - 256;
    CHECK_OK(target_read(g, 0, at, was, sizeof(was), &n));
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)rnd(256);
    struct odb_err *e = target_write(g, 0, at, data, n);
    if (e) { /* a few places have none, before the delivery of a signal to a thread that did not run before */
        n_no_branches++;
        odb_err_free(e);
        return;
    }
    n_branches++;
    CHECK(target_in_branch(g));
    CHECK_OK(target_read(g, 0, at, now, n, &k));
    CHECK(k == n && !memcmp(now, data, n));
    CHECK_OK(target_registers(g, 0, &r));
    CHECK(!memcmp(r.gpr, before.gpr, sizeof(r.gpr)) && r.rip == before.rip && r.fs_base == before.fs_base &&
          !memcmp(r.vec, before.vec, sizeof(r.vec)));
    r.gpr[ODB_RBX] = 0x1234;
    CHECK_OK(target_write_registers(g, 0, &r));
    CHECK_OK(target_registers(g, 0, &r));
    CHECK(r.gpr[ODB_RBX] == 0x1234);
    CHECK_OK(target_leave_branch(g));
    target_where(g, &q);
    CHECK(!target_in_branch(g) && !target_compare(&p, &q));
    CHECK_OK(target_read(g, 0, at, now, n, &k));
    CHECK(k == n && !memcmp(now, was, n));
    CHECK_OK(target_registers(g, 0, &r));
    CHECK(!memcmp(&r, &before, sizeof(r)));
}

/* ---- watches of reads: by replay ---- */

static uint64_t n_reads;

/* A touch of the range comes no later than a write to it, and going back from it leads to the instruction that it was, or to
 * the signal whose frame it was. */
static void check_reads(struct target *g)
{
    struct target_position from, touch, before, write;
    struct target_stop stop, back;
    const struct mem *m = &mems[rnd(n_mems)];
    for (int i = 0; i < n_breaks; i++)
        CHECK_OK(target_remove_break(g, breaks[i].pid, breaks[i].addr));
    for (int i = 0; i < n_watches; i++)
        CHECK_OK(target_remove_watch(g, 0, TARGET_WATCH_WRITE, watches[i].addr, watches[i].n));
    n_breaks = n_watches = 0;
    catches = (struct target_catch){.pass_signals = pass};
    CHECK_OK(target_set_catch(g, &catches));
    target_where(g, &from);
    CHECK_OK(target_insert_watch(g, 0, TARGET_WATCH_ACCESS, m->addr, 8));
    CHECK_OK(target_resume(g, &(struct target_resume){0}, &stop));
    target_where(g, &touch);
    if (stop.kind == TARGET_STOP_WATCH) {
        n_reads++;
        CHECK_OK(target_resume(g, &(struct target_resume){.reverse = true}, &back));
        target_where(g, &before);
        bool by_frame = before.in_signal && before.t == touch.t;
        CHECK(back.kind != TARGET_STOP_WATCH || before.t + 1 == touch.t || by_frame);
    }
    CHECK_OK(target_remove_watch(g, 0, TARGET_WATCH_ACCESS, m->addr, 8));
    CHECK_OK(target_insert_watch(g, 0, TARGET_WATCH_WRITE, m->addr, 8));
    CHECK_OK(target_seek(g, &from));
    CHECK_OK(target_resume(g, &(struct target_resume){0}, &stop));
    target_where(g, &write);
    if (target_compare(&touch, &write) > 0) {
        fprintf(stderr,
                "from t %" PRIu64 ": 0x%" PRIx64 " is touched at %" PRIu64 " first, but written at %" PRIu64
                "\n",
                from.t, m->addr, touch.t, write.t);
        exit(1);
    }
    CHECK_OK(target_remove_watch(g, 0, TARGET_WATCH_WRITE, m->addr, 8));
}

static struct place place_of(const struct target_position *p)
{
    return (struct place){p->t, p->in_signal ? (unsigned)p->run : n_signals(p->t)};
}

static const char *const kinds[] = {
    "NONE",        "STEP", "BREAK", "WATCH", "SYSCALL_ENTRY", "SYSCALL_RETURN",
    "SIGNAL",      "FORK", "VFORK", "CLONE", "VFORK_DONE",    "EXEC",
    "THREAD_EXIT", "EXIT", "START", "END",   "INTERRUPTED"};

static void ask(struct target *g, struct answer *last)
{
    struct target_position from, to;
    struct target_stop stop;
    struct target_resume how = {.reverse = rnd(2), .step = rnd(2)};
    if (rnd(6) == 0) {
        uint64_t t = rnd(4) || !n_sigs ? rnd(n_insns + 1) : sigs[rnd(n_sigs)].t;
        CHECK_OK(target_seek(g, &(struct target_position){.has_t = true, .t = t, .in_signal = rnd(2)}));
        *last = (struct answer){.order = TOLD};
    }
    target_where(g, &from);
    struct place p = place_of(&from);
    uint32_t tid = from.tid;
    if (how.step && rnd(4) == 0 && n_insns)
        tid = how.tid = insns[rnd(n_insns)].tid;
    struct answer want = how.reverse ? backwards(p, how.step ? tid : 0)
                                     : forwards(p, last->order, last->tid, how.step ? tid : 0);
    CHECK_OK(target_resume(g, &how, &stop));
    target_where(g, &to);
    struct place got = place_of(&to);
    if (stop.kind != want.kind || got.t != want.at.t || got.sig != want.at.sig ||
        (want.tid && stop.tid != want.tid)) {
        fprintf(stderr,
                "from t %" PRIu64 ".%u%s%s tid %u: got %s at %" PRIu64 ".%u tid %u, expected %s at %" PRIu64
                ".%u tid %u\n",
                p.t, p.sig, how.reverse ? " reverse" : "", how.step ? " step" : "", tid, kinds[stop.kind],
                got.t, got.sig, stop.tid, kinds[want.kind], want.at.t, want.at.sig, want.tid);
        exit(1);
    }
    *last = want;
    if (rnd(4) == 0)
        check_state(g);
    if (rnd(40) == 0)
        check_branch(g);
    if (rnd(80) == 0 && n_mems) {
        check_reads(g);
        last->order = TOLD;
        CHECK_OK(target_seek(g, &from));
    }
}

int main(int argc, char **argv)
{
    struct target *g;
    struct answer last = {.order = TOLD};
    _cleanup_free_ char *path = NULL;
    if (argc < 2)
        return 2;
    long rounds = argc > 2 ? atol(argv[2]) : 2000;
    state = argc > 3 ? strtoull(argv[3], NULL, 0) : (uint64_t)time(NULL) * 2 + 1;
    printf("seed %" PRIu64 "\n", state);
    CHECK_OK(fs_join(argv[1], "index.db", &path));
    CHECK_OK(db_open(path, &db));
    load();
    load_all_events();
    CHECK_OK(target_open(argv[1], NULL, &g));
    CHECK(target_has_index(g));
    for (long i = 0; i < rounds; i++) {
        if (i % 20 == 0)
            choose(g);
        ask(g, &last);
    }
    target_close(g);
    db_close(db);
    printf("%" PRIu64 " instructions, %" PRIu64 " writes, %" PRIu64 " signals: %ld questions, %" PRIu64
           " states, %" PRIu64 " branches (%" PRIu64 " refused), %" PRIu64 " reads: passed\n",
           n_insns, n_mems, n_sigs, rounds, n_states, n_branches, n_no_branches, n_reads);
    CHECK(n_no_branches <= 1 + n_branches / 4);
    return 0;
}
