/* Signals: the engine's handlers in the kernel, and delivery to the program's.
 *
 * The kernel knows only the engine's handlers. They run on an alternate stack of the engine's and do as
 * little as possible:
 *   - a fault inside a guarded access (entry.S) makes that access fail;
 *   - a fault in translated code is made the program's: registers go to ctx (corrected by the block's
 *     marks), and the kernel's own sigreturn is led to fault_resume, which brings the vector state back and
 *     continues in C on the engine stack (core_fault);
 *   - an asynchronous signal is queued, and delivered at the next instruction of the program.
 * Anything else is a bug of the engine and ends in a panic that names the place.
 *
 * Delivery builds on the program's stack exactly the frame that the kernel would (arch/x86/kernel/signal_64.c,
 * fpu/signal.c, Linux 6.x): restorer, ucontext, siginfo, the xsave image with its two magic words. */
#include <linux/signal.h>

#include "preload/core.h"
#include "preload/raw.h"
#include "preload/replay.h"
#include "preload/sys.h"
#include "preload/thread.h"

struct engine_sigaction sig_actions[ENGINE_NSIG + 1];
uint64_t sig_mask;
uint64_t sig_mask_saved;
bool sig_mask_is_temporary;
uint64_t sig_altstack[3];
struct pending_fault pending_fault;
uint64_t sig_fault[3];
static bool in_record;

#define HANDLER_STACK_BYTES (128 * 1024)
static uint8_t handler_stack[HANDLER_STACK_BYTES] __attribute__((aligned(4096)));

#define SYNC SYS_SYNC_SIGNALS
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

static void queue_signal(const struct kernel_siginfo *info, struct frame_ucontext *uc);
static bool step_done(int code, struct frame_mcontext *m);
static void step_abandon(struct frame_mcontext *m);

__attribute__((force_align_arg_pointer)) static void on_fault(int signo, struct kernel_siginfo *info,
                                                              struct frame_ucontext *uc)
{
    struct frame_mcontext *m = &uc->mc;
    if (m->rip >= (uint64_t)guard_start && m->rip < (uint64_t)guard_end) {
        m->rip = (uint64_t)guard_failed;
        return;
    }
    if (info->code <= 0) { /* sent by a process, not by an instruction */
        queue_signal(info, uc);
        return;
    }
    if (signo == SIGTRAP && step_done(info->code, m))
        return;
    step_abandon(m);
    if (signo == SIGSYS)
        sys_escape(info->addr, info->rest[0] | info->rest[1] << 8);
    if (!translate_context(m))
        bad_fault(info, m);
    pending_fault = (struct pending_fault){signo, info->code, info->addr, m->trapno, m->err, m->cr2};
    /* These report the place of the instruction, which natively is not in the cache. */
    if (signo == SIGILL || signo == SIGFPE || (signo == SIGTRAP && info->code != 0x80 && info->addr))
        pending_fault.addr = ctx.rip;
    m->rip = (uint64_t)fault_resume;
    m->rsp = engine_sp;
    m->rflags &= ~(uint64_t)(FL_DF | FL_TF);
}

__attribute__((force_align_arg_pointer)) static void on_async(int signo, struct kernel_siginfo *info,
                                                              struct frame_ucontext *uc);

static void kernel_default(int signo)
{
    struct engine_sigaction act = {.flags = sig_actions[signo].flags & (SA_NOCLDSTOP | SA_NOCLDWAIT)};
    raw4(__NR_rt_sigaction, signo, &act, 0, 8);
}

static void kernel_handler(int signo, void (*fn)(int, struct kernel_siginfo *, struct frame_ucontext *),
                           uint64_t mask)
{
    struct engine_sigaction act = {
        .handler = (uint64_t)fn,
        .flags = SA_SIGINFO | SA_ONSTACK | SA_RESTORER |
                 (sig_actions[signo].flags & (SA_NOCLDSTOP | SA_NOCLDWAIT)) |
                 (signo == ODB_SIG_YIELD ? SA_RESTART : 0),
        .restorer = (uint64_t)engine_sigreturn,
        .mask = mask,
    };
    raw4(__NR_rt_sigaction, signo, &act, 0, 8);
}

static bool default_stops(int signo) { return (BIT(SIGTSTP) | BIT(SIGTTIN) | BIT(SIGTTOU)) & BIT(signo); }

/* Signals whose default is death or a stop: the engine lets the program die or stop, at an instruction that is known. */
static bool default_acts(int signo)
{
    return !((SYS_DEFAULT_IGNORED | BIT(SIGSTOP) | BIT(SIGKILL)) & BIT(signo));
}

static void on_watch(int signo, struct kernel_siginfo *info, struct frame_ucontext *uc);

void signal_init(bool record)
{
    static const int sync[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};
    struct frame_stack stack = {(uint64_t)handler_stack, 0, 0, sizeof handler_stack};
    in_record = record;
    if (!self)
        raw2(__NR_sigaltstack, &stack, 0);
    for (unsigned i = 0; i < sizeof sync / sizeof *sync; i++)
        kernel_handler(sync[i], on_fault, ~0ULL);
    if (CONTROL->mode >= ODB_MODE_REPLAY)
        kernel_handler(ODB_SIG_YIELD, on_watch, ~0ULL);
}

void signal_release(int signo)
{
    if (default_acts(signo) && CONTROL->mode == ODB_MODE_RECORD && self && self->process->ns_pid != 1)
        signal_take_over(signo);
    else
        kernel_default(signo);
}

void signal_init_defaults(void)
{
    for (int n = 1; n <= ENGINE_NSIG; n++)
        if (!(BIT(n) & SYNC) && sig_actions[n].handler == 0)
            signal_release(n);
    kernel_handler(ODB_SIG_YIELD, on_async, ~0ULL);
}

/* ---- asynchronous signals ----
 *
 * The handler of the thread that runs, when it finds it in translated code, wants to act at once: at the next place
 * where ctx can be made exact, which is where the code of a program instruction begins. It sets the trap flag until the
 * thread is there (step_done). A repeated string instruction may be half done where its code begins: it is let run to
 * its end, by an int3 behind it. In C code nothing is done but to leave a note (thread.h, interrupts), which is read as
 * the last thing before program code runs again (entry.S, leave_window). */

static bool stepping;
static uint64_t int3_at; /* cache address of an int3 of ours; 0: none */
static uint8_t int3_saved;

/* All others stay with the kernel until this one is delivered, so that their order and number are the kernel's. For that
 * the mask in the kernel's frame is changed; signal_tell_mask() puts it right. */
static void queue_signal(const struct kernel_siginfo *info, struct frame_ucontext *uc)
{
    struct thread *t = thread_at((uint64_t)__builtin_frame_address(0));
    uint32_t n = t->n_queued;
    if (n < THREAD_MAX_QUEUED) {
        t->queued[n] = *info;
        t->n_queued = n + 1;
    }
    uc->sigmask = ~(SYNC | BIT(ODB_SIG_YIELD));
    t->interrupts = 1;
}

/* Is pc the beginning of an instruction of the program, with everything in place? */
static bool at_instruction(uint64_t pc, struct block **ret_block, const struct insn_mark **ret_mark)
{
    struct block *b = block_at(pc);
    const struct insn_mark *k = b ? block_mark(b, pc) : NULL;
    if (!k || b->variant == VARIANT_HOOK)
        return false;
    *ret_block = b;
    *ret_mark = k;
    return k->fix == MARK_NONE && k->cache_off == pc - ODB_CACHE_ADDR - b->cache_begin;
}

static bool is_repeated(gaddr rip)
{
    struct insn in;
    return insn_at(rip, &in) && (in.string_src || in.string_dst) && in.n_prefix;
}

static bool in_window(uint64_t pc, const char *from, const char *to)
{
    return pc >= (uint64_t)from && pc < (uint64_t)to;
}

/* The thread is somewhere: makes it look at what is queued as soon as it can be. */
static void interrupt(struct frame_mcontext *m)
{
    struct block *b = NULL;
    const struct insn_mark *k = NULL;
    m->rflags &= ~(uint64_t)FL_TF;
    stepping = false;
    if (m->rip < ODB_CACHE_ADDR || m->rip >= ODB_CACHE_ADDR + ODB_CACHE_BYTES) {
        if (in_window(m->rip, leave_window, leave_window_end))
            m->rip = (uint64_t)leave_window;
        if (in_window(m->rip, watch_check, watch_check_end)) { /* part of translated code */
            stepping = true;
            m->rflags |= FL_TF;
        }
        return;
    }
    if (!at_instruction(m->rip, &b, &k)) {
        stepping = true;
        m->rflags |= FL_TF;
        return;
    }
    if (is_repeated(b->start + k->app_off)) {
        uint64_t next = ODB_CACHE_ADDR + b->cache_begin + k[1].cache_off;
        if (!int3_at && k + 1 < &marks[b->marks + b->n_marks]) {
            int3_at = next;
            int3_saved = *(uint8_t *)next;
            *(volatile uint8_t *)next = 0xcc;
        }
        return;
    }
    translate_context(m);
    ctx.rflags &= ~0x10000ULL; /* RF: a page fault on the way; replay would not have it */
    m->rip = (uint64_t)interrupt_resume;
    m->rsp = engine_sp;
    m->rflags &= ~(uint64_t)FL_DF;
}

static void int3_remove(void)
{
    if (int3_at)
        *(volatile uint8_t *)int3_at = int3_saved;
    int3_at = 0;
}

/* A trap: of our single step, or our int3? Then it is dealt with. */
static bool step_done(int code, struct frame_mcontext *m)
{
    if (int3_at && m->rip == int3_at + 1) {
        m->rip = int3_at;
        int3_remove();
        interrupt(m);
        return true;
    }
    if (m->rip == (uint64_t)exec_failed_trap + 1)
        return true;
    if (!stepping || code != 2 /* TRAP_TRACE */)
        return false;
    interrupt(m);
    return true;
}

/* An instruction faulted on the way: the note is read when C has dealt with it. */
static void step_abandon(struct frame_mcontext *m)
{
    if (stepping)
        m->rflags &= ~(uint64_t)FL_TF;
    stepping = false;
    int3_remove();
}

/* Would the kernel have thrown the signal away? */
static bool thread_ignores(const struct thread *t, int signo)
{
    uint64_t handler = thread_actions(t)[signo].handler;
    return handler == 1 || (handler == 0 && SYS_DEFAULT_IGNORED & BIT(signo));
}

static bool is_yield(const struct kernel_siginfo *info)
{
    uint64_t value;
    memcpy(&value, info->rest, 8);
    return info->signo == ODB_SIG_YIELD && info->code == -1 && value == ODB_YIELD_VALUE;
}

__attribute__((force_align_arg_pointer)) static void on_async(int signo, struct kernel_siginfo *info,
                                                              struct frame_ucontext *uc)
{
    struct thread *t = thread_at((uint64_t)__builtin_frame_address(0));
    struct frame_mcontext *m = &uc->mc;
    if (is_yield(info)) {
        t->yield_wanted = t->disturbed = true;
        t->interrupts = 1;
    } else if (signo == ODB_SIG_YIELD && thread_ignores(t, signo)) {
        t->disturbed = true;
        return;
    } else {
        queue_signal(info, uc);
    }
    if (t->in_call &&
        (in_window(m->rip, raw_call_window, raw_call_window_end) || m->rip == (uint64_t)raw_syscall_insn)) {
        m->rip = (uint64_t)raw_call_interrupted;
        return;
    }
    if (t == self && !stepping)
        interrupt(m);
}

/* Replay: the host wonders whether the program still goes where the recording went. */
__attribute__((force_align_arg_pointer)) static void on_watch(int signo, struct kernel_siginfo *info,
                                                              struct frame_ucontext *uc)
{
    (void)signo;
    (void)info;
    *interrupts_at = 1;
    if (!stepping)
        interrupt(&uc->mc);
}

void signal_take_over(int signo) { kernel_handler(signo, on_async, ~0ULL & ~(BIT(SIGSEGV) | BIT(SIGBUS))); }

void signal_tell_mask(void)
{
    uint64_t mask = sig_mask & ~SYNC & ~BIT(ODB_SIG_YIELD);
    if (in_record)
        raw4(__NR_rt_sigprocmask, SIG_SETMASK, &mask, 0, 8);
}

/* True: *ret is to be delivered, and all signals are blocked in the kernel until the caller tells it the mask. */
static bool take_queued(struct kernel_siginfo *ret)
{
    uint64_t all = ~(BIT(SIGSEGV) | BIT(SIGBUS));
    struct thread *t = self;
    raw4(__NR_rt_sigprocmask, SIG_SETMASK, &all, 0, 8);
    for (unsigned i = 0; i < t->n_queued; i++) {
        if (sig_mask & BIT(t->queued[i].signo))
            continue;
        *ret = t->queued[i];
        t->n_queued--;
        memmove(&t->queued[i], &t->queued[i + 1], (t->n_queued - i) * sizeof *t->queued);
        return true;
    }
    signal_tell_mask();
    return false;
}

bool signal_pending_restarts(void)
{
    const struct thread *t = self;
    for (unsigned i = 0; i < t->n_queued; i++)
        if (!(sig_mask & BIT(t->queued[i].signo)))
            return sig_actions[t->queued[i].signo].handler <= 1 ||
                   (sig_actions[t->queued[i].signo].flags & SA_RESTART);
    return false;
}

static bool default_ignores(int signo) { return SYS_DEFAULT_IGNORED >> (signo - 1) & 1; }

/* The default action of SIGTSTP and kin: really, by the kernel, without the baton. */
static void stop_process(int signo)
{
    uint64_t bit = BIT(signo);
    struct thread *t = self;
    baton_leave(t);
    kernel_default(signo);
    raw3(__NR_tgkill, t->process->ns_pid, t->ns_tid, signo);
    raw4(__NR_rt_sigprocmask, SIG_UNBLOCK, &bit, 0, 8); /* here it stops */
    signal_take_over(signo);
    baton_return(t);
    signal_tell_mask();
}

void signal_deliver_pending(void)
{
    struct kernel_siginfo info;
    while (self && self->n_queued && take_queued(&info)) {
        uint64_t handler = sig_actions[info.signo].handler;
        if (handler == 1 || (handler == 0 && default_ignores(info.signo))) {
            signal_tell_mask();
            continue;
        }
        if (handler == 0 && default_stops(info.signo)) {
            stop_process(info.signo);
            continue;
        }
        if (handler == 0)
            sys_end(-info.signo);
        sys_signal(info.signo, &info);
        signal_deliver(info.signo, &info);
    }
}

uint64_t core_interrupt(uint64_t entry)
{
    struct thread *t = self;
    bool hooked = hook_on; /* replay_interrupted() may turn it on, to stop soon */
    *interrupts_at = 0;
    if (!t)
        replay_interrupted();
    if (hooked && entry)
        return entry;
    core_arrive();
    if (!t)
        return core_dispatch();
    signal_deliver_pending();
    if (t->yield_wanted)
        baton_yield(t);
    return core_dispatch();
}

uint64_t core_interrupted(void)
{
    core_arrived();
    return core_interrupt(0);
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
    f->uc.mc.trapno = sig_fault[0];
    f->uc.mc.err = sig_fault[1];
    f->uc.mc.cr2 = sig_fault[2];
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
        pending_fault =
            (struct pending_fault){.trapno = sig_fault[0], .err = sig_fault[1], .cr2 = sig_fault[2]};
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
    signal_tell_mask();
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
    signal_tell_mask();
    core_count_tick();
    if (log_active())
        vessel_log_start(); /* the index learns all registers anew */
}
