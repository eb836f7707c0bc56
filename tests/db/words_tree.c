/* What query_symbols.sh asks about: calls in several processes and programs, from a signal handler, in a coroutine, by
 * a tail call, and one that never ends. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
/* clang-format off */
#define NOINLINE __attribute__((noinline))
int sum = 1;
static ucontext_t here, there;
static char stack[65536];

NOINLINE int f(int n)
{
    sum += n;
    return sum * 2;
}

static void on_usr1(int signo)
{
    (void)signo;
    f(100);
}

NOINLINE int co(int n)
{
    swapcontext(&there, &here);
    return n + 1;
}

static void body(void)
{
    co(1);
    co(2);
    swapcontext(&there, &here);
}

NOINLINE int tail(int n)
{
    return f(n);
}

NOINLINE void finish(int status)
{
    exit(status);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        f(7);
        return 0;
    }
    f(1);
    signal(SIGUSR1, on_usr1);
    raise(SIGUSR1);
    pid_t pid = fork();
    if (!pid) {
        f(2);
        execl(argv[0], argv[0], "again", (char *)NULL);
        _exit(1);
    }
    waitpid(pid, NULL, 0);
    getcontext(&there);
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = sizeof(stack);
    makecontext(&there, body, 0);
    for (int i = 0; i < 3; i++) {
        swapcontext(&here, &there);
        f(10 + i);
    }
    tail(20);
    finish(0);
}
