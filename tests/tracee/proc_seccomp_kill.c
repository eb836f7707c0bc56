/* SECCOMP_RET_KILL of a thread's process, and RET_TRAP without a handler: death by SIGSYS. */
#include "tests/tracee/seccomp_filter.h"

int main(void)
{
    uint32_t actions[] = {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP};
    no_core();
    for (int i = 0; i < 3; i++) {
        pid_t pid = start();
        if (pid == 0) {
            if (install_filter(SYS_getppid, actions[i], 0) < 0)
                _exit(77);
            say("before %d\n", i);
            syscall(SYS_getppid);
            say("not reached\n");
            _exit(1);
        }
        int status = ended(pid);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
            skip("no seccomp filters here");
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
    }
    return passed();
}
