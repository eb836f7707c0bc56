/* Starting a program with the engine inside: fork, exec, and at the exec stop the injection (inject.c).
 *
 * The child inherits three descriptors under high numbers, out of the way of what the program expects of
 * its own: the ring, which the engine closes again, and the recording's directory and /proc as the recorder sees it,
 * which stay, also through later execs. What goes wrong in the child before exec comes back as one `struct child_report` through
 * a close-on-exec pipe; end of file means that exec worked.
 *
 * Where ptrace is forbidden (PTRACE_TRACEME fails) the child puts the loader into LD_PRELOAD instead. */
#include "recorder/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
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
#include "recorder/inject.h"
#include "recorder/preload.h"

#define HIGH_FDS 8 /* below the limit of open files */

enum child_step {
    CHILD_TRACE = 1 /* ptrace is forbidden: going on by LD_PRELOAD */,
    CHILD_STATIC,
    CHILD_LOADER,
    CHILD_EXEC
};
struct child_report {
    int step, err;
};

/* Not close-on-exec; owned. -1: not there. */
struct inherited {
    int ring_fd, recdir_fd, proc_fd;
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
    odb_closep(&in->ring_fd);
    odb_closep(&in->recdir_fd);
    odb_closep(&in->proc_fd);
}
#define _cleanup_inherited_ __attribute__((cleanup(inherited_deinit)))

static struct odb_err *inherited_init(const struct launch *l, struct inherited *in)
{
    _cleanup_close_ int proc = -1;
    ODB_TRY(dup_high(l->recdir_fd, &in->recdir_fd));
    ODB_TRY(dup_high(l->ring->fd, &in->ring_fd));
    proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return proc < 0 ? odb_err_errno(errno, "cannot open /proc") : dup_high(proc, &in->proc_fd);
}

static void child_report(int pipe_fd, int step, int err)
{
    struct child_report report = {step, err};
    if (write(pipe_fd, &report, sizeof(report)) < 0)
        _exit(127);
}

/* In the child: the first entry of the table of tasks, and the processor for this one and all its children. */
static void first_task(struct odb_shared *shared, const struct inherited *in)
{
    if (!shared)
        return;
    struct odb_task *t = &shared->tasks[0];
    t->pid = t->tid = t->ns_pid = t->ns_tid = (uint32_t)getpid();
    t->parent = ODB_MAX_TASKS;
    t->recdir_fd = in->recdir_fd;
    t->proc_fd = in->proc_fd;
    t->ring_fd = in->ring_fd;
    atomic_store(&t->state, ODB_TASK_ALIVE);
    atomic_store(&shared->n_tasks, 1);
    atomic_store(&shared->n_slots, 1);
    atomic_store(&shared->baton.word, ODB_BATON_OF(0));
    if (shared->affinity_bytes) {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(shared->cpu, &one);
        sched_setaffinity(0, sizeof(one), &one);
    }
}

/* The descriptors of the loader and of the image that it maps. */
static bool preload_prepare(const struct launch *l, const struct inherited *in)
{
    int loader = -1, image = -1, loader_high = -1, image_high = -1;
    struct odb_err *e = image_preload_so(&loader);
    if (!e)
        e = image_create(&image);
    if (!e)
        e = dup_high(image, &image_high);
    if (!e)
        e = dup_high(loader, &loader_high);
    odb_err_free(e);
    odb_closep(&loader);
    odb_closep(&image);
    if (!e)
        preload_environment(loader_high, image_high, in->ring_fd, l->ring->control->cpu_policy == ODB_CPU_V3);
    return !e;
}

static _Noreturn void child_fail(int pipe_fd, int step, int err)
{
    child_report(pipe_fd, step, err);
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
    if (preload && !preload_possible(l->argv[0]))
        child_fail(pipe_fd, CHILD_STATIC, 0);
    if (preload && !preload_prepare(l, in))
        child_fail(pipe_fd, CHILD_LOADER, 0);
    first_task(l->ring->shared, in);
    execvp(l->argv[0], l->argv);
    child_fail(pipe_fd, CHILD_EXEC, errno);
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
        if (report.step == CHILD_LOADER)
            return odb_err("ptrace is forbidden here, and starting by LD_PRELOAD failed");
        if (l->preload == ODB_PRELOAD_NEVER)
            return odb_err_errno(report.err, "ptrace is forbidden here");
        l->by_preload = true;
    }
    return NULL;
}

/* The child has stopped at its first instruction. */
static struct odb_err *start_engine(struct launch *l, const struct inherited *in)
{
    struct odb_boot boot = {.ring_fd = in->ring_fd, .recdir_fd = in->recdir_fd, .proc_fd = in->proc_fd};
    int death;
    ODB_TRY(wait_for_exec(l));
    ODB_TRY(inject_check(l->pid));
    ODB_TRY(inject_engine(l->pid, l->image, &boot, &death));
    if (ptrace(PTRACE_DETACH, l->pid, NULL, NULL) < 0)
        return odb_err_errno(errno, "cannot start the engine");
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
    return l->by_preload ? NULL : start_engine(l, in);
}

struct odb_err *launch_start(struct launch *l)
{
    _cleanup_inherited_ struct inherited in = {-1, -1, -1};
    ODB_TRY(inherited_init(l, &in));
    l->ring->control->recdir_fd = in.recdir_fd;
    struct odb_err *e = start_child(l, &in);
    if (e && l->pid > 0) {
        kill(l->pid, SIGKILL);
        waitpid(l->pid, NULL, 0);
        l->pid = 0;
    }
    return e;
}
