/* One broadcast lets ten waiters go, twenty times over; each generation waits for the whole one before. */
#include "tests/tracee/tasks.h"

enum { N = 10, ROUNDS = 20 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t go = PTHREAD_COND_INITIALIZER, all_in = PTHREAD_COND_INITIALIZER;
static int generation, waiting, woken;

static void *body(void *arg)
{
    for (int round = 0; round < ROUNDS; round++) {
        pthread_mutex_lock(&mutex);
        int mine = generation;
        if (++waiting == N)
            pthread_cond_signal(&all_in);
        while (generation == mine)
            pthread_cond_wait(&go, &mutex);
        woken++;
        pthread_mutex_unlock(&mutex);
    }
    return arg;
}

int main(void)
{
    pthread_t threads[N];
    for (int i = 0; i < N; i++)
        threads[i] = start(body, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        pthread_mutex_lock(&mutex);
        while (waiting < N)
            pthread_cond_wait(&all_in, &mutex);
        waiting = 0;
        generation++;
        pthread_cond_broadcast(&go);
        pthread_mutex_unlock(&mutex);
    }
    for (int i = 0; i < N; i++)
        join(threads[i]);
    printf("%d\n", woken);
    return passed();
}
