/* What tracee programs with threads, signals and child processes share, beside tracee.h.
 *
 * Nothing here waits for a fixed time: under odb one thread runs at a time and a program may be ten times slower
 * than natively. A program that needs "the other one is blocked now" repeats its prod until it is answered. */
#ifndef ODB_TESTS_TASKS_H
#define ODB_TESTS_TASKS_H

#include "tests/tracee/tracee.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

static inline pthread_t start(void *(*body)(void *), void *arg)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, body, arg) == 0);
    return thread;
}

static inline void *join(pthread_t thread)
{
    void *result = NULL;
    CHECK(pthread_join(thread, &result) == 0);
    return result;
}

/* Waits for a word without a call: only preemption lets the other one run. */
#define SPIN_UNTIL(c)                               \
    do {                                            \
        while (!(c))                                \
            __asm__ volatile("pause" ::: "memory"); \
    } while (0)

/* Waits politely, when the wait itself is not what is tested. */
#define YIELD_UNTIL(c)     \
    do {                   \
        while (!(c))       \
            sched_yield(); \
    } while (0)

static inline long futex(_Atomic uint32_t *word, int op, uint32_t value, const void *timeout,
                         _Atomic uint32_t *word2, uint32_t value3)
{
    return syscall(SYS_futex, word, op, value, timeout, word2, value3);
}

static inline void sleep_us(long us)
{
    struct timespec left = {us / 1000000, us % 1000000 * 1000};
    while (nanosleep(&left, &left) == -1 && errno == EINTR) {}
}

/* For the index, which is slower by a factor of 500, run.sh asks for a run of a tenth of the length. */
static inline bool short_run(void) { return getenv("TRACEE_SHORT") != NULL; }

static inline int rounds(int n) { return short_run() ? (n + 9) / 10 : n; }

/* In loops that otherwise wait to be preempted: a short run gives way by itself. */
static inline void give_way(void)
{
    static atomic_int known; /* 1: never, 2: yes */
    if (!known)
        known = short_run() ? 2 : 1;
    if (known == 2)
        sched_yield();
}

/* Starts the interval timer; 0 stops it. */
static inline void every_us(int which, long us)
{
    if (short_run())
        us = (us + 4) / 5;
    struct itimerval timer = {{us / 1000000, us % 1000000}, {us / 1000000, us % 1000000}};
    CHECK(setitimer(which, &timer, NULL) == 0);
}

/* Waits for this child and gives its status. */
static inline int reap(pid_t pid)
{
    int status;
    pid_t got;
    while ((got = waitpid(pid, &status, 0)) == -1 && errno == EINTR) {}
    CHECK(got == pid);
    return status;
}

/* A child that runs body() and exits with its result. */
static inline pid_t spawn(int (*body)(void))
{
    fflush(stdout);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0)
        _exit(body());
    return pid;
}

static inline sigset_t set_of(int signo)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signo);
    return set;
}

static inline void mask_signal(int how, int signo)
{
    sigset_t set = set_of(signo);
    CHECK(pthread_sigmask(how, &set, NULL) == 0);
}

#endif
