/* Stack overflow in a thread: the guard page faults, the handler runs on the thread's alternate stack and jumps out. */
#include <setjmp.h>

#include "tests/tracee/tasks.h"

static _Thread_local sigjmp_buf env;
static atomic_int overflows, workers;

static void handler(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)context;
    CHECK(si->si_code == SEGV_ACCERR || si->si_code == SEGV_MAPERR);
    overflows++;
    siglongjmp(env, 1);
}

static int dive(int depth)
{
    volatile char frame[1024];
    frame[depth & 1023] = 1;
    return depth < 0 ? 0 : dive(depth + 1) + frame[0];
}

static void *overflows_twice(void *arg)
{
    char *alt = malloc(16384);
    CHECK(sigaltstack(&(stack_t){.ss_sp = alt, .ss_size = 16384}, NULL) == 0);
    for (volatile int i = 0; i < 2; i++)
        if (sigsetjmp(env, 1) == 0)
            dive(1);
    CHECK(sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL) == 0);
    free(alt);
    return arg;
}

static void *works(void *arg)
{
    for (volatile int i = 0; i < 200000; i++) {}
    workers++;
    return arg;
}

int main(void)
{
    catch_signal(SIGSEGV, handler, SA_ONSTACK);
    pthread_attr_t attr;
    CHECK(pthread_attr_init(&attr) == 0 && pthread_attr_setstacksize(&attr, 131072) == 0);
    pthread_t threads[6];
    for (int i = 0; i < 6; i++)
        CHECK(pthread_create(&threads[i], &attr, i % 3 ? overflows_twice : works, NULL) == 0);
    for (int i = 0; i < 6; i++)
        join(threads[i]);
    printf("%d %d\n", overflows, workers);
    return passed();
}
