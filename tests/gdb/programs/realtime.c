/* The last of all signals, and the first real-time one; both have handlers. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

volatile int handled;

void on_signal(int signo) { handled = signo; /* HANDLER */ }

int main(void)
{
    struct sigaction a;
    memset(&a, 0, sizeof(a));
    a.sa_handler = on_signal;
    sigaction(64, &a, NULL);
    sigaction(SIGRTMIN, &a, NULL);
    raise(64);                       /* LAST */
    raise(SIGRTMIN);                 /* FIRST */
    printf("handled %d\n", handled); /* PRINT */
    return 0;
}
