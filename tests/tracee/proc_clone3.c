/* clone3: as fork, with a pidfd and tids, with an exit signal of none, and its errors. */
#include <linux/sched.h>

#include "tests/tracee/proc.h"

static long clone3(struct clone_args *args, size_t n_bytes) { return syscall(SYS_clone3, args, n_bytes); }

int main(void)
{
    static pid_t parent_tid, child_tid;
    int fd = -1;
    struct clone_args args = {.flags = CLONE_PIDFD | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID,
                              .pidfd = (uintptr_t)&fd,
                              .parent_tid = (uintptr_t)&parent_tid,
                              .child_tid = (uintptr_t)&child_tid,
                              .exit_signal = SIGCHLD};
    long pid = clone3(&args, sizeof(args));
    if (pid < 0 && errno == ENOSYS)
        skip("no clone3 here");
    if (pid == 0) {
        CHECK(child_tid == getpid());
        _exit(5);
    }
    CHECK(pid > 0 && fd >= 0 && parent_tid == pid && child_tid == 0);
    expect_exit((pid_t)pid, 5);
    struct clone_args silent = {.exit_signal = 0};
    pid = clone3(&silent, sizeof(silent));
    if (pid == 0)
        _exit(6);
    CHECK(waitpid((pid_t)pid, NULL, 0) == -1 && errno == ECHILD);
    int status;
    CHECK(waitpid((pid_t)pid, &status, __WCLONE) == pid && WEXITSTATUS(status) == 6);
    CHECK(clone3(&silent, 8) == -1 && errno == EINVAL);
    silent.flags = CLONE_SIGHAND;
    CHECK(clone3(&silent, sizeof(silent)) == -1 && errno == EINVAL);
    return passed();
}
