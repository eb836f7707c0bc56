/* A signal to the process goes to the one thread that lets it in; the mask is each thread's own and inherited. */
#include "tests/tracee/tasks.h"

static _Atomic pid_t handled_by;
static atomic_int handled;
static pid_t open_tid;
static pthread_barrier_t barrier;
static atomic_bool stop;

static void handler(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)si, (void)context;
    handled_by = gettid();
    handled++;
}

static void *body(void *arg)
{
    sigset_t now;
    CHECK(pthread_sigmask(SIG_BLOCK, NULL, &now) == 0 && sigismember(&now, SIGUSR1) == 1);
    if (arg) {
        open_tid = gettid();
        mask_signal(SIG_UNBLOCK, SIGUSR1);
    }
    pthread_barrier_wait(&barrier);
    while (!stop)
        sched_yield();
    CHECK(pthread_sigmask(SIG_BLOCK, NULL, &now) == 0 && sigismember(&now, SIGUSR1) == !arg);
    return NULL;
}

int main(void)
{
    catch_signal(SIGUSR1, handler, 0);
    mask_signal(SIG_BLOCK, SIGUSR1);
    CHECK(pthread_barrier_init(&barrier, NULL, 5) == 0);
    pthread_t threads[4];
    for (intptr_t i = 0; i < 4; i++)
        threads[i] = start(body, (void *)(intptr_t)(i == 2));
    pthread_barrier_wait(&barrier);
    for (int i = 1; i <= 10; i++) {
        CHECK(kill(getpid(), SIGUSR1) == 0);
        YIELD_UNTIL(handled == i);
        CHECK(handled_by == open_tid);
    }
    stop = true;
    for (int i = 0; i < 4; i++)
        join(threads[i]);
    return passed();
}
