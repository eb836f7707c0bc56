/* CLONE_FS: one working folder and umask for both. */
#include "tests/tracee/proc.h"

static int child(void *arg)
{
    (void)arg;
    umask(0111);
    return chdir("/usr");
}

int main(void)
{
    static char stack[65536] __attribute__((aligned(16)));
    for (int shared = 0; shared < 2; shared++) {
        char cwd[PATH_MAX];
        CHECK(chdir("/") == 0);
        umask(022);
        pid_t pid = clone(child, stack + sizeof(stack), (shared ? CLONE_FS : 0) | SIGCHLD, NULL);
        CHECK(pid > 0);
        expect_exit(pid, 0);
        CHECK(getcwd(cwd, sizeof(cwd)) && !strcmp(cwd, shared ? "/usr" : "/"));
        CHECK(umask(022) == (shared ? 0111 : 022));
    }
    return passed();
}
