/* Threads that are given names: by themselves, by another one (which writes to /proc/self/task/TID/comm), by a plain write. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

pthread_barrier_t barrier;

static void *by_main(void *arg)
{
    pthread_barrier_wait(&barrier); /* main names me */
    pthread_barrier_wait(&barrier);
    return arg; /* NAMED-BY-MAIN */
}

static void *by_itself(void *arg)
{
    prctl(PR_SET_NAME, "by-itself");
    return arg; /* NAMED-ITSELF */
}

int main(void)
{
    pthread_t t;
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_create(&t, NULL, by_main, NULL);
    pthread_barrier_wait(&barrier);
    pthread_setname_np(t, "by-main");
    pthread_barrier_wait(&barrier);
    pthread_join(t, NULL);
    pthread_create(&t, NULL, by_itself, NULL);
    pthread_join(t, NULL);
    int fd = open("/proc/self/comm", O_WRONLY);
    if (fd < 0 || write(fd, "by-file\n", 8) != 8)
        return 1;
    close(fd);
    puts("named"); /* PRINT */
    return 0;
}
