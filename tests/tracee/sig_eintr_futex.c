/* FUTEX_WAIT under a timer: EINTR without SA_RESTART, goes on with it, with and without a timeout. */
#include "tests/tracee/tasks.h"

static _Atomic uint32_t word;
static volatile int count;

static void handler(int signo)
{
    (void)signo;
    if (++count == 5)
        word = 1; /* a restarted wait then finds another value */
}

static void arm(int flags)
{
    struct sigaction sa = {.sa_handler = handler, .sa_flags = flags};
    CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
    word = 0;
    count = 0;
    every_us(ITIMER_REAL, 1500);
}

int main(void)
{
    struct timespec most = {100, 0};
    for (int i = 0; i < 2; i++) {
        arm(0);
        CHECK(futex(&word, FUTEX_WAIT_PRIVATE, 0, i ? &most : NULL, NULL, 0) == -1 && errno == EINTR);
        CHECK(count >= 1);
        arm(SA_RESTART);
        long got = futex(&word, FUTEX_WAIT_PRIVATE, 0, i ? &most : NULL, NULL, 0);
        if (i == 0) /* with a timeout the kernel restarts it only when no handler ran */
            CHECK(got == -1 && errno == EAGAIN && count >= 5);
        else
            CHECK(got == -1 && (errno == EINTR || errno == EAGAIN));
    }
    every_us(ITIMER_REAL, 0);
    return passed();
}
