/* The services that core and special ask for, dispatched by mode, and what all modes share. See sys.h. */
#include "preload/sys.h"

#include <linux/signal.h>

#include "preload/core.h"
#include "preload/event.h"
#include "preload/raw.h"

void sys_syscall(void)
{
    switch (CONTROL->mode) {
    case ODB_MODE_BARE: sys_bare_syscall(); return;
    case ODB_MODE_RECORD: sys_record_syscall(); return;
    default: sys_replay_syscall();
    }
}

uint64_t sys_insn_value(uint32_t kind, uint32_t *aux)
{
    switch (CONTROL->mode) {
    case ODB_MODE_BARE: return sys_bare_insn_value(kind, aux);
    case ODB_MODE_RECORD: return sys_record_insn_value(kind, aux);
    default: return sys_replay_insn_value(kind, aux);
    }
}

void sys_fault(int signo, int code, uint64_t addr, bool fatal)
{
    if (CONTROL->mode == ODB_MODE_RECORD)
        sys_record_fault(signo, code, addr, fatal);
    else if (sys_is_replay())
        sys_replay_fault(signo, code, addr, fatal);
}

void sys_signal(int signo, const void *siginfo128)
{
    if (CONTROL->mode == ODB_MODE_RECORD)
        sys_record_signal(signo, siginfo128);
    else if (sys_is_replay())
        sys_replay_signal(signo, siginfo128);
}

_Noreturn void sys_end(int status)
{
    if (CONTROL->mode == ODB_MODE_BARE)
        sys_bare_end(status);
    if (CONTROL->mode == ODB_MODE_RECORD)
        sys_record_end(status);
    sys_replay_end(status);
}

_Noreturn void sys_escape(gaddr rip, long nr)
{
    if (sys_is_replay())
        sys_replay_escape(rip, nr);
    char text[160];
    engine_format(text, sizeof(text), "system call %ld made outside the engine, at rip 0x%lx: an odb bug", nr,
                  rip);
    event_note(ODB_NOTE_ESCAPE, text);
    sys_message(text);
    sys_really_end(-SIGSYS);
}

void sys_call_load(struct model_call *c)
{
    if (sig_mask_is_temporary)
        sys_signal_resumed();
    c->nr = ctx.gpr[ODB_RAX];
    c->args[0] = ctx.gpr[ODB_RDI];
    c->args[1] = ctx.gpr[ODB_RSI];
    c->args[2] = ctx.gpr[ODB_RDX];
    c->args[3] = ctx.gpr[ODB_R10];
    c->args[4] = ctx.gpr[ODB_R8];
    c->args[5] = ctx.gpr[ODB_R9];
    c->peek = engine_peek;
}

void sys_call_finish(int64_t result)
{
    if (result == -4 /* EINTR */)
        sys_signal_interrupted();
    ctx.rip += 2;
    ctx.gpr[ODB_RAX] = (uint64_t)result;
    ctx.gpr[ODB_RCX] = ctx.rip;
    ctx.gpr[ODB_R11] = ctx.rflags;
}

static uint64_t live_random(uint32_t kind, uint32_t *aux)
{
    uint64_t value = 0;
    uint8_t carry = 0;
    for (int i = 0; i < 10 && !carry; i++) { /* Intel's advice: ten tries */
        if (kind == ODB_INSN_RDRAND)
            __asm__ volatile("rdrand %0; setc %1" : "=r"(value), "=qm"(carry) : : "cc");
        else
            __asm__ volatile("rdseed %0; setc %1" : "=r"(value), "=qm"(carry) : : "cc");
    }
    *aux = carry;
    return carry ? value : 0;
}

uint64_t sys_insn_live(uint32_t kind, uint32_t *aux)
{
    uint32_t lo, hi, cx = 0;
    *aux = 0;
    switch (kind) {
    case ODB_INSN_RDTSC: __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi)); return (uint64_t)hi << 32 | lo;
    case ODB_INSN_RDTSCP:
        __asm__ volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(cx));
        *aux = cx;
        return (uint64_t)hi << 32 | lo;
    case ODB_INSN_RDPID: /* the same TSC_AUX, without needing rdpid */
        __asm__ volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(cx));
        return cx;
    case ODB_INSN_RDRAND:
    case ODB_INSN_RDSEED: return live_random(kind, aux);
    default: engine_panic("engine: unknown instruction kind %u", kind);
    }
}

_Noreturn void sys_really_end(int status)
{
    if (status < 0) {
        uint64_t dfl[4] = {0, 0, 0, 0};
        uint64_t bit = 1ULL << (-status - 1);
        raw4(__NR_rt_sigaction, -status, dfl, 0, 8);
        raw3(__NR_tgkill, raw0(__NR_getpid), raw0(__NR_gettid), -status);
        raw4(__NR_rt_sigprocmask, SIG_UNBLOCK, &bit, 0, 8);
        status = 128 - status; /* not reached unless the signal was taken away from us */
    }
    for (;;)
        raw1(__NR_exit_group, status);
}

void sys_message(const char *text)
{
    char line[400];
    int n = engine_format(line, sizeof(line), "odb: %s\n", text);
    raw3(__NR_write, 2, line, n);
}
