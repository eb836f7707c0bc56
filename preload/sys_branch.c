/* A branch: the replayed program runs on freely, from a place where the host wants to try something, and is thrown away.
 *
 * No event is looked at any more. System calls are answered so that nothing outside notices: those about memory are done,
 * those about signals are the engine's own anyway, time and ids are given, output to stdout and stderr succeeds and goes
 * nowhere, everything else does not exist (ENOSYS). Only the thread that was current runs. A deadly signal stops; when the host
 * does not change the registers there, the branch ends with the next RUN. */
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/signal.h>

#include "preload/core.h"
#include "preload/debug.h"
#include "preload/raw.h"
#include "preload/replay.h"
#include "preload/sys.h"

#define E_NOMEM 12
#define E_AGAIN 11
#define E_BADF 9
#define E_NOTTY 25
#define E_NOSYS 38

static bool registers_changed;

void branch_registers_changed(void) { registers_changed = true; }

/* ---- signals ---- */

/* Stops; what is behind the stop is done by the caller, unless the registers were changed: then they are where it goes on. */
static void signal_stop(int signo, const void *siginfo128, bool deadly)
{
    uint32_t stops = vessel_stops;
    registers_changed = false;
    debug_branch_signal(signo, siginfo128, deadly);
    if (stops != vessel_stops && registers_changed) {
        hook_cancel();
        core_run();
    }
    if (deadly)
        vessel_stay(ODB_STOP_END, -signo);
}

void sys_branch_fault(int signo, int code, uint64_t addr, bool fatal)
{
    const int32_t info[8] = {signo, 0, code, 0, (int32_t)(uint32_t)addr, (int32_t)(addr >> 32)};
    uint8_t siginfo[128] = {0};
    memcpy(siginfo, info, sizeof(info));
    signal_stop(signo, siginfo, fatal);
}

static void signal_self(int signo)
{
    const int32_t info[6] = {signo, 0, -6 /* SI_TKILL */, 0, (int32_t)ctx.pid, 0};
    uint8_t siginfo[128] = {0};
    if (signo < 1 || signo > ENGINE_NSIG || sig_mask >> (signo - 1) & 1)
        return;
    uint64_t handler = sig_actions[signo].handler;
    memcpy(siginfo, info, sizeof(info));
    if (handler == 1 || (handler == 0 && SYS_DEFAULT_IGNORED >> (signo - 1) & 1))
        return;
    signal_stop(signo, siginfo, handler == 0);
    signal_deliver(signo, siginfo);
}

/* ---- system calls ---- */

static int64_t write_bytes(const struct model_call *c)
{
    if (output_origin(c->args[0]) == 0)
        return -E_NOSYS;
    if (c->nr == __NR_write)
        return (int64_t)c->args[2];
    int64_t sum = 0;
    for (uint64_t i = 0; i < c->args[2] && i < 1024; i++) {
        uint64_t v[2];
        if (!engine_peek(c->args[1] + 16 * i, v, sizeof(v)))
            return -14;
        sum += (int64_t)v[1];
    }
    return sum;
}

static int64_t memory_call(struct model_call *c)
{
    if (c->nr == __NR_brk) {
        c->result = (int64_t)(c->args[0] < replay_maps_brk() ? replay_maps_brk() : c->args[0]);
        return replay_maps_call(c, 0) ? (int64_t)replay_maps_brk() : c->result;
    }
    if (c->nr == __NR_mmap && !(c->args[3] & MAP_ANONYMOUS))
        return -E_NOSYS;
    bool fixed = c->nr != __NR_mmap || c->args[3] & (MAP_FIXED | MAP_FIXED_NOREPLACE);
    if (fixed && engine_owns(c->args[0], c->args[1] ? c->args[1] : 1))
        return -E_NOMEM;
    return sys_call_run(c);
}

static int64_t answer(struct model_call *c)
{
    switch (c->nr) {
    case __NR_write:
    case __NR_writev: return write_bytes(c);
    case __NR_brk:
    case __NR_mmap:
    case __NR_munmap:
    case __NR_mprotect:
    case __NR_mremap:
    case __NR_madvise: return memory_call(c);
    case __NR_getpid:
    case __NR_getppid: return ctx.pid;
    case __NR_gettid:
    case __NR_set_tid_address: return ctx.tid;
    case __NR_clock_gettime:
    case __NR_clock_getres:
    case __NR_gettimeofday:
    case __NR_time:
    case __NR_getrandom:
    case __NR_getuid:
    case __NR_geteuid:
    case __NR_getgid:
    case __NR_getegid:
    case __NR_uname: return sys_call_run(c);
    case __NR_nanosleep:
    case __NR_clock_nanosleep:
    case __NR_sched_yield:
    case __NR_set_robust_list: return 0;
    case __NR_futex: return (c->args[1] & FUTEX_CMD_MASK) == FUTEX_WAIT ? -E_AGAIN : 0;
    case __NR_ioctl: return -E_NOTTY;
    default: return -E_NOSYS;
    }
}

/* The signal that the program sends to itself; 0: none. */
static int self_signal(const struct model_call *c)
{
    bool self = (c->nr == __NR_kill && (uint32_t)c->args[0] == ctx.pid) ||
                (c->nr == __NR_tkill && (uint32_t)c->args[0] == ctx.tid) ||
                (c->nr == __NR_tgkill && (uint32_t)c->args[1] == ctx.tid);
    return !self ? 0 : (int)c->args[c->nr == __NR_tgkill ? 2 : 1];
}

void sys_branch_syscall(void)
{
    struct model_call c;
    sys_call_load(&c);
    debug_call_begins(&c);
    if (c.nr == __NR_exit || c.nr == __NR_exit_group)
        vessel_stay(ODB_STOP_END, (int32_t)(c.args[0] & 255));
    int signo = self_signal(&c);
    enum sys_how how = sys_virtual(&c);
    if (how == SYS_PASS)
        c.result = signo ? 0 : answer(&c);
    if (how != SYS_REPLACED) {
        const struct model_syscall *m = model_lookup(c.nr);
        if (m && m->flags & MODEL_CHANGES_MAPS)
            sys_effect(&c, 0, "");
        sys_call_finish(c.result);
    }
    hook_complete();
    debug_call_done(&c, 0);
    if (signo && how == SYS_PASS)
        signal_self(signo);
}
