/* A timer's handler leaves by siglongjmp out of a loop without calls, thirty times; the mask comes back. */
#include <setjmp.h>

#include "tests/tracee/tasks.h"

static sigjmp_buf env;
static volatile int jumps;
static volatile bool armed;

static void handler(int signo)
{
    (void)signo;
    if (armed) {
        armed = false;
        siglongjmp(env, 1);
    }
}

int main(void)
{
    struct sigaction sa = {.sa_handler = handler};
    CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
    every_us(ITIMER_REAL, 1000);
    while (jumps < rounds(30)) {
        if (sigsetjmp(env, 1) == 0) {
            armed = true;
            for (;;)
                __asm__ volatile("" ::: "memory");
        }
        jumps++;
        sigset_t now;
        CHECK(sigprocmask(SIG_BLOCK, NULL, &now) == 0 && !sigismember(&now, SIGALRM));
    }
    every_us(ITIMER_REAL, 0);
    printf("%d\n", jumps);
    return passed();
}
