/* Signals with handlers: raised, and from a fault that the handler mends. */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

volatile int handled, faults;
sigjmp_buf back;

void on_usr1(int signo) { handled += signo; /* HANDLER */ }

void on_segv(int signo, siginfo_t *info, void *context)
{
    (void)signo;
    (void)info;
    (void)context;
    faults++; /* FAULT */
    siglongjmp(back, 1);
}

int main(void)
{
    struct sigaction a;
    memset(&a, 0, sizeof(a));
    a.sa_handler = on_usr1;
    sigaction(SIGUSR1, &a, NULL);
    a.sa_handler = NULL;
    a.sa_sigaction = on_segv;
    a.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &a, NULL);
    raise(SIGUSR1); /* RAISE */
    raise(SIGUSR1);
    if (sigsetjmp(back, 1) == 0)
        *(volatile int *)0x10 = 1;                     /* CRASH */
    printf("handled %d faults %d\n", handled, faults); /* PRINT */
    return 0;
}
