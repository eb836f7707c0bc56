/* Every register and flag in the signal frame is the program's own at the faulting instruction. */
#include "tests/tracee/tracee.h"

static volatile uint64_t seen[16], flags;
static volatile int count;

static void handler(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)si;
    greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
    static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                  REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    for (int i = 0; i < 16; i++)
        seen[i] = (uint64_t)g[order[i]];
    flags = (uint64_t)g[REG_EFL];
    g[REG_RIP] += 2; /* all faulting instructions here are two bytes long */
    count++;
}

#define FAULT(setup, code)                                                                                   \
    __asm__ volatile(                                                                                        \
        "push %%rbp; push %%rbx; mov %%rsp, saved(%%rip); mov $0x101, %%eax; mov $0x202, %%ecx; mov "        \
        "$0x303, %%edx;"                                                                                     \
        "mov $0x404, %%ebx; mov $0x606, %%ebp; mov $0x707, %%esi; mov $0x808, %%edi; mov $0x909, %%r8d;"     \
        "mov $0xa0a, %%r9d; mov $0xb0b, %%r10d; mov $0xc0c, %%r11d; mov $0xd0d, %%r12d; mov $0xe0e, %%r13d;" \
        "mov $0xf0f, %%r14d; mov $-1, %%r15;" setup code                                                     \
        "; mov saved(%%rip), %%rsp; pop %%rbx; pop %%rbp" ::                                                 \
            : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",       \
              "memory", "cc")
static uint64_t saved __attribute__((used));

static void verify(uint64_t want_flags)
{
    for (uint64_t i = 0; i < 15; i++)
        if (i != 4)
            CHECK(seen[i] == (i + 1) * 0x101);
    CHECK(seen[15] == ~0ull && seen[4] == saved);
    CHECK((flags & 0xcd5) == want_flags);
}

int main(void)
{
    static const int signals[] = {SIGSEGV, SIGILL, SIGFPE, SIGTRAP, SIGBUS};
    for (int i = 0; i < 5; i++)
        catch_signal(signals[i], handler, 0);
    for (int i = 0; i < 3; i++) {
        FAULT("cmp %%ecx, %%ecx;", "ud2");
        verify(0x44);
        FAULT("cmp %%r15, %%rax;", "mov (%%rcx), %%al");
        verify(0x11);
        FAULT("stc; jmp 1f; 1: inc %%eax; dec %%eax;", "movb %%al, (%%rcx)");
        verify(0x1);
        FAULT("xor %%ecx, %%ecx; mov $0x202, %%ecx; std; lea 1f(%%rip), %%rax; jmp *%%rax; 1: mov $0x101, "
              "%%eax;",
              "out %%eax, $0; cld");
        verify(0x444);
        FAULT("cmp %%ecx, %%ecx;", "addl %%eax, (%%rcx)"); /* flags as before the instruction */
        verify(0x44);
    }
    CHECK(count == 15);
    return passed();
}
