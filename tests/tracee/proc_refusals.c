/* io_uring, userfaultfd, perf events, kcmp and bpf: each works or says no by errno, and the program goes on. */
#include <linux/kcmp.h>
#include <linux/perf_event.h>

#include "tests/tracee/proc.h"

static void or_refused(long r)
{
    CHECK(r >= 0 || errno == ENOSYS || errno == EPERM || errno == EACCES || errno == EINVAL ||
          errno == ENOENT || errno == EOPNOTSUPP);
    if (r > 2)
        close((int)r);
}

int main(void)
{
    char params[256] = {0};
    struct perf_event_attr attr = {
        .type = PERF_TYPE_SOFTWARE, .size = sizeof(attr), .config = PERF_COUNT_SW_DUMMY};
    or_refused(syscall(SYS_io_uring_setup, 4, params));
    or_refused(syscall(SYS_userfaultfd, O_CLOEXEC));
    or_refused(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0));
    or_refused(syscall(SYS_bpf, 99, params, sizeof(params)));
    int fd = dup(0);
    long r = syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, 0, fd);
    CHECK(r == 0 || (r == -1 && (errno == ENOSYS || errno == EPERM)));
    pid_t pid = start();
    if (pid == 0) {
        or_refused(syscall(SYS_io_uring_setup, 4, params));
        _exit(3);
    }
    expect_exit(pid, 3);
    return passed();
}
