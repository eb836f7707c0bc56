/* FUTEX_WAIT_BITSET and FUTEX_WAKE_BITSET: only those whose bits meet are woken. */
#include "tests/tracee/tasks.h"

static _Atomic uint32_t word, awake;

static void *waiter(void *arg)
{
    uint32_t bits = (uint32_t)(uintptr_t)arg;
    CHECK(futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, bits) == 0);
    awake |= bits;
    return NULL;
}

int main(void)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        threads[i] = start(waiter, (void *)(uintptr_t)(1u << i));
    CHECK(futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, 0) == -1 && errno == EINVAL);
    CHECK(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 1, NULL, NULL, 0) == -1 && errno == EINVAL);
    CHECK(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 1u << 20) == 0);
    int order[] = {2, 0, 3, 1};
    uint32_t expected = 0;
    for (int i = 0; i < 4; i++) {
        YIELD_UNTIL(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 1u << order[i] | 1u << 20) == 1);
        join(threads[order[i]]);
        expected |= 1u << order[i];
        CHECK(awake == expected);
        printf("%x\n", awake);
    }
    return passed();
}
