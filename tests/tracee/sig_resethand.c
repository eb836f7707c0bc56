/* SA_RESETHAND: default again on entry, so a second one kills; with SA_NODEFER inside the handler already. */
#include "tests/tracee/tasks.h"

static volatile int count;

static void handler(int signo)
{
    struct sigaction now;
    CHECK(sigaction(signo, NULL, &now) == 0 && now.sa_handler == SIG_DFL);
    count++;
}

static void raises_again(int signo)
{
    count++;
    raise(signo);
    count++;
}

static int twice(void)
{
    raise(SIGUSR1);
    CHECK(count == 1);
    raise(SIGUSR1);
    return 1;
}

static int inside(void)
{
    struct sigaction sa = {.sa_handler = raises_again, .sa_flags = SA_RESETHAND | SA_NODEFER};
    CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
    raise(SIGUSR1);
    return 1;
}

static int on_timer(void)
{
    struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESETHAND};
    CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
    every_us(ITIMER_REAL, 1000);
    for (;;)
        __asm__ volatile("" ::: "memory");
}

int main(void)
{
    struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESETHAND};
    CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
    int status = reap(spawn(twice));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
    status = reap(spawn(inside));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
    status = reap(spawn(on_timer));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
    return passed();
}
