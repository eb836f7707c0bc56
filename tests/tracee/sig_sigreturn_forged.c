/* rt_sigreturn on a frame that the program made by itself, without any signal: registers, flags, mask come from it. */
#include "tests/tracee/tasks.h"

static char stack[16384] __attribute__((aligned(64)));
static volatile uint64_t seen_rbx, seen_r15, seen_rsp, seen_carry;
static ucontext_t back;
static volatile int arrivals;

__attribute__((used)) static void arrived(uint64_t rbx, uint64_t r15, uint64_t rsp, uint64_t flags)
{
    seen_rbx = rbx, seen_r15 = r15, seen_rsp = rsp, seen_carry = flags & 1;
    arrivals++;
    setcontext(&back);
}

void landing(void);
__asm__(".text\n"
        "landing: pushfq\n pop %rcx\n mov %rbx, %rdi\n mov %r15, %rsi\n mov %rsp, %rdx\n and $-16, %rsp\n"
        "call *arrived_pointer(%rip)\n ud2\n");
extern void (*arrived_pointer)(uint64_t, uint64_t, uint64_t, uint64_t);
void (*arrived_pointer)(uint64_t, uint64_t, uint64_t, uint64_t) = arrived;

int main(void)
{
    for (volatile int i = 0; i < 5; i++) {
        CHECK(getcontext(&back) == 0);
        if (arrivals == i) {
            ucontext_t *uc = (ucontext_t *)(void *)(stack + 8192);
            memset(uc, 0, sizeof(*uc));
            greg_t *g = uc->uc_mcontext.gregs;
            g[REG_RBX] = 0x1234 + i, g[REG_R15] = 0x5678;
            g[REG_RSP] = (greg_t)(uintptr_t)(stack + 4096);
            g[REG_RIP] = (greg_t)(uintptr_t)landing;
            g[REG_EFL] = 0x202 | (i & 1);
            g[REG_CSGSFS] = 0x33 | 0x2bll << 48;
            sigaddset(&uc->uc_sigmask, SIGUSR2);
            __asm__ volatile("mov %0, %%rsp\n mov %1, %%eax\n syscall\n ud2" ::"r"(uc),
                             "i"(SYS_rt_sigreturn));
        }
        CHECK(arrivals == i + 1 && seen_rbx == 0x1234u + (unsigned)i && seen_r15 == 0x5678);
        CHECK(seen_rsp == (uintptr_t)(stack + 4096) && seen_carry == (i & 1));
    }
    printf("%d\n", arrivals);
    return passed();
}
