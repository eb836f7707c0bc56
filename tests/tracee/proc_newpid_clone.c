/* clone with new pid, mount, UTS, IPC and net namespaces at once, as sandboxes do, and exec inside. */
#include <sys/shm.h>

#include "tests/tracee/proc.h"

static int child(void *arg)
{
    char *args[] = {"inside", "again", NULL};
    (void)arg;
    execv(SELF, args);
    return 1;
}

int main(int argc, char **argv)
{
    static char stack[65536] __attribute__((aligned(16)));
    (void)argv;
    if (argc > 1) {
        CHECK(getpid() == 1 && shmget(4711, 10, 0) == -1 && errno == ENOENT);
        pid_t pid = start();
        if (pid == 0)
            _exit(getpid());
        expect_exit(pid, 2);
        return 31;
    }
    int flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET;
    pid_t pid = clone(child, stack + sizeof(stack), flags | SIGCHLD, NULL);
    if (pid < 0)
        skip("namespaces are not allowed here");
    expect_exit(pid, 31);
    return passed();
}
