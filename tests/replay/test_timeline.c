/* test_timeline DIR [ROUNDS [SEED]]: going anywhere in a recording, forwards and backwards.
 *
 * The oracle is one replay with the index log: every instruction in order, and what it wrote. Stops at breakpoints and
 * watched ranges, taken from it at random, must be exactly those of the log, forwards from the start and backwards from
 * the end. Random walks: the same place always shows the same registers and memory; a step forward and one back (and the
 * other way round) lead to where they began; places are in order. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "replayer/timeline.h"
#include "replayer/timeline_impl.h"

#define MAX_INSNS 40000000u
#define MAX_HITS 3000

static int n_failed;
static const char *doing = "";

static void ok(struct odb_err *e, int line)
{
    if (!e)
        return;
    fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, line, doing, odb_err_text(e));
    exit(1);
}
#define OK(e) ok(e, __LINE__)

static void fail(const char *what, uint64_t a, uint64_t b)
{
    if (++n_failed < 20)
        fprintf(stderr, "%s: %s: 0x%" PRIx64 " 0x%" PRIx64 "\n", doing, what, a, b);
}

static void fail_at(const char *what, const struct place *a, const struct place *b)
{
    if (++n_failed < 20)
        fprintf(stderr,
                "%s: %s: run %" PRIu64 " tick %" PRIu64 " rip 0x%" PRIx64 " event %" PRIu64
                " phase %u, and run %" PRIu64 " tick %" PRIu64 " rip 0x%" PRIx64 " event %" PRIu64
                " phase %u\n",
                doing, what, a->run, a->tick, a->rip, a->event, a->phase, b->run, b->tick, b->rip, b->event,
                b->phase);
}

/* ---- the oracle ---- */

struct insn {
    uint64_t rip;
    uint32_t tid;
};
struct write {
    uint64_t addr;
    uint32_t n, t; /* of insns[t] */
    bool kernel;
};
static struct insn *insns;
static struct write *writes;
static uint32_t n_insns, n_writes, cap_insns, cap_writes;

static void *grow(void *p, uint32_t n, uint32_t *cap, size_t each)
{
    if (n < *cap)
        return p;
    *cap = *cap ? *cap * 2 : 1 << 16;
    p = realloc(p, *cap * each);
    if (!p)
        abort();
    return p;
}

static void read_log(const uint8_t *log, size_t n_bytes, uint32_t *tid)
{
    for (size_t at = 0; at + sizeof(struct odb_log) <= n_bytes;) {
        const struct odb_log *r = (const struct odb_log *)(const void *)(log + at);
        size_t body = (r->n + 7u) & ~7u;
        if (r->kind == ODB_LOG_INSN) {
            body = 0;
            insns = grow(insns, n_insns, &cap_insns, sizeof(*insns));
            insns[n_insns++] = (struct insn){r->arg, *tid};
        } else if (r->kind == ODB_LOG_MEM) {
            body *= 2;
            writes = grow(writes, n_writes, &cap_writes, sizeof(*writes));
            writes[n_writes++] = (struct write){r->arg, r->n, n_insns - 1, (r->reg & ODB_LOG_KERNEL) != 0};
        } else if (r->kind == ODB_LOG_START) {
            *tid = (uint32_t)r->arg;
        }
        at += sizeof(*r) + body;
    }
}

static bool make_oracle(const char *dir)
{
    struct replay *r;
    const struct odb_stop *s;
    uint32_t tid = 0;
    OK(replay_open(dir, &(struct replay_options){.out_fd = {-1, -1, -1}, .index = true}, &r));
    do {
        size_t n;
        OK(replay_run(r, NULL, &s));
        const void *log = replay_log(r, &n);
        read_log(log, n, &tid);
    } while (s->reason == ODB_STOP_LOG_FULL && n_insns < MAX_INSNS);
    bool whole = s->reason == ODB_STOP_END;
    replay_close(r);
    return whole;
}

/* ---- stops against the oracle ---- */

struct expected {
    uint32_t t[MAX_HITS];
    bool kernel[MAX_HITS];
    int n;
};

static bool expect(struct expected *x, uint32_t t, bool kernel)
{
    if (x->n && x->t[x->n - 1] == t)
        return true;
    if (x->n == MAX_HITS)
        return false;
    x->kernel[x->n] = kernel;
    x->t[x->n++] = t;
    return true;
}

static bool breaks_expected(const struct replay_break *b, size_t n, struct expected *x)
{
    x->n = 0;
    for (uint32_t t = 1; t < n_insns; t++)
        for (size_t i = 0; i < n; i++)
            if (insns[t].rip == b[i].addr && !expect(x, t, false))
                return false;
    return true;
}

static bool watches_expected(const struct replay_watch *w, struct expected *x)
{
    x->n = 0;
    for (uint32_t i = 0; i < n_writes; i++)
        if (writes[i].addr < w->addr + w->n_bytes && writes[i].addr + writes[i].n > w->addr &&
            !expect(x, writes[i].t, writes[i].kernel))
            return false;
    return true;
}

static void check_hit(const struct timeline_hit *h, const struct expected *x, int i, struct timeline *tl,
                      bool back)
{
    struct place at = timeline_where(tl);
    const struct insn *n = &insns[x->t[i]];
    bool watch = h->stop.reason == ODB_STOP_WATCH;
    uint64_t rip = watch ? h->stop.by.rip : h->stop.regs.rip;
    uint32_t tid = watch ? h->stop.by.tid : h->stop.tid;
    if (h->end != TIMELINE_HIT)
        fail("no hit", (uint64_t)h->end, (uint64_t)i);
    else if (x->kernel[i] && tid == n->tid)
        ; /* the log has the frames of signals as writes of the instruction before; here they are where the signal is */
    else if (rip != n->rip || tid != n->tid)
        fail("another hit", rip, n->rip);
    else if ((back || !watch) && (at.rip != n->rip || at.tid != n->tid))
        fail("not at the hit", at.rip, n->rip);
}

static void both_ways(struct timeline *tl, const struct replay_stops *stops, const struct expected *x)
{
    struct timeline_hit h;
    static char text[100];
    snprintf(text, sizeof(text), "%s 0x%" PRIx64 ", %d hits, forwards", stops->n_breaks ? "break" : "watch",
             stops->n_breaks ? stops->breaks[0].addr : stops->watches[0].addr, x->n);
    doing = text;
    int failed = n_failed;
    OK(timeline_set_stops(tl, stops));
    OK(timeline_seek_start(tl));
    for (int i = 0; i < x->n && n_failed == failed; i++) {
        OK(timeline_forward(tl, NULL, &h));
        check_hit(&h, x, i, tl, false);
    }
    if (n_failed == failed) {
        OK(timeline_forward(tl, NULL, &h));
        if (h.end != TIMELINE_AT_END)
            fail("one hit more", h.stop.regs.rip, h.stop.reason);
    }
    memcpy(strrchr(text, ' ') + 1, "backwards", 10);
    OK(timeline_seek_end(tl));
    bool last = x->n && x->t[x->n - 1] == n_insns - 1 && !stops->n_watches; /* it stands there already */
    for (int i = x->n - last; i-- > 0 && n_failed == failed;) {
        OK(timeline_backward(tl, NULL, &h));
        check_hit(&h, x, i, tl, true);
    }
    if (n_failed == failed) {
        OK(timeline_backward(tl, NULL, &h));
        if (h.end != TIMELINE_START)
            fail("one hit more", h.stop.regs.rip, h.stop.reason);
    }
}

static void random_breaks(struct timeline *tl)
{
    static struct expected x;
    struct replay_break b[3];
    for (int tries = 0; tries < 50; tries++) {
        for (int i = 0; i < 3; i++)
            b[i] = (struct replay_break){.addr = insns[(uint32_t)random() % n_insns].rip};
        if (breaks_expected(b, 3, &x) && x.n < 200) {
            both_ways(tl, &(struct replay_stops){.breaks = b, .n_breaks = 3}, &x);
            return;
        }
    }
}

static void random_watch(struct timeline *tl)
{
    static struct expected x;
    for (int tries = 0; tries < 50; tries++) {
        const struct write *w = &writes[(uint32_t)random() % n_writes];
        struct replay_watch r = {.addr = w->addr, .n_bytes = w->n, .kind = REPLAY_WATCH_WRITE};
        if (watches_expected(&r, &x) && x.n < 200) {
            both_ways(tl, &(struct replay_stops){.watches = &r, .n_watches = 1}, &x);
            return;
        }
    }
}

/* ---- walks ---- */

struct sight {
    bool used;
    struct place at;
    uint64_t regs, vectors, memory;
};
#define SIGHTS (1u << 16)
static struct sight sights[SIGHTS];
static struct place visited[4096];
static unsigned n_visited;

static void look(struct timeline *tl, struct sight *ret)
{
    static uint8_t memory[65536];
    const struct odb_xstate *x;
    const struct odb_stop *s;
    size_t n;
    memset(ret, 0, sizeof(*ret));
    ret->used = true;
    ret->at = timeline_where(tl);
    OK(replay_registers(timeline_world(tl), 0, &s, &x));
    ret->regs = odb_hash64(&s->regs, sizeof(s->regs), 0);
    uint64_t sp = s->regs.gpr[ODB_RSP];
    ret->vectors = odb_hash64(x->image, x->bytes, 0);
    OK(replay_read(timeline_world(tl), (sp & ~4095ULL) - 8192, memory, sizeof(memory), &n));
    ret->memory = odb_hash64(memory, n, n);
}

/* Compares with what was seen here before, or keeps it. */
static void check_sight(struct timeline *tl)
{
    struct sight now;
    look(tl, &now);
    uint64_t h = (now.at.run * 0x9e3779b97f4a7c15u + now.at.tick) * 0x9e3779b97f4a7c15u + now.at.rip;
    struct sight *s = &sights[(h ^ h >> 29) % SIGHTS];
    while (s->used && place_compare(&s->at, &now.at) != 0)
        s = s + 1 == sights + SIGHTS ? sights : s + 1;
    if (!s->used) {
        *s = now;
        visited[n_visited++ % 4096] = now.at;
        return;
    }
    if (s->regs != now.regs)
        fail("other registers at the same place", s->at.tick, s->at.rip);
    if (s->vectors != now.vectors)
        fail("other vector registers at the same place", s->at.tick, s->at.rip);
    if (s->memory != now.memory)
        fail("other memory at the same place", s->at.tick, s->at.rip);
}

static void there_and_back(struct timeline *tl)
{
    struct timeline_hit h;
    struct place a = timeline_where(tl), b;
    struct odb_stop signal;
    bool delivery = timeline_signal_here(tl, &signal); /* steps are between instructions: they pass `a` */
    doing = "a step forward and one back";
    OK(timeline_step(tl, a.tid, NULL, &h));
    if (h.end == TIMELINE_AT_END)
        return;
    b = timeline_where(tl);
    if (h.end != TIMELINE_STEPPED || place_compare(&a, &b) >= 0)
        fail_at("no step forward", &a, &b);
    check_sight(tl);
    OK(timeline_step_back(tl, a.tid, NULL, &h));
    struct place c = timeline_where(tl);
    check_sight(tl);
    if (h.end == TIMELINE_STEPPED && place_compare(&c, &a) < 0) { /* over the delivery of a signal at `a` */
        OK(timeline_step(tl, a.tid, NULL, &h));
        c = timeline_where(tl);
    }
    if (h.end != TIMELINE_STEPPED ||
        (place_compare(&a, &c) != 0 && (!delivery || place_compare(&b, &c) != 0)))
        fail_at("not where it began", &a, &c);
}

static void steps_back(struct timeline *tl, int n)
{
    struct timeline_hit h;
    doing = "steps back";
    uint32_t tid = timeline_where(tl).tid;
    for (int i = 0; i < n; i++) {
        struct place a = timeline_where(tl);
        OK(timeline_step_back(tl, tid, NULL, &h));
        struct place b = timeline_where(tl);
        if (h.end == TIMELINE_START)
            return;
        if (h.end != TIMELINE_STEPPED || place_compare(&b, &a) >= 0 || b.tid != tid)
            fail_at("no step back", &a, &b);
        check_sight(tl);
    }
}

static void steps_forward(struct timeline *tl, int n)
{
    struct timeline_hit h;
    doing = "steps forward";
    for (int i = 0; i < n; i++) {
        OK(timeline_step(tl, 0, NULL, &h));
        check_sight(tl);
        if (h.end == TIMELINE_AT_END)
            return;
    }
}

static void walk(struct timeline *tl, int n, uint64_t n_events)
{
    OK(timeline_set_stops(tl, &(struct replay_stops){0}));
    for (int i = 0; i < n && n_failed < 20; i++) {
        struct place to;
        switch (random() % 8) {
        case 0:
            doing = "seek to an event";
            OK(timeline_seek_event(tl, (uint64_t)random() % (n_events + 1)));
            check_sight(tl);
            break;
        case 1:
        case 2:
            if (!n_visited)
                break;
            doing = "seek to a place";
            to = visited[(unsigned)random() % (n_visited < 4096 ? n_visited : 4096)];
            OK(timeline_seek(tl, &to));
            check_sight(tl);
            break;
        case 3:
        case 4: steps_back(tl, (int)(random() % 12)); break;
        case 5: steps_forward(tl, (int)(random() % 12)); break;
        default: there_and_back(tl); break;
        }
    }
}

int main(int argc, char **argv)
{
    struct timeline *tl;
    struct timeline_figures f;
    if (argc < 2)
        return 2;
    int rounds = argc > 2 ? atoi(argv[2]) : 10;
    srandom(argc > 3 ? (unsigned)atoi(argv[3]) : 1);
    doing = "the oracle";
    bool whole = make_oracle(argv[1]);
    doing = "open";
    OK(timeline_open(argv[1], &tl));
    OK(timeline_seek_end(tl));
    uint64_t n_events = timeline_where(tl).event;
    for (int i = 0; i < rounds && whole && n_writes; i++) {
        random_breaks(tl);
        random_watch(tl);
    }
    walk(tl, rounds * 20, n_events);
    timeline_figures(tl, &f);
    printf("%u instructions, %u writes, %u places, %u marks, %" PRIu64 " copies, %" PRIu64
           " runs, %d failures\n",
           (unsigned)n_insns, (unsigned)n_writes, n_visited, (unsigned)f.n_marks, f.n_forks, f.n_runs,
           n_failed);
    timeline_close(tl);
    return n_failed != 0;
}
