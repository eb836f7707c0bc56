/* Children that fault: read, write, jump, division, undefined instruction; siginfo of the SIGCHLD's wait. */
#include "tests/tracee/proc.h"

static void fault(int way)
{
    volatile int zero = 0;
    if (way == 0)
        *(volatile int *)opaque((uintptr_t)8) = 1;
    else if (way == 1)
        (void)*(volatile int *)opaque((uintptr_t)16);
    else if (way == 2)
        ((void (*)(void))opaque((uintptr_t)24))();
    else if (way == 3)
        zero = 7 / zero;
    else if (way == 4)
        __asm__ volatile("ud2");
    else
        __asm__ volatile("int3");
}

int main(void)
{
    int expected[] = {SIGSEGV, SIGSEGV, SIGSEGV, SIGFPE, SIGILL, SIGTRAP};
    no_core();
    for (int way = 0; way < 6; way++) {
        pid_t pid = start();
        if (pid == 0) {
            fault(way);
            _exit(0);
        }
        siginfo_t si;
        CHECK(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT) == 0 &&
              (si.si_code == CLD_KILLED || si.si_code == CLD_DUMPED));
        CHECK(si.si_status == expected[way]);
        expect_signal(pid, expected[way]);
    }
    return passed();
}
