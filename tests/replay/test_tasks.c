/* Replay of made-up recordings with two tasks: threads and processes, switches, checkpoints in between, registers and memory
 * of whoever does not run, the index log, and streams that cannot be. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "replayer/replay.h"
#include "trace/trace.h"

#define CODE 0x400000ULL
#define STACK 0x7ffd00000000ULL
#define RSP (STACK + 0x8000)
#define DATA 0x600000ULL /* one page, and the child thread's stack above it */
#define TID_AT (DATA + 0x800)
#define CHILD_RSP (DATA + 0x2000)
#define PARENT_LOOPS 1000
#define CHILD_LOOPS 100
#define RFLAGS 0x246
#define THREAD_FLAGS 0x1050f00u /* VM FS FILES SIGHAND THREAD SYSVSEM CHILD_SETTID */
#define FORK_FLAGS 0x1000000u   /* CHILD_SETTID */
#define VFORK_FLAGS 0x1004100u  /* VM VFORK CHILD_SETTID */

/* Copied to CODE; the immediates of the first two instructions behind the call's number are the test's. */
__asm__(".pushsection .rodata\n"
        "t_code: mov $56, %eax\n"
        "  mov $0x11111111, %edi\n"
        "  mov $0x22222222, %esi\n"
        "  mov $0x600800, %r10d\n"
        "t_clone: syscall\n"
        "  test %eax, %eax\n"
        "  jz t_child\n"
        "  mov $1000, %ecx\n"
        "t_loop: dec %ecx\n"
        "  jnz t_loop\n"
        "  mov $24, %eax\n"
        "t_yield: syscall\n"
        "  mov $231, %eax\n"
        "  mov $7, %edi\n"
        "t_leave: syscall\n"
        "t_child: mov $100, %ecx\n"
        "  nop\n"
        "t_child_loop: dec %ecx\n"
        "  jnz t_child_loop\n"
        "  mov $1, %eax\n"
        "  mov $1, %edi\n"
        "  lea t_text(%rip), %rsi\n"
        "  mov $3, %edx\n"
        "t_write: syscall\n"
        "  mov $60, %eax\n"
        "  xor %edi, %edi\n"
        "t_end: syscall\n"
        "t_text: .ascii \"hi\\n\"\n"
        "t_code_end: .byte 0\n"
        ".popsection\n");
extern const uint8_t t_code[], t_clone[], t_loop[], t_yield[], t_leave[], t_child[], t_child_loop[],
    t_write[], t_end[], t_text[], t_code_end[];
#define AT(label) (CODE + (uint64_t)((label)-t_code))

enum kind { THREAD, FORK, VFORK };

/* What to make of the recording; zero: a good one. */
enum flaw {
    GOOD,
    NO_TASK,      /* the child begins without TASK */
    STRANGER,     /* an event of a thread that nobody made */
    SAME_TID,     /* the child has the parent's number */
    NO_SWITCH,    /* the child goes on without a switch to it */
    LATE_SWITCH,  /* a switch at a place that is past */
    WRONG_NR,     /* a switch in another system call */
    TWO_TASKS,    /* TASK twice */
    CHILD_KILLED, /* by SIGKILL, while the parent runs: good */
    NO_END,       /* cut off behind the child's end */
    BAD_STACK,    /* TASK writes where nothing is */
};

static struct trace_writer *w;
static int n_failed;
static char dir[] = "/tmp/odb-test-tasks-XXXXXX";

#define CHECK(c)                                                            \
    do {                                                                    \
        if (!(c)) {                                                         \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #c); \
            n_failed++;                                                     \
        }                                                                   \
    } while (0)

static void ok(struct odb_err *e, int line)
{
    if (!e)
        return;
    fprintf(stderr, "%s:%d: %s\n", __FILE__, line, odb_err_text(e));
    exit(1);
}
#define OK(e) ok(e, __LINE__)

/* ---- the recording ---- */

static void put(void *event, uint16_t type, size_t n_bytes, uint32_t tid, uint32_t pid)
{
    struct odb_event *ev = event;
    ev->size_bytes = (uint32_t)((n_bytes + 7) & ~(size_t)7);
    ev->type = type;
    ev->tid = tid;
    ev->pid = pid;
    OK(trace_writer_append(w, event, ev->size_bytes));
}

static void put_map(uint64_t start, uint64_t n_bytes, uint32_t prot, const char *name)
{
    struct {
        struct odb_ev_map m;
        char name[8];
    } e = {
        .m = {
            .start = start, .end = start + n_bytes, .prot = prot, .map_flags = MAP_PRIVATE | MAP_ANONYMOUS}};
    snprintf(e.name, sizeof(e.name), "%s", name);
    e.m.name_bytes = (uint32_t)strlen(name) + 1;
    put(&e, ODB_EV_MAP, sizeof(e), 100, 100);
}

static void put_mem(uint64_t addr, const void *data, size_t n_bytes, uint32_t tid, uint32_t pid)
{
    struct {
        struct odb_ev_mem m;
        uint8_t data[256];
    } e = {.m = {.addr = addr, .len_bytes = n_bytes}};
    memcpy(e.data, data, n_bytes);
    put(&e, ODB_EV_MEM, sizeof(e.m) + n_bytes, tid, pid);
}

static void put_image(enum kind kind)
{
    struct {
        struct odb_ev_start s;
        char text[24];
    } start = {.s = {.n_argv = 1, .cpu_policy = ODB_CPU_V3, .text_bytes = 20}};
    memcpy(start.text, "/synth\0/\0host\0synth", 20);
    put(&start, ODB_EV_START, sizeof(start.s) + 20, 0, 0);
    struct odb_ev_cpu cpu = {.policy = ODB_CPU_V3, .xcr0 = 7};
    put(&cpu, ODB_EV_CPU, sizeof(cpu), 0, 0);
    struct odb_ev_exec e = {.regs = {.rip = CODE, .rflags = 0x202},
                            .brk_start = 0x800000,
                            .stack_limit_bytes = 8 << 20,
                            .n_maps = 3,
                            .n_mem = 1};
    const uint32_t mxcsr = 0x1f80;
    const uint16_t fcw = 0x37f;
    const uint64_t in_use = 7;
    e.regs.gpr[ODB_RSP] = RSP;
    memcpy(e.xstate, &fcw, 2);
    memcpy(e.xstate + 24, &mxcsr, 4);
    memcpy(e.xstate + 512, &in_use, 8);
    put(&e, ODB_EV_EXEC, sizeof(e), 100, 100);
    put_map(CODE, 4096, PROT_READ | PROT_EXEC, "");
    put_map(DATA, 0x2000, PROT_READ | PROT_WRITE, "");
    put_map(STACK, 0x10000, PROT_READ | PROT_WRITE, "[stack]");
    uint8_t code[256];
    size_t n_bytes = (size_t)(t_code_end - t_code);
    uint32_t flags = kind == THREAD ? THREAD_FLAGS : kind == FORK ? FORK_FLAGS : VFORK_FLAGS;
    uint32_t stack = kind == FORK ? 0 : CHILD_RSP;
    memcpy(code, t_code, n_bytes);
    memcpy(code + 6, &flags, 4);
    memcpy(code + 11, &stack, 4);
    put_mem(CODE, code, n_bytes, 100, 100);
}

struct regs {
    uint64_t rax, rcx, rdx, rsi, rdi, r10, r11, rsp;
};

static void put_call(uint32_t tid, uint32_t pid, uint64_t tick, uint64_t rip, int64_t result, struct regs r,
                     uint32_t n_mem, uint32_t file_id)
{
    struct {
        struct odb_ev_syscall s;
        uint64_t gpr[ODB_N_GPR];
    } e = {.s = {.tick = tick,
                 .rip = rip,
                 .result = result,
                 .nr = (uint32_t)r.rax,
                 .rflags = RFLAGS,
                 .gpr_mask = 0xffff,
                 .n_mem = (uint16_t)n_mem,
                 .file_id = file_id}};
    e.gpr[ODB_RAX] = r.rax, e.gpr[ODB_RCX] = r.rcx, e.gpr[ODB_RDX] = r.rdx, e.gpr[ODB_RSI] = r.rsi;
    e.gpr[ODB_RDI] = r.rdi, e.gpr[10] = r.r10, e.gpr[11] = r.r11, e.gpr[ODB_RSP] = r.rsp;
    put(&e, ODB_EV_SYSCALL, sizeof(e), tid, pid);
}

static void put_switch(uint32_t tid, uint32_t pid, uint32_t kind, uint64_t tick, uint64_t rip, uint32_t nr)
{
    struct odb_ev_switch e = {.tick = tick, .rip = rip, .kind = kind, .nr = nr};
    put(&e, ODB_EV_SWITCH, sizeof(e), tid, pid);
}

static void put_task(uint32_t tid, uint32_t pid, uint32_t flags, uint64_t tid_at)
{
    struct odb_ev_task e = {
        .parent_tid = 100, .n_mem = 1, .ns_pid = pid, .ns_tid = tid, .clone_flags = flags};
    put(&e, ODB_EV_TASK, sizeof(e), tid, pid);
    put_mem(tid_at, &tid, 4, tid, pid);
}

static void put_exit(uint32_t tid, uint32_t pid, uint64_t tick, uint64_t rip, int32_t status, uint16_t flags)
{
    struct odb_ev_exit e = {.ev = {.flags = flags}, .tick = tick, .rip = rip, .status = status};
    put(&e, ODB_EV_EXIT, sizeof(e), tid, pid);
}

static void put_child_begin(uint32_t tid, uint32_t pid, uint32_t flags, enum flaw flaw)
{
    if (flaw != NO_TASK)
        put_task(tid, pid, flags, flaw == BAD_STACK ? 0x500000 : TID_AT);
    if (flaw == TWO_TASKS)
        put_task(tid, pid, flags, TID_AT);
}

static void put_child_end(uint32_t tid, uint32_t pid, enum kind kind, struct regs r)
{
    put_call(tid, pid, CHILD_LOOPS - 1, AT(t_write), 3, r, 0, 0);
    r.rax = 60, r.rdi = 0, r.rcx = AT(t_write) + 2, r.r11 = RFLAGS;
    if (kind != THREAD) {
        put_exit(tid, pid, CHILD_LOOPS - 1, AT(t_end), 0, 0);
        return;
    }
    put_call(tid, pid, CHILD_LOOPS - 1, AT(t_end), 0, r, 1, 0);
    put_mem(TID_AT, "\0\0\0\0", 4, tid, pid);
}

/* 1 the parent makes the child    2 the child runs into its write, which waits    3 the parent yields in its loop
 * 4 the child's write is done, it ends    5 the parent ends. (VFORK: 2 and 4 within 1.) */
static void record(enum kind kind, enum flaw flaw)
{
    char path[256];
    uint32_t flags = kind == THREAD ? THREAD_FLAGS : kind == FORK ? FORK_FLAGS : VFORK_FLAGS;
    uint32_t tid = flaw == SAME_TID ? 100 : 101, pid = kind == THREAD ? 100 : 101;
    struct regs r = {.rax = 56, .rdi = flags, .rsi = kind == FORK ? 0 : CHILD_RSP, .r10 = TID_AT, .rsp = RSP};
    struct regs c = {.rax = 1,
                     .rdi = 1,
                     .rsi = AT(t_text),
                     .rdx = 3,
                     .r10 = TID_AT,
                     .r11 = RFLAGS,
                     .rsp = kind == FORK ? RSP : CHILD_RSP};
    snprintf(path, sizeof(path), "%s/events", dir);
    unlink(path);
    OK(trace_writer_create(dir, &w));
    put_image(kind);
    if (kind == VFORK) {
        c.r11 = 0x202; /* the parent's flags at the call */
        put_switch(100, 100, ODB_SWITCH_CALL, 0, AT(t_clone), 56);
        put_child_begin(tid, pid, flags, flaw);
        if (flaw == CHILD_KILLED)
            put_exit(pid, pid, 0, 0, -9, ODB_EXIT_KILLED);
        else
            put_child_end(tid, pid, kind, c);
    }
    put_call(100, 100, 0, AT(t_clone), 101, r, 0, kind == VFORK ? 0 : tid);
    r.r11 = RFLAGS;
    if (flaw == STRANGER)
        put_switch(100, 100, ODB_SWITCH_YIELD, 5, AT(t_loop), 0), tid = pid = 333;
    if (kind != VFORK) {
        if (flaw != NO_SWITCH && flaw != STRANGER)
            put_switch(100, 100, ODB_SWITCH_YIELD, 5, AT(t_loop), 0);
        put_child_begin(tid, pid, flags, flaw);
        put_switch(tid, pid, ODB_SWITCH_CALL, CHILD_LOOPS - 1, AT(t_write), flaw == WRONG_NR ? 2 : 1);
        put_switch(100, 100, ODB_SWITCH_YIELD, flaw == LATE_SWITCH ? 4 : 600, AT(t_loop), 0);
        if (flaw == CHILD_KILLED && kind == FORK)
            put_exit(pid, pid, 0, 0, -9, ODB_EXIT_KILLED);
        else
            put_child_end(tid, pid, kind, c);
    }
    if (flaw != NO_END) {
        r.rax = 24;
        put_call(100, 100, PARENT_LOOPS - 1, AT(t_yield), 0, r, 0, 0);
        put_exit(100, 100, PARENT_LOOPS - 1, AT(t_leave), 7, 0);
        struct odb_ev_end end = {.wait_status = 7 << 8};
        put(&end, ODB_EV_END, sizeof(end), 0, 0);
    }
    OK(trace_writer_close(w));
}

/* ---- tests ---- */

static const struct replay_options quiet = {.out_fd = {-1, -1, -1}};

static struct replay *opened(enum kind kind, enum flaw flaw, struct replay_options opt)
{
    struct replay *r;
    record(kind, flaw);
    OK(replay_open(dir, &opt, &r));
    return r;
}

static void test_whole(enum kind kind, enum flaw flaw, struct replay_options opt)
{
    int p[2];
    char text[16] = "";
    const struct odb_stop *s;
    CHECK(pipe(p) == 0);
    opt.out_fd[1] = p[1];
    struct replay *r = opened(kind, flaw, opt);
    OK(replay_run(r, NULL, &s));
    CHECK(s->reason == ODB_STOP_END && s->status == 7 && s->text[0] == 0 && s->tid == 100);
    if (s->reason == ODB_STOP_DIVERGED)
        fprintf(stderr, "  %s\n", replay_divergence_text(s));
    replay_close(r);
    close(p[1]);
    CHECK(read(p[0], text, sizeof(text)) == (flaw == CHILD_KILLED ? 0 : 3));
    close(p[0]);
}

static uint32_t word_at(struct replay *r, uint32_t pid, uint64_t addr)
{
    uint32_t v = 0;
    size_t n;
    OK(replay_read_process(r, pid, addr, &v, 4, &n));
    CHECK(n == 4);
    return v;
}

/* At the child's tick 50: who is where, whatever world is asked. */
static void look_around(struct replay *r, enum kind kind)
{
    const struct odb_stop *s;
    const struct odb_xstate *x;
    uint32_t pid = kind == THREAD ? 100 : 101;
    OK(replay_registers(r, 101, &s, &x));
    CHECK(s->tid == 101 && s->pid == pid && s->tick == 50 && s->regs.rip == AT(t_child_loop) &&
          s->regs.gpr[ODB_RCX] == CHILD_LOOPS - 50);
    OK(replay_registers(r, 100, &s, &x));
    CHECK(s->tid == 100 && s->pid == 100);
    if (kind == VFORK)
        CHECK(s->tick == 0 && s->regs.rip == AT(t_clone) && s->regs.gpr[ODB_RAX] == 56);
    else
        CHECK(s->tick == 5 && s->regs.rip == AT(t_loop) && s->regs.gpr[ODB_RCX] == PARENT_LOOPS - 5);
    CHECK(x->bytes >= 832 && x->image[0] == 0x7f);
    CHECK(word_at(r, pid, TID_AT) == 101 && word_at(r, 0, TID_AT) == 101);
    CHECK(word_at(r, 100, TID_AT) == (kind == FORK ? 0 : 101));
    struct odb_err *e = replay_registers(r, 555, &s, &x);
    CHECK(e != NULL);
    odb_err_free(e);
}

static void test_positions(enum kind kind, struct replay_options opt)
{
    const struct odb_stop *s;
    struct replay *copy, *again;
    struct replay *r = opened(kind, GOOD, opt);
    OK(replay_run(r, &(struct odb_run){.flags = ODB_RUN_TO_POS, .tid = 101, .tick = 50}, &s));
    CHECK(s->reason == ODB_STOP_POSITION && s->tid == 101 && s->tick == 50 &&
          s->regs.rip == AT(t_child_loop));
    look_around(r, kind);
    OK(replay_checkpoint(r, &copy));
    look_around(copy, kind);
    OK(replay_run(copy, NULL, &s));
    CHECK(s->reason == ODB_STOP_END && s->status == 7);
    replay_close(copy);
    OK(replay_checkpoint(r, &copy));
    OK(replay_checkpoint(copy, &again)); /* of a copy */
    replay_close(copy);
    replay_close(r);
    look_around(again, kind);
    struct odb_err *e =
        replay_run(again, &(struct odb_run){.flags = ODB_RUN_TO_POS, .tid = 101, .tick = 49}, &s);
    CHECK(e != NULL); /* past */
    odb_err_free(e);
    OK(replay_run(again, &(struct odb_run){.flags = ODB_RUN_TO_POS, .tid = 100, .tick = 700}, &s));
    CHECK(s->reason == ODB_STOP_POSITION && s->tid == 100 && s->tick == 700 &&
          s->regs.gpr[ODB_RCX] == PARENT_LOOPS - 700);
    OK(replay_run(again, &(struct odb_run){.flags = ODB_RUN_TO_EVENT, .event = kind == THREAD ? 3 : 2}, &s));
    CHECK(s->reason == ODB_STOP_EVENT && s->tid == 100 && s->regs.rip == AT(t_yield));
    OK(replay_run(again, NULL, &s));
    CHECK(s->reason == ODB_STOP_END && s->status == 7);
    replay_close(again);
}

struct log_counts {
    uint64_t n_insns, n_starts, n_tasks, n_syscalls, child_insns;
    uint32_t ops[8];
};

static void count_log(struct replay *r, struct log_counts *c)
{
    size_t n;
    uint64_t who = 0;
    const uint8_t *p = replay_log(r, &n), *end = p + n;
    while (p < end) {
        struct odb_log h;
        memcpy(&h, p, sizeof(h));
        if (h.kind == ODB_LOG_START)
            who = h.arg;
        c->n_insns += h.kind == ODB_LOG_INSN;
        c->child_insns += h.kind == ODB_LOG_INSN && (uint32_t)who == 101;
        c->n_starts += h.kind == ODB_LOG_START;
        c->n_syscalls += h.kind == ODB_LOG_SYSCALL;
        if (h.kind == ODB_LOG_TASK) {
            struct odb_log_task t;
            memcpy(&t, p + sizeof(h), sizeof(t));
            c->n_tasks++;
            c->ops[t.op & 7]++;
            CHECK(t.pid == (t.op == ODB_LOG_TASK_EXIT && !t.tid ? t.pid
                            : t.op == ODB_LOG_TASK_THREAD       ? 100
                                                                : t.pid));
        }
        size_t body = h.kind == ODB_LOG_INSN ? 0 : ((size_t)h.n + 7) & ~(size_t)7;
        p += sizeof(h) + (h.kind == ODB_LOG_MEM ? 2 * body : body);
    }
    CHECK(p == end);
}

static void test_index(enum kind kind)
{
    enum { PARENT = 5 + 2 + 1 + 2 * PARENT_LOOPS + 2 + 3, CHILD = 2 + 2 + 2 * CHILD_LOOPS + 5 + 3 };
    const struct odb_stop *s;
    struct log_counts c = {0};
    struct replay *r = opened(kind, GOOD, (struct replay_options){.out_fd = {-1, -1, -1}, .index = true});
    OK(replay_run(r, NULL, &s));
    CHECK(s->reason == ODB_STOP_END && s->insns == PARENT + CHILD);
    count_log(r, &c);
    CHECK(c.n_insns == PARENT + CHILD && c.child_insns == CHILD);
    CHECK(c.ops[kind == THREAD ? ODB_LOG_TASK_THREAD
                : kind == FORK ? ODB_LOG_TASK_FORK
                               : ODB_LOG_TASK_SHARE] == 1);
    CHECK(c.ops[ODB_LOG_TASK_EXIT] == 2 && c.n_tasks == 3 && c.n_syscalls == (kind == THREAD ? 4 : 3));
    replay_close(r);
}

static void expect_refusal(enum kind kind, enum flaw flaw)
{
    const struct odb_stop *s;
    struct replay *r = opened(kind, flaw, quiet);
    struct odb_err *e = replay_run(r, NULL, &s);
    CHECK(e || s->reason == ODB_STOP_DIVERGED);
    if (e && strstr(odb_err_text(e), "died"))
        CHECK(!"a hostile recording must not kill a vessel");
    if (!e && s->reason != ODB_STOP_DIVERGED)
        fprintf(stderr, "  kind %d flaw %d: reason %u\n", kind, flaw, s->reason);
    odb_err_free(e);
    replay_close(r);
}

int main(void)
{
    static const struct replay_options memory_ticks = {
        .out_fd = {-1, -1, -1}, .no_vector_ticks = true, .no_superblocks = true};
    static const struct replay_options hooked = {.out_fd = {-1, -1, -1}, .hook = true};
    if (!mkdtemp(dir))
        return 1;
    for (enum kind kind = THREAD; kind <= VFORK; kind++) {
        test_whole(kind, GOOD, quiet);
        test_whole(kind, GOOD, memory_ticks);
        test_whole(kind, GOOD, hooked);
        test_positions(kind, quiet);
        test_positions(kind, memory_ticks);
        test_positions(kind, hooked);
        test_index(kind);
        for (enum flaw flaw = NO_TASK; flaw <= BAD_STACK; flaw++)
            if (flaw != CHILD_KILLED && flaw != NO_END &&
                (kind != VFORK || flaw == NO_TASK || flaw == TWO_TASKS || flaw == SAME_TID ||
                 flaw == BAD_STACK))
                expect_refusal(kind, flaw);
    }
    test_whole(FORK, CHILD_KILLED, quiet);
    test_whole(VFORK, CHILD_KILLED, quiet);
    const struct odb_stop *s;
    struct replay *r = opened(FORK, NO_END, quiet);
    OK(replay_run(r, NULL, &s));
    CHECK(s->reason == ODB_STOP_END && s->text[0]);
    replay_close(r);
    char path[64];
    snprintf(path, sizeof(path), "%s/events", dir);
    unlink(path);
    rmdir(dir);
    return n_failed != 0;
}
