/* SECCOMP_FILTER_FLAG_TSYNC: the filter holds for the other threads at once. */
#include <pthread.h>

#include "tests/tracee/seccomp_filter.h"

static struct gate first, second, done;

static void *other(void *arg)
{
    gate_wait(first);
    CHECK(syscall(SYS_getppid) != -1);
    gate_open(done);
    gate_wait(second);
    CHECK(syscall(SYS_getuid) == -1 && errno == 32);
    return arg;
}

int main(void)
{
    pthread_t thread;
    first = gate_make(), second = gate_make(), done = gate_make();
    CHECK(pthread_create(&thread, NULL, other, NULL) == 0);
    pid_t pid = start();
    if (pid == 0)
        _exit(install_filter(SYS_getuid, SECCOMP_RET_ERRNO | 32, SECCOMP_FILTER_FLAG_TSYNC) < 0 ? 77 : 0);
    int status = ended(pid);
    if (WEXITSTATUS(status) == 77)
        skip("no seccomp filters with TSYNC here");
    gate_open(first);
    gate_wait(done);
    CHECK(install_filter(SYS_getuid, SECCOMP_RET_ERRNO | 32, SECCOMP_FILTER_FLAG_TSYNC) == 0);
    CHECK(syscall(SYS_getuid) == -1 && errno == 32);
    gate_open(second);
    CHECK(pthread_join(thread, NULL) == 0);
    return passed();
}
