/* Idea: the bytes are put at the end of an executable page, all registers are zero but rip, TF is set. What
 * comes back is SIGTRAP (executed), SIGILL, or a fault; a fault of the instruction fetch at the page behind
 * says that the CPU wants more bytes. Addresses formed from zero registers and a disp32, or from rip (64 GB
 * up, nothing else near), hit no memory of ours, so nothing is damaged. Signals run on their own stack and
 * leave through a rewritten context; fs and gs are never touched (cpu_is_harmful keeps that out).
 */
#include "tests/decode/cpu_oracle.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

enum { PAGE = 4096 };

static uint8_t *const code = (uint8_t *)0x1000000000ul;
static volatile int got_signal = 1, got_code;
static volatile uint64_t got_rip, got_address, got_error;

/* Where cpu_enter saves what the handler must bring back. */
uint64_t cpu_saved_rsp, cpu_target;
void cpu_enter(void);
void cpu_leave(void);

__asm__(".text\n"
        ".globl cpu_enter, cpu_leave\n"
        "cpu_enter:\n"
        "    push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "    mov %rsp, cpu_saved_rsp(%rip)\n"
        "    xor %eax, %eax; xor %ecx, %ecx; xor %edx, %edx; xor %ebx, %ebx; xor %ebp, %ebp\n"
        "    xor %esi, %esi; xor %edi, %edi; xor %r8d, %r8d; xor %r9d, %r9d; xor %r10d, %r10d\n"
        "    xor %r11d, %r11d; xor %r12d, %r12d; xor %r13d, %r13d; xor %r14d, %r14d; xor %r15d, %r15d\n"
        "    pushq $0x2b; pushq $0; pushq $0x102; pushq $0x33\n" /* Linux's ss and cs; rsp 0; TF */
        "    push cpu_target(%rip)\n"
        "    iretq\n"
        "cpu_leave:\n"
        "    mov cpu_saved_rsp(%rip), %rsp\n"
        "    pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "    ret\n");

static void on_signal(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    greg_t *r = uc->uc_mcontext.gregs;
    if (got_signal)
        _exit(3); /* not from the code under trial: a damaged test must not go on */
    got_signal = sig;
    got_code = info->si_code;
    got_rip = (uint64_t)r[REG_RIP];
    got_address = (uint64_t)info->si_addr;
    got_error = (uint64_t)r[REG_ERR];
    r[REG_RIP] = (greg_t)(uintptr_t)cpu_leave;
    r[REG_EFL] = 0x202;
}

bool cpu_setup(void)
{
    static uint8_t stack[65536];
    void *at = mmap(code, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (at != code)
        return false;
    stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)};
    sigaltstack(&ss, NULL);
    struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigaction(SIGTRAP, &sa, NULL);
    sigaction(SIGSEGV, &sa, NULL);
    sigaction(SIGILL, &sa, NULL);
    sigaction(SIGBUS, &sa, NULL);
    sigaction(SIGFPE, &sa, NULL);
    return true;
}

bool cpu_is_harmful(const struct insn *in)
{
    switch (in->flow) {
    case FLOW_SYSCALL:
    case FLOW_SYSENTER:
    case FLOW_INT:
    case FLOW_FAR: return true;
    default: break;
    }
    switch (in->special) {
    case SP_MOV_SREG: return !in->has_mem; /* from memory it faults, all addresses being bad */
    case SP_WRSEGBASE:
    case SP_POPF:
    case SP_MONITOR:
    case SP_PKRU:
    case SP_XRSTOR:
    case SP_OTHER:
    case SP_TSX:
    case SP_FXRSTOR:
    case SP_SCATTER: /* indices are whatever the registers hold */ return true;
    default: return false;
    }
}

/* fs: would reach our own thread's memory; gs: decodes alike and is based at 0. */
static void defuse(uint8_t *b, unsigned n)
{
    static const uint8_t prefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3};
    for (unsigned i = 0; i < n && ((b[i] & 0xf0) == 0x40 || memchr(prefixes, b[i], sizeof(prefixes))); i++)
        b[i] = b[i] == 0x64 ? 0x65 : b[i];
}

enum cpu_verdict cpu_try(const uint8_t *bytes, unsigned n)
{
    uint8_t *at = code + PAGE - n;
    memcpy(at, bytes, n);
    defuse(at, n);
    cpu_target = (uint64_t)(uintptr_t)at;
    got_signal = 0;
    __asm__ volatile("lea -128(%%rsp), %%rsp; call cpu_enter; lea 128(%%rsp), %%rsp" ::
                         : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc",
                           "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
                           "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
    int signal_number = got_signal;
    got_signal = 1;
    if (signal_number == SIGILL && got_rip == cpu_target)
        return CPU_INVALID;
    if (signal_number == SIGSEGV && got_rip == cpu_target) {
        if ((got_error & 0x10) && got_address == (uint64_t)(uintptr_t)(code + PAGE))
            return CPU_WANTS_MORE;
        if (got_code == SI_KERNEL)
            return CPU_PROTECTED;
    }
    return CPU_DECODES;
}
