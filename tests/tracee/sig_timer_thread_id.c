/* SIGEV_THREAD_ID: the timer's signal comes to the named thread although the others let it in too. */
#include "tests/tracee/tasks.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static _Atomic pid_t tids[3];
static atomic_int counts[3];
static atomic_bool stop;

static void handler(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)context;
    int i = si->si_value.sival_int;
    CHECK(si->si_code == SI_TIMER && gettid() == tids[i]);
    counts[i]++;
}

static void *body(void *arg)
{
    tids[(intptr_t)arg] = gettid();
    while (!stop) {
        for (volatile int i = 0; i < 1000; i++) {}
        give_way();
    }
    return NULL;
}

int main(void)
{
    catch_signal(SIGRTMIN + 2, handler, SA_RESTART);
    pthread_t threads[3];
    timer_t timers[3];
    for (int i = 0; i < 3; i++) {
        threads[i] = start(body, (void *)(intptr_t)i);
        YIELD_UNTIL(tids[i]);
        struct sigevent ev = {
            .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 2, .sigev_value.sival_int = i};
        ev.sigev_notify_thread_id = tids[i];
        CHECK(timer_create(CLOCK_MONOTONIC, &ev, &timers[i]) == 0);
        struct itimerspec every = {{0, 2000000}, {0, 2000000}};
        CHECK(timer_settime(timers[i], 0, &every, NULL) == 0);
    }
    int most = rounds(5);
    YIELD_UNTIL(counts[0] >= most && counts[1] >= most && counts[2] >= most);
    for (int i = 0; i < 3; i++)
        CHECK(timer_delete(timers[i]) == 0);
    stop = true;
    for (int i = 0; i < 3; i++)
        join(threads[i]);
    return passed();
}
