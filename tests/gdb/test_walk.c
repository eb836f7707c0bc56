/* test_walk DIR [STEPS [SEED]]: the two kinds of targets on one recording, in step.
 *
 * A random walk, forwards and backwards: single steps, breakpoints, watched ranges, system calls, seeks to events. After each move
 * both targets, the one over the index and the one over a replay, must have stopped for the same reason, and show
 * the same registers (x87 and vectors too) and memory: so replay lands where `odb query` says it should. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "gdb/target.h"

static struct target *index_g, *replay_g;
static int n_failed, n_moves;
static char doing[200];
static gaddr rips[512], places[512]; /* seen: for breakpoints and watches */
static unsigned n_seen;
static bool verbose;

static void ok(struct odb_err *e, int line)
{
    if (!e)
        return;
    fprintf(stderr, "%s:%d: move %d, %s: %s\n", __FILE__, line, n_moves, doing, odb_err_text(e));
    exit(1);
}
#define OK(e) ok(e, __LINE__)

static void fail(const char *what, uint64_t a, uint64_t b)
{
    struct target_position p, q;
    n_failed++;
    target_where(index_g, &p);
    target_where(replay_g, &q);
    fprintf(stderr,
            "move %d, %s: %s: index 0x%" PRIx64 ", replay 0x%" PRIx64 " (t %" PRIu64 " tid %u rip 0x%" PRIx64
            "; event %" PRIu64 " tid %u rip 0x%" PRIx64 ")\n",
            n_moves, doing, what, a, b, p.t, p.tid, p.rip, q.event, q.tid, q.rip);
}

static void compare_registers(uint32_t tid)
{
    static struct target_regs a, b;
    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));
    OK(target_registers(index_g, tid, &a));
    OK(target_registers(replay_g, tid, &b));
    a.rflags &= ~0x10000ull; /* RF is set in the frame of a fault only */
    const uint64_t *x = (const uint64_t *)&a, *y = (const uint64_t *)&b;
    for (unsigned i = 0; i < 20; i++)
        if (x[i] != y[i])
            fail(i < 16    ? "general register"
                 : i == 16 ? "rip"
                 : i == 17 ? "rflags"
                           : "segment base",
                 x[i], y[i]);
    for (int i = 0; i < 8; i++)
        if (memcmp(a.st[i], b.st[i], 10) != 0)
            fail("st", (uint64_t)i, 0);
    if (a.fctrl != b.fctrl || a.fstat != b.fstat || a.ftag != b.ftag || a.mxcsr != b.mxcsr)
        fail("x87 control or mxcsr", (uint64_t)a.ftag << 32 | a.mxcsr, (uint64_t)b.ftag << 32 | b.mxcsr);
    for (unsigned i = 0; i < (a.vector_bytes == 64 ? 32u : 16u); i++)
        if (memcmp(a.vec[i], b.vec[i], a.vector_bytes) != 0)
            fail("vector register", i, odb_hash64(b.vec[i], a.vector_bytes, 0));
    unsigned n = n_seen++ % 512;
    rips[n] = b.rip;
    places[n] = b.gpr[ODB_RSP] - 8 * (uint64_t)(random() % 4);
}

static void compare_memory(uint32_t pid, gaddr addr, size_t n_bytes)
{
    static uint8_t a[1 << 16], b[1 << 16];
    size_t n, m;
    OK(target_read(index_g, pid, addr, a, n_bytes, &n));
    OK(target_read(replay_g, pid, addr, b, n_bytes, &m));
    bool zeros = n > 0;
    for (size_t i = 0; i < n; i++)
        zeros &= !a[i];
    if (m == 0 && zeros) /* behind the end of a mapped file an index has zeros */
        return;
    if (n != m) {
        fprintf(stderr, "at 0x%" PRIx64 ": ", addr);
        fail("readable bytes", n, m);
    }
    for (size_t i = 0; i < n && i < m; i++)
        if (a[i] != b[i]) {
            fail("memory at", addr + i, (uint64_t)a[i] << 8 | b[i]);
            return;
        }
}

static void compare_threads(void)
{
    struct target_thread *a, *b;
    size_t n, m;
    OK(target_threads(index_g, &a, &n));
    OK(target_threads(replay_g, &b, &m));
    for (size_t i = 0; i < n; i++) { /* a replay shows those that have not run yet, too */
        size_t k = 0;
        while (k < m && (b[k].tid != a[i].tid || b[k].pid != a[i].pid))
            k++;
        if (k == m)
            fail("a thread that does not live", a[i].tid, 0);
    }
    for (size_t i = 0; i < n && n_failed < 10; i++)
        if (random() % 4 == 0)
            compare_registers(a[i].tid);
    free(a);
    free(b);
}

static void compare_all(void)
{
    struct target_position p, q;
    target_where(index_g, &p);
    target_where(replay_g, &q);
    if (verbose)
        fprintf(stderr,
                "%d: %s: t %" PRIu64 " tid %u rip 0x%" PRIx64 "; run %" PRIu64 " tick %" PRIu64
                " event %" PRIu64 "\n",
                n_moves, doing, p.t, p.tid, p.rip, q.run, q.tick, q.event);
    if (p.tid != q.tid || p.rip != q.rip)
        fail("place", p.rip, q.rip);
    compare_registers(0);
    struct target_regs r;
    OK(target_registers(replay_g, 0, &r));
    if (p.in_signal) /* the frame is a write of the instruction before, in an index */
        return;
    compare_memory(0, (r.gpr[ODB_RSP] & ~4095ull) - 4096, 16384);
    if (n_moves % 8 == 0) {
        compare_threads();
        struct target_map *maps;
        size_t n;
        OK(target_maps(replay_g, 0, &maps, &n));
        const struct target_map *m = &maps[(size_t)random() % n];
        gaddr at = m->start + ((uint64_t)random() * 4096) % (m->end - m->start);
        if (m->prot[0] == 'r' && strcmp(m->name, "[vdso]") != 0)
            compare_memory(0, at & ~4095ull, 4096);
        free(maps);
    }
}

static bool is_plain(enum target_stop_kind kind)
{
    return kind == TARGET_STOP_BREAK || kind == TARGET_STOP_WATCH || kind == TARGET_STOP_SYSCALL_ENTRY ||
           kind == TARGET_STOP_SYSCALL_RETURN || kind == TARGET_STOP_SIGNAL;
}

static void seek(uint64_t n_events);
static uint64_t n_events;

/* Behind a fork, where another runs next: a replay stops before the switch, an index has no place there. */
static bool switched_behind(const struct target_stop *stop)
{
    bool task = stop->kind == TARGET_STOP_FORK || stop->kind == TARGET_STOP_CLONE;
    struct target_position p, q;
    target_where(index_g, &p);
    target_where(replay_g, &q);
    return task && p.tid != q.tid && q.tid == stop->tid;
}

static void resume(const struct target_resume *how)
{
    struct target_stop a, b;
    OK(target_resume(index_g, how, &a));
    OK(target_resume(replay_g, how, &b));
    if (verbose)
        fprintf(stderr, "   stops: %d tid %u, %d tid %u\n", (int)a.kind, a.tid, (int)b.kind, b.tid);
    if (a.kind == TARGET_STOP_END && b.kind == TARGET_STOP_BREAK)
        OK(target_resume(replay_g, how,
                         &b)); /* at the last instruction, which did not complete: executions ... */
    if (a.kind == TARGET_STOP_SYSCALL_RETURN && (a.number == 59 || a.number == 322) && b.kind != a.kind)
        OK(target_resume(index_g, how, &a));                      /* only an index tells of execve's return */
    if (is_plain(a.kind) && is_plain(b.kind) && a.kind != b.kind) /* both are there: see compare_all() */
        b = a;
    if (a.kind == TARGET_STOP_SIGNAL && b.kind == TARGET_STOP_BREAK && !how->reverse)
        OK(target_resume(replay_g, how, &b)); /* at an instruction that faults: executions does not have it */
    if (b.kind == TARGET_STOP_SIGNAL && a.kind != b.kind && a.kind != TARGET_STOP_SYSCALL_RETURN)
        OK(target_resume(replay_g, how, &b)); /* one that kills and is no fault */
    if (a.kind == TARGET_STOP_VFORK && b.kind == a.kind && how->reverse) {
        seek(
            n_events); /* the parent's call is made only behind the child's end: an index has no place before it */
        return;
    }
    if (b.kind == TARGET_STOP_START && how->step) {
        seek(n_events); /* the thread's beginning; target_db goes on to what is before it */
        return;
    }
    if (switched_behind(&a) && a.kind == b.kind && a.tid == b.tid && a.other_tid == b.other_tid) {
        compare_registers(a.tid);
        seek(n_events);
        return;
    }
    if (a.kind != b.kind)
        fail("kind of stop", a.kind, b.kind);
    else if (a.tid != b.tid || a.pid != b.pid)
        fail("thread that stopped", a.tid, b.tid);
    else if (a.addr != b.addr || a.number != b.number || a.signo != b.signo || a.other_tid != b.other_tid)
        fail("what stopped", a.addr + (uint64_t)a.number + (uint64_t)a.signo + a.other_tid,
             b.addr + (uint64_t)b.number + (uint64_t)b.signo + b.other_tid);
    compare_all();
}

static void steps(bool reverse)
{
    int n = 1 + (int)(random() % 6);
    snprintf(doing, sizeof(doing), "%s", reverse ? "step back" : "step");
    for (int i = 0; i < n && n_failed < 10; i++, n_moves++)
        resume(&(struct target_resume){.reverse = reverse, .step = true});
}

static void go_on(bool reverse)
{
    unsigned have = n_seen < 512 ? n_seen : 512;
    gaddr b[3], w = places[(unsigned)random() % have] & ~7ull;
    int n = (int)(random() % 4);
    bool watch = random() % 3 == 0, calls = random() % 4 == 0;
    snprintf(doing, sizeof(doing), "%s with %d breaks%s 0x%" PRIx64 "%s", reverse ? "back" : "on", n,
             watch ? ", watch" : "", watch ? w : 0, calls ? ", system calls" : "");
    for (int i = 0; i < n; i++) {
        b[i] = rips[(unsigned)random() % have];
        OK(target_insert_break(index_g, 0, b[i]));
        OK(target_insert_break(replay_g, 0, b[i]));
    }
    if (watch) {
        OK(target_insert_watch(index_g, 0, TARGET_WATCH_WRITE, w, 8));
        OK(target_insert_watch(replay_g, 0, TARGET_WATCH_WRITE, w, 8));
    }
    struct target_catch c = {.syscalls = calls, .forks = !calls, .vforks = !calls, .execs = !calls};
    OK(target_set_catch(index_g, &c));
    OK(target_set_catch(replay_g, &c));
    for (int i = 0; i < 2 && n_failed < 10; i++, n_moves++)
        resume(&(struct target_resume){.reverse = reverse});
    for (int i = 0; i < n; i++) {
        OK(target_remove_break(index_g, 0, b[i]));
        OK(target_remove_break(replay_g, 0, b[i]));
    }
    if (watch) {
        OK(target_remove_watch(index_g, 0, TARGET_WATCH_WRITE, w, 8));
        OK(target_remove_watch(replay_g, 0, TARGET_WATCH_WRITE, w, 8));
    }
    c = (struct target_catch){0};
    OK(target_set_catch(index_g, &c));
    OK(target_set_catch(replay_g, &c));
}

/* An index knows the places of system calls only: is the replay at one? */
static bool is_at_call(void)
{
    static const uint8_t insn[2] = {0x0f, 0x05};
    struct target_position p;
    uint8_t code[2];
    size_t n;
    target_where(replay_g, &p);
    OK(target_read(replay_g, 0, p.rip, code, 2, &n));
    return n == 2 && memcmp(code, insn, 2) == 0;
}

static void seek(uint64_t n)
{
    char text[40];
    for (int tries = 0; tries < 50; tries++) {
        bool edge = random() % 16 == 0;
        snprintf(text, sizeof(text), "event:%" PRIu64, (uint64_t)random() % (n ? n : 1));
        if (edge)
            snprintf(text, sizeof(text), "%s", random() % 2 ? "start" : "end");
        snprintf(doing, sizeof(doing), "seek %s", text);
        OK(target_seek_text(replay_g, text));
        if (!edge && !is_at_call())
            continue;
        OK(target_seek_text(index_g, text));
        compare_all();
        n_moves++;
        return;
    }
    snprintf(doing, sizeof(doing), "seek start");
    OK(target_seek_text(replay_g, "start"));
    OK(target_seek_text(index_g, "start"));
}

int main(int argc, char **argv)
{
    struct target_position end;
    if (argc < 2)
        return 2;
    int n = argc > 2 ? atoi(argv[2]) : 500;
    srandom(argc > 3 ? (unsigned)atoi(argv[3]) : 1);
    verbose = getenv("WALK_VERBOSE") != NULL;
    snprintf(doing, sizeof(doing), "open");
    OK(target_open(argv[1], NULL, &index_g));
    OK(target_open(argv[1], &(struct target_options){.no_index = true}, &replay_g));
    if (!target_has_index(index_g) || target_has_index(replay_g)) {
        fprintf(stderr, "not one of each kind\n");
        return 1;
    }
    OK(target_seek_text(replay_g, "end"));
    target_where(replay_g, &end);
    n_events = end.event;
    OK(target_seek_text(replay_g, "start"));
    compare_all();
    while (n_moves < n && n_failed < 10)
        switch (random() % 8) {
        case 0: seek(n_events); break;
        case 1: go_on(false); break;
        case 2: go_on(true); break;
        case 3:
        case 4: steps(false); break;
        default: steps(true); break;
        }
    printf("%d moves, %d failures\n", n_moves, n_failed);
    target_close(index_g);
    target_close(replay_g);
    return n_failed != 0;
}
