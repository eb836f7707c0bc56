/* Handlers inside handlers: what sa_mask lets in interrupts, what it holds back waits for the return. */
#include "tests/tracee/tasks.h"

static char trail[64]; /* only the handlers write it, one inside the other */

static void note(const char *what) { strcat(trail, what); }

static void inner(int signo)
{
    note(signo == SIGUSR2 ? "(2" : signo == SIGUSR1 ? "(1" : "(r");
    note(")");
}

static void outer(int signo)
{
    (void)signo;
    note("[");
    raise(SIGUSR2);  /* not masked: at once */
    raise(SIGRTMIN); /* masked by sa_mask: after the return */
    raise(SIGUSR1);  /* itself: after the return */
    note("]");
}

static void outer_once(int signo)
{
    struct sigaction sa = {.sa_handler = inner};
    outer(signo);
    CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
}

int main(void)
{
    struct sigaction sa = {.sa_handler = outer_once};
    sigemptyset(&sa.sa_mask);
    sigaddset(&sa.sa_mask, SIGRTMIN);
    CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
    sa.sa_handler = inner;
    sigemptyset(&sa.sa_mask);
    CHECK(sigaction(SIGUSR2, &sa, NULL) == 0 && sigaction(SIGRTMIN, &sa, NULL) == 0);
    raise(SIGUSR1);
    puts(trail);
    sigset_t now;
    CHECK(sigprocmask(SIG_BLOCK, NULL, &now) == 0 && sigisemptyset(&now));
    return passed();
}
