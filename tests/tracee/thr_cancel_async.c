/* Asynchronous cancellation of a thread that spins without a call. */
#include "tests/tracee/tasks.h"

static atomic_int spinning, cleaned;
static volatile unsigned long turns;

static void cleanup(void *arg)
{
    (void)arg;
    cleaned++;
}

static void *body(void *arg)
{
    pthread_cleanup_push(cleanup, NULL);
    CHECK(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL) == 0);
    spinning++;
    for (;;) {
        turns++;
        give_way();
    }
    pthread_cleanup_pop(0);
    return arg;
}

int main(void)
{
    for (int i = 1; i <= rounds(5); i++) {
        pthread_t thread = start(body, NULL);
        YIELD_UNTIL(spinning == i);
        CHECK(pthread_cancel(thread) == 0);
        CHECK(join(thread) == PTHREAD_CANCELED && cleaned == i);
    }
    return passed();
}
