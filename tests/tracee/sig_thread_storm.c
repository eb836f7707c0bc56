/* Four threads compute while a fifth sends each of them signals; a fault of their own in between is handled too. */
#include "tests/tracee/tasks.h"

enum { N = 4 };

static _Thread_local volatile int mine, faults;
static atomic_int total, running;
static atomic_bool stop;

static void handler(int signo)
{
    (void)signo;
    mine++;
    total++;
}

static void skips(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)si;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 2;
    faults++;
}

static void *body(void *arg)
{
    uint64_t n = 0;
    running++;
    while (!stop) {
        for (int i = 0; i < 5000; i++)
            n += opaque((uint64_t)i);
        __asm__ volatile("ud2");
        give_way();
    }
    CHECK(n % 12497500 == 0 && (uint64_t)faults == n / 12497500);
    return (void *)(intptr_t)mine;
}

int main(void)
{
    struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART};
    CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
    catch_signal(SIGILL, skips, 0);
    pthread_t threads[N];
    for (int i = 0; i < N; i++)
        threads[i] = start(body, NULL);
    YIELD_UNTIL(running == N);
    for (int i = 0; i < N * rounds(6); i++) {
        int before = total;
        CHECK(pthread_kill(threads[i % N], SIGUSR1) == 0);
        YIELD_UNTIL(total > before);
    }
    stop = true;
    for (int i = 0; i < N; i++)
        CHECK(join(threads[i]) == (void *)(intptr_t)(total / N));
    printf("%d\n", total);
    return passed();
}
