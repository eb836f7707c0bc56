/* The per-instruction hook: every write to registers and memory, into the index log (control.h).
 *
 * hook_insn() is called before each instruction. It first completes the one before: what that one wrote is
 * read from the registers and memory as they are now. Then it notes what the coming one is going to
 * write: for memory, addresses and old contents. An instruction that faults is never completed; a system
 * call is announced first, because what the kernel writes is logged between its INSN and its REGs.
 *
 * Which registers an instruction writes is the decoder's knowledge. A write of the same value is logged
 * too. Vector registers are read by a plain store, which changes nothing. */
#include "preload/core.h"
#include "preload/debug.h"
#include "preload/raw.h"
#include "preload/replay.h"

#define MAX_WRITES 20           /* scatters store up to 16 elements */
#define PIECE_BYTES (64u << 10) /* longer writes are several records */
#define LONG_STRING_BYTES (1u << 20)
#define SLACK_BYTES (1u << 20) /* always free before an instruction; pieces check again */

struct write {
    gaddr addr;
    uint64_t len_bytes;
};

static struct {
    bool active, announced;
    gaddr rip;
    uint64_t nr; /* rax before a syscall instruction */
    struct insn in;
    struct write writes[MAX_WRITES];
    int n_writes;
    uint64_t kernel_addr, kernel_len;
} pending;

/* Old contents of the pending writes, one after the other; the kernel's in the second half. */
#define OLD_BYTES (4u << 20)
static uint8_t *old_bytes, *kernel_old;
static bool have_log;

/* Decoded instructions by address; code may change, so the bytes are compared. */
#define CACHE_SLOTS 8192
static struct decoded {
    gaddr rip;
    uint8_t bytes[INSN_MAX_BYTES + 1];
    struct insn in;
} * decoded;

bool log_active(void)
{
    if (CONTROL->mode != ODB_MODE_INDEX)
        return false;
    if (!have_log) {
        old_bytes = engine_alloc(OLD_BYTES);
        kernel_old = engine_alloc(OLD_BYTES);
        decoded = engine_alloc(CACHE_SLOTS * sizeof *decoded);
        have_log = true;
    }
    return true;
}

static uint8_t *log_room(size_t n_bytes)
{
    if (CONTROL->log_bytes + n_bytes + SLACK_BYTES > ODB_LOG_BYTES)
        vessel_log_full();
    uint8_t *at = (uint8_t *)ODB_LOG_ADDR + CONTROL->log_bytes;
    CONTROL->log_bytes += n_bytes;
    return at;
}

static size_t round8(size_t n) { return (n + 7) & ~(size_t)7; }

static uint8_t *put_padded(uint8_t *at, const void *from, size_t n)
{
    if (n & 7)
        memset(at + (n & ~(size_t)7), 0, 8);
    memcpy(at, from, n);
    return at + round8(n);
}

void log_record(const struct odb_log *head, const void *body, size_t n_bytes)
{
    uint8_t *at = log_room(sizeof *head + round8(n_bytes));
    memcpy(at, head, sizeof *head);
    put_padded(at + sizeof *head, body, n_bytes);
}

static void log_reg64(uint16_t reg, uint64_t v)
{
    struct odb_log *at = (struct odb_log *)log_room(sizeof *at + 8);
    *at = (struct odb_log){.kind = ODB_LOG_REG, .reg = reg, .n = 8};
    memcpy(at + 1, &v, 8);
}

/* A write of any length: old bytes are given, new ones are read from memory. */
static void log_mem(uint16_t flags, gaddr addr, const uint8_t *old, uint64_t n_bytes)
{
    while (n_bytes) {
        uint32_t n = n_bytes < PIECE_BYTES ? (uint32_t)n_bytes : PIECE_BYTES;
        struct odb_log head = {.kind = ODB_LOG_MEM, .reg = flags, .n = n, .arg = addr};
        uint8_t *at = log_room(sizeof head + 2 * round8(n));
        memcpy(at, &head, sizeof head);
        uint8_t *new_at = put_padded(at + sizeof head, old, n);
        if (n & 7)
            memset(new_at + (n & ~7u), 0, 8);
        engine_peek_some(addr, new_at, n);
        addr += n;
        old += n;
        n_bytes -= n;
    }
}

/* ---- completing ---- */

static unsigned vector_bytes(void)
{
    return CONTROL->cpu_policy == ODB_CPU_HOST && CONTROL->has_avx512 ? 64 : 32;
}

static void log_vectors(uint32_t written)
{
    unsigned n = vector_bytes();
    if (n == 32)
        written &= 0xffff; /* xrstor and the like name all 32; the upper ones are not the program's */
    for (unsigned i = 0; written; i++, written >>= 1) {
        if (!(written & 1))
            continue;
        struct odb_log *at = (struct odb_log *)log_room(sizeof *at + n);
        *at = (struct odb_log){.kind = ODB_LOG_REG, .reg = (uint16_t)(ODB_REG_VEC0 + i), .n = n};
        vec_store(at + 1, i, n);
    }
}

static void log_masks(uint8_t written)
{
    uint64_t k[8];
    if (!written || CONTROL->cpu_policy != ODB_CPU_HOST)
        return;
    k_store(k);
    for (uint16_t i = 0; i < 8; i++)
        if (written >> i & 1)
            log_reg64((uint16_t)(ODB_REG_K0 + i), k[i]);
}

static void log_insn(void)
{
    struct odb_log *at = (struct odb_log *)log_room(sizeof *at);
    *at = (struct odb_log){.kind = ODB_LOG_INSN, .arg = pending.rip};
    CONTROL->stop.insns++;
    pending.announced = true;
}

static void log_bytes(uint16_t reg, const void *value, uint32_t n)
{
    struct odb_log *at = (struct odb_log *)log_room(sizeof *at + round8(n));
    *at = (struct odb_log){.kind = ODB_LOG_REG, .reg = reg, .n = n};
    put_padded((uint8_t *)(at + 1), value, n);
}

static uint8_t float_last[512] __attribute__((aligned(16))); /* fxsave image as logged */
static bool have_float;

/* mxcsr and x87 change as side effects (exception flags, the stack's top): they are compared with what was logged
 * last, which costs a store of 4 bytes for vector and of 512 for x87 instructions. */
static void log_float_state(const struct insn *in)
{
    uint8_t now[512] __attribute__((aligned(16)));
    bool image = in->special == SP_FXRSTOR || in->special == SP_XRSTOR || in->flow == FLOW_SYSCALL;
    if (!image && !in->x87_written && !in->is_mmx) {
        if (in->vec_bytes || in->mxcsr_written)
            __asm__ volatile("stmxcsr %0" : "=m"(*(uint32_t *)now));
        if ((in->vec_bytes || in->mxcsr_written) && memcmp(now, float_last + 24, 4) != 0) {
            memcpy(float_last + 24, now, 4);
            log_bytes(ODB_REG_MXCSR, now, 4);
        }
        return;
    }
    __asm__ volatile("fxsave64 %0" : "=m"(now));
    static const struct {
        uint16_t reg, at, n;
    } parts[] = {{ODB_REG_FCW, 0, 2}, {ODB_REG_FSW, 2, 2}, {ODB_REG_FTW, 4, 1}, {ODB_REG_MXCSR, 24, 4}};
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (memcmp(now + parts[i].at, float_last + parts[i].at, parts[i].n) != 0)
            log_bytes(parts[i].reg, now + parts[i].at, parts[i].n);
    for (unsigned i = 0; i < 8; i++)
        if (memcmp(now + 32 + 16 * i, float_last + 32 + 16 * i, 10) != 0)
            log_bytes((uint16_t)(ODB_REG_ST0 + i), now + 32 + 16 * i, 10);
    memcpy(float_last, now, 160);
}

static void log_registers(const struct insn *in)
{
    uint32_t gprs = in->gpr_written, vectors = in->vec_written;
    bool sigreturn = in->flow == FLOW_SYSCALL && pending.nr == 15;
    if (in->flow == FLOW_SYSCALL)
        gprs |= sigreturn ? 0xffff : 1u << ODB_RAX;
    if (sigreturn)
        vectors = 0xffff;
    for (unsigned i = 0; i < ODB_N_GPR; i++)
        if (gprs >> i & 1)
            log_reg64(i, ctx.gpr[i]);
    if (in->flags_written || sigreturn)
        log_reg64(ODB_REG_RFLAGS, ctx.rflags);
    if (vectors)
        log_vectors(vectors);
    if (in->k_written)
        log_masks(in->k_written);
    log_float_state(in);
    if (in->special == SP_WRSEGBASE || in->special == SP_MOV_SREG ||
        (in->flow == FLOW_SYSCALL && pending.nr == 158 /* arch_prctl */)) {
        log_reg64(ODB_REG_FS_BASE, fs_base());
        log_reg64(ODB_REG_GS_BASE, gs_base());
    }
}

static void log_writes(void)
{
    const uint8_t *old = old_bytes;
    for (int i = 0; i < pending.n_writes; i++) {
        const struct write *w = &pending.writes[i];
        log_mem(0, w->addr, old, w->len_bytes);
        old += round8(w->len_bytes);
    }
}

void hook_complete(void)
{
    debug_completed();
    if (!pending.active)
        return;
    pending.active = false;
    if (!pending.announced)
        log_insn();
    log_registers(&pending.in);
    log_writes();
}

void hook_announce(void)
{
    debug_completed();
    if (pending.active && !pending.announced)
        log_insn();
}

/* A repeated string instruction that faulted half-way has stored something all the same. */
void hook_cancel(void)
{
    debug_cancelled();
    if (pending.active && pending.in.special == SP_STRING && pending.n_writes)
        log_writes();
    pending.active = false;
}

/* ---- where a replay finds the state ---- */

#define POSITION_EVERY 65536

static uint64_t position_at; /* the number of instructions at which the next one is due */

/* A place at which the thread was switched away from is no position: a replay would stop there before the switch. So the
 * first instruction of a run of the thread is passed over, and so are system calls. */
static void log_position(const struct insn *in)
{
    uint64_t now = CONTROL->stop.insns;
    if (now && in->flow == FLOW_SYSCALL)
        return;
    position_at = now + POSITION_EVERY;
    struct odb_log_position body = {
        .tick = core_tick(), .event = WORLD->ordinal, .run_number = WORLD->run_number};
    struct odb_log head = {.kind = ODB_LOG_POSITION, .n = sizeof(body), .arg = ctx.rip};
    log_record(&head, &body, sizeof(body));
}

void hook_switched(void)
{
    have_float = false;
    position_at = CONTROL->stop.insns + 1;
}

/* ---- preparing ---- */

static void add_write(gaddr addr, uint64_t n_bytes)
{
    uint64_t used = 0;
    for (int i = 0; i < pending.n_writes; i++)
        used += round8(pending.writes[i].len_bytes);
    if (!n_bytes || pending.n_writes == MAX_WRITES || n_bytes > OLD_BYTES - 64 - used)
        return;
    /* What cannot be read cannot be written: the instruction is going to fault. */
    size_t n = engine_peek_some(addr, old_bytes + used, n_bytes);
    if (n < n_bytes && pending.in.special != SP_STRING)
        return;
    pending.writes[pending.n_writes++] = (struct write){addr, n};
}

/* movs or stos of very many bytes: all but the last part is done here, piece by piece, so that old contents
 * need no unbounded memory. Ends early where memory does; the instruction then faults there itself.
 * Returns the elements left. */
static uint64_t run_long_string(const struct insn *in, gaddr *to, uint64_t count)
{
    uint64_t n = in->string_bytes, piece = LONG_STRING_BYTES / n;
    bool moves = in->string_src & MEM_READ;
    if (ctx.rflags & FL_DF || in->pfx_67 || engine_owns(*to, count * n))
        engine_panic("odb index: a string instruction at 0x%lx writes %lu bytes backwards at once", ctx.rip,
                     count * n);
    hook_announce();
    while (count > piece) {
        if (engine_peek_some(*to, old_bytes, piece * n) < piece * n)
            break;
        const void *from = moves ? (const void *)ctx.gpr[ODB_RSI] : (const void *)*to;
        long left = 0;
        if (!moves)
            left = guard_copy((void *)*to, &ctx.gpr[ODB_RAX], n);
        left = left ? left : guard_copy((void *)(*to + (moves ? 0 : n)), from, piece * n - (moves ? 0 : n));
        if (left)
            break;
        log_mem(0, *to, old_bytes, piece * n);
        *to = ctx.gpr[ODB_RDI] += piece * n;
        ctx.gpr[ODB_RSI] += moves ? piece * n : 0;
        count = ctx.gpr[ODB_RCX] -= piece;
    }
    return count < piece ? count : piece;
}

static void add_string_write(const struct insn *in)
{
    uint64_t mask = in->pfx_67 ? UINT32_MAX : UINT64_MAX;
    uint64_t count = in->pfx_f2 || in->pfx_f3 ? ctx.gpr[ODB_RCX] & mask : 1;
    gaddr to = ctx.gpr[ODB_RDI] & mask;
    uint64_t n = in->string_bytes;
    if (count > LONG_STRING_BYTES / n)
        count = run_long_string(in, &to, count);
    if (ctx.rflags & FL_DF)
        to -= (count - 1) * n;
    add_write(to, count * n);
}

/* Elements of a scatter are stored one by one through the vector index. */
static void add_scatter(const struct insn *in)
{
    uint8_t index[64], element_bytes = (uint8_t)in->mem_bytes;
    /* vpscatterqd and the like: index width by opcode bit 0, data width by W */
    unsigned index_bytes = in->opcode & 1 ? 8 : 4;
    unsigned widest = index_bytes > element_bytes ? index_bytes : element_bytes;
    uint64_t k[8];
    vec_store(index, in->index, 64);
    k_store(k);
    unsigned n = in->vec_bytes / widest;
    gaddr base = insn_address(in);
    for (unsigned i = 0; i < n && element_bytes; i++) {
        int64_t at = 0;
        if (index_bytes == 4) {
            int32_t v;
            memcpy(&v, index + 4 * i, 4);
            at = v;
        } else {
            memcpy(&at, index + 8 * i, 8);
        }
        /* the mask register is in EVEX.aaa, which the decoder lists as read */
        if (k[__builtin_ctz(in->k_read | 0x100) & 7] >> i & 1)
            add_write(base + ((uint64_t)at << in->scale_log2), element_bytes);
    }
}

static uint64_t image_bytes(const struct insn *in)
{
    switch (in->special) {
    case SP_FXSAVE: return 416;
    case SP_XSAVE:
    case SP_XSAVEC:
    case SP_XSAVEOPT: return xstate_bytes();
    default: return in->mem_bytes;
    }
}

static void add_writes(const struct insn *in)
{
    if (in->special == SP_SCATTER) {
        add_scatter(in);
    } else if (in->is_moffs && in->mem_access & MEM_WRITE) {
        add_write((uint64_t)in->imm + (in->seg == SEG_FS   ? fs_base()
                                       : in->seg == SEG_GS ? gs_base()
                                                           : 0),
                  in->mem_bytes);
    } else if (in->has_mem && in->mem_access & MEM_WRITE) {
        gaddr a = insn_address(in);
        if (in->bit_string) {
            int64_t bit = (int64_t)ctx.gpr[in->reg & 15];
            if (in->opsize_bytes < 8)
                bit = in->opsize_bytes == 4 ? (int32_t)bit : (int16_t)bit;
            a += (uint64_t)((bit >> 3) & -(int64_t)in->opsize_bytes);
        }
        /* pop to memory computes its address after rsp has moved */
        if (in->stack_access & MEM_READ && in->base == ODB_RSP)
            a += in->stack_bytes;
        add_write(a, image_bytes(in));
    }
    if (in->special == SP_ENTER) {
        unsigned level = (unsigned)(in->imm >> 16) & 31;
        uint64_t n = in->stack_bytes * (1ULL + level);
        add_write(ctx.gpr[ODB_RSP] - n, n);
    } else if (in->stack_access & MEM_WRITE) {
        add_write(ctx.gpr[ODB_RSP] - in->stack_bytes, in->stack_bytes);
    }
    if (in->special == SP_STRING && in->string_dst & MEM_WRITE)
        add_string_write(in);
    else if (in->special == SP_MASKMOV)
        add_write(ctx.gpr[ODB_RDI], in->string_bytes);
}

static const struct insn *decode_cached(gaddr rip)
{
    struct decoded *d = &decoded[(rip ^ rip >> 13) & (CACHE_SLOTS - 1)];
    if (d->rip == rip && d->in.len && memcmp(d->bytes, (const void *)rip, d->in.len) == 0)
        return &d->in;
    d->rip = rip;
    memset(d->bytes, 0, sizeof d->bytes);
    size_t n = engine_peek_some(rip, d->bytes, INSN_MAX_BYTES);
    if (!n || insn_decode(d->bytes, n, &d->in) <= 0)
        memset(&d->in, 0, sizeof d->in);
    return &d->in;
}

void hook_insn(gaddr rip)
{
    if (!log_active())
        return;
    hook_complete();
    const struct insn *in = decode_cached(rip);
    if (__builtin_expect(CONTROL->stop.insns >= position_at, 0))
        log_position(in);
    pending.active = true;
    pending.announced = false;
    if (!have_float)
        __asm__ volatile("fxsave64 %0" : "=m"(float_last)); /* the state that the log starts with */
    have_float = true;
    pending.rip = rip;
    pending.nr = ctx.gpr[ODB_RAX];
    pending.in = *in;
    pending.n_writes = 0;
    if (in->mem_access & MEM_WRITE || in->stack_access & MEM_WRITE || in->string_dst & MEM_WRITE ||
        in->special == SP_MASKMOV || in->special == SP_SCATTER)
        add_writes(in);
}

/* ---- what the kernel writes ---- */

void log_kernel_write_before(gaddr addr, uint64_t n_bytes)
{
    if (debug_on)
        debug_kernel_write(addr, n_bytes, 0);
    if (!log_active())
        return;
    if (n_bytes > OLD_BYTES - 64)
        engine_panic("engine: kernel write of %lu bytes at once", n_bytes);
    pending.kernel_addr = addr;
    pending.kernel_len = n_bytes;
    memset(kernel_old, 0, 8);
    size_t n = engine_peek_some(addr, kernel_old, n_bytes);
    memset(kernel_old + n, 0, n_bytes - n);
}

void log_kernel_write_after(void)
{
    if (log_active() && pending.kernel_len)
        log_mem(ODB_LOG_KERNEL, pending.kernel_addr, kernel_old, pending.kernel_len);
    pending.kernel_len = 0;
}
