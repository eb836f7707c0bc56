/* tgkill and pthread_sigqueue to given threads, spinning and blocked: the handler runs in that thread. */
#include "tests/tracee/tasks.h"

enum { N = 4 };

static _Thread_local int me = -1;
static atomic_int counts[N], started;
static pid_t tids[N];
static atomic_bool stop;

static void handler(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)context;
    CHECK(me >= 0 && gettid() == tids[me] && si->si_pid == getpid());
    if (si->si_code == SI_QUEUE)
        CHECK(si->si_value.sival_int == me);
    else
        CHECK(si->si_code == SI_TKILL);
    counts[me]++;
}

static void *body(void *arg)
{
    me = (int)(intptr_t)arg;
    tids[me] = gettid();
    started++;
    while (!stop)
        if (me & 1)
            sleep_us(200);
        else
            give_way();
    return arg;
}

int main(void)
{
    catch_signal(SIGUSR1, handler, 0);
    pthread_t threads[N];
    for (intptr_t i = 0; i < N; i++)
        threads[i] = start(body, (void *)i);
    YIELD_UNTIL(started == N);
    for (int round = 0; round < rounds(10); round++) {
        for (int i = 0; i < N; i++) {
            int before = counts[i];
            if (round & 1)
                CHECK(tgkill(getpid(), tids[i], SIGUSR1) == 0);
            else
                CHECK(pthread_sigqueue(threads[i], SIGUSR1, (union sigval){.sival_int = i}) == 0);
            YIELD_UNTIL(counts[i] == before + 1);
        }
    }
    stop = true;
    for (int i = 0; i < N; i++) {
        join(threads[i]);
        printf("%d\n", counts[i]);
    }
    return passed();
}
