/* The watchdog: a process of its own that sleeps on a pipe whose other end only the recorder has.
 *
 * End of file means that the recorder is dead. It then kills every process in the table of tasks, again and again until
 * none is left: one that is being made meanwhile is found the next time. A number in the table may belong to somebody
 * else by then, so it looks for odb's engine in the process first.
 *
 * It is in a session of its own, so that what is meant for the recorder's group does not end it. Its exit signal is 0:
 * the recorder's waitid() without __WALL does not see it (tree.c). */
#include "recorder/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "recorder/baton.h"

#define ROUNDS 400
#define PAUSE_MS 5
#define QUIET_ROUNDS 4

/* The control page is mapped there: nobody else maps anything at this place. */
static bool has_engine(uint32_t pid)
{
    char path[96];
    struct stat st;
    snprintf(path, sizeof(path), "/proc/%u/map_files/%llx-%llx", pid, (unsigned long long)ODB_CONTROL_ADDR,
             (unsigned long long)ODB_CONTROL_ADDR + ODB_CONTROL_BYTES);
    return lstat(path, &st) == 0;
}

static bool kill_round(struct odb_shared *shared)
{
    bool any = false;
    uint32_t last = 0;
    for (uint32_t i = 0; i < odb_n_slots(shared); i++) {
        uint32_t pid = shared->tasks[i].pid;
        if (!pid || pid == last || atomic_load(&shared->tasks[i].state) == ODB_TASK_FREE)
            continue;
        last = pid;
        if (!has_engine(pid))
            continue;
        kill((pid_t)pid, SIGKILL);
        any = true;
    }
    return any;
}

static void kill_all(struct odb_shared *shared)
{
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    int quiet = 0;
    for (int i = 0; i < ROUNDS && quiet < QUIET_ROUNDS; i++) {
        quiet = kill_round(shared) ? 0 : quiet + 1;
        nanosleep(&pause, NULL);
    }
}

static _Noreturn void watch(int fd, struct odb_shared *shared)
{
    char byte;
    ssize_t n;
    prctl(PR_SET_NAME, "odb-watchdog");
    setsid();
    if (dup2(fd, 0) == 0)
        syscall(SYS_close_range, 1, ~0u, 0);
    do
        n = read(0, &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        kill_all(shared);
    _exit(0);
}

void watchdog_start(struct watchdog *w, struct odb_shared *shared)
{
    int fds[2];
    *w = (struct watchdog){.fd = -1};
    if (pipe2(fds, O_CLOEXEC) < 0)
        return;
    sigset_t all, old;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old);
    pid_t pid = (pid_t)syscall(SYS_clone, 0, 0, 0, 0, 0);
    if (pid == 0) {
        close(fds[1]);
        watch(fds[0], shared);
    }
    sigprocmask(SIG_SETMASK, &old, NULL);
    close(fds[0]);
    if (pid < 0) {
        close(fds[1]);
        return;
    }
    *w = (struct watchdog){.pid = pid, .fd = fds[1]};
}

void watchdog_stop(struct watchdog *w)
{
    if (!w->pid)
        return;
    kill(w->pid, SIGKILL);
    waitpid(w->pid, NULL, __WCLONE);
    odb_closep(&w->fd);
    *w = (struct watchdog){.fd = -1};
}
