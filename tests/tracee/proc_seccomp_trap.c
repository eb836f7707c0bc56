/* SECCOMP_RET_TRAP: SIGSYS with number, address and the filter's data; the handler gives the result. */
#include "tests/tracee/seccomp_filter.h"

static volatile int n_traps;

static void handler(int signo, siginfo_t *si, void *context)
{
    greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
    CHECK(signo == SIGSYS && si->si_code == 1 /* SYS_SECCOMP */ && si->si_syscall == SYS_getppid);
    CHECK(si->si_arch == 0xc000003e && si->si_errno == 55 && regs[REG_RAX] == SYS_getppid);
    CHECK((greg_t)(uintptr_t)si->si_call_addr == regs[REG_RIP] && regs[REG_RDI] == 111);
    regs[REG_RAX] = 4242;
    n_traps++;
}

int main(void)
{
    catch_signal(SIGSYS, handler, 0);
    if (install_filter(SYS_getppid, SECCOMP_RET_TRAP | 55, 0) < 0)
        skip("no seccomp filters here");
    for (int i = 0; i < 10; i++)
        CHECK(syscall(SYS_getppid, 111) == 4242);
    CHECK(n_traps == 10 && getpid() > 0);
    return passed();
}
