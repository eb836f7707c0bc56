/* fork in a process with threads: only the forking one lives in the child, with a tid that is its pid. */
#include <pthread.h>

#include "tests/tracee/proc.h"

static struct gate never;
static int at[3];
static void before(void) { at[0]++; }
static void in_parent(void) { at[1]++; }
static void in_child(void) { at[2]++; }

static void *waits(void *arg)
{
    gate_wait(never);
    return arg;
}

static void *forks(void *arg)
{
    pid_t parent = getpid();
    CHECK(gettid() != parent);
    pid_t pid = start();
    if (pid == 0) {
        CHECK(gettid() == getpid() && getppid() == parent && at[0] == 1 && at[1] == 0 && at[2] == 1);
        CHECK(kill(getpid(), 0) == 0 && syscall(SYS_tgkill, getpid(), gettid(), 0) == 0);
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, (void *(*)(void *))opaque((void *)strdup), "x") == 0);
        void *ret;
        CHECK(pthread_join(thread, &ret) == 0 && !strcmp(ret, "x"));
        _exit(10);
    }
    expect_exit(pid, 10);
    return arg;
}

int main(void)
{
    pthread_t waiters[2], forker;
    never = gate_make();
    CHECK(pthread_atfork(before, in_parent, in_child) == 0);
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&waiters[i], NULL, waits, NULL) == 0);
    CHECK(pthread_create(&forker, NULL, forks, NULL) == 0 && pthread_join(forker, NULL) == 0);
    CHECK(at[0] == 1 && at[1] == 1 && at[2] == 0);
    for (int i = 0; i < 2; i++)
        gate_open(never);
    for (int i = 0; i < 2; i++)
        CHECK(pthread_join(waiters[i], NULL) == 0);
    return passed();
}
