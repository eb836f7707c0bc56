/* Replay of recordings made by hand: positions, events, checkpoints, ends, divergences, hostile images. No
 * recorder involved, so that each case is exactly what it says. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replayer/replay.h"
#include "tests/replay/synth.h"

static int n_failed;

#define CHECK(c)                                                            \
    do {                                                                    \
        if (!(c)) {                                                         \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #c); \
            n_failed++;                                                     \
        }                                                                   \
    } while (0)

static char dir[] = "/tmp/odb-test-synth-XXXXXX";

static void ok(struct odb_err *e, int line)
{
    if (!e)
        return;
    fprintf(stderr, "%s:%d: %s\n", __FILE__, line, odb_err_text(e));
    odb_err_free(e);
    exit(1);
}
#define OK(e) ok(e, __LINE__)

static struct replay *opened(const struct synth *how, struct replay_options opt)
{
    struct replay *r;
    synth_write(dir, how);
    OK(replay_open(dir, &opt, &r));
    return r;
}

static const struct replay_options quiet = {.out_fd = {-1, -1, -1}};

static void test_whole(struct replay_options opt)
{
    int p[2];
    char text[16] = "";
    const struct odb_stop *s;
    CHECK(pipe(p) == 0);
    opt.out_fd[1] = p[1];
    struct replay *r = opened(&(struct synth){0}, opt);
    CHECK(replay_where(r)->reason == ODB_STOP_READY && replay_where(r)->regs.rip == SYNTH_CODE);
    OK(replay_run(r, NULL, &s));
    CHECK(s->reason == ODB_STOP_END && s->status == 7 && s->event == 2 && s->tick == SYNTH_LOOPS - 1);
    CHECK(s->text[0] == 0 && replay_damage(r) == NULL);
    OK(replay_run(r, NULL, &s));
    CHECK(s->reason == ODB_STOP_END && s->status == 7);
    CHECK(read(p[0], text, sizeof(text)) == 3 && strcmp(text, "hi\n") == 0);
    replay_close(r);
    close(p[0]);
    close(p[1]);
}

static void test_positions(struct replay_options opt)
{
    const struct odb_stop *s;
    struct replay *r = opened(&(struct synth){0}, opt);
    for (uint64_t tick = 1; tick < 40; tick += 3) {
        OK(replay_run(r, &(struct odb_run){.flags = ODB_RUN_TO_POS, .tick = tick}, &s));
        CHECK(s->reason == ODB_STOP_POSITION && s->tick == tick && s->regs.rip == SYNTH_RIP_LOOP);
        CHECK(s->regs.gpr[ODB_RCX] == SYNTH_LOOPS - tick);
        OK(replay_run(r, &(struct odb_run){.flags = ODB_RUN_TO_POS, .tick = tick, .rip = SYNTH_RIP_LOOP + 2},
                      &s));
        CHECK(s->reason == ODB_STOP_POSITION && s->tick == tick && s->regs.rip == SYNTH_RIP_LOOP + 2);
        CHECK(s->regs.gpr[ODB_RCX] == SYNTH_LOOPS - tick - 1);
    }
    struct odb_err *e = replay_run(r, &(struct odb_run){.flags = ODB_RUN_TO_POS, .tick = 2}, &s);
    CHECK(e != NULL); /* in the past; the vessel is still good */
    odb_err_free(e);
    OK(replay_run(r, &(struct odb_run){.flags = ODB_RUN_TO_EVENT, .event = 0}, &s));
    CHECK(s->reason == ODB_STOP_EVENT && s->event == 0 && s->regs.rip == SYNTH_RIP_WRITE &&
          s->regs.gpr[ODB_RDX] == 3);
    OK(replay_run(
        r, &(struct odb_run){.flags = ODB_RUN_TO_POS, .tick = SYNTH_LOOPS - 1, .rip = SYNTH_RIP_WRITE}, &s));
    CHECK(s->reason == ODB_STOP_POSITION && s->event == 0 && s->regs.rip == SYNTH_RIP_WRITE);
    OK(replay_run(r, &(struct odb_run){.flags = ODB_RUN_TO_EVENT, .event = 1}, &s));
    CHECK(s->reason == ODB_STOP_EVENT && s->event == 1 && s->regs.rip == SYNTH_RIP_RDTSC &&
          s->regs.gpr[ODB_RAX] == 3);
    OK(replay_run(
        r, &(struct odb_run){.flags = ODB_RUN_TO_POS, .tick = SYNTH_LOOPS - 1, .rip = SYNTH_CODE + 34}, &s));
    CHECK(s->reason == ODB_STOP_POSITION && s->event == 2);
    CHECK(s->regs.gpr[ODB_RAX] == (uint32_t)SYNTH_TSC && s->regs.gpr[ODB_RDX] == SYNTH_TSC >> 32);
    OK(replay_run(r, NULL, &s));
    CHECK(s->reason == ODB_STOP_END && s->status == 7);
    replay_close(r);
}

/* A position that the tick does not execute: stops behind it and says so. */
static void test_no_such_position(void)
{
    const struct odb_stop *s;
    struct replay *r = opened(&(struct synth){0}, quiet);
    OK(replay_run(r, &(struct odb_run){.flags = ODB_RUN_TO_POS, .tick = 5, .rip = SYNTH_RIP_WRITE}, &s));
    CHECK(s->reason == ODB_STOP_POSITION && s->tick == 6 && s->text[0]);
    OK(replay_run(r, &(struct odb_run){.flags = ODB_RUN_TO_POS, .tick = 5000}, &s));
    CHECK(s->reason == ODB_STOP_END && s->status == 7);
    replay_close(r);
}

static void test_memory(void)
{
    uint8_t b[8192];
    size_t n;
    const struct odb_xstate *x;
    struct replay *r = opened(&(struct synth){0}, quiet);
    OK(replay_read(r, SYNTH_CODE + 46, b, 3, &n));
    CHECK(n == 3 && memcmp(b, "hi\n", 3) == 0);
    OK(replay_read(r, SYNTH_CODE + 4000, b, sizeof(b), &n));
    CHECK(n == 96);
    OK(replay_read(r, ODB_HEAP_ADDR, b, 64, &n));
    CHECK(n == 0);
    OK(replay_read(r, ODB_CONTROL_ADDR, b, 64, &n));
    CHECK(n == 0);
    OK(replay_read(r, UINT64_MAX - 10, b, 64, &n));
    CHECK(n == 0);
    OK(replay_vectors(r, &x));
    CHECK(x->bytes >= 832 && x->mask == 7 && x->image[0] == 0x7f && x->image[1] == 3);
    replay_close(r);
}

static void test_checkpoints(void)
{
    const struct odb_stop *s;
    struct replay *r = opened(&(struct synth){0}, quiet);
    struct replay *c[10];
    for (uint64_t i = 0; i < 10; i++) {
        OK(replay_run(r, &(struct odb_run){.flags = ODB_RUN_TO_POS, .tick = 10 + 10 * i}, &s));
        OK(replay_checkpoint(r, &c[i]));
        CHECK(replay_where(c[i])->tick == 10 + 10 * i);
    }
    OK(replay_run(r, NULL, &s));
    CHECK(s->reason == ODB_STOP_END && s->status == 7);
    replay_close(r); /* the copies live on */
    for (uint64_t i = 0; i < 10; i++) {
        uint64_t tick = 15 + 10 * (9 - i);
        OK(replay_run(c[9 - i], &(struct odb_run){.flags = ODB_RUN_TO_POS, .tick = tick}, &s));
        CHECK(s->reason == ODB_STOP_POSITION && s->tick == tick &&
              s->regs.gpr[ODB_RCX] == SYNTH_LOOPS - tick);
    }
    struct replay *again; /* of a copy, at an event, and of one that is at the end */
    OK(replay_run(c[0], &(struct odb_run){.flags = ODB_RUN_TO_EVENT, .event = 1}, &s));
    OK(replay_checkpoint(c[0], &again));
    OK(replay_run(c[0], NULL, &s));
    CHECK(s->reason == ODB_STOP_END && s->status == 7);
    OK(replay_run(again, NULL, &s));
    CHECK(s->reason == ODB_STOP_END && s->status == 7);
    replay_close(again);
    OK(replay_checkpoint(c[0], &again));
    OK(replay_run(again, NULL, &s));
    CHECK(s->reason == ODB_STOP_END && s->status == 7);
    replay_close(again);
    for (int i = 0; i < 10; i++)
        replay_close(c[i]);
}

struct log_counts {
    uint64_t n_insns, n_starts, n_maps, n_syscalls, n_outputs, n_pages, first_kind, first_rip;
};

static void count_log(struct replay *r, struct log_counts *c)
{
    size_t n;
    const uint8_t *p = replay_log(r, &n), *end = p + n;
    while (p < end) {
        struct odb_log h;
        memcpy(&h, p, sizeof(h));
        c->first_kind = c->first_kind ? c->first_kind : h.kind;
        if (h.kind == ODB_LOG_INSN && !c->n_insns++)
            c->first_rip = h.arg;
        c->n_starts += h.kind == ODB_LOG_START;
        c->n_maps += h.kind == ODB_LOG_MAP;
        c->n_syscalls += h.kind == ODB_LOG_SYSCALL;
        c->n_outputs += h.kind == ODB_LOG_OUTPUT;
        c->n_pages += h.kind == ODB_LOG_PAGES;
        size_t body = h.kind == ODB_LOG_INSN ? 0 : ((size_t)h.n + 7) & ~(size_t)7;
        p += sizeof(h) + (h.kind == ODB_LOG_MEM ? 2 * body : body);
    }
    CHECK(p == end);
}

static void test_index(void)
{
    enum { N_INSNS = 1 + 2 * SYNTH_LOOPS + 10 };
    const struct odb_stop *s;
    struct log_counts c = {0};
    struct replay *r =
        opened(&(struct synth){0}, (struct replay_options){.out_fd = {-1, -1, -1}, .index = true});
    OK(replay_run(r, NULL, &s));
    CHECK(s->reason == ODB_STOP_END && s->status == 7 && s->insns == N_INSNS);
    count_log(r, &c);
    CHECK(c.n_insns == N_INSNS && c.n_starts == 1 && c.n_maps == 2 && c.n_pages == 1 && c.n_syscalls == 1 &&
          c.n_outputs == 1);
    CHECK(c.first_kind == ODB_LOG_MAP && c.first_rip == SYNTH_CODE);
    replay_close(r);

    /* a checkpoint of a plain run, put into index mode: the rest of the log */
    struct replay *part;
    r = opened(&(struct synth){0}, quiet);
    OK(replay_run(r, &(struct odb_run){.flags = ODB_RUN_TO_POS, .tick = 600}, &s));
    OK(replay_checkpoint_index(r, &part));
    OK(replay_run(part, NULL, &s));
    CHECK(s->reason == ODB_STOP_END && s->status == 7);
    c = (struct log_counts){0};
    count_log(part, &c);
    CHECK(c.n_insns == N_INSNS - 1 - 2 * 600 && c.n_starts == 1 && c.n_maps == 0 && c.n_syscalls == 1);
    CHECK(c.first_kind == ODB_LOG_START && c.first_rip == SYNTH_RIP_LOOP);
    replay_close(part);
    OK(replay_run(r, NULL, &s));
    CHECK(s->reason == ODB_STOP_END && s->status == 7);
    replay_close(r);
}

static void test_cut(void)
{
    const struct odb_stop *s;
    struct replay *r = opened(&(struct synth){.no_exit = true}, quiet);
    OK(replay_run(r, NULL, &s));
    CHECK(s->reason == ODB_STOP_END && s->event == 2 && s->text[0]);
    CHECK(replay_damage(r) != NULL);
    replay_close(r);
}

static void expect_divergence(const struct synth *how, uint32_t kind, uint64_t event, const char *text)
{
    const struct odb_stop *s;
    struct replay *r = opened(how, quiet);
    OK(replay_run(r, NULL, &s));
    CHECK(s->reason == ODB_STOP_DIVERGED && s->divergence.kind == kind && s->divergence.event == event);
    char *report = replay_divergence_text(s);
    CHECK(report && strstr(report, text));
    if (report && !strstr(report, text))
        fprintf(stderr, "  report: %s\n", report);
    free(report);
    struct replay *copy; /* stays inspectable */
    uint8_t b;
    size_t n;
    OK(replay_read(r, SYNTH_CODE, &b, 1, &n));
    CHECK(n == 1 && b == 0xb9);
    OK(replay_checkpoint(r, &copy));
    OK(replay_run(copy, NULL, &s));
    CHECK(s->reason == ODB_STOP_DIVERGED);
    replay_close(copy);
    replay_close(r);
}

static void expect_refusal(const struct synth *how)
{
    struct replay *r;
    const struct odb_stop *s;
    synth_write(dir, how);
    struct odb_err *e = replay_open(dir, &quiet, &r);
    if (!e) {
        e = replay_run(r, NULL, &s);
        CHECK(e || s->reason == ODB_STOP_DIVERGED);
        replay_close(r);
    }
    if (e && strstr(odb_err_text(e), "died"))
        CHECK(!"a hostile recording must not kill the vessel");
    odb_err_free(e);
}

static void test_hostile(void)
{
    static const uint64_t bad[] = {ODB_IMAGE_ADDR,     ODB_CONTROL_ADDR, ODB_HEAP_ADDR,
                                   ODB_IBL_ADDR,       0x7ffffffff000,   0x800000000000,
                                   0xffffffffff600000, 0x1234,           ODB_ENGINE_BASE - 2048};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        expect_refusal(&(struct synth){.extra_map = bad[i]});
        expect_refusal(&(struct synth){.extra_mem = bad[i]});
    }
    expect_refusal(&(struct synth){.extra_mem = ODB_EVENTS_ADDR});
    expect_refusal(&(struct synth){.extra_mem = UINT64_MAX});
    expect_refusal(&(struct synth){.rip = 0x8000000000000000});
    expect_refusal(&(struct synth){.rip = ODB_IMAGE_ADDR});
    expect_refusal(&(struct synth){.rip = 0x500000});
    expect_refusal(&(struct synth){.fs_base = 0x8000000000000000});
    struct replay *r = opened(&(struct synth){.bad_mxcsr = 0xffffffff}, quiet);
    replay_close(r);
}

int main(void)
{
    if (!mkdtemp(dir))
        return 1;
    test_whole(quiet);
    test_whole((struct replay_options){.out_fd = {-1, -1, -1}, .no_vector_ticks = true});
    test_whole((struct replay_options){.out_fd = {-1, -1, -1}, .hook = true});
    test_positions(quiet);
    test_positions(
        (struct replay_options){.out_fd = {-1, -1, -1}, .no_vector_ticks = true, .no_superblocks = true});
    test_positions((struct replay_options){.out_fd = {-1, -1, -1}, .hook = true});
    test_no_such_position();
    test_memory();
    test_checkpoints();
    test_index();
    test_cut();
    expect_divergence(&(struct synth){.write_rdx = 4}, ODB_DIV_REGISTER, 0, "rdx recorded 0x4, replayed 0x3");
    expect_divergence(&(struct synth){.write_tick = 1}, ODB_DIV_TICK, 0, "tick recorded 1000, replayed 999");
    expect_divergence(&(struct synth){.no_insn = true}, ODB_DIV_EVENT_TYPE, 1, "event 1 ");
    test_hostile();
    char path[64];
    snprintf(path, sizeof(path), "%s/events", dir);
    unlink(path);
    rmdir(dir);
    return n_failed != 0;
}
