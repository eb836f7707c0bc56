/* A process-shared condition: parent and child take turns a hundred times; broadcast wakes three children. */
#include <pthread.h>

#include "tests/tracee/proc.h"

struct shared {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    int turn;
};

static void take(struct shared *s, int turn, int next)
{
    CHECK(!pthread_mutex_lock(&s->mutex));
    while (s->turn != turn)
        CHECK(!pthread_cond_wait(&s->cond, &s->mutex));
    s->turn = next;
    CHECK(!pthread_cond_broadcast(&s->cond) && !pthread_mutex_unlock(&s->mutex));
}

int main(void)
{
    struct shared *s = shared_pages(4096);
    pthread_mutexattr_t ma;
    pthread_condattr_t ca;
    CHECK(!pthread_mutexattr_init(&ma) && !pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED));
    CHECK(!pthread_condattr_init(&ca) && !pthread_condattr_setpshared(&ca, PTHREAD_PROCESS_SHARED));
    CHECK(!pthread_mutex_init(&s->mutex, &ma) && !pthread_cond_init(&s->cond, &ca));
    pid_t pid = start();
    if (pid == 0) {
        for (int i = 0; i < 100; i++)
            take(s, 1, 0);
        _exit(0);
    }
    for (int i = 0; i < 100; i++)
        take(s, 0, 1);
    expect_exit(pid, 0);
    pid_t pids[3];
    for (int i = 0; i < 3; i++) {
        pids[i] = start();
        if (pids[i] == 0) {
            take(s, 5, 5);
            _exit(9);
        }
    }
    take(s, 0, 5);
    for (int i = 0; i < 3; i++)
        expect_exit(pids[i], 9);
    return passed();
}
