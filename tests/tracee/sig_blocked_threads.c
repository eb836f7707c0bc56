/* A signal for each of five threads in different blocking calls: each gets EINTR, in its own thread. */
#include <poll.h>
#include <semaphore.h>

#include "tests/tracee/tasks.h"

enum { N = 5 };

static _Thread_local int me = -1;
static atomic_int ready, hits[N], returned;
static int fds[2];

static void handler(int signo)
{
    (void)signo;
    hits[me]++;
}

static void *body(void *arg)
{
    me = (int)(intptr_t)arg;
    static _Atomic uint32_t word;
    char c;
    sigset_t set = set_of(SIGUSR2);
    long got = 0;
    ready++;
    switch (me) {
    case 0: got = read(fds[0], &c, 1); break;
    case 1: got = nanosleep(&(struct timespec){1000, 0}, NULL); break;
    case 2: got = poll(NULL, 0, -1); break;
    case 3: got = futex(&word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0); break;
    default: got = sigtimedwait(&set, NULL, NULL);
    }
    CHECK(got == -1 && errno == EINTR && hits[me] > 0);
    returned |= 1 << me;
    return NULL;
}

int main(void)
{
    struct sigaction sa = {.sa_handler = handler};
    CHECK(pipe(fds) == 0 && sigaction(SIGUSR1, &sa, NULL) == 0);
    mask_signal(SIG_BLOCK, SIGUSR2);
    pthread_t threads[N];
    for (intptr_t i = 0; i < N; i++)
        threads[i] = start(body, (void *)i);
    YIELD_UNTIL(ready == N);
    for (int i = N - 1; i >= 0; i--) {
        while (!(returned & 1 << i)) { /* perhaps it was not in its call yet */
            CHECK(pthread_kill(threads[i], SIGUSR1) == 0);
            sleep_us(300);
        }
        join(threads[i]);
    }
    return passed();
}
