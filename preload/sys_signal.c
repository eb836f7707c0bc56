/* Calls about signals and segment bases: the program's signal state lives in the engine's tables
 * (signal.c), because the kernel's handlers are the engine's own. Semantics follow kernel/signal.c and
 * arch/x86/kernel/process_64.c of Linux 6.x, orders of checks and copies included.
 *
 * What the kernel is told (bare and record modes only):
 *   masks          the program's, without the synchronous signals, which the engine must always receive
 *   dispositions   SIG_DFL and SIG_IGN as they are; a handler becomes the engine's. Synchronous signals
 *                  stay the engine's whatever the program says. */
#include <asm/prctl.h>
#include <linux/signal.h>

#include "preload/raw.h"
#include "preload/sys.h"
#include "preload/thread.h"

#define E_INVAL 22
#define E_FAULT 14
#define E_PERM 1
#define E_NOMEM 12

#define BIT(signo) (1ULL << ((signo)-1))
#define UNBLOCKABLE (BIT(SIGKILL) | BIT(SIGSTOP))
#define DEFAULT_STOPS (BIT(SIGSTOP) | BIT(SIGTSTP) | BIT(SIGTTIN) | BIT(SIGTTOU))
/* include/uapi/asm-generic/signal-defs.h, UAPI_SA_FLAGS, and SA_RESTORER */
#define ACTION_FLAGS 0xdc000807ULL
#define ALT_ONSTACK 1
#define ALT_DISABLE 2
#define ALT_AUTODISARM (1u << 31)
#define ALT_MIN_BYTES 2048

/* A handled or deadly signal that the program sent to itself: takes effect when its call is finished. */
static int self_signo;
static struct {
    int32_t signo, error, code, pad;
    int32_t pid;
    uint32_t uid;
    uint8_t rest[104];
} self_info;
_Static_assert(sizeof(self_info) == 128, "siginfo");

static void kernel_action(int signo)
{
    if (sys_is_replay() || (BIT(signo) & SYS_SYNC_SIGNALS) || signo == ODB_SIG_YIELD)
        return;
    const struct engine_sigaction *a = &sig_actions[signo];
    if (a->handler > 1) {
        signal_take_over(signo);
        return;
    }
    if (a->handler == 0) {
        signal_release(signo);
        return;
    }
    struct engine_sigaction plain = {a->handler, a->flags & (SA_NOCLDSTOP | SA_NOCLDWAIT), 0, 0};
    raw4(__NR_rt_sigaction, signo, &plain, 0, 8);
}

static int64_t do_sigaction(const struct model_call *c)
{
    uint64_t signo = c->args[0];
    struct engine_sigaction new_action;
    if (c->args[3] != 8)
        return -E_INVAL;
    if (c->args[1] && !engine_peek(c->args[1], &new_action, sizeof(new_action)))
        return -E_FAULT;
    if ((int)signo < 1 || (int)signo > ENGINE_NSIG || (c->args[1] && (BIT((int)signo) & UNBLOCKABLE)))
        return -E_INVAL;
    struct engine_sigaction old = sig_actions[(int)signo];
    if (c->args[1]) {
        new_action.flags &= ACTION_FLAGS;
        new_action.mask &= ~UNBLOCKABLE;
        sig_actions[(int)signo] = new_action;
        kernel_action((int)signo);
    }
    if (c->args[2] && !engine_poke(c->args[2], &old, sizeof(old)))
        return -E_FAULT;
    return 0;
}

static int64_t do_sigprocmask(const struct model_call *c)
{
    uint64_t set = 0;
    uint64_t old = sig_mask;
    if (c->args[3] != 8)
        return -E_INVAL;
    if (c->args[1]) {
        if (!engine_peek(c->args[1], &set, 8))
            return -E_FAULT;
        set &= ~UNBLOCKABLE;
        switch ((int)c->args[0]) {
        case SIG_BLOCK: sig_mask |= set; break;
        case SIG_UNBLOCK: sig_mask &= ~set; break;
        case SIG_SETMASK: sig_mask = set; break;
        default: return -E_INVAL;
        }
        signal_tell_mask();
    }
    if (c->args[2] && !engine_poke(c->args[2], &old, 8))
        return -E_FAULT;
    return 0;
}

struct altstack {
    uint64_t sp;
    uint32_t flags, pad;
    uint64_t size_bytes;
};

static bool on_altstack(void)
{
    uint64_t sp = ctx.gpr[ODB_RSP];
    return !(sig_altstack[1] & ALT_AUTODISARM) && sp > sig_altstack[0] &&
           sp - sig_altstack[0] <= sig_altstack[2];
}

static int64_t do_sigaltstack(const struct model_call *c)
{
    struct altstack new_stack;
    if (c->args[0] && !engine_peek(c->args[0], &new_stack, sizeof(new_stack)))
        return -E_FAULT;
    uint32_t state = !sig_altstack[2] ? ALT_DISABLE : on_altstack() ? ALT_ONSTACK : 0;
    struct altstack old = {sig_altstack[0], state | ((uint32_t)sig_altstack[1] & ALT_AUTODISARM), 0,
                           sig_altstack[2]};
    if (c->args[0]) {
        uint32_t mode = new_stack.flags & ~ALT_AUTODISARM;
        if (on_altstack())
            return -E_PERM;
        if (mode != ALT_DISABLE && mode != ALT_ONSTACK && mode != 0)
            return -E_INVAL;
        if (mode != ALT_DISABLE && new_stack.size_bytes < ALT_MIN_BYTES)
            return -E_NOMEM;
        sig_altstack[0] = mode == ALT_DISABLE ? 0 : new_stack.sp;
        sig_altstack[1] = new_stack.flags;
        sig_altstack[2] = mode == ALT_DISABLE ? 0 : new_stack.size_bytes;
    }
    if (c->args[1] && !engine_poke(c->args[1], &old, sizeof(old)))
        return -E_FAULT;
    return 0;
}

/* FS and GS bases are real in every mode. CET and AMX are hidden: as on a CPU without. */
static enum sys_how do_arch_prctl(struct model_call *c)
{
    switch (c->args[0]) {
    case ARCH_SET_FS:
    case ARCH_SET_GS:
    case ARCH_GET_FS:
    case ARCH_GET_GS: c->result = sys_call_run(c); return SYS_DONE;
    case ARCH_GET_CPUID: c->result = 1; return SYS_DONE;
    default: c->result = -E_INVAL; return SYS_DONE;
    }
}

/* Is this a signal to the calling thread that takes effect before the call returns? */
static bool signals_self(const struct model_call *c, int *ret_signo)
{
    int64_t target = (int32_t)c->args[0];
    switch (c->nr) {
    case __NR_kill: /* of several threads the kernel chooses */
    case __NR_rt_sigqueueinfo:
        *ret_signo = (int)c->args[1];
        return target == (int)self->process->ns_pid && self->process->n_threads == 1;
    case __NR_tkill: *ret_signo = (int)c->args[1]; return target == (int)self->ns_tid;
    case __NR_tgkill:
    case __NR_rt_tgsigqueueinfo:
        *ret_signo = (int)c->args[2];
        return target == (int)self->process->ns_pid && (int)c->args[1] == (int)self->ns_tid;
    default: return false;
    }
}

static bool self_info_make(const struct model_call *c, int signo)
{
    memset(&self_info, 0, sizeof(self_info));
    if (c->nr == __NR_rt_sigqueueinfo || c->nr == __NR_rt_tgsigqueueinfo) {
        gaddr from = c->nr == __NR_rt_sigqueueinfo ? c->args[2] : c->args[3];
        if (!engine_peek(from, &self_info, sizeof(self_info)))
            return false;
        self_info.signo = signo;
        return true;
    }
    self_info.signo = signo;
    self_info.code = c->nr == __NR_kill ? 0 : -6; /* SI_USER, SI_TKILL */
    self_info.pid = (int32_t)self->process->ns_pid;
    self_info.uid = (uint32_t)raw0(__NR_getuid);
    return true;
}

static enum sys_how do_kill(struct model_call *c)
{
    int signo;
    if (sys_is_replay() || !signals_self(c, &signo) || signo < 1 || signo > ENGINE_NSIG)
        return SYS_PASS;
    uint64_t handler = sig_actions[signo].handler;
    uint64_t quiet = handler == 0 ? SYS_DEFAULT_IGNORED | DEFAULT_STOPS : 0;
    if ((sig_mask & BIT(signo) & ~UNBLOCKABLE) || handler == 1 || (quiet & BIT(signo)))
        return SYS_PASS;
    if (!self_info_make(c, signo))
        return SYS_PASS;
    self_signo = signo;
    c->result = 0;
    return SYS_DONE;
}

enum sys_how sys_virtual(struct model_call *c)
{
    switch (c->nr) {
    case __NR_rt_sigaction: c->result = do_sigaction(c); return SYS_DONE;
    case __NR_rt_sigprocmask: c->result = do_sigprocmask(c); return SYS_DONE;
    case __NR_sigaltstack: c->result = do_sigaltstack(c); return SYS_DONE;
    case __NR_arch_prctl: return do_arch_prctl(c);
    case __NR_rt_sigreturn:
        signal_return();
        c->result = (int64_t)ctx.gpr[ODB_RAX];
        return SYS_REPLACED;
    case __NR_kill:
    case __NR_tkill:
    case __NR_tgkill:
    case __NR_rt_sigqueueinfo:
    case __NR_rt_tgsigqueueinfo: return do_kill(c);
    default: return SYS_PASS;
    }
}

void sys_virtual_after(void)
{
    int signo = self_signo;
    if (!signo)
        return;
    self_signo = 0;
    if (sig_actions[signo].handler == 0)
        sys_end(-signo);
    sys_signal(signo, &self_info);
    signal_deliver(signo, &self_info);
}

/* The mask that the call put in force while it waited. */
static bool waiting_mask(uint64_t *ret)
{
    gaddr at;
    uint64_t pair[2];
    switch (ctx.gpr[ODB_RAX]) {
    case __NR_rt_sigsuspend: at = ctx.gpr[ODB_RDI]; break;
    case __NR_ppoll: at = ctx.gpr[ODB_R10]; break;
    case __NR_epoll_pwait:
    case __NR_epoll_pwait2: at = ctx.gpr[ODB_R8]; break;
    case __NR_pselect6: /* a pair: pointer and size */
        if (!ctx.gpr[ODB_R9] || !engine_peek(ctx.gpr[ODB_R9], pair, sizeof(pair)))
            return false;
        at = pair[0];
        break;
    default: return false;
    }
    return at && engine_peek(at, ret, 8);
}

void sys_signal_interrupted(void)
{
    uint64_t mask;
    if (!waiting_mask(&mask))
        return;
    sig_mask_saved = sig_mask;
    sig_mask_is_temporary = true;
    sig_mask = mask & ~UNBLOCKABLE;
    /* The kernel learns it when the first frame is built: another instance of the same signal must stay with it. */
}

bool sys_signal_waits_in_vain(void)
{
    uint64_t mask;
    if (!self->n_queued || !waiting_mask(&mask))
        return false;
    for (uint32_t i = 0; i < self->n_queued; i++)
        if (!(mask & BIT(self->queued[i].signo)))
            return true;
    return false;
}

void sys_signal_resumed(void)
{
    sig_mask_is_temporary = false;
    sig_mask = sig_mask_saved;
    signal_tell_mask();
}
