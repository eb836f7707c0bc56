/* Condition variables: a queue of 8 slots, two producers, two consumers, everything arrives once. */
#include "tests/tracee/tasks.h"

enum { EACH = 1500, SLOTS = 8 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_full = PTHREAD_COND_INITIALIZER, not_empty = PTHREAD_COND_INITIALIZER;
static int queue[SLOTS], n_queued, head, taken;
static char seen[2 * EACH];

static void *producer(void *arg)
{
    for (int i = 0; i < EACH; i++) {
        pthread_mutex_lock(&mutex);
        while (n_queued == SLOTS)
            pthread_cond_wait(&not_full, &mutex);
        queue[(head + n_queued++) % SLOTS] = (int)(intptr_t)arg + i;
        pthread_cond_signal(&not_empty);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static void *consumer(void *arg)
{
    for (;;) {
        pthread_mutex_lock(&mutex);
        while (n_queued == 0 && taken < 2 * EACH)
            pthread_cond_wait(&not_empty, &mutex);
        if (taken == 2 * EACH)
            break;
        CHECK(seen[queue[head]]++ == 0);
        head = (head + 1) % SLOTS, n_queued--, taken++;
        pthread_cond_signal(&not_full);
        if (taken == 2 * EACH)
            pthread_cond_broadcast(&not_empty);
        pthread_mutex_unlock(&mutex);
    }
    pthread_mutex_unlock(&mutex);
    return arg;
}

int main(void)
{
    pthread_t threads[] = {start(producer, (void *)0), start(producer, (void *)(intptr_t)EACH),
                           start(consumer, NULL), start(consumer, NULL)};
    for (int i = 0; i < 4; i++)
        join(threads[i]);
    printf("%d\n", taken);
    return passed();
}
