/* Deferred cancellation: cleanup handlers in order, disabled cancellation waits, PTHREAD_CANCELED comes back. */
#include "tests/tracee/tasks.h"

static atomic_int ready, may_enable;
static char trail[16];

static void cleanup(void *arg) { strcat(trail, arg); }

static void *body(void *arg)
{
    int old;
    CHECK(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old) == 0 && old == PTHREAD_CANCEL_ENABLE);
    pthread_cleanup_push(cleanup, "c");
    pthread_cleanup_push(cleanup, "b");
    pthread_cleanup_push(cleanup, "a");
    ready = 1;
    YIELD_UNTIL(may_enable);
    pthread_testcancel(); /* disabled: nothing */
    strcat(trail, "-");
    CHECK(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL) == 0);
    pthread_testcancel();
    strcat(trail, "never");
    pthread_cleanup_pop(0);
    pthread_cleanup_pop(0);
    pthread_cleanup_pop(0);
    return arg;
}

int main(void)
{
    pthread_t thread = start(body, NULL);
    YIELD_UNTIL(ready);
    CHECK(pthread_cancel(thread) == 0);
    may_enable = 1;
    CHECK(join(thread) == PTHREAD_CANCELED);
    puts(trail);
    return passed();
}
