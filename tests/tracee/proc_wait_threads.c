/* Each thread waits for the other's child; with __WNOTHREAD one sees its own children only. */
#include <pthread.h>

#include "tests/tracee/proc.h"

static struct gate go, forked[2];
static pid_t pids[2];

static void *run(void *arg)
{
    int me = *(int *)arg, status;
    pids[me] = start();
    if (pids[me] == 0) {
        gate_wait(go);
        _exit(60 + me);
    }
    gate_open(forked[!me]);
    gate_wait(forked[me]);
    CHECK(waitpid(pids[!me], &status, WNOHANG | __WNOTHREAD) == -1 && errno == ECHILD);
    gate_open(forked[!me]);
    gate_wait(forked[me]);
    gate_open(go);
    expect_exit(pids[!me], 60 + !me);
    return NULL;
}

int main(void)
{
    pthread_t threads[2];
    int numbers[2] = {0, 1};
    go = gate_make(), forked[0] = gate_make(), forked[1] = gate_make();
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, run, &numbers[i]) == 0);
    for (int i = 0; i < 2; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    return passed();
}
