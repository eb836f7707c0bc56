/* execve from a thread that is not the first: all others end, and the new image has the process's id. */
#include <pthread.h>

#include "tests/tracee/proc.h"

static void *waits(void *arg)
{
    gate_wait(*(struct gate *)arg);
    CHECK(!"the gate never opens");
    return NULL;
}

static void *execs(void *arg)
{
    char pid[32], *args[] = {"self", pid, NULL};
    CHECK(gettid() != getpid());
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    execv(SELF, args);
    CHECK(!"execve returned");
    return arg;
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        CHECK(gettid() == getpid() && atoi(argv[1]) == getpid());
        return passed();
    }
    struct gate never = gate_make();
    pthread_t thread;
    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&thread, NULL, waits, &never) == 0);
    CHECK(pthread_create(&thread, NULL, execs, NULL) == 0);
    waits(&never);
}
