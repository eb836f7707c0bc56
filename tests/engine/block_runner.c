/* Runs the random blocks of its .blob section and writes all state after each to standard output.
 *
 * A static program without a C library, so that no instruction but the blocks' depends on the CPU. Faults in
 * blocks are part of the test: the handler hashes everything the kernel tells and goes on at the next
 * instruction. The output natively and under odb must be identical, byte for byte. */
#include <stddef.h>
#include <stdint.h>

#include "tests/engine/blocks.h"

/* At BLOB_ADDR and WINDOW_ADDR, by options of the linker. */
__asm__(".section .blob,\"ax\",@progbits; .globl blob_bytes; blob_bytes: .byte 1; .zero 0x3ffff;"
        ".section .window,\"aw\",@nobits; .globl window; window: .zero 0x20000; .text");
_Static_assert(BLOB_BYTES == 0x40000 && WINDOW_SECTION_BYTES == 0x20000, "as in the assembly");
extern uint8_t window[WINDOW_SECTION_BYTES];
extern const char blob_bytes[BLOB_BYTES];
extern struct block_state state;
extern uint64_t runner_rsp;
struct block_state state __attribute__((aligned(64)));
struct block_state entry_state __attribute__((aligned(64)));
uint64_t runner_rsp;
void block_enter(uint64_t address);
extern char block_exit[];
int run_blocks(void);

/* Offsets of zmm and k in struct block_state. */
#define ZMM_AT "1728"
#define K_AT "3776"
#ifdef BLOCK_WIDE
_Static_assert(offsetof(struct block_state, zmm) == 1728 && offsetof(struct block_state, k) == 3776,
               "as in the assembly");
#define LOAD_WIDE                                                                                    \
    ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n" \
    "  vmovdqu64 entry_state+" ZMM_AT "+64*\\n, %zmm\\n\n.endr\n"                                    \
    ".irp n,0,1,2,3,4,5,6,7\n  kmovq entry_state+" K_AT "+8*\\n, %k\\n\n.endr\n"
#define STORE_WIDE                                                                                   \
    ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n" \
    "  vmovdqu64 %zmm\\n, state+" ZMM_AT "+64*\\n\n.endr\n"                                          \
    ".irp n,0,1,2,3,4,5,6,7\n  kmovq %k\\n, state+" K_AT "+8*\\n\n.endr\n"
#else
#define LOAD_WIDE ""
#define STORE_WIDE ""
#endif

/* entry_state -> registers -> block ... -> registers -> state */
__asm__(
    ".text\n"
    "block_enter: push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "  mov %rsp, runner_rsp; mov %rdi, entry_target\n"
    "  fxrstor entry_state+192\n"
    "  .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
    "  vinsertf128 $1, entry_state+704+16*\\n, %ymm\\n, %ymm\\n\n"
    "  .endr\n" LOAD_WIDE "  mov entry_state+8*4, %rsp; pushq entry_state+128; popf\n"
    "  mov entry_state, %rax; mov entry_state+8, %rcx; mov entry_state+16, %rdx; mov entry_state+24, %rbx\n"
    "  mov entry_state+40, %rbp; mov entry_state+48, %rsi; mov entry_state+56, %rdi; mov entry_state+64, "
    "%r8\n"
    "  mov entry_state+72, %r9; mov entry_state+80, %r10; mov entry_state+88, %r11; mov entry_state+96, "
    "%r12\n"
    "  mov entry_state+104, %r13; mov entry_state+112, %r14; mov entry_state+120, %r15\n"
    "  jmp *entry_target\n"
    "block_exit:\n"
    "  mov %rax, state; mov %rcx, state+8; mov %rdx, state+16; mov %rbx, state+24; mov %rsp, state+32\n"
    "  mov %rbp, state+40; mov %rsi, state+48; mov %rdi, state+56; mov %r8, state+64; mov %r9, state+72\n"
    "  mov %r10, state+80; mov %r11, state+88; mov %r12, state+96; mov %r13, state+104; mov %r14, state+112\n"
    "  mov %r15, state+120; mov runner_rsp, %rsp; pushf; popq state+128; cld\n"
    "  fxsave state+192\n"
    "  .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
    "  vextractf128 $1, %ymm\\n, state+704+16*\\n\n"
    "  .endr\n" STORE_WIDE "  fninit; vzeroupper\n"
    "  pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; ret\n"
    ".globl _start\n"
    "_start: and $-16, %rsp; call run_blocks; mov %eax, %edi; mov $231, %eax; syscall\n"
    "restore: mov $15, %eax; syscall\n"
    ".bss\n entry_target: .quad 0\n .text\n");
extern char restore[];

/* The generator replaces the blob after compilation: hide its contents from the compiler. */
static const struct blob *blob(void)
{
    const void *b = blob_bytes;
    __asm__("" : "+r"(b));
    return b;
}

static long call3(long nr, long a, long b, long c)
{
    register long r10 __asm__("r10") = 8; /* size of a signal set, for rt_sigaction */
    __asm__ volatile("syscall" : "+a"(nr) : "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
    return nr;
}

static void hash_in(uint64_t v)
{
    state.fault_hash = (state.fault_hash ^ v) * 0x9e3779b97f4a7c15 + (v >> 29);
}

/* siginfo: signo, errno, code, pad, addr; ucontext: sigcontext at 40: r8-r15 rdi rsi rbp rbx rdx rax rcx rsp rip efl ... */
static void on_fault(int signo, const uint8_t *info, uint8_t *context)
{
    uint64_t *g = (void *)(context + 40);
    const struct blob *b = blob();
    hash_in((uint64_t)signo);
    hash_in(*(const uint32_t *)(const void *)(info + 8));
    hash_in(*(const uint64_t *)(const void *)(info + 16));
    for (int i = 0; i < 17; i++)
        hash_in(g[i]);
    hash_in(g[17] & ~0x10000ull); /* without RF */
    hash_in(g[19]);               /* error code */
    hash_in(g[20]);               /* trap number */
    if (state.n_faults < MAX_LOGGED_FAULTS) {
        state.fault[state.n_faults].rip = g[16];
        state.fault[state.n_faults].what = (uint64_t)signo | *(const uint64_t *)(const void *)(info + 8)
                                                                 << 32;
        state.fault[state.n_faults].addr = *(const uint64_t *)(const void *)(info + 16);
        state.fault[state.n_faults].hash = state.fault_hash;
    }
    g[17] &= ~0x100ull;
    uint64_t at = g[16] - BLOB_ADDR;
    if (++state.n_faults > 200 || at >= BLOB_BYTES) {
        g[16] = (uint64_t)block_exit;
        return;
    }
    uint32_t low = 0, high = b->n_starts; /* first start beyond the fault */
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (b->starts[mid] > at || (signo == 5 && b->starts[mid] == at))
            high = mid;
        else
            low = mid + 1;
    }
    g[16] = low < b->n_starts ? BLOB_ADDR + b->starts[low] : (uint64_t)block_exit;
}

static uint64_t next_random(uint64_t *s)
{
    *s = *s * 6364136223846793005ull + 1442695040888963407ull;
    return (*s ^ *s >> 33) * 0xff51afd7ed558ccdull;
}

static void fill(void *to, uint64_t bytes, uint64_t *seed)
{
    for (uint64_t i = 0; i < bytes / 8; i++)
        ((uint64_t *)to)[i] = next_random(seed);
}

static void write_all(const void *from, uint64_t bytes)
{
    const char *at = from;
    while (bytes > 0) {
        long n = call3(1, 1, (long)at, (long)bytes);
        if (n <= 0)
            call3(231, 3, 0, 0);
        at += n, bytes -= (uint64_t)n;
    }
}

static void prepare(const struct block *b, uint64_t *seed)
{
    fill(&entry_state, sizeof(entry_state), seed);
    for (int i = 0; i < 16; i++)
        entry_state.gpr[i] = b->gpr[i];
    entry_state.gpr[4] = STACK_ADDR + STACK_BYTES / 2;
    entry_state.flags = b->flags;
    uint8_t *fx = entry_state.fx;
    for (int i = 6; i < 32; i++)
        fx[i] = 0;
    *(uint16_t *)(void *)(fx + 0) = b->fcw;
    *(uint16_t *)(void *)(fx + 2) &= 0x7800; /* top of stack; no exception pending */
    fx[5] = 0;
    *(uint32_t *)(void *)(fx + 24) = b->mxcsr;
    *(uint32_t *)(void *)(fx + 28) = 0;
    for (int i = 0; i < 8; i++)
        for (int j = 10; j < 16; j++)
            fx[32 + 16 * i + j] = 0;
    state.n_faults = 0, state.fault_hash = 0;
    for (int i = 0; i < MAX_LOGGED_FAULTS; i++)
        state.fault[i].rip = state.fault[i].what = state.fault[i].addr = state.fault[i].hash = 0;
}

int run_blocks(void)
{
    const struct blob *b = blob();
    static uint8_t alt[32768];
    static const int signals[] = {4, 5, 7, 8, 11};
    struct {
        uint64_t handler, flags, restorer, mask;
    } sa = {(uint64_t)on_fault, 0x4 | 0x04000000 | 0x08000000, (uint64_t)restore, 0};
    struct {
        uint64_t sp, flags, size;
    } ss = {(uint64_t)alt, 0, sizeof(alt)};
    if (call3(131, (long)&ss, 0, 0) != 0)
        return 1;
    for (int i = 0; i < 5; i++)
        if (call3(13, signals[i], (long)&sa, 0) != 0)
            return 1;
    uint64_t seed = b->seed, exit_address = (uint64_t)block_exit;
    fill(window, WINDOW_BYTES, &seed);
    *(uint64_t *)(void *)(window + EXIT_CELL) = exit_address;
    for (uint32_t i = 0; i < b->n_blocks; i++) {
        prepare(&b->blocks[i], &seed);
        block_enter(BLOB_ADDR + b->blocks[i].entry);
        for (int j = 6; j < 24; j++)
            state.fx[j] = 0; /* last x87 opcode and pointers: nobody's contract */
        write_all(&state, sizeof(state));
        write_all(window, WINDOW_BYTES);
    }
    return 0;
}
