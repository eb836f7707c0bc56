/* Each thread has its own alternate signal stack; handlers in all of them at once run on their own. */
#include "tests/tracee/tasks.h"

enum { N = 4 };

static _Thread_local char *mine;
static pthread_barrier_t barrier;
static atomic_int handled;

static void handler(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)si, (void)context;
    char here;
    stack_t now;
    CHECK(&here >= mine && &here < mine + SIGSTKSZ * 2);
    CHECK(sigaltstack(NULL, &now) == 0 && now.ss_sp == mine && (now.ss_flags & SS_ONSTACK));
    sched_yield();
    handled++;
}

static void *body(void *arg)
{
    stack_t old;
    CHECK(sigaltstack(NULL, &old) == 0 && old.ss_flags == SS_DISABLE); /* not inherited */
    mine = malloc(SIGSTKSZ * 2);
    stack_t ss = {.ss_sp = mine, .ss_size = SIGSTKSZ * 2};
    CHECK(sigaltstack(&ss, NULL) == 0);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 50; i++)
        CHECK(pthread_kill(pthread_self(), SIGUSR1) == 0);
    ss.ss_flags = SS_DISABLE;
    CHECK(sigaltstack(&ss, NULL) == 0);
    free(mine);
    return arg;
}

int main(void)
{
    static char first[16384];
    CHECK(sigaltstack(&(stack_t){.ss_sp = first, .ss_size = sizeof(first)}, NULL) == 0);
    catch_signal(SIGUSR1, handler, SA_ONSTACK);
    CHECK(pthread_barrier_init(&barrier, NULL, N) == 0);
    pthread_t threads[N];
    for (int i = 0; i < N; i++)
        threads[i] = start(body, NULL);
    for (int i = 0; i < N; i++)
        join(threads[i]);
    printf("%d\n", handled);
    return passed();
}
