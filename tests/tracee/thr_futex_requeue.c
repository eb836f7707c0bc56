/* FUTEX_CMP_REQUEUE: waiters move from one word to another and are woken there. */
#include "tests/tracee/tasks.h"

enum { N = 6 };

static _Atomic uint32_t from, to, back;

static void *waiter(void *arg)
{
    long got = futex(&from, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    CHECK(got == 0);
    back++;
    return arg;
}

int main(void)
{
    pthread_t threads[N];
    for (int i = 0; i < N; i++)
        threads[i] = start(waiter, NULL);
    CHECK(futex(&from, FUTEX_CMP_REQUEUE_PRIVATE, 0, (void *)100, &to, 1) == -1 && errno == EAGAIN);
    /* None is woken here, however late they come to their wait: they are moved. */
    long moved = 0;
    while (moved < N) {
        long got = futex(&from, FUTEX_CMP_REQUEUE_PRIVATE, 0, (void *)100, &to, 0);
        CHECK(got >= 0);
        moved += got;
        sched_yield();
    }
    CHECK(back == 0);
    /* While threads are made, the kernel rebuilds its table and may miss one: it is moved and woken in the next turn. */
    while (back < N) {
        CHECK(futex(&from, FUTEX_CMP_REQUEUE_PRIVATE, 0, (void *)100, &to, 0) >= 0);
        long got = futex(&to, FUTEX_WAKE_PRIVATE, 2, NULL, NULL, 0);
        CHECK(got >= 0 && got <= 2);
        sched_yield();
    }
    for (int i = 0; i < N; i++)
        join(threads[i]);
    printf("%u\n", back);
    return passed();
}
