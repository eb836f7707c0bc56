/* Three threads that take turns under a mutex; the main thread joins them. */
#include <pthread.h>
#include <stdio.h>

#define N_THREADS 3
pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
int total, per_thread[N_THREADS];
__thread int mine;

__attribute__((noinline)) void work(int which)
{
    pthread_mutex_lock(&lock);
    total += which + 1; /* TOTAL */
    mine++;
    per_thread[which] = mine;
    pthread_mutex_unlock(&lock);
}

void *run(void *arg)
{
    int which = (int)(long)arg;
    pthread_setname_np(pthread_self(), which == 0 ? "worker-0" : which == 1 ? "worker-1" : "worker-2");
    for (int i = 0; i < 4; i++)
        work(which);
    return NULL; /* THREAD-ENDS */
}

int main(void)
{
    pthread_t t[N_THREADS];
    for (long i = 0; i < N_THREADS; i++)
        pthread_create(&t[i], NULL, run, (void *)i); /* CREATE */
    for (int i = 0; i < N_THREADS; i++)
        pthread_join(t[i], NULL);
    printf("total %d\n", total); /* PRINT */
    return 0;
}
