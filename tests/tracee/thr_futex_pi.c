/* Raw FUTEX_LOCK_PI and UNLOCK_PI through the kernel: the word holds the owner's tid; EDEADLK, EPERM, hand-over. */
#include "tests/tracee/tasks.h"

static _Atomic uint32_t word, entered;
static long inside;

static void *body(void *arg)
{
    entered++;
    for (int i = 0; i < 200; i++) {
        CHECK(futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0) == 0);
        CHECK((word & FUTEX_TID_MASK) == (uint32_t)gettid());
        CHECK(inside++ == 0);
        if (i % 20 == 0)
            sched_yield();
        inside--;
        CHECK(futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0) == 0);
    }
    return arg;
}

int main(void)
{
    CHECK(futex(&word, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL, 0) == 0);
    CHECK(futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0) == -1 && errno == EDEADLK);
    pthread_t one = start(body, NULL), two = start(body, NULL);
    YIELD_UNTIL(entered == 2);
    CHECK((word & FUTEX_TID_MASK) == (uint32_t)gettid());
    CHECK(futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0) == 0);
    join(one), join(two);
    CHECK(word == 0);
    CHECK(futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0) == -1 && errno == EPERM);
    return passed();
}
