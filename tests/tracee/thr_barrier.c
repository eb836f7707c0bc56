/* Eight threads through a thousand barriers: nobody is ever a round ahead, one of each round is the serial one. */
#include "tests/tracee/tasks.h"

enum { N = 8, ROUNDS = 1000 };

static pthread_barrier_t barrier;
static volatile int at[N];
static atomic_int serial;

static void *body(void *arg)
{
    intptr_t me = (intptr_t)arg;
    for (int round = 1; round <= ROUNDS; round++) {
        at[me] = round;
        int got = pthread_barrier_wait(&barrier);
        serial += got == PTHREAD_BARRIER_SERIAL_THREAD;
        for (int i = 0; i < N; i++)
            CHECK(at[i] == round || at[i] == round + 1);
    }
    return NULL;
}

int main(void)
{
    CHECK(pthread_barrier_init(&barrier, NULL, N) == 0);
    pthread_t threads[N];
    for (intptr_t i = 0; i < N; i++)
        threads[i] = start(body, (void *)i);
    for (int i = 0; i < N; i++)
        join(threads[i]);
    printf("%d\n", serial);
    return passed();
}
