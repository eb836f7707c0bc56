/* The decoder's claims about effects, held against the bare CPU.
 *
 *     decode_cpu [--count N] [--seed N] [--verbose N] [--undefined]
 *
 * Each instruction runs twice. Run A: from a random state; whatever changed must be declared as written
 * (general registers, flags, vector and mask registers, x87 state, MXCSR, bytes of memory). Run B: from the
 * same state with everything that is not declared as read replaced by other random values, registers and
 * memory alike; whatever is declared as written must come out as in run A. So what the tables leave out
 * shows, without any expectation written by hand.
 *
 * A run is a pair of signals: the handler of a ud2 installs the state and TF, the trap after the instruction
 * takes the result from the signal frame, which holds the whole XSAVE state. Instructions that fault are
 * passed over. Memory operands are steered into a scratch area below 4 GB. --undefined lists which undefined
 * flags this CPU leaves as they were.
 */
#include <cpuid.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <Zydis/Zydis.h>

#include "preload/decode.h"
#include "tests/decode/cpu_oracle.h"
#include "tests/decode/oracle.h"

enum {
    SCRATCH_BYTES = 0x4000,
    AT_MODRM = 0x2000,
    AT_XLAT = 0x400,
    AT_SRC = 0x800,
    AT_DST = 0xc00,
    AT_STACK = 0x3400,
    AT_FRAME = 0x3800,
    STRING_BYTES = 40
};
static uint8_t *const scratch = (uint8_t *)0x30000000ul;
static uint8_t *const code = (uint8_t *)0x30010000ul;

#define FLAGS_CHECKED (FL_ARITH | FL_DF)

struct state {
    uint64_t gpr[16], rip;
    uint32_t flags, mxcsr;
    uint8_t x87_control[5]; /* fcw, fsw, abridged tag */
    uint8_t st[8][10];
    uint8_t vec[32][64];
    uint64_t k[8];
};

static struct state state_in, state_out;
static volatile int result_signal;
static unsigned off_ymm, off_k, off_zmm_high, off_hi16;
static unsigned long n_run, n_fault, n_skipped, n_bad, max_shown = 20;
static bool list_undefined;

static uint64_t rng_state = 88172645463325252ull;

static uint64_t rng(void)
{
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return rng_state * 0x2545f4914f6cdd1dull;
}

static void fill(void *to, size_t n)
{
    uint8_t *b = to;
    for (size_t i = 0; i < n; i += 8) {
        uint64_t v = rng();
        memcpy(b + i, &v, n - i < 8 ? n - i : 8);
    }
}

/* --- one run --------------------------------------------------------------------------------------------- */

static const int greg_of[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

/* Moves `s` into (or out of) the XSAVE image of a signal frame, standard format. */
static void move_xstate(uint8_t *x, struct state *s, bool in)
{
#define MOVE(offset, field, n)                  \
    do {                                        \
        if (in)                                 \
            memcpy(x + (offset), (field), (n)); \
        else                                    \
            memcpy((field), x + (offset), (n)); \
    } while (0)
    if (in)
        x[512] |= off_k ? 0xe7 : 7; /* no component in its initial state */
    MOVE(0, s->x87_control, 5);
    MOVE(24, &s->mxcsr, 4);
    for (unsigned i = 0; i < 8; i++)
        MOVE(32 + 16 * i, s->st[i], 10);
    for (unsigned i = 0; i < 16; i++) {
        MOVE(160 + 16 * i, s->vec[i], 16);
        MOVE(off_ymm + 16 * i, s->vec[i] + 16, 16);
    }
    if (!off_k)
        return;
    MOVE(off_k, s->k, 64);
    for (unsigned i = 0; i < 16; i++) {
        MOVE(off_zmm_high + 32 * i, s->vec[i] + 32, 32);
        MOVE(off_hi16 + 64 * i, s->vec[16 + i], 64);
    }
#undef MOVE
}

/* Components in their initial state are not written by XSAVE's signal frame: they read as zeros. */
static void clear_initial(uint8_t *x)
{
    uint8_t present = x[512];
    if (!(present & 2))
        memset(x + 160, 0, 256);
    if (!(present & 4))
        memset(x + off_ymm, 0, 256);
    if (off_k && !(present & 0x20))
        memset(x + off_k, 0, 64);
    if (off_k && !(present & 0x40))
        memset(x + off_zmm_high, 0, 512);
    if (off_k && !(present & 0x80))
        memset(x + off_hi16, 0, 1024);
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
    static greg_t home[NGREG];
    static uint8_t home_x[4096];
    static size_t x_bytes;
    ucontext_t *uc = context;
    greg_t *r = uc->uc_mcontext.gregs;
    uint8_t *x = (uint8_t *)uc->uc_mcontext.fpregs;
    (void)info;
    if (result_signal == 0) { /* the ud2 of run() */
        memcpy(home, r, sizeof(home));
        uint32_t size;
        memcpy(&size, x + 464 + 16, 4); /* fpx_sw_bytes.xstate_size */
        x_bytes = size < sizeof(home_x) ? size : sizeof(home_x);
        memcpy(home_x, x, x_bytes);
        result_signal = -1;
        for (unsigned i = 0; i < 16; i++)
            r[greg_of[i]] = (greg_t)state_in.gpr[i];
        r[REG_RIP] = (greg_t)(uintptr_t)code;
        r[REG_EFL] = 0x302 | state_in.flags; /* IF, TF */
        move_xstate(x, &state_in, true);
        return;
    }
    if (result_signal != -1)
        _exit(3);
    result_signal = sig;
    for (unsigned i = 0; i < 16; i++)
        state_out.gpr[i] = (uint64_t)r[greg_of[i]];
    state_out.rip = (uint64_t)r[REG_RIP];
    state_out.flags = r[REG_EFL] & FLAGS_CHECKED;
    clear_initial(x);
    move_xstate(x, &state_out, false);
    memcpy(r, home, sizeof(home));
    r[REG_RIP] += 2; /* over the ud2 */
    memcpy(x, home_x, x_bytes);
}

/* True when the instruction was executed. */
static bool run(void)
{
    result_signal = 0;
    __asm__ volatile("ud2" ::: "memory", "cc");
    return result_signal == SIGTRAP;
}

static bool setup(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid_count(0xd, 2, &a, &b, &c, &d) || !a)
        return false;
    off_ymm = b;
    __get_cpuid_count(0xd, 5, &a, &off_k, &c, &d);
    __get_cpuid_count(0xd, 6, &a, &off_zmm_high, &c, &d);
    __get_cpuid_count(0xd, 7, &a, &off_hi16, &c, &d);
    static uint8_t stack[1 << 16];
    stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)};
    sigaltstack(&ss, NULL);
    struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    static const int signals[] = {SIGTRAP, SIGSEGV, SIGILL, SIGBUS, SIGFPE};
    for (unsigned i = 0; i < sizeof(signals) / sizeof(*signals); i++)
        sigaction(signals[i], &sa, NULL);
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
    return mmap(scratch, SCRATCH_BYTES, PROT_READ | PROT_WRITE, flags, -1, 0) == scratch &&
           mmap(code, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, flags, -1, 0) == code;
}

/* --- preparing a state ----------------------------------------------------------------------------------- */

static uint64_t some_value(void)
{
    static const uint64_t notable[] = {0,
                                       1,
                                       2,
                                       31,
                                       32,
                                       63,
                                       127,
                                       128,
                                       255,
                                       0x7fff,
                                       0x8000,
                                       0x7fffffff,
                                       0x80000000,
                                       0xffffffff,
                                       0x7fffffffffffffff,
                                       0x8000000000000000,
                                       ~0ull};
    return rng() & 1 ? rng() : notable[rng() % (sizeof(notable) / sizeof(*notable))];
}

static void random_state(struct state *s)
{
    fill(s->vec, sizeof(s->vec));
    fill(s->k, sizeof(s->k));
    fill(s->st, sizeof(s->st));
    for (unsigned i = 0; i < 16; i++)
        s->gpr[i] = some_value();
    s->flags = rng() & FLAGS_CHECKED;
    s->mxcsr = 0x1f80;
    memcpy(s->x87_control, "\x7f\x03\0\0\xff", 5);
}

static void put_disp(uint8_t *b, const struct insn *in, int64_t value)
{
    int32_t v = (int32_t)value;
    if (in->disp_bytes)
        memcpy(b + in->off_disp, &v, in->disp_bytes);
}

/* Makes the modrm operand point at the middle of the scratch area. False when that is not possible. */
static bool aim(uint8_t *b, const struct insn *in, struct state *s, uint64_t *ret_address)
{
    uint64_t target = (uint64_t)(uintptr_t)scratch + AT_MODRM;
    unsigned scale = 1u << in->scale_log2;
    bool has_index = in->index < 16 && !in->is_vsib;
    uint64_t index = has_index ? 64 * (rng() & 3) : 0;
    if (in->is_vsib)
        for (unsigned i = 0; i < 64; i += 4)
            memcpy(s->vec[in->index] + i, i & 4 ? "\0\0\0\0" : (char[]){(char)(rng() & 0x7f), 0, 0, 0}, 4);
    if (in->base >= 16) {
        if (has_index)
            s->gpr[in->index] = index;
        int64_t disp = (int64_t)(target - index * scale);
        put_disp(b, in, in->base == GPR_RIP ? disp - (int64_t)(uintptr_t)(code + in->len) : disp);
        *ret_address = target;
        return true;
    }
    int64_t disp = in->disp_bytes == 1 ? ((int64_t)(rng() % 3) - 1) * 0x40
                   : in->disp_bytes    ? (int64_t)(rng() % 16) * 64 - 512
                                       : 0;
    put_disp(b, in, disp);
    struct insn again;
    insn_decode(b, STRING_BYTES, &again); /* for the scaled displacement */
    if (has_index && in->index == in->base) {
        s->gpr[in->base] = target / (1 + scale) & ~63ull;
        *ret_address = s->gpr[in->base] * (1 + scale) + (uint64_t)(int64_t)again.disp;
        return *ret_address - (uint64_t)(uintptr_t)scratch < SCRATCH_BYTES - 0x1000;
    }
    s->gpr[in->base] = target;
    if (has_index)
        s->gpr[in->index] = index;
    *ret_address = target + index * scale + (uint64_t)(int64_t)again.disp;
    return true;
}

/* Bytes that may be read and written, from the declared effects. */
static uint8_t may_read[SCRATCH_BYTES], may_write[SCRATCH_BYTES];

static void allow(uint64_t address, uint64_t n, unsigned access)
{
    uint64_t at = address - (uint64_t)(uintptr_t)scratch;
    for (; n && at < SCRATCH_BYTES; at++, n--) {
        may_read[at] |= access & (MEM_READ | MEM_COND) ? 1 : 0; /* what is perhaps written keeps its value */
        may_write[at] |= access & MEM_WRITE ? 1 : 0;
    }
}

static void aim_implicit(const struct insn *in, struct state *s)
{
    uint64_t base = (uint64_t)(uintptr_t)scratch;
    if (in->string_src)
        s->gpr[in->special == SP_XLAT ? 3 : 6] = base + (in->special == SP_XLAT ? AT_XLAT : AT_SRC);
    if (in->string_dst)
        s->gpr[7] = base + AT_DST;
    if (in->special == SP_STRING && (in->pfx_f2 || in->pfx_f3))
        s->gpr[1] = rng() % 5;
    if (in->stack_access && !(in->has_mem && (in->base == 4 || in->index == 4)))
        s->gpr[4] = base + AT_STACK;
    if (in->special == SP_LEAVE || in->special == SP_ENTER)
        s->gpr[5] = base + AT_FRAME;
}

/* Pushes rbp, then for level n > 0 n - 1 words from below [rbp] and the new frame's address. */
static void allow_enter(const struct insn *in, const struct state *s)
{
    uint64_t level = in->imm >> 16 & 31, bytes = in->stack_bytes;
    allow(s->gpr[4] - (level + 1) * bytes, (level + 1) * bytes, MEM_WRITE);
    allow(s->gpr[5] - level * bytes, level * bytes, MEM_READ);
}

static void allow_all(const struct insn *in, const struct state *s, uint64_t address)
{
    memset(may_read, 0, sizeof(may_read));
    memset(may_write, 0, sizeof(may_write));
    uint64_t step = in->string_bytes;
    if (in->has_mem && in->is_vsib)
        allow(address, 2048, in->mem_access); /* the elements lie there */
    else if (in->has_mem && in->bit_string)
        allow(address - 64, 64 + in->mem_bytes + 64, in->mem_access);
    else if (in->has_mem)
        allow(address, in->mem_bytes, in->mem_access);
    if (in->special == SP_XLAT)
        allow(s->gpr[3] + (s->gpr[0] & 0xff), 1, MEM_READ);
    else if (in->string_src)
        allow(s->gpr[6], step, in->string_src);
    if (in->string_dst)
        allow(s->gpr[7], step, in->string_dst);
    if (in->special == SP_LEAVE)
        allow(s->gpr[5], in->stack_bytes, MEM_READ);
    else if (in->special == SP_ENTER)
        allow_enter(in, s);
    else if (in->stack_access & MEM_WRITE)
        allow(s->gpr[4] - in->stack_bytes, in->stack_bytes, MEM_WRITE);
    else if (in->stack_access)
        allow(s->gpr[4], in->stack_bytes, MEM_READ);
}

/* --- checks ---------------------------------------------------------------------------------------------- */

static const uint8_t *current;
static const struct insn *current_in;

static void complain(const char *what, uint64_t detail)
{
    if (n_bad++ >= max_shown)
        return;
    struct answer a;
    printf("%s (0x%llx): %s:", what, (unsigned long long)detail,
           oracle_ask(current, INSN_MAX_BYTES, &a) ? ZydisMnemonicGetString(a.in.mnemonic) : "?");
    for (unsigned i = 0; i < current_in->len; i++)
        printf(" %02x", current[i]);
    printf("\n");
}

static void check_changed(const struct insn *in, const struct state *before, const struct state *after,
                          const uint8_t *memory_before)
{
    for (unsigned i = 0; i < 16; i++)
        if (before->gpr[i] != after->gpr[i] && !(in->gpr_written >> i & 1))
            complain("general register changed", i);
    unsigned flags = (before->flags ^ after->flags) & FLAGS_CHECKED & ~in->flags_written;
    if (flags)
        complain("flags changed", flags);
    for (unsigned i = 0; i < (off_k ? 32 : 16); i++)
        if (!(in->vec_written >> i & 1) && memcmp(before->vec[i], after->vec[i], off_k ? 64 : 32) != 0)
            complain("vector register changed", i);
    for (unsigned i = 0; off_k && i < 8; i++)
        if (before->k[i] != after->k[i] && !(in->k_written >> i & 1))
            complain("mask register changed", i);
    if (before->mxcsr != after->mxcsr && !in->mxcsr_written)
        complain("mxcsr changed", after->mxcsr);
    if (!in->x87_written &&
        (memcmp(before->st, after->st, sizeof(before->st)) != 0 ||
         memcmp(before->x87_control, after->x87_control, sizeof(before->x87_control)) != 0))
        complain("x87 state changed", 0);
    for (unsigned i = 0; i < SCRATCH_BYTES; i++)
        if (scratch[i] != memory_before[i] && !may_write[i]) {
            complain("memory changed", i);
            break;
        }
}

/* State B: all that does not matter is other. */
static void vary(const struct insn *in, struct state *s, uint8_t *memory)
{
    for (unsigned i = 0; i < 16; i++)
        if (!(in->gpr_read >> i & 1))
            s->gpr[i] = rng();
    unsigned keep = in->flags_read | (in->flags_written & ~in->flags_killed);
    s->flags ^= (unsigned)rng() & FLAGS_CHECKED & ~keep;
    for (unsigned i = 0; i < 32; i++)
        if (!((in->vec_read | in->vec_written) >> i & 1)) /* upper parts survive writes */
            fill(s->vec[i], 64);
    for (unsigned i = 0; i < 8; i++)
        if (!(in->k_read >> i & 1))
            s->k[i] = rng();
    for (unsigned i = 0; i < SCRATCH_BYTES; i += 8) {
        uint64_t v = rng();
        for (unsigned j = i; j < i + 8; j++, v >>= 8)
            if (!may_read[j])
                memory[j] = (uint8_t)v;
    }
}

static void note_undefined(unsigned flags)
{
    static struct {
        unsigned n[12];
    } seen[ZYDIS_MNEMONIC_MAX_VALUE + 1];
    static const char *const names[12] = {"CF", "", "PF", "", "AF", "", "ZF", "SF", "", "", "", "OF"};
    struct answer a;
    if (!list_undefined || !oracle_ask(current, INSN_MAX_BYTES, &a))
        return;
    for (unsigned i = 0; i < 12; i++)
        if (flags >> i & 1 && seen[a.in.mnemonic].n[i]++ == 0)
            printf("undefined, survives: %s of %s\n", names[i], ZydisMnemonicGetString(a.in.mnemonic));
}

static void check_same(const struct insn *in, const struct state *a, const struct state *b,
                       const uint8_t *memory_a)
{
    if (a->rip != b->rip)
        complain("other way taken", a->rip ^ b->rip);
    for (unsigned i = 0; i < 16; i++)
        if (in->gpr_written >> i & 1 && a->gpr[i] != b->gpr[i])
            complain("general register depends on what is not read", i);
    unsigned flags = (a->flags ^ b->flags) & in->flags_written & FLAGS_CHECKED;
    note_undefined(flags & in->flags_undefined);
    if (flags & ~in->flags_undefined)
        complain("flags depend on what is not read", flags);
    for (unsigned i = 0; i < (off_k ? 32 : 16); i++)
        if (in->vec_written >> i & 1 && memcmp(a->vec[i], b->vec[i], off_k ? 64 : 32) != 0)
            complain("vector register depends on what is not read", i);
    for (unsigned i = 0; off_k && i < 8; i++)
        if (in->k_written >> i & 1 && a->k[i] != b->k[i])
            complain("mask register depends on what is not read", i);
    if (a->mxcsr != b->mxcsr)
        complain("mxcsr depends on what is not read", a->mxcsr ^ b->mxcsr);
    for (unsigned i = 0; i < SCRATCH_BYTES; i++)
        if (may_write[i] && scratch[i] != memory_a[i]) {
            complain("memory depends on what is not read", i);
            break;
        }
}

static bool is_wanted(const struct insn *in)
{
    switch (in->special) {
    case SP_NONE:
    case SP_STRING:
    case SP_XLAT:
    case SP_MASKMOV:
    case SP_LEAVE:
    case SP_ENTER:
    case SP_PUSHF:
    case SP_GATHER:
    case SP_SCATTER: break;
    default: return false;
    }
    switch (in->flow) {
    case FLOW_NONE:
    case FLOW_JCC:
    case FLOW_LOOP:
    case FLOW_JMP:
    case FLOW_CALL:
    case FLOW_JMP_IND:
    case FLOW_CALL_IND:
    case FLOW_RET: break;
    default: return false;
    }
    if (in->flow != FLOW_NONE && in->pfx_66)
        return false; /* AMD cuts the target and the return address to 16 bits, Intel and we do not */
    return in->seg != SEG_FS && !in->is_moffs;
}

static void try_one(uint8_t *b, const struct insn *in)
{
    static uint8_t memory[SCRATCH_BYTES], memory_a[SCRATCH_BYTES];
    static struct state start, out_a;
    uint64_t address = 0;
    random_state(&start);
    if (in->bit_string)
        start.gpr[in->reg & 15] = (rng() & 511) - 256;
    if (in->has_mem && !aim(b, in, &start, &address)) {
        n_skipped++;
        return;
    }
    if (in->bit_string && (in->reg == in->base || in->reg == in->index)) {
        n_skipped++;
        return;
    }
    aim_implicit(in, &start);
    memcpy(code, b, STRING_BYTES);
    current = b;
    current_in = in;
    fill(memory, sizeof(memory));
    allow_all(in, &start, address);

    memcpy(scratch, memory, sizeof(memory));
    state_in = start;
    if (!run()) {
        n_fault++;
        return;
    }
    n_run++;
    out_a = state_out;
    memcpy(memory_a, scratch, sizeof(memory_a));
    check_changed(in, &start, &out_a, memory);

    vary(in, &start, memory);
    memcpy(scratch, memory, sizeof(memory));
    state_in = start;
    if (!run()) {
        complain("faults after a change of what is not read", (uint64_t)result_signal);
        return;
    }
    check_changed(in, &start, &state_out, memory);
    check_same(in, &out_a, &state_out, memory_a);
}

/* A walk over the opcodes; prefixes, registers and vector fields at random. */
static void make(uint64_t step, uint8_t *b)
{
    static const uint8_t evex_maps[] = {1, 2, 3, 5, 6};
    unsigned opcode = step & 0xff, map = (step >> 8) % 16, n = 0, r = (unsigned)rng();
    fill(b, STRING_BYTES);
    if (map < 8) {
        map &= 3;
        static const uint8_t prefixes[] = {0x66, 0xf2, 0xf3, 0x66, 0x67, 0x65};
        if (r & 1)
            b[n++] = prefixes[(r >> 1) % 6];
        if ((r & 0x30) == 0)
            b[n++] = 0xf0;
        if (r & 0x40)
            b[n++] = 0x40 | (r >> 8 & 15);
        if (map)
            b[n++] = 0x0f;
        if (map > 1)
            b[n++] = map == 2 ? 0x38 : 0x3a;
    } else if (map < 12) {
        b[n++] = 0xc4;
        b[n++] = (r & 0xe0) | (1 + (map - 8) % 3);
        b[n++] = r >> 8 | (r & 1 ? 0x78 : 0);
    } else {
        b[n++] = 0x62;
        b[n++] = (r & 0xf0) | evex_maps[(r >> 20) % 5];
        b[n++] = (r >> 8 & 0xff) | 4 | (r & 1 ? 0x78 : 0);
        b[n++] = (r >> 24) | (r & 2 ? 8 : 0);
        if (r & 4)
            b[n - 1] &= 0x68;
    }
    b[n++] = opcode;
    if (rng() & 1)
        b[n] |= 0xc0;
}

int main(int argc, char **argv)
{
    unsigned long count = 200000;
    oracle_setup();
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--undefined"))
            list_undefined = true;
        else if (!strcmp(argv[i], "--count") && i + 1 < argc)
            count = strtoul(argv[++i], NULL, 0);
        else if (!strcmp(argv[i], "--seed") && i + 1 < argc)
            rng_state ^= strtoul(argv[++i], NULL, 0) * 0x9e3779b97f4a7c15ull;
        else if (!strcmp(argv[i], "--verbose") && i + 1 < argc)
            max_shown = strtoul(argv[++i], NULL, 0);
    }
    if (!setup()) {
        printf("skipped: no AVX, or the addresses for scratch and code are taken\n");
        return 77;
    }
    for (unsigned long i = 0; i < count; i++) {
        uint8_t b[STRING_BYTES];
        struct insn in;
        make(i, b);
        if (insn_decode(b, sizeof(b), &in) > 0 && is_wanted(&in) && !cpu_is_harmful(&in))
            try_one(b, &in);
    }
    printf("%lu instructions run twice, %lu faulted, %lu passed over, %lu wrong claims\n", n_run, n_fault,
           n_skipped, n_bad);
    if (n_bad)
        return 1;
    printf("EXIT-SUCCESS\n");
    return 0;
}
