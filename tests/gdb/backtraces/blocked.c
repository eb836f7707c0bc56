/* A thread waits for a mutex when the program ends. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static volatile int begun;

static void *waits(void *argument)
{
    begun = 1;
    pthread_mutex_lock(&mutex);
    return argument;
}

int main(void)
{
    pthread_t thread;
    pthread_mutex_lock(&mutex);
    pthread_create(&thread, NULL, waits, NULL);
    for (int i = 0; i < 20 || !begun; i++)
        usleep(2000);
    return 0;
}
