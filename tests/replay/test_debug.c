/* test_debug DIR [SEED]: breakpoints, watches, steps and what they stop at, compared with the index log of the same
 * recording, in which every instruction and every write is written down by other means. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "replayer/debug.h"

#define MAX_INSNS 60000000u

struct insn_seen {
    gaddr rip;
    uint32_t tid, pid;
};
struct write_seen {
    gaddr addr;
    uint32_t n_bytes, insn, pid; /* insn: number of the instruction */
    bool kernel;
};

static struct insn_seen *insns;
static struct write_seen *writes;
static size_t n_insns, n_writes, n_failed;
static gaddr faults[4096];
static size_t n_faults, n_calls, n_signals, n_tasks;
static const char *dir;

static void ok(struct odb_err *e, int line)
{
    if (!e)
        return;
    fprintf(stderr, "%s:%d: %s\n", __FILE__, line, odb_err_text(e));
    exit(1);
}
#define OK(e) ok(e, __LINE__)

#define FAIL(...)                                  \
    do {                                           \
        fprintf(stderr, "%s:%d: ", dir, __LINE__); \
        fprintf(stderr, __VA_ARGS__);              \
        fputc('\n', stderr);                       \
        if (++n_failed > 20)                       \
            exit(1);                               \
    } while (0)

/* ---- what really happened ---- */

static void take_log(const uint8_t *at, size_t n_bytes)
{
    static uint32_t tid, pid;
    const uint8_t *end = at + n_bytes;
    while (at < end) {
        const struct odb_log *l = (const struct odb_log *)(const void *)at;
        size_t n = (l->n + 7) & ~(size_t)7;
        at += sizeof(*l);
        switch (l->kind) {
        case ODB_LOG_INSN:
            n = 0;
            if (n_insns < MAX_INSNS)
                insns[n_insns++] = (struct insn_seen){l->arg, tid, pid};
            break;
        case ODB_LOG_MEM:
            n *= 2;
            if (n_insns < MAX_INSNS)
                writes[n_writes++ % MAX_INSNS] =
                    (struct write_seen){l->arg, l->n, (uint32_t)n_insns - 1, pid, l->reg != 0};
            break;
        case ODB_LOG_SYSCALL: n_calls++; break;
        case ODB_LOG_TASK: n_tasks++; break;
        case ODB_LOG_START:
            tid = (uint32_t)l->arg;
            pid = (uint32_t)(l->arg >> 32);
            break;
        case ODB_LOG_SIGNAL: {
            const struct odb_ev_fault *f = (const struct odb_ev_fault *)(const void *)at;
            n_signals++;
            if (f->ev.type == ODB_EV_FAULT && n_faults < 4096)
                faults[n_faults++] = f->regs.rip;
            break;
        }
        default: break;
        }
        at += n;
    }
}

static void learn(void)
{
    struct replay *r;
    const struct odb_stop *s;
    insns = calloc(MAX_INSNS, sizeof(*insns));
    writes = calloc(MAX_INSNS, sizeof(*writes));
    OK(replay_open(dir, &(struct replay_options){.out_fd = {-1, -1, -1}, .index = true}, &r));
    do {
        size_t n;
        OK(replay_run(r, NULL, &s));
        const void *log = replay_log(r, &n);
        take_log(log, n);
    } while (s->reason == ODB_STOP_LOG_FULL && n_insns < MAX_INSNS);
    replay_close(r);
}

static bool faulted(gaddr rip)
{
    for (size_t i = 0; i < n_faults; i++)
        if (faults[i] == rip)
            return true;
    return false;
}

/* ---- helpers ---- */

static struct replay *open_world(const char *mode)
{
    struct replay *r;
    OK(replay_open(dir,
                   &(struct replay_options){.out_fd = {-1, -1, -1},
                                            .no_vector_ticks = strcmp(mode, "no-vector-ticks") == 0,
                                            .no_superblocks = strcmp(mode, "no-superblocks") == 0},
                   &r));
    return r;
}

/* The same place again, without any stops in force. */
static void compare_place(const struct odb_stop *s)
{
    struct replay *r = open_world("plain");
    const struct odb_stop *t;
    OK(replay_run(r,
                  &(struct odb_run){.flags = ODB_RUN_TO_POS | ODB_RUN_TO_RUN,
                                    .tid = s->tid,
                                    .tick = s->tick,
                                    .rip = s->regs.rip,
                                    .run_number = s->run_number},
                  &t));
    if (t->reason != ODB_STOP_POSITION || t->run_number != s->run_number || t->tid != s->tid ||
        t->tick != s->tick || t->event != s->event || memcmp(&t->regs, &s->regs, sizeof(t->regs)) != 0) {
        FAIL("the same place is another: reason %u run %" PRIu64 " tick %" PRIu64 " rip 0x%" PRIx64
             " event %" PRIu64 " flags 0x%" PRIx64 ", not run %" PRIu64 " tick %" PRIu64 " rip 0x%" PRIx64
             " event %" PRIu64 " flags 0x%" PRIx64 " %s",
             t->reason, t->run_number, t->tick, t->regs.rip, t->event, t->regs.rflags, s->run_number, s->tick,
             s->regs.rip, s->event, s->regs.rflags, t->text);
        for (int i = 0; i < ODB_N_GPR; i++)
            if (t->regs.gpr[i] != s->regs.gpr[i])
                FAIL("  register %d 0x%" PRIx64 " 0x%" PRIx64, i, t->regs.gpr[i], s->regs.gpr[i]);
    }
    replay_close(r);
}

static const char *const modes[] = {"plain", "no-vector-ticks", "no-superblocks"};

/* ---- breakpoints ---- */

static bool is_one_of(gaddr rip, const struct replay_break *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (b[i].addr == rip)
            return true;
    return false;
}

static void test_breaks(size_t n_breaks, const char *mode, size_t n_compared)
{
    struct replay_break b[8];
    size_t at = 0, n_hits = 0, n_want = 0;
    uint64_t n_last;
    for (size_t i = 0; i < n_breaks; i++) {
        do
            b[i] = (struct replay_break){insns[(size_t)random() % n_insns].rip, 0};
        while (faulted(b[i].addr));
    }
    for (size_t i = 1; i < n_insns; i++)
        n_want += is_one_of(insns[i].rip, b, n_breaks);
    bool all = n_want < 20000;
    struct replay *r = open_world(mode);
    const struct odb_stop *s;
    OK(replay_set_stops(r, &(struct replay_stops){.breaks = b, .n_breaks = n_breaks}));
    for (; all || n_hits < 5000; n_hits++) {
        OK(replay_run(r, &(struct odb_run){.flags = ODB_RUN_STOPS}, &s));
        if (s->reason != ODB_STOP_BREAK)
            break;
        do
            at++;
        while (at < n_insns && !is_one_of(insns[at].rip, b, n_breaks));
        if (at >= n_insns || insns[at].rip != s->regs.rip || insns[at].tid != s->tid) {
            FAIL("hit %zu of tid %u at 0x%" PRIx64 ", expected tid %u at 0x%" PRIx64, n_hits, s->tid,
                 s->regs.rip, at < n_insns ? insns[at].tid : 0, at < n_insns ? insns[at].rip : 0);
            break;
        }
        if (n_compared && random() % (long)(n_want / n_compared + 1) == 0) {
            n_compared--;
            compare_place(s);
        }
    }
    if (all && (s->reason != ODB_STOP_END || n_hits != n_want))
        FAIL("%zu hits of %zu, reason %u %s%s", n_hits, n_want, s->reason, s->text, s->divergence.what);
    replay_close(r);
    r = open_world(mode);
    OK(replay_set_stops(r, &(struct replay_stops){.breaks = b, .n_breaks = n_breaks}));
    OK(replay_run(r, &(struct odb_run){.flags = ODB_RUN_STOPS | ODB_RUN_LAST}, &s));
    const struct odb_stop *last = replay_last_hit(r, &n_last);
    if (s->reason != ODB_STOP_END || n_last != n_want ||
        (n_last && (last->reason != ODB_STOP_BREAK || !is_one_of(last->regs.rip, b, n_breaks))))
        FAIL("%" PRIu64 " hits of %zu counted, reason %u %s", n_last, n_want, s->reason, s->divergence.what);
    else if (n_last)
        compare_place(last);
    replay_close(r);
}

/* ---- steps ---- */

static void check_at(const struct odb_stop *s, size_t t, const char *what)
{
    if (t < n_insns &&
        (s->reason != ODB_STOP_POSITION || s->regs.rip != insns[t].rip || s->tid != insns[t].tid))
        FAIL("%s: at t %zu reason %u tid %u rip 0x%" PRIx64 ", expected tid %u rip 0x%" PRIx64, what, t,
             s->reason, s->tid, s->regs.rip, insns[t].tid, insns[t].rip);
}

static void test_steps(const char *mode)
{
    struct replay *r = open_world(mode);
    const struct odb_stop *s = replay_where(r);
    size_t t = 0;
    while (t < n_insns && n_insns - t > 1) {
        size_t n = 1 + (size_t)random() % (random() % 4 ? 3 : 1 + n_insns / 40);
        OK(replay_run(r, &(struct odb_run){.flags = ODB_RUN_STEPS, .steps = n}, &s));
        t += n;
        if (t >= n_insns)
            break;
        check_at(s, t, "steps");
        if (s->reason != ODB_STOP_POSITION)
            break;
        if (s->by.rip != insns[t - 1].rip || s->by.tid != insns[t - 1].tid)
            FAIL("steps: the last was 0x%" PRIx64 ", not 0x%" PRIx64, s->by.rip, insns[t - 1].rip);
        /* and some of the way at full speed */
        struct replay_break b = {insns[t + (size_t)random() % (n_insns - t)].rip, 0};
        size_t to = t + 1;
        while (to < n_insns && insns[to].rip != b.addr)
            to++;
        if (random() % 4 || faulted(b.addr) || to == n_insns)
            continue;
        OK(replay_set_stops(r, &(struct replay_stops){.breaks = &b, .n_breaks = 1}));
        OK(replay_run(r, &(struct odb_run){.flags = ODB_RUN_STOPS}, &s));
        if (s->reason != ODB_STOP_BREAK || s->regs.rip != b.addr || s->tid != insns[to].tid)
            FAIL("steps: no break at t %zu, reason %u %s", to, s->reason, s->text);
        t = to;
    }
    OK(replay_run(r, NULL, &s));
    if (s->reason != ODB_STOP_END)
        FAIL("steps: no end: %u %s %s", s->reason, s->text, s->divergence.what);
    replay_close(r);
}

/* ---- watches ---- */

struct watch_test {
    struct replay_stops stops;
    size_t at, n_hits;  /* writes looked at; hits of different instructions */
    uint32_t last_insn; /* of the last hit */
    uint64_t n_stops;
    struct odb_place final; /* of the last stop */
};

/* The next write that one of the watches sees, by another instruction than the last; false: none. */
static bool next_write(struct watch_test *t)
{
    const struct replay_watch *w = t->stops.watches;
    for (; t->at < n_writes; t->at++) {
        const struct write_seen *x = &writes[t->at];
        for (size_t i = 0; i < t->stops.n_watches && x->insn != t->last_insn; i++)
            if (x->addr < w[i].addr + w[i].n_bytes && x->addr + x->n_bytes > w[i].addr &&
                (!w[i].pid || w[i].pid == x->pid)) {
                t->last_insn = x->insn;
                return true;
            }
    }
    return false;
}

/* The stop is that of the next write. */
static bool check_hit(struct watch_test *t, const struct odb_stop *s)
{
    t->n_stops++;
    if (t->n_hits && memcmp(&s->by, &t->final, sizeof(t->final)) == 0 && t->stops.n_watches > 1)
        return true; /* one instruction touched two of them */
    t->final = s->by;
    if (!next_write(t)) {
        FAIL("watch: hit %zu at 0x%" PRIx64 " by 0x%" PRIx64 ", expected none", t->n_hits, s->watch_addr,
             s->by.rip);
        return false;
    }
    const struct write_seen *x = &writes[t->at];
    const struct insn_seen *by = &insns[x->insn];
    t->n_hits++;
    if (x->kernel ||
        (s->by.rip == by->rip && s->by.tid == by->tid)) /* a signal's frame is no instruction's */
        return true;
    FAIL("watch of 0x%" PRIx64 ": hit %zu by %u at 0x%" PRIx64 " (run %" PRIu64 "), expected %u at 0x%" PRIx64
         ", t %u, which writes %u at 0x%" PRIx64,
         s->watch_addr, t->n_hits, s->by.tid, s->by.rip, s->by.run_number, by->tid, by->rip, x->insn,
         x->n_bytes, x->addr);
    return false;
}

/* All in one run, in which hits are only counted. */
static void check_counted(const struct watch_test *t, const char *mode)
{
    struct replay *r = open_world(mode);
    const struct odb_stop *s;
    uint64_t n;
    OK(replay_set_stops(r, &t->stops));
    OK(replay_run(r, &(struct odb_run){.flags = ODB_RUN_STOPS | ODB_RUN_LAST}, &s));
    const struct odb_place *by = &replay_last_hit(r, &n)->by;
    if (s->reason != ODB_STOP_END || n != t->n_stops || (n && memcmp(by, &t->final, sizeof(*by)) != 0))
        FAIL("watch: %" PRIu64 " hits of %" PRIu64 " counted, the last by 0x%" PRIx64 " at tick %" PRIu64
             ", not 0x%" PRIx64 " at %" PRIu64,
             n, t->n_stops, by->rip, by->tick, t->final.rip, t->final.tick);
    replay_close(r);
}

static void test_watch(size_t n_watches, const char *mode, size_t n_compared)
{
    struct replay_watch w[4];
    struct watch_test t = {.stops = {.watches = w, .n_watches = n_watches}, .last_insn = UINT32_MAX};
    for (size_t i = 0; i < n_watches; i++) {
        const struct write_seen *x = &writes[(size_t)random() % n_writes];
        w[i] = (struct replay_watch){
            .addr = x->addr, .n_bytes = 1 + (uint64_t)random() % 16, .kind = REPLAY_WATCH_WRITE};
        if (random() % 4 == 0)
            w[i].pid = x->pid;
    }
    struct replay *r = open_world(mode);
    const struct odb_stop *s = NULL;
    OK(replay_set_stops(r, &t.stops));
    while (t.n_hits < 3000) {
        OK(replay_run(r, &(struct odb_run){.flags = ODB_RUN_STOPS}, &s));
        if (s->reason != ODB_STOP_WATCH || !check_hit(&t, s))
            break;
        if (n_compared && random() % 20 == 0) {
            n_compared--;
            compare_place(s);
        }
    }
    bool ended = s && s->reason == ODB_STOP_END;
    if (s && s->reason != ODB_STOP_WATCH && (!ended || next_write(&t)))
        FAIL("watch: %zu hits, then not the next; reason %u %s", t.n_hits, s->reason, s->text);
    replay_close(r);
    if (ended)
        check_counted(&t, mode);
}

/* Reads are in no log: what translated code finds against what is found one instruction after the other. */
static void test_access(const char *mode)
{
    static const uint32_t kinds[] = {REPLAY_WATCH_READ, REPLAY_WATCH_ACCESS, REPLAY_WATCH_WRITE};
    struct replay_watch w[2];
    for (int i = 0; i < 2; i++)
        w[i] = (struct replay_watch){.addr = writes[(size_t)random() % n_writes].addr,
                                     .n_bytes = 1 + (uint64_t)random() % 40,
                                     .kind = kinds[random() % 3]};
    const struct replay_stops stops = {.watches = w, .n_watches = 1 + (size_t)random() % 2};
    uint64_t n[2];
    struct odb_place last[2];
    for (int i = 0; i < 2; i++) {
        struct replay *r = open_world(mode);
        const struct odb_stop *s;
        OK(replay_set_stops(r, &stops));
        OK(replay_run(
            r, &(struct odb_run){.flags = ODB_RUN_STOPS | ODB_RUN_LAST | (i ? (uint32_t)ODB_RUN_HOOK : 0)},
            &s));
        last[i] = replay_last_hit(r, &n[i])->by;
        if (s->reason != ODB_STOP_END)
            FAIL("access: reason %u %s", s->reason, s->divergence.what);
        replay_close(r);
    }
    if (n[0] != n[1] || (n[0] && memcmp(&last[0], &last[1], sizeof(last[0])) != 0))
        FAIL("access: %" PRIu64 " hits, %" PRIu64 " one by one; last by 0x%" PRIx64 " and 0x%" PRIx64, n[0],
             n[1], last[0].rip, last[1].rip);
}

/* ---- catches ---- */

static void test_catches(const char *mode)
{
    size_t entries = 0, returns = 0, signals = 0, tasks = 0;
    struct replay *r = open_world(mode);
    const struct odb_stop *s;
    OK(replay_set_stops(r, &(struct replay_stops){.catch_ = REPLAY_CATCH_SYSCALLS | REPLAY_CATCH_SIGNALS |
                                                            REPLAY_CATCH_TASKS}));
    for (;;) {
        OK(replay_run(r, &(struct odb_run){.flags = ODB_RUN_STOPS}, &s));
        entries += s->reason == ODB_STOP_SYSCALL_ENTRY;
        returns += s->reason == ODB_STOP_SYSCALL_RETURN;
        signals += s->reason == ODB_STOP_SIGNAL;
        tasks += s->reason == ODB_STOP_TASK;
        if (s->reason < ODB_STOP_BREAK)
            break;
        if (random() % 64 == 0 && s->reason != ODB_STOP_TASK)
            compare_place(s);
    }
    /* calls that do not return: exit, exec; a killed process may leave one that never ends */
    if (s->reason != ODB_STOP_END || returns > n_calls || n_calls - returns > 64 || entries < returns)
        FAIL("catches: %zu calls entered, %zu returned, %zu recorded; reason %u %s%s", entries, returns,
             n_calls, s->reason, s->text, s->divergence.what);
    if (signals < n_signals)
        FAIL("catches: %zu signals of %zu", signals, n_signals);
    printf("%zu of %zu calls, %zu returns, %zu signals, %zu of %zu tasks\n", entries, n_calls, returns,
           signals, tasks, n_tasks);
    replay_close(r);
}

/* ---- interruptions ---- */

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t interrupted_at;

static void *interrupt_soon(void *arg)
{
    usleep((useconds_t)(random() % 3000));
    interrupted_at = now_ns();
    replay_interrupt(arg);
    return NULL;
}

static void test_interrupt(const char *mode, bool hook)
{
    struct replay *r = open_world(mode);
    const struct odb_stop *s;
    int n = 0;
    do {
        pthread_t t;
        pthread_create(&t, NULL, interrupt_soon, r);
        OK(replay_run(r, &(struct odb_run){.flags = hook ? (uint32_t)ODB_RUN_STEPS : 0, .steps = 1u << 30},
                      &s));
        uint64_t stopped = now_ns();
        pthread_join(t, NULL);
        if (s->reason != ODB_STOP_INTERRUPTED)
            break;
        if (stopped - interrupted_at > 500000000)
            FAIL("interrupted only after %" PRIu64 " ms", (stopped - interrupted_at) / 1000000);
        if (n++ < 3)
            compare_place(s);
    } while (n < 8);
    OK(replay_run(r, NULL, &s));
    if (s->reason == ODB_STOP_INTERRUPTED)
        OK(replay_run(r, NULL, &s));
    if (s->reason != ODB_STOP_END)
        FAIL("interrupted: no end: %u %s %s", s->reason, s->text, s->divergence.what);
    printf("%d interruptions\n", n);
    replay_close(r);
}

/* An interruption that comes with the end of a step does not hide it. */
static void test_interrupted_steps(const char *mode)
{
    struct replay *r = open_world(mode);
    const struct odb_stop *s;
    uint64_t t = 0;
    for (int i = 0; i < 3000; i++) {
        replay_interrupt(r);
        OK(replay_run(r, &(struct odb_run){.flags = ODB_RUN_STEPS, .steps = 1}, &s));
        t += s->steps;
        if (s->steps != (s->reason == ODB_STOP_POSITION) || s->regs.rip != insns[t].rip) {
            FAIL("interrupted step: reason %u, %" PRIu64 " steps, t %" PRIu64 ", rip 0x%" PRIx64 " 0x%" PRIx64,
                 s->reason, s->steps, t, (uint64_t)s->regs.rip, (uint64_t)insns[t].rip);
            break;
        }
    }
    if (t < 1000)
        FAIL("interrupted steps: only %" PRIu64 " of 3000 are done", t);
    replay_close(r);
}

/* ---- branches ---- */

static void test_branch(const char *mode)
{
    struct replay *r = open_world(mode), *b;
    const struct odb_stop *s;
    struct odb_log_map *maps;
    size_t n_maps;
    for (int i = 0; i < 10; i++) {
        OK(replay_run(
            r, &(struct odb_run){.flags = ODB_RUN_STEPS, .steps = 1 + (uint64_t)random() % (n_insns / 12)},
            &s));
        if (s->reason != ODB_STOP_POSITION)
            break;
        OK(replay_maps(r, 0, &maps, &n_maps));
        bool found = false;
        for (size_t k = 0; k < n_maps; k++)
            found |= maps[k].start <= s->regs.rip && s->regs.rip < maps[k].end && maps[k].prot & 4;
        if (!found)
            FAIL("no map of 0x%" PRIx64, s->regs.rip);
        free(maps);
        OK(replay_checkpoint(r, &b));
        OK(replay_branch(b));
        /* rbx = 0x1234 through written code: mov ebx, 0x1234; jmp $ */
        static const uint8_t code[] = {0xbb, 0x34, 0x12, 0, 0, 0x31, 0xc0, 0xeb, 0xfe};
        gaddr at = s->regs.rip;
        struct odb_regs regs = s->regs;
        regs.gpr[ODB_RAX] = 77;
        OK(replay_write(b, 0, at, code, sizeof(code)));
        OK(replay_set_registers(b, 0, &regs, NULL));
        struct replay_break brk = {at + 7, 0};
        OK(replay_set_stops(b, &(struct replay_stops){.breaks = &brk, .n_breaks = 1}));
        OK(replay_run(b, &(struct odb_run){.flags = ODB_RUN_STEPS, .steps = 1}, &s));
        if (s->reason != ODB_STOP_POSITION || s->regs.rip != at + 5 || s->regs.gpr[ODB_RBX] != 0x1234 ||
            s->regs.gpr[ODB_RAX] != 77)
            FAIL("branch: step: reason %u rip 0x%" PRIx64 " rbx 0x%" PRIx64, s->reason, s->regs.rip,
                 s->regs.gpr[ODB_RBX]);
        OK(replay_run(b, &(struct odb_run){.flags = ODB_RUN_STOPS}, &s));
        if (s->reason != ODB_STOP_BREAK || s->regs.rip != at + 7 || s->regs.gpr[ODB_RAX] != 0)
            FAIL("branch: break: reason %u rip 0x%" PRIx64, s->reason, s->regs.rip);
        replay_interrupt(b);
        OK(replay_run(b, &(struct odb_run){.flags = ODB_RUN_STOPS}, &s));
        if (s->reason != ODB_STOP_BREAK && s->reason != ODB_STOP_INTERRUPTED)
            FAIL("branch: loop: reason %u", s->reason);
        regs.rip = 8; /* nothing there */
        OK(replay_set_registers(b, 0, &regs, NULL));
        OK(replay_run(b, &(struct odb_run){.flags = ODB_RUN_STEPS, .steps = 1000}, &s));
        if (s->reason != ODB_STOP_SIGNAL || s->signo != 11)
            printf("branch: jump to 8: reason %u signo %d\n", s->reason, s->signo);
        replay_close(b);
        OK(replay_checkpoint(r, &b)); /* and once freely */
        OK(replay_branch(b));
        OK(replay_run(b, &(struct odb_run){.flags = ODB_RUN_STEPS, .steps = 20000}, &s));
        replay_close(b);
    }
    OK(replay_run(r, NULL, &s));
    if (s->reason != ODB_STOP_END)
        FAIL("branch: no end: %u %s %s", s->reason, s->text, s->divergence.what);
    replay_close(r);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    dir = argv[1];
    setlinebuf(stdout);
    srandom(argc > 2 ? (unsigned)atoi(argv[2]) : 1);
    learn();
    printf("%zu instructions, %zu writes, %zu faults\n", n_insns, n_writes, n_faults);
    for (int i = 0; i < 9; i++) {
        test_breaks(1 + (size_t)i % 8, modes[i % 3], 4);
        if (n_failed)
            break;
    }
    for (int i = 0; i < 3; i++)
        test_steps(modes[i]);
    for (int i = 0; i < 6; i++)
        test_watch(1, modes[i % 3], 4);
    for (int i = 0; i < 3; i++)
        test_watch(1 + (size_t)i, modes[i % 3], 4);
    for (int i = 0; i < 6; i++)
        test_access(modes[i % 3]);
    for (int i = 0; i < 2; i++)
        test_catches(modes[i]);
    for (int i = 0; i < 3; i++)
        test_interrupt(modes[i % 2], i == 2);
    test_interrupted_steps(modes[0]);
    for (int i = 0; i < 2; i++)
        test_branch(modes[i]);
    printf("%zu failures\n", n_failed);
    return n_failed != 0;
}
