/* Signals: the engine's handlers in the kernel, and delivery to the program's.
 *
 * The kernel knows only the engine's handlers. They run on an alternate stack of the engine's and do as
 * little as possible:
 *   - a fault inside a guarded access (entry.S) makes that access fail;
 *   - a fault in translated code is made the program's: registers go to ctx (corrected by the block's
 *     marks), and the kernel's own sigreturn is led to fault_resume, which brings the vector state back and
 *     continues in C on the engine stack (core_fault);
 *   - an asynchronous signal is queued until the next system call is done.
 * Anything else is a bug of the engine and ends in a panic that names the place.
 *
 * Delivery builds on the program's stack exactly the frame that the kernel would (arch/x86/kernel/signal_64.c,
 * fpu/signal.c, Linux 6.x): restorer, ucontext, siginfo, the xsave image with its two magic words. */
#include <linux/signal.h>

#include "preload/core.h"
#include "preload/raw.h"
#include "preload/replay.h"

struct engine_sigaction sig_actions[ENGINE_NSIG + 1];
uint64_t sig_mask;
uint64_t sig_mask_saved;
bool sig_mask_is_temporary;
uint64_t sig_altstack[3];
struct pending_fault pending_fault;
static bool in_record;

#define HANDLER_STACK_BYTES (128 * 1024)
static uint8_t handler_stack[HANDLER_STACK_BYTES] __attribute__((aligned(4096)));

#define BIT(signo) (1ULL << ((signo)-1))
#define UC_FP_XSTATE 1
#define UC_SIGCONTEXT_SS 2
#define UC_STRICT_RESTORE_SS 4
#define FP_MAGIC1 0x46505853U
#define FP_MAGIC2 0x46505845U
/* Flags that a program may set through a signal frame: everything but IF, IOPL and the like (kernel: FIX_EFLAGS). */
#define USER_FLAGS (FL_ARITH | FL_DF | FL_TF | 0x10000 /* RF */ | 0x40000 /* AC */)

struct frame_stack {
    uint64_t sp;
    int32_t flags, pad;
    uint64_t size_bytes;
};
struct frame_mcontext {
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
    uint16_t cs, gs, fs, ss;
    uint64_t err, trapno, oldmask, cr2, fpstate, reserved[8];
};
struct frame_ucontext {
    uint64_t flags, link;
    struct frame_stack stack;
    struct frame_mcontext mc;
    uint64_t sigmask;
};
struct frame {
    uint64_t restorer;
    struct frame_ucontext uc;
    uint8_t siginfo[128];
};
_Static_assert(sizeof(struct frame_mcontext) == 256 && sizeof(struct frame_ucontext) == 304 &&
                   sizeof(struct frame) == 440,
               "the kernel's rt_sigframe");

struct kernel_siginfo {
    int32_t signo, error, code, pad;
    uint64_t addr;
    uint8_t rest[104];
};

/* ---- the kernel's side ---- */

static void context_to_ctx(const struct frame_mcontext *m)
{
    const uint64_t gpr[ODB_N_GPR] = {m->rax, m->rcx, m->rdx, m->rbx, m->rsp, m->rbp, m->rsi, m->rdi,
                                     m->r8,  m->r9,  m->r10, m->r11, m->r12, m->r13, m->r14, m->r15};
    memcpy(ctx.gpr, gpr, sizeof gpr);
    ctx.rflags = m->rflags;
}

static void ctx_to_context(struct frame_mcontext *m)
{
    const uint64_t *g = ctx.gpr;
    m->rax = g[ODB_RAX], m->rcx = g[ODB_RCX], m->rdx = g[ODB_RDX], m->rbx = g[ODB_RBX];
    m->rsp = g[ODB_RSP], m->rbp = g[ODB_RBP], m->rsi = g[ODB_RSI], m->rdi = g[ODB_RDI];
    m->r8 = g[8], m->r9 = g[9], m->r10 = g[10], m->r11 = g[11];
    m->r12 = g[12], m->r13 = g[13], m->r14 = g[14], m->r15 = g[15];
    m->rip = ctx.rip;
    m->rflags = ctx.rflags;
}

/* Is the interrupted code translated? Then ctx becomes the program's exact state. */
static bool translate_context(const struct frame_mcontext *m)
{
    struct block *b = block_at(m->rip);
    const struct insn_mark *k = b ? block_mark(b, m->rip) : NULL;
    if (!k)
        return false;
    context_to_ctx(m);
    if (k->fix == MARK_SPILL)
        ctx.gpr[k->reg] = ctx.spill[3];
    else if (k->fix == MARK_RCX)
        ctx.gpr[ODB_RCX] = ctx.spill[0];
    ctx.rip = b->start + k->app_off;
    return true;
}

static void bad_fault(const struct kernel_siginfo *info, const struct frame_mcontext *m)
{
    engine_panic("engine: signal %d code %d addr 0x%lx at engine address 0x%lx (program at 0x%lx, tick %lu)",
                 info->signo, info->code, info->addr, m->rip, ctx.rip, core_tick());
}

static void queue_signal(const struct kernel_siginfo *info);

__attribute__((force_align_arg_pointer)) static void on_fault(int signo, struct kernel_siginfo *info,
                                                              struct frame_ucontext *uc)
{
    struct frame_mcontext *m = &uc->mc;
    if (m->rip >= (uint64_t)guard_start && m->rip < (uint64_t)guard_end) {
        m->rip = (uint64_t)guard_failed;
        return;
    }
    if (info->code <= 0) { /* sent by a process, not by an instruction */
        queue_signal(info);
        return;
    }
    if (signo == SIGSYS)
        sys_escape(info->addr, info->rest[0] | info->rest[1] << 8);
    if (!translate_context(m))
        bad_fault(info, m);
    pending_fault = (struct pending_fault){signo, info->code, info->addr, m->trapno, m->err, m->cr2};
    /* These report the place of the instruction, which natively is not in the cache. */
    if (signo == SIGILL || signo == SIGFPE || (signo == SIGTRAP && info->code != 0x80 && info->addr))
        pending_fault.addr = ctx.rip;
    m->rip = (uint64_t)fault_resume;
    m->rsp = (uint64_t)engine_stack_top;
    m->rflags &= ~(uint64_t)(FL_DF | FL_TF);
}

static void kernel_handler(int signo, void (*fn)(int, struct kernel_siginfo *, struct frame_ucontext *),
                           uint64_t mask)
{
    struct engine_sigaction act = {
        .handler = (uint64_t)fn,
        .flags = SA_SIGINFO | SA_ONSTACK | SA_RESTORER,
        .restorer = (uint64_t)engine_sigreturn,
        .mask = mask,
    };
    raw4(__NR_rt_sigaction, signo, &act, 0, 8);
}

void signal_init(bool record)
{
    static const int sync[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};
    struct frame_stack stack = {(uint64_t)handler_stack, 0, 0, sizeof handler_stack};
    in_record = record;
    raw2(__NR_sigaltstack, &stack, 0);
    for (unsigned i = 0; i < sizeof sync / sizeof *sync; i++)
        kernel_handler(sync[i], on_fault, ~0ULL);
}

/* ---- asynchronous signals ---- */

#define MAX_QUEUED 64
static struct kernel_siginfo queued[MAX_QUEUED];
static volatile unsigned n_queued;

static void queue_signal(const struct kernel_siginfo *info)
{
    unsigned n = n_queued;
    if (n < MAX_QUEUED) {
        queued[n] = *info;
        n_queued = n + 1;
    }
}

__attribute__((force_align_arg_pointer)) static void on_async(int signo, struct kernel_siginfo *info,
                                                              struct frame_ucontext *uc)
{
    (void)signo;
    (void)uc;
    queue_signal(info);
}

void signal_take_over(int signo) { kernel_handler(signo, on_async, ~0ULL & ~(BIT(SIGSEGV) | BIT(SIGBUS))); }

static void tell_kernel_mask(void)
{
    const uint64_t sync = BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGILL) | BIT(SIGFPE) | BIT(SIGTRAP) | BIT(SIGSYS);
    uint64_t mask = sig_mask & ~sync;
    if (in_record)
        raw4(__NR_rt_sigprocmask, SIG_SETMASK, &mask, 0, 8);
}

static bool take_queued(struct kernel_siginfo *ret)
{
    uint64_t all = ~(BIT(SIGSEGV) | BIT(SIGBUS)), old;
    bool found = false;
    raw4(__NR_rt_sigprocmask, SIG_SETMASK, &all, &old, 8);
    for (unsigned i = 0; i < n_queued && !found; i++) {
        if (sig_mask & BIT(queued[i].signo))
            continue;
        *ret = queued[i];
        n_queued--;
        memmove(&queued[i], &queued[i + 1], (n_queued - i) * sizeof *queued);
        found = true;
    }
    raw4(__NR_rt_sigprocmask, SIG_SETMASK, &old, 0, 8);
    return found;
}

bool signal_pending_restarts(void)
{
    for (unsigned i = 0; i < n_queued; i++)
        if (!(sig_mask & BIT(queued[i].signo)))
            return sig_actions[queued[i].signo].handler > 1 &&
                   (sig_actions[queued[i].signo].flags & SA_RESTART);
    return false;
}

void signal_deliver_pending(void)
{
    struct kernel_siginfo info;
    while (n_queued && take_queued(&info)) {
        uint64_t handler = sig_actions[info.signo].handler;
        if (handler == 1)
            continue;
        if (handler == 0)
            sys_end(-info.signo);
        sys_signal(info.signo, &info);
        signal_deliver(info.signo, &info);
    }
}

/* ---- the program's side ---- */

static uint8_t fp_image[4096 + 64] __attribute__((aligned(64)));

static void fp_finish(size_t n_bytes)
{
    uint64_t features;
    memcpy(&features, fp_image + 512, 8);
    uint32_t sw[12] = {FP_MAGIC1, (uint32_t)n_bytes + 4, (uint32_t)features, (uint32_t)(features >> 32),
                       (uint32_t)n_bytes};
    memcpy(fp_image + 464, sw, sizeof sw);
    uint32_t magic2 = FP_MAGIC2;
    memcpy(fp_image + n_bytes, &magic2, 4);
}

static bool stack_is_alternate(uint64_t sp)
{
    return sig_altstack[2] && sp > sig_altstack[0] && sp - sig_altstack[0] <= sig_altstack[2];
}

static gaddr frame_address(const struct engine_sigaction *a, size_t fp_bytes, gaddr *ret_fp)
{
    gaddr sp = ctx.gpr[ODB_RSP] - 128;
    if (a->flags & SA_ONSTACK && sig_altstack[2] && !stack_is_alternate(ctx.gpr[ODB_RSP]))
        sp = sig_altstack[0] + sig_altstack[2];
    sp = (sp - fp_bytes) & ~63ULL;
    *ret_fp = sp;
    return ((sp - sizeof(struct frame)) & ~15ULL) - 8;
}

static void frame_fill(struct frame *f, const struct engine_sigaction *a, const void *siginfo, gaddr fp)
{
    memset(f, 0, sizeof *f);
    f->restorer = a->restorer;
    f->uc.flags = UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
    f->uc.stack = (struct frame_stack){sig_altstack[0], 0, 0, sig_altstack[2]};
    f->uc.stack.flags = !sig_altstack[2] ? 2 /* SS_DISABLE */ : stack_is_alternate(ctx.gpr[ODB_RSP]) ? 1 : 0;
    ctx_to_context(&f->uc.mc);
    f->uc.mc.cs = 0x33;
    f->uc.mc.ss = 0x2b;
    f->uc.mc.err = pending_fault.err;
    f->uc.mc.trapno = pending_fault.trapno;
    f->uc.mc.cr2 = pending_fault.cr2;
    f->uc.mc.oldmask = sig_mask_is_temporary ? sig_mask_saved : sig_mask;
    f->uc.mc.fpstate = fp;
    f->uc.sigmask = sig_mask_is_temporary ? sig_mask_saved : sig_mask;
    memcpy(f->siginfo, siginfo, 128);
}

/* The kernel writes on both sides of record; the index wants it as such. */
static bool poke_logged(gaddr to, const void *from, size_t n_bytes)
{
    if (engine_owns(to, n_bytes))
        return false;
    log_kernel_write_before(to, n_bytes);
    bool ok = engine_poke(to, from, n_bytes);
    if (!ok) { /* perhaps a guarded code page */
        core_unprotect_all();
        ok = engine_poke(to, from, n_bytes);
    }
    log_kernel_write_after();
    return ok;
}

void signal_deliver(int signo, const void *siginfo128)
{
    struct engine_sigaction a = sig_actions[signo];
    struct frame f;
    gaddr fp, at;
    size_t xbytes = xstate_save(fp_image, sizeof fp_image - 64);
    fp_finish(xbytes);
    at = frame_address(&a, xbytes + 4, &fp);
    frame_fill(&f, &a, siginfo128, fp);
    if (!(a.flags & SA_RESTORER) || !poke_logged(fp, fp_image, xbytes + 4) ||
        !poke_logged(at, &f, sizeof f)) {
        /* No room for the frame: the kernel forces SIGSEGV, and kills if that cannot be handled either. */
        if (signo == SIGSEGV)
            sig_actions[SIGSEGV].handler = 0;
        pending_fault = (struct pending_fault){
            .trapno = pending_fault.trapno, .err = pending_fault.err, .cr2 = pending_fault.cr2};
        core_raise(SIGSEGV, 0x80 /* SI_KERNEL */, 0);
        return;
    }
    sig_mask_is_temporary = false;
    sig_mask |= a.mask;
    if (!(a.flags & SA_NODEFER))
        sig_mask |= BIT(signo);
    sig_mask &= ~(BIT(SIGKILL) | BIT(SIGSTOP));
    if (a.flags & SA_RESETHAND)
        sig_actions[signo].handler = 0;
    tell_kernel_mask();
    xstate_reset();
    ctx.gpr[ODB_RSP] = at;
    ctx.gpr[ODB_RDI] = (uint64_t)signo;
    ctx.gpr[ODB_RSI] = at + __builtin_offsetof(struct frame, siginfo);
    ctx.gpr[ODB_RDX] = at + __builtin_offsetof(struct frame, uc);
    ctx.gpr[ODB_RAX] = 0;
    ctx.rip = a.handler;
    ctx.rflags &= ~(uint64_t)(FL_DF | FL_TF | 0x10000);
    core_count_tick();
    if (log_active())
        vessel_log_start(); /* the index learns all registers anew */
}

/* The xsave image that the frame points at; a bad one makes the kernel raise SIGSEGV. */
static bool restore_fp(gaddr fp)
{
    if (!fp) {
        xstate_reset();
        return true;
    }
    if (!engine_peek(fp, fp_image, 512 + 64))
        return false;
    uint32_t sw[12];
    memcpy(sw, fp_image + 464, sizeof sw);
    size_t n = xstate_bytes();
    if (sw[0] != FP_MAGIC1 || sw[4] > n || sw[4] < 576) { /* legacy part only: the rest is initial */
        memset(fp_image + 512, 0, n - 512);
        fp_image[512] = 3;
        n = 576;
    } else if (!engine_peek(fp, fp_image, sw[4])) {
        return false;
    }
    memset(fp_image + 512 + 8, 0, 56);
    xstate_load(fp_image, n);
    return true;
}

void signal_return(void)
{
    struct frame f;
    /* The handler's `ret` took the restorer's address off. */
    if (!engine_peek(ctx.gpr[ODB_RSP] - 8, &f, sizeof f) || !restore_fp(f.uc.mc.fpstate)) {
        pending_fault = (struct pending_fault){0};
        core_raise(SIGSEGV, 0x80, 0);
        return;
    }
    uint64_t old_flags = ctx.rflags;
    context_to_ctx(&f.uc.mc);
    ctx.rip = f.uc.mc.rip;
    ctx.rflags = (f.uc.mc.rflags & USER_FLAGS & ~(uint64_t)FL_TF) | (old_flags & ~(uint64_t)USER_FLAGS) | 2;
    sig_mask = f.uc.sigmask & ~(BIT(SIGKILL) | BIT(SIGSTOP));
    sig_altstack[0] = f.uc.stack.flags & 2 ? 0 : f.uc.stack.sp;
    sig_altstack[2] = f.uc.stack.flags & 2 ? 0 : f.uc.stack.size_bytes;
    tell_kernel_mask();
    core_count_tick();
    if (log_active())
        vessel_log_start(); /* the index learns all registers anew */
}
