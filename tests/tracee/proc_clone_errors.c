/* Mixes of clone flags that the kernel refuses, and fork beyond RLIMIT_NPROC. */
#include "tests/tracee/proc.h"

static void refused(unsigned long flags)
{
    errno = 0;
    CHECK(syscall(SYS_clone, flags, NULL, NULL, NULL, NULL) == -1 && errno == EINVAL);
}

int main(void)
{
    refused(CLONE_THREAD | SIGCHLD);
    refused(CLONE_SIGHAND | SIGCHLD);
    refused(CLONE_THREAD | CLONE_SIGHAND | SIGCHLD);
    refused(CLONE_FS | CLONE_NEWNS | SIGCHLD);
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
    return passed();
}
