/* Starting a program with the engine inside: fork, exec, and at the exec stop the injection (inject.c).
 *
 * The child inherits three descriptors under high numbers, out of the way of what the program expects of
 * its own: the engine's image and the ring, which the engine closes again, and the recording's directory,
 * which stays. What goes wrong in the child before exec comes back as one `struct child_report` through
 * a close-on-exec pipe; end of file means that exec worked.
 *
 * Where ptrace is forbidden (PTRACE_TRACEME fails) the child puts the loader into LD_PRELOAD instead. */
#include "recorder/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "recorder/image.h"
#include "recorder/preload.h"

#define HIGH_FDS 8 /* below the limit of open files */

enum child_step {
    CHILD_TRACE = 1 /* ptrace is forbidden: going on by LD_PRELOAD */,
    CHILD_STATIC,
    CHILD_EXEC
};
struct child_report {
    int step, err;
};

struct inherited {
    int image_fd, ring_fd, recdir_fd, loader_fd;
};

/* Not close-on-exec, under the highest free number. */
static struct odb_err *dup_high(int fd, int *ret)
{
    struct rlimit limit;
    int base = 1024;
    *ret = -1;
    if (fd < 0)
        return NULL;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 1024)
        base = (int)limit.rlim_cur;
    *ret = fcntl(fd, F_DUPFD, base > 2 * HIGH_FDS ? base - HIGH_FDS : 3);
    return *ret < 0 ? odb_err_errno(errno, "no room for odb's descriptors (RLIMIT_NOFILE)") : NULL;
}

static void inherited_deinit(struct inherited *in)
{
    int fds[] = {in->image_fd, in->ring_fd, in->recdir_fd, in->loader_fd};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        if (fds[i] >= 0)
            close(fds[i]);
}
#define _cleanup_inherited_ __attribute__((cleanup(inherited_deinit)))

static void child_report(int pipe_fd, int step, int err)
{
    struct child_report report = {step, err};
    if (write(pipe_fd, &report, sizeof(report)) < 0)
        _exit(127);
}

static _Noreturn void child_run(const struct launch *l, const struct inherited *in, int pipe_fd, pid_t parent)
{
    bool preload = l->preload == ODB_PRELOAD_ALWAYS;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    if (!preload && ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0) {
        child_report(pipe_fd, CHILD_TRACE, errno);
        if (l->preload == ODB_PRELOAD_NEVER)
            _exit(127);
        preload = true;
    }
    if (preload && !preload_possible(l->argv[0])) {
        child_report(pipe_fd, CHILD_STATIC, 0);
        _exit(127);
    }
    if (preload)
        preload_environment(in->loader_fd, in->image_fd, in->ring_fd, l->control->cpu_policy == ODB_CPU_V3);
    else if (in->loader_fd >= 0)
        close(in->loader_fd);
    execvp(l->argv[0], l->argv);
    child_report(pipe_fd, CHILD_EXEC, errno);
    _exit(127);
}

static struct odb_err *exec_error(struct launch *l, int err)
{
    l->exec_errno = err;
    bool path = strchr(l->argv[0], '/') != NULL;
    if (err == ENOENT && !path)
        return odb_err("%s: command not found", l->argv[0]);
    return odb_err_errno(err, "%s", l->argv[0]);
}

/* Waits for the stop after exec; other stops before it are passed over. */
static struct odb_err *wait_for_exec(struct launch *l)
{
    for (;;) {
        int status;
        if (waitpid(l->pid, &status, 0) < 0) {
            if (errno == EINTR)
                continue;
            return odb_err_errno(errno, "waiting for the program");
        }
        if (!WIFSTOPPED(status)) {
            l->pid = 0;
            return odb_err("the program died before its first instruction (wait status 0x%x)", status);
        }
        if (WSTOPSIG(status) == SIGTRAP)
            return NULL;
        ptrace(PTRACE_CONT, l->pid, NULL, (void *)(long)WSTOPSIG(status));
    }
}

/* Reads the child's reports up to exec. */
static struct odb_err *follow_child(struct launch *l, int pipe_fd)
{
    struct child_report report;
    ssize_t n;
    while ((n = read(pipe_fd, &report, sizeof(report))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n != sizeof(report))
            return odb_err_errno(errno, "starting %s", l->argv[0]);
        if (report.step == CHILD_EXEC)
            return exec_error(l, report.err);
        if (report.step == CHILD_STATIC)
            return odb_err("%s is a static program, and ptrace, which recording it needs, is %s", l->argv[0],
                           l->by_preload ? "forbidden here" : "switched off");
        if (l->preload == ODB_PRELOAD_NEVER)
            return odb_err_errno(report.err, "ptrace is forbidden here");
        l->by_preload = true;
    }
    return NULL;
}

static struct odb_err *start_child(struct launch *l, const struct inherited *in)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return odb_err_errno(errno, "cannot create a pipe");
    _cleanup_close_ int from = fds[0];
    _cleanup_close_ int to = fds[1];
    pid_t parent = getpid();
    l->pid = fork();
    if (l->pid < 0)
        return odb_err_errno(errno, "cannot fork");
    if (l->pid == 0)
        child_run(l, in, to, parent);
    close(take_fd(to));
    ODB_TRY(follow_child(l, from));
    l->by_preload |= l->preload == ODB_PRELOAD_ALWAYS;
    if (l->by_preload)
        return NULL;
    ODB_TRY(wait_for_exec(l));
    ODB_TRY(inject_check(l->pid));
    return inject_engine(l->pid, in->image_fd, in->ring_fd, l->image, l->control);
}

struct odb_err *launch_start(struct launch *l)
{
    _cleanup_inherited_ struct inherited in = {-1, -1, -1, -1};
    _cleanup_close_ int loader = -1;
    ODB_TRY(dup_high(l->recdir_fd, &in.recdir_fd));
    ODB_TRY(dup_high(l->image_fd, &in.image_fd));
    ODB_TRY(dup_high(l->ring_fd, &in.ring_fd));
    if (l->preload != ODB_PRELOAD_NEVER) {
        ODB_TRY(image_preload_so(&loader));
        ODB_TRY(dup_high(loader, &in.loader_fd));
        close(take_fd(loader));
    }
    l->control->recdir_fd = in.recdir_fd;
    struct odb_err *e = start_child(l, &in);
    if (e && l->pid > 0) {
        kill(l->pid, SIGKILL);
        waitpid(l->pid, NULL, 0);
        l->pid = 0;
    }
    return e;
}
