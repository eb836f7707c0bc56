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
    /* None is woken, however late they come to their wait: they are moved. */
    long moved = 0;
    while (moved < N) {
        long got = futex(&from, FUTEX_CMP_REQUEUE_PRIVATE, 0, (void *)100, &to, 0);
        CHECK(got >= 0);
        moved += got;
        sched_yield();
    }
    CHECK(back == 0 && moved == N);
    CHECK(futex(&from, FUTEX_WAKE_PRIVATE, 100, NULL, NULL, 0) == 0);
    CHECK(futex(&to, FUTEX_WAKE_PRIVATE, 2, NULL, NULL, 0) == 2);
    YIELD_UNTIL(back == 2);
    CHECK(futex(&to, FUTEX_WAKE_PRIVATE, 100, NULL, NULL, 0) == N - 2);
    for (int i = 0; i < N; i++)
        join(threads[i]);
    printf("%ld %u\n", moved, back);
    return passed();
}
