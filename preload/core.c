/* The run loop: what happens whenever translated code leaves to C.
 *
 * Life of a block. The program is at an address without translation: core_dispatch (or an exit) asks
 * translate() for it. The block's outgoing jumps lead to exit stubs; the first time one is taken,
 * core_exit finds the target's block and patches the jump, so that next time C is not involved. Blocks
 * die one by one when their memory changes (core_invalidate), or all together when the cache is full.
 *
 * Ticks. In xmm31, where the CPU has AVX-512 and the program is not shown it: nothing to check, nearly
 * free. As soon as anybody wants to stop at a tick it is compared with a limit in xmm29 at every tick; or, where that is
 * cheaper, or there is no AVX-512, ctx.budget counts down to the limit. The form never changes a tick's meaning.
 *
 * A stop at (tick, rip): at full speed to the head of the tick before it, then instruction by instruction
 * (VARIANT_HOOK) to rip. One tick before, because the comparison destroys flags that are dead at the head of its
 * block: at the end of that tick all of them have been written again. */
#include <linux/signal.h>
#include <stddef.h>

#include "preload/core.h"
#include "preload/debug.h"
#include "preload/raw.h"

#define NEVER (1ULL << 62)
#define MEASURED_TICKS 2000

bool vector_ticks, vector_check, hook_on;
static uint64_t stop_tick = UINT64_MAX;
static gaddr stop_rip;
static uint64_t limit = NEVER; /* tick at whose head translated code leaves to C, when it checks */
static bool stop_searching;    /* at or just before the stop's tick: every instruction is looked at */
static bool hook_wanted;
static bool entry_ticks; /* the entry that core_exit returned counts a tick */

_Static_assert(offsetof(struct engine_ctx, rip) == 128 && offsetof(struct engine_ctx, rflags) == 136 &&
                   offsetof(struct engine_ctx, spill) == 144 &&
                   offsetof(struct engine_ctx, exit_info) == 192 &&
                   offsetof(struct engine_ctx, enter_at) == 200,
               "entry.S knows these");

/* Memory form: ctx.budget counts down to 0 at tick_limit. */
static void budget_set(uint64_t now)
{
    ctx.tick_limit = limit;
    ctx.budget = limit - now;
}

static void limit_set(uint64_t tick)
{
    uint64_t now = core_tick();
    limit = tick;
    if (vector_ticks)
        vlimit_set(tick);
    else
        budget_set(now);
}

static bool limit_reached(void)
{
    if (!vector_ticks)
        return ctx.budget == 0;
    return vector_check && vtick_get() == limit;
}

void core_init(void)
{
    cache_init();
    special_init();
    vector_ticks = CONTROL->has_avx512 && CONTROL->cpu_policy == ODB_CPU_V3 &&
                   !(CONTROL->options & ODB_OPT_NO_VECTOR_TICKS);
    hook_wanted = hook_on = CONTROL->options & ODB_OPT_TRACE_HOOK || CONTROL->mode == ODB_MODE_INDEX;
    core_set_tick(0);
}

uint64_t core_tick(void) { return vector_ticks ? vtick_get() : ctx.tick_limit - ctx.budget; }

void core_set_tick(uint64_t tick)
{
    if (vector_ticks)
        vtick_set(tick);
    else
        budget_set(tick);
}

void core_count_tick(void)
{
    if (vector_ticks)
        vtick_set(vtick_get() + 1);
    else if (ctx.budget)
        ctx.budget--;
}

static uint64_t time_stamp(void)
{
    uint32_t lo, hi;
    __asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi));
    return (uint64_t)hi << 32 | lo;
}

/* Which form of a checked counter is cheaper differs from CPU to CPU by a factor of two: a vector register compared
 * with another, or a word of memory counted down, where stores are renamed like registers. Both loops take some
 * thousand cycles. */
static bool memory_is_cheaper(void)
{
    uint64_t best[2] = {UINT64_MAX, UINT64_MAX}, saved = vtick_get(), budget = ctx.budget;
    vtick_set(0);
    vlimit_set(NEVER);
    ctx.budget = NEVER;
    for (int i = 0; i < 6; i++) {
        uint64_t start = time_stamp();
        if (i & 1)
            tick_loop_memory(MEASURED_TICKS);
        else
            tick_loop_vector(MEASURED_TICKS);
        uint64_t cycles = time_stamp() - start;
        if (i > 1 && cycles < best[i & 1]) /* the first two only warm up */
            best[i & 1] = cycles;
    }
    vtick_set(saved);
    ctx.budget = budget;
    return best[1] < best[0];
}

/* Somebody wants to stop at a tick: from now on they are checked. */
static void begin_checking(void)
{
    uint64_t now = core_tick();
    if (memory_is_cheaper()) {
        vector_ticks = false;
        budget_set(now);
    } else {
        vector_check = true;
    }
    cache_flush();
}

void core_set_stop(uint64_t tick, gaddr rip)
{
    uint64_t now = core_tick();
    stop_tick = tick;
    stop_rip = rip;
    stop_searching = tick != UINT64_MAX && (hook_wanted || tick <= now + 1);
    hook_on = hook_wanted || stop_searching;
    if (tick == UINT64_MAX || stop_searching) {
        limit_set(NEVER);
        return;
    }
    if (vector_ticks && !vector_check)
        begin_checking();
    limit_set(tick - 1);
}

bool core_faults_announced(void)
{
    return (vector_check || !vector_ticks) && CONTROL->mode >= ODB_MODE_REPLAY;
}

void core_set_hook(bool on)
{
    bool changed = on != hook_wanted;
    hook_wanted = on;
    hook_on = on || stop_searching;
    if (stop_tick != UINT64_MAX && (on || changed))
        core_set_stop(stop_tick, stop_rip);
}

static void stop_reached(void)
{
    stop_tick = UINT64_MAX;
    stop_searching = false;
    hook_on = hook_wanted;
    replay_stopped();
}

/* ctx is at the head of a block, one tick before the stop's. */
static void limit_passed(void)
{
    limit_set(NEVER);
    if (stop_tick == UINT64_MAX)
        return;
    stop_searching = true;
    hook_on = true;
}

/* Is the instruction at ctx.rip the stop's, or already beyond it? */
static bool stop_is_here(void)
{
    uint64_t now = core_tick();
    return now > stop_tick || (now == stop_tick && ctx.rip >= stop_rip);
}

static struct block *get_block(gaddr rip, bool with_pad)
{
    uint8_t variant = hook_on ? VARIANT_HOOK : VARIANT_FAST;
    struct block *b = block_find(rip, variant);
    CONTROL->n_lookups++;
    if (b)
        return b;
    if (!cache_has_room())
        cache_flush();
    return translate(rip, variant, with_pad && !hook_on);
}

uint64_t core_dispatch(void)
{
    while (limit_reached())
        limit_passed();
    if (flush_pending)
        cache_flush();
    return ODB_CACHE_ADDR + get_block(ctx.rip, false)->main_entry;
}

void core_run(void) { engine_restart_stack((void (*)(void))core_enter); }

static uint64_t exit_link(const struct exit_rec *e)
{
    struct exit_rec copy = *e;
    uint32_t flushes = flush_count;
    struct block *b = get_block(ctx.rip, false);
    uint32_t entry = copy.kind == EXIT_LINK_TICK ? b->tick_entry : b->main_entry;
    entry_ticks = copy.kind == EXIT_LINK_TICK;
    if (flushes == flush_count && copy.variant == b->variant)
        cache_patch_rel32(copy.patch, entry);
    return ODB_CACHE_ADDR + entry;
}

/* An indirect branch to a non-canonical address faults itself, before rip or rsp change. */
static uint64_t branch_faults(void)
{
    uint64_t pc = ODB_CACHE_ADDR + ctx.branch_site;
    const struct block *b = block_at(pc);
    const struct insn_mark *m = b ? block_mark(b, pc) : NULL;
    struct insn in;
    engine_assert(m);
    ctx.rip = b->start + m->app_off;
    if (!insn_at(ctx.rip, &in))
        engine_panic("engine: no branch at 0x%lx", ctx.rip);
    if (in.flow == FLOW_RET)
        ctx.gpr[ODB_RSP] -= 8 + (in.opcode == 0xc2 ? (uint16_t)in.imm : 0);
    else if (in.flow == FLOW_CALL_IND)
        ctx.gpr[ODB_RSP] += 8;
    pending_fault = (struct pending_fault){.trapno = 13};
    core_raise(SIGSEGV, 0x80 /* SI_KERNEL */, 0);
    return core_dispatch();
}

static uint64_t exit_indirect(void)
{
    ctx.rip = ctx.exit_info;
    if (ctx.rip + (1ULL << 47) >= 1ULL << 48)
        return branch_faults();
    if (!cache_has_room())
        cache_flush();
    struct block *b = get_block(ctx.rip, true);
    if (!hook_on)
        pad_ensure(b);
    entry_ticks = true;
    return ODB_CACHE_ADDR + b->tick_entry;
}

/* The block behind a system call is nearly always the same: its entry is kept in the exit. A dead block's
 * entry leads on, and a flush drops the exits too. */
static uint64_t exit_syscall(struct exit_rec *e)
{
    gaddr next = e->target + 2;
    uint32_t flushes = flush_count;
    bool hooked = hook_on && log_active();
    CONTROL->n_syscalls++;
    sys_syscall();
    if (hooked)
        hook_complete();
    bool plain = ctx.rip == next && flushes == flush_count && !flush_pending && e->variant == hook_on &&
                 !limit_reached();
    if (plain && e->patch)
        return ODB_CACHE_ADDR + e->patch;
    uint64_t entry = core_dispatch();
    if (plain && flushes == flush_count)
        e->patch = (uint32_t)(entry - ODB_CACHE_ADDR);
    return entry;
}

static uint64_t exit_special(void)
{
    struct insn in;
    if (!insn_at(ctx.rip, &in))
        engine_panic("engine: cannot decode the instruction at 0x%lx again", ctx.rip);
    special_insn(&in);
    return core_dispatch();
}

static uint64_t exit_hook(const struct exit_rec *e)
{
    gaddr rip = ctx.rip;
    uint64_t go_on = ODB_CACHE_ADDR + e->patch;
    uint32_t flushes = flush_count, stops = vessel_stops;
    bool is_break = e->aux;
    if (debug_on)
        debug_behind();
    while (stop_searching && stop_is_here()) /* several signals may meet at one place */
        stop_reached();
    if (debug_on && ctx.rip == rip && hook_on && stops == vessel_stops)
        debug_before(is_break);
    if (flushes != flush_count || stops != vessel_stops || !hook_on || ctx.rip != rip || limit_reached())
        return core_dispatch();
    hook_insn(ctx.rip);
    return go_on;
}

/* No instruction could be fetched at ctx.rip when its block was made. */
static uint64_t exit_fetch(void)
{
    const struct engine_map *m = maps_find(ctx.rip);
    uint8_t byte;
    hook_complete(); /* of the branch that led here */
    if (!m) {
        /* the kernel calls every fault in its own half a protection fault */
        pending_fault = (struct pending_fault){.trapno = 14, .err = 0x14 | ctx.rip >> 63, .cr2 = ctx.rip};
        core_raise(SIGSEGV, 1 /* SEGV_MAPERR */, ctx.rip);
    } else if (!(m->prot & 4)) {
        pending_fault = (struct pending_fault){.trapno = 14, .err = 0x15, .cr2 = ctx.rip};
        core_raise(SIGSEGV, 2 /* SEGV_ACCERR */, ctx.rip);
    } else if (!engine_peek(ctx.rip, &byte, 1)) {
        pending_fault = (struct pending_fault){.trapno = 14, .err = 0x14, .cr2 = ctx.rip};
        core_raise(SIGBUS, 2 /* BUS_ADRERR */, ctx.rip);
    } else {
        struct insn in;
        gaddr end = m->end;
        if (end - ctx.rip >= INSN_MAX_BYTES || insn_at(ctx.rip, &in)) {
            core_invalidate(ctx.rip, ctx.rip + 1); /* it can be fetched now */
            return core_dispatch();
        }
        /* The instruction runs over the end of the mapping: the fault is at the first missing byte. */
        pending_fault = (struct pending_fault){.trapno = 14, .err = 0x14, .cr2 = end};
        core_raise(SIGSEGV, maps_find(end) ? 2 : 1, end);
    }
    return core_dispatch();
}

static uint64_t exit_check(const struct exit_rec *e)
{
    struct block *b = block_find(e->target, e->variant);
    uint8_t now[64 * INSN_MAX_BYTES];
    uint64_t go_on = ODB_CACHE_ADDR + e->patch;
    engine_assert(b && b->len_bytes <= sizeof now);
    if (engine_peek(b->start, now, b->len_bytes) && memcmp(now, CACHE + b->copy, b->len_bytes) == 0)
        return go_on;
    core_invalidate(b->start, b->start + (b->len_bytes ? b->len_bytes : 1));
    return core_dispatch();
}

static uint64_t exit_break(const struct exit_rec *e)
{
    uint64_t go_on = ODB_CACHE_ADDR + e->patch;
    if (!debug_break_exit())
        return go_on;
    core_set_hook(true);
    return core_dispatch();
}

static uint64_t exit_watch(const struct exit_rec *e)
{
    uint64_t go_on = ODB_CACHE_ADDR + e->patch;
    struct insn in;
    if (!insn_at(ctx.rip, &in) || !debug_watch_exit(&in))
        return go_on;
    core_set_hook(true);
    return core_dispatch();
}

static void refuse_insn(void)
{
    uint8_t c[4] = {0};
    engine_peek_some(ctx.rip, c, sizeof c);
    engine_panic("the program executed an instruction that odb cannot record, at 0x%lx (bytes %x %x %x): "
                 "32-bit system "
                 "calls (int 0x80, sysenter) and far transfers are not supported",
                 ctx.rip, c[0], c[1], c[2]);
}

void core_arrive(void)
{
    if (entry_ticks)
        core_count_tick();
    entry_ticks = false;
}

void core_arrived(void) { entry_ticks = false; }

uint64_t core_exit(uint32_t x)
{
    struct exit_rec *e = &exits[x];
    ctx.rip = e->target;
    entry_ticks = false;
    switch ((enum exit_kind)e->kind) {
    case EXIT_LINK:
    case EXIT_LINK_TICK: return exit_link(e);
    case EXIT_INDIRECT: return exit_indirect();
    case EXIT_SYSCALL: return exit_syscall(e);
    case EXIT_SPECIAL: return exit_special();
    case EXIT_STOP:
        if (e->aux)
            ctx.gpr[ODB_RCX] = ctx.spill[2];
        return core_dispatch();
    case EXIT_HOOK: return exit_hook(e);
    case EXIT_FETCH: return exit_fetch();
    case EXIT_CHECK: return exit_check(e);
    case EXIT_BREAK: return exit_break(e);
    case EXIT_WATCH: return exit_watch(e);
    case EXIT_REFUSE: refuse_insn();
    }
    engine_panic("engine: exit of unknown kind %u", e->kind);
}

/* ---- faults ---- */

static bool signal_is_fatal(int signo)
{
    uint64_t handler = sig_actions[signo].handler;
    return handler <= 1 /* SIG_DFL, SIG_IGN: the kernel kills for a forced signal */ ||
           sig_mask >> (signo - 1) & 1;
}

struct fault_siginfo {
    int32_t signo, error, code, pad;
    uint64_t addr;
    uint8_t rest[104];
};
_Static_assert(sizeof(struct fault_siginfo) == 128, "siginfo");

static void fault_happened(void)
{
    struct pending_fault f = pending_fault;
    sig_fault[0] = f.trapno;
    sig_fault[1] = f.err;
    if (f.trapno == 14) /* others leave it, and the kernel's own memory of it also has the engine's faults */
        sig_fault[2] = f.cr2;
    bool fatal = signal_is_fatal(f.signo);
    hook_cancel();
    CONTROL->n_faults++;
    sys_fault(f.signo, f.code, f.addr, fatal);
    if (fatal)
        sys_end(-f.signo);
    struct fault_siginfo info = {.signo = f.signo, .code = f.code, .addr = f.addr};
    signal_deliver(f.signo, &info);
}

void core_raise(int signo, int code, uint64_t addr)
{
    pending_fault.signo = signo;
    pending_fault.code = code;
    pending_fault.addr = addr;
    fault_happened();
}

uint64_t core_fault(void)
{
    const struct pending_fault *f = &pending_fault;
    entry_ticks = false;
    if (f->signo == SIGSEGV && f->trapno == 14 && f->err & 2 && page_write_fault(f->addr, ctx.rip))
        hook_cancel();
    else
        fault_happened();
    return core_dispatch();
}
