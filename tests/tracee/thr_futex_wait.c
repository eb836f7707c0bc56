/* Raw futex calls: EAGAIN, timeouts relative and absolute, wake counts, private and shared. */
#include "tests/tracee/tasks.h"

static _Atomic uint32_t word, woken, inside;

static void *waiter(void *arg)
{
    int op = (int)(intptr_t)arg;
    inside++;
    while (word == 0) {
        long got = futex(&word, op, 0, NULL, NULL, 0);
        CHECK(got == 0 || (got == -1 && (errno == EAGAIN || errno == EINTR)));
    }
    woken++;
    return NULL;
}

int main(void)
{
    struct timespec ms = {0, 1000000};
    CHECK(futex(&word, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0) == -1 && errno == EAGAIN);
    CHECK(futex(&word, FUTEX_WAIT_PRIVATE, 0, &ms, NULL, 0) == -1 && errno == ETIMEDOUT);
    CHECK(futex(&word, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0) == 0);
    CHECK(futex((_Atomic uint32_t *)((uintptr_t)&word + 1), FUTEX_WAIT, 0, NULL, NULL, 0) == -1 &&
          errno == EINVAL);
    struct timespec bad = {0, 2000000000};
    CHECK(futex(&word, FUTEX_WAIT, 0, &bad, NULL, 0) == -1 && errno == EINVAL);
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    CHECK(futex(&word, FUTEX_WAIT_BITSET, 0, &now, NULL, FUTEX_BITSET_MATCH_ANY) == -1 && errno == ETIMEDOUT);
    for (int shared = 0; shared < 2; shared++) {
        word = woken = inside = 0;
        pthread_t threads[5];
        for (int i = 0; i < 5; i++)
            threads[i] = start(waiter, (void *)(intptr_t)(shared ? FUTEX_WAIT : FUTEX_WAIT_PRIVATE));
        YIELD_UNTIL(inside == 5);
        word = 1;
        while (woken < 5) {
            CHECK(futex(&word, shared ? FUTEX_WAKE : FUTEX_WAKE_PRIVATE, 2, NULL, NULL, 0) <= 2);
            sched_yield();
        }
        for (int i = 0; i < 5; i++)
            join(threads[i]);
    }
    return passed();
}
