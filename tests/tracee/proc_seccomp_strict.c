/* Strict mode: read, write, exit and sigreturn only; anything else is SIGKILL. */
#include "tests/tracee/seccomp_filter.h"

int main(void)
{
    int p[2];
    char c;
    CHECK(pipe(p) == 0);
    for (int way = 0; way < 2; way++) {
        pid_t pid = start();
        if (pid == 0) {
            if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) < 0)
                syscall(SYS_exit, 77);
            (void)!write(p[1], "s", 1);
            (void)!read(p[0], &c, 1);
            if (way)
                syscall(SYS_getpid);
            syscall(SYS_exit, 14);
        }
        int status = ended(pid);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
            skip("no strict seccomp here");
        if (way)
            CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        else
            CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 14);
    }
    return passed();
}
