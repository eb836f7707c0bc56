/* CLONE_FILES: one table of descriptors; without it, two. */
#include "tests/tracee/proc.h"

static int child(void *arg)
{
    int *fd = arg;
    return close(fd[0]) == 0 && dup2(fd[1], 150) == 150 ? 0 : 1;
}

int main(void)
{
    static char stack[65536] __attribute__((aligned(16)));
    for (int shared = 0; shared < 2; shared++) {
        int fd[2];
        CHECK(pipe(fd) == 0);
        pid_t pid = clone(child, stack + sizeof(stack), (shared ? CLONE_FILES : 0) | SIGCHLD, fd);
        CHECK(pid > 0);
        expect_exit(pid, 0);
        CHECK((fcntl(fd[0], F_GETFD) < 0) == shared && (fcntl(150, F_GETFD) == 0) == shared);
        close(fd[0]), close(fd[1]), close(150);
    }
    return passed();
}
