/* What a handler finds: siginfo, ucontext with the right registers, stack, mask and alternate stack; errno kept. */
#include "tests/tracee/tasks.h"

static volatile int count;
static volatile uintptr_t main_stack;

static void handler(int signo, siginfo_t *si, void *context)
{
    ucontext_t *uc = context;
    sigset_t now;
    CHECK(signo == SIGALRM && si->si_signo == SIGALRM && si->si_errno == 0 && si->si_code == SI_KERNEL);
    CHECK(sigismember(&uc->uc_sigmask, SIGUSR2) == 1 && sigismember(&uc->uc_sigmask, SIGALRM) == 0);
    CHECK(sigprocmask(SIG_BLOCK, NULL, &now) == 0 && sigismember(&now, SIGALRM) == 1 &&
          sigismember(&now, SIGUSR1) == 1);
    uintptr_t sp = (uintptr_t)uc->uc_mcontext.gregs[REG_RSP], here = (uintptr_t)&now;
    CHECK(sp > here && sp <= main_stack && sp > main_stack - 8192);
    CHECK(uc->uc_mcontext.fpregs && (uintptr_t)uc->uc_mcontext.fpregs % 64 == 0);
    CHECK((uc->uc_mcontext.gregs[REG_CSGSFS] & 0xffff) == 0x33 && (uc->uc_mcontext.gregs[REG_EFL] & 0x200));
    CHECK(uc->uc_stack.ss_sp == NULL && uc->uc_stack.ss_size == 0 && uc->uc_link == NULL);
    errno = 55;
    count++;
}

__attribute__((noinline)) static uint64_t loop(void)
{
    uint64_t a = 0x1111, b = 0x2222, n = 100000;
    __asm__ volatile("1: xchg %0, %1\n dec %2\n jnz 1b" : "+r"(a), "+r"(b), "+r"(n)::"cc");
    return a << 16 | b;
}

int main(void)
{
    struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigemptyset(&sa.sa_mask);
    sigaddset(&sa.sa_mask, SIGUSR1);
    CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
    mask_signal(SIG_BLOCK, SIGUSR2);
    main_stack = (uintptr_t)__builtin_frame_address(0);
    every_us(ITIMER_REAL, 1000);
    while (count < rounds(20))
        CHECK(loop() == 0x11112222);
    every_us(ITIMER_REAL, 0);
    CHECK(errno == 55);
    return passed();
}
