/* What the programs about processes (proc_*.c) share: starting children, waiting for them, and making two
 * processes take turns without sleeping.
 *
 * A child leaves with _exit, so that nothing buffered is written twice; whoever speaks in between says it
 * with say(), which does not buffer. A failed CHECK in a child is a line of output and exit status 1. */
#ifndef ODB_TESTS_TRACEE_PROC_H
#define ODB_TESTS_TRACEE_PROC_H

#include <limits.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "tests/tracee/tracee.h"

#define say(...) CHECK(dprintf(STDOUT_FILENO, __VA_ARGS__) > 0)

extern char **environ;

static inline pid_t start(void)
{
    pid_t pid = fork();
    CHECK(pid >= 0);
    return pid;
}

/* The status of a child that has ended, from waitpid. */
static inline int ended(pid_t pid)
{
    int status;
    pid_t got;
    do
        got = waitpid(pid, &status, 0);
    while (got < 0 && errno == EINTR);
    CHECK(got == pid);
    return status;
}

static inline void expect_exit(pid_t pid, int code)
{
    int status = ended(pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == code);
}

static inline void expect_signal(pid_t pid, int signo)
{
    int status = ended(pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == signo);
}

/* A gate holds one or more processes up until another opens it, once for each. */
struct gate {
    int fd[2];
};

static inline struct gate gate_make(void)
{
    struct gate g;
    CHECK(pipe2(g.fd, O_CLOEXEC) == 0);
    return g;
}

static inline void gate_open(struct gate g) { CHECK(write(g.fd[1], "g", 1) == 1); }

static inline void gate_wait(struct gate g)
{
    char c;
    ssize_t n;
    do
        n = read(g.fd[0], &c, 1);
    while (n < 0 && errno == EINTR);
    CHECK(n == 1 && c == 'g');
}

/* Zeroed memory that children share. */
static inline void *shared_pages(size_t n_bytes)
{
    void *p = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    return p;
}

/* The state letter of /proc/PID/stat, or 0 when there is no such process. */
static inline char state_of(pid_t pid)
{
    char path[64], text[512];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (n <= 0)
        return 0;
    text[n] = 0;
    const char *end = strrchr(text, ')');
    CHECK(end != NULL);
    return end[2];
}

static inline void await_state(pid_t pid, char state)
{
    while (state_of(pid) != state)
        sched_yield();
}

static inline void no_core(void)
{
    struct rlimit none = {0, 0};
    CHECK(setrlimit(RLIMIT_CORE, &none) == 0);
}

/* Goes to a new empty folder and returns its name; leave_temp_dir() removes it when it is empty again. */
static inline const char *enter_temp_dir(void)
{
    static char name[] = "/tmp/tracee-XXXXXX";
    CHECK(mkdtemp(name) != NULL && chdir(name) == 0);
    return name;
}

static inline void leave_temp_dir(const char *name) { CHECK(chdir("/") == 0 && rmdir(name) == 0); }

static inline void write_file(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, mode);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
    CHECK(chmod(path, mode) == 0);
}

/* The name that execs this program again. */
#define SELF "/proc/self/exe"

#endif
