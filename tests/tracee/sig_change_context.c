/* A handler changes registers, flags, rip and the mask in the saved context: the program goes on with those. */
#include "tests/tracee/tasks.h"

static volatile int count;
extern const char loop_begin[], loop_end[];

static void on_alarm(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)si;
    ucontext_t *uc = context;
    greg_t *g = uc->uc_mcontext.gregs;
    uintptr_t rip = (uintptr_t)g[REG_RIP];
    if (rip < (uintptr_t)loop_begin || rip >= (uintptr_t)loop_end || g[REG_RDX] == 0)
        return;
    g[REG_RBX] += 1000;
    g[REG_RDX] = 0;      /* ends the loop */
    g[REG_EFL] |= 0x401; /* carry, direction */
    sigaddset(&uc->uc_sigmask, SIGUSR2);
    count++;
}

static void on_illegal(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)si;
    greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
    g[REG_RIP] += 2; /* over the ud2 */
    g[REG_RAX] = 4711;
    count++;
}

int main(void)
{
    catch_signal(SIGALRM, on_alarm, 0);
    catch_signal(SIGILL, on_illegal, 0);
    every_us(ITIMER_REAL, 1000);
    for (volatile int i = 0; i < rounds(10); i++) {
        uint64_t b = 5, d = 1, flags = 0, a = 0;
        sigset_t now;
        mask_signal(SIG_UNBLOCK, SIGUSR2);
        /* No instruction of the loop changes the flags; rdx 0 leaves it through jrcxz. */
        __asm__ volatile("clc\n loop_begin: mov %[d], %%rcx\n jrcxz 2f\n jmp loop_begin\n loop_end: 2: "
                         "pushfq\n cld\n pop %[flags]"
                         : "+b"(b), [d] "+d"(d), [flags] "=r"(flags)
                         :
                         : "rcx", "cc", "memory");
        CHECK(b == 1005 && d == 0 && (flags & 0x401) == 0x401);
        CHECK(sigprocmask(SIG_BLOCK, NULL, &now) == 0 && sigismember(&now, SIGUSR2) == 1);
        __asm__ volatile("ud2" : "+a"(a));
        CHECK(a == 4711);
    }
    printf("%d\n", count);
    return passed();
}
