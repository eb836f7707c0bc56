/* See synth.h. */
#include "tests/replay/synth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const uint8_t code[] = {
    0xb9,
    SYNTH_LOOPS & 255,
    SYNTH_LOOPS >> 8,
    0,
    0, /* 0: mov ecx, SYNTH_LOOPS */
    0xff,
    0xc9, /* 5: dec ecx */
    0x75,
    0xfc, /* 7: jnz 5 */
    0xbf,
    1,
    0,
    0,
    0, /* 9: mov edi, 1 */
    0x48,
    0x8d,
    0x35,
    25,
    0,
    0,
    0, /* 14: lea rsi, [rip + 25] = 46 */
    0xba,
    3,
    0,
    0,
    0, /* 21: mov edx, 3 */
    0x89,
    0xf8, /* 26: mov eax, edi */
    0x66,
    0x90, /* 28: nop */
    0x0f,
    0x05, /* 30: syscall */
    0x0f,
    0x31, /* 32: rdtsc */
    0xb8,
    231,
    0,
    0,
    0, /* 34: mov eax, exit_group */
    0xbf,
    7,
    0,
    0,
    0, /* 39: mov edi, 7 */
    0x0f,
    0x05, /* 44: syscall */
    'h',
    'i',
    '\n', /* 46 */
};

static struct trace_writer *w;

static void must(struct odb_err *e)
{
    if (e) {
        fprintf(stderr, "synth: %s\n", odb_err_text(e));
        exit(1);
    }
}

static void put(void *event, uint16_t type, size_t n_bytes)
{
    struct odb_event *ev = event;
    ev->size_bytes = (uint32_t)n_bytes;
    ev->type = type;
    ev->tid = ev->pid = type >= ODB_EV_FILE && type <= ODB_EV_EXIT ? 100 : 0;
    must(trace_writer_append(w, event, n_bytes));
}

static void put_start(void)
{
    struct {
        struct odb_ev_start s;
        char text[24];
    } e = {.s = {.n_argv = 1, .cpu_policy = ODB_CPU_V3}};
    static const char text[] = "/synth\0/\0host\0synth";
    memcpy(e.text, text, sizeof(text));
    e.s.text_bytes = sizeof(text);
    put(&e, ODB_EV_START, sizeof(e.s) + (sizeof(text) + 7) / 8 * 8);
    struct odb_ev_cpu cpu = {.policy = ODB_CPU_V3, .xcr0 = 7};
    put(&cpu, ODB_EV_CPU, sizeof(cpu));
}

static void put_map(uint64_t start, uint64_t n_bytes, uint32_t prot, const char *name)
{
    struct {
        struct odb_ev_map m;
        char name[16];
    } e = {
        .m = {
            .start = start, .end = start + n_bytes, .prot = prot, .map_flags = MAP_PRIVATE | MAP_ANONYMOUS}};
    snprintf(e.name, sizeof(e.name), "%s", name);
    e.m.name_bytes = (uint32_t)strlen(name) + 1;
    put(&e, ODB_EV_MAP, sizeof(e.m) + (e.m.name_bytes + 7) / 8 * 8);
}

static void put_mem(uint64_t addr, const void *data, size_t n_bytes)
{
    uint8_t buf[sizeof(struct odb_ev_mem) + 256] = {0};
    struct odb_ev_mem e = {.addr = addr, .len_bytes = n_bytes};
    memcpy(buf + sizeof(e), data, n_bytes);
    memcpy(buf, &e, sizeof(e));
    put(buf, ODB_EV_MEM, sizeof(e) + (n_bytes + 7) / 8 * 8);
}

static void put_image(const struct synth *how)
{
    struct odb_ev_exec e = {
        .regs = {.rip = how->rip ? how->rip : SYNTH_CODE, .rflags = 0x202, .fs_base = how->fs_base},
        .brk_start = 0x800000,
        .stack_limit_bytes = 8 << 20,
        .n_maps = how->extra_map ? 3 : 2,
        .n_mem = how->extra_mem ? 2 : 1,
    };
    const uint32_t mxcsr = how->bad_mxcsr ? how->bad_mxcsr : 0x1f80;
    const uint16_t fcw = 0x37f;
    const uint64_t in_use = 7;
    e.regs.gpr[ODB_RSP] = SYNTH_STACK + 0x8000;
    memcpy(e.xstate, &fcw, 2);
    memcpy(e.xstate + 24, &mxcsr, 4);
    memcpy(e.xstate + 512, &in_use, 8);
    put(&e, ODB_EV_EXEC, sizeof(e));
    put_map(SYNTH_CODE, 4096, PROT_READ | PROT_EXEC, "");
    put_map(SYNTH_STACK, 0x10000, PROT_READ | PROT_WRITE, "[stack]");
    if (how->extra_map)
        put_map(how->extra_map, 4096, PROT_READ | PROT_WRITE, "");
    put_mem(SYNTH_CODE, code, sizeof(code));
    if (how->extra_mem)
        put_mem(how->extra_mem, "x", 1);
}

void synth_write(const char *dir, const struct synth *how)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/events", dir);
    unlink(path);
    must(trace_writer_create(dir, &w));
    put_start();
    put_image(how);
    struct {
        struct odb_ev_syscall s;
        uint64_t gpr[5];
    } call = {
        .s = {.tick = SYNTH_LOOPS - 1 + how->write_tick,
              .rip = SYNTH_RIP_WRITE,
              .result = 3,
              .nr = 1,
              .rflags = 0x246,
              .gpr_mask = 1u << ODB_RAX | 1u << ODB_RDX | 1u << ODB_RSP | 1u << ODB_RSI | 1u << ODB_RDI},
        .gpr = {1, how->write_rdx ? how->write_rdx : 3, SYNTH_STACK + 0x8000, SYNTH_CODE + 46, 1},
    };
    put(&call, ODB_EV_SYSCALL, sizeof(call));
    struct odb_ev_insn tsc = {
        .tick = SYNTH_LOOPS - 1, .rip = SYNTH_RIP_RDTSC, .value = SYNTH_TSC, .kind = ODB_INSN_RDTSC};
    if (!how->no_insn)
        put(&tsc, ODB_EV_INSN, sizeof(tsc));
    if (!how->no_exit) {
        struct odb_ev_exit leave = {.tick = SYNTH_LOOPS - 1, .rip = SYNTH_RIP_EXIT, .status = 7};
        put(&leave, ODB_EV_EXIT, sizeof(leave));
        struct odb_ev_end end = {.wait_status = 7 << 8};
        put(&end, ODB_EV_END, sizeof(end));
    }
    must(trace_writer_close(w));
}
