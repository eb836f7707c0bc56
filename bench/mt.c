/* mt counter N | pingpong N | spawn N: small loads for bench/mt.sh.
 *   counter   four threads add to one counter under a contended mutex, N times in all
 *   pingpong  two processes send a byte back and forth through two pipes, N times
 *   spawn     a thread is created and joined, N times */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { n_threads = 4 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long counter, n_each;

static void *add(void *arg)
{
    (void)arg;
    for (long i = 0; i < n_each; i++) {
        pthread_mutex_lock(&lock);
        counter++;
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static void *nothing(void *arg) { return arg; }

static int run_counter(long n)
{
    pthread_t thread[n_threads];
    n_each = n / n_threads;
    for (int i = 0; i < n_threads; i++)
        if (pthread_create(&thread[i], NULL, add, NULL) != 0)
            return 1;
    for (int i = 0; i < n_threads; i++)
        pthread_join(thread[i], NULL);
    printf("%ld\n", counter);
    return counter == n_each * n_threads ? 0 : 1;
}

static int run_pingpong(long n)
{
    int there[2], back[2];
    char c = 'x';
    if (pipe(there) != 0 || pipe(back) != 0)
        return 1;
    pid_t child = fork();
    if (child < 0)
        return 1;
    if (child == 0) {
        close(there[1]);
        while (read(there[0], &c, 1) == 1 && write(back[1], &c, 1) == 1)
            ;
        _exit(0);
    }
    for (long i = 0; i < n; i++)
        if (write(there[1], &c, 1) != 1 || read(back[0], &c, 1) != 1)
            return 1;
    close(there[1]);
    int status;
    waitpid(child, &status, 0);
    printf("%ld\n", n);
    return status;
}

static int run_spawn(long n)
{
    for (long i = 0; i < n; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, nothing, NULL) != 0)
            return 1;
        pthread_join(thread, NULL);
    }
    printf("%ld\n", n);
    return 0;
}

int main(int argc, char **argv)
{
    long n = argc == 3 ? atol(argv[2]) : 0;
    if (n > 0 && strcmp(argv[1], "counter") == 0)
        return run_counter(n);
    if (n > 0 && strcmp(argv[1], "pingpong") == 0)
        return run_pingpong(n);
    if (n > 0 && strcmp(argv[1], "spawn") == 0)
        return run_spawn(n);
    fprintf(stderr, "usage: mt counter|pingpong|spawn N\n");
    return 2;
}
