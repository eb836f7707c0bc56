/* Threads, processes of each kind, shared memory, a signal and a kill, in a few hundred events. */
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static _Atomic int *shared;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int sum;

static void *add(void *arg)
{
    for (int i = 0; i < 50; i++) {
        pthread_mutex_lock(&lock);
        sum += *(int *)arg;
        pthread_mutex_unlock(&lock);
        if (i % 16 == 0)
            usleep(1);
    }
    return NULL;
}

static void on_signal(int signo) { atomic_fetch_add(shared, signo); }

static void child(int i)
{
    atomic_fetch_add(shared, 100 + i);
    if (i == 2)
        for (;;)
            pause();
    if (i == 3)
        kill(getppid(), SIGUSR1);
    _exit(i);
}

int main(void)
{
    int one = 1, two = 2, status, codes = 0;
    pthread_t a, b;
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || signal(SIGUSR1, on_signal) == SIG_ERR)
        return 1;
    pthread_create(&a, NULL, add, &one);
    pthread_create(&b, NULL, add, &two);
    pid_t pids[4];
    for (int i = 0; i < 4; i++)
        if ((pids[i] = fork()) == 0)
            child(i);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    while (atomic_load(shared) < 406)
        usleep(100);
    kill(pids[2], SIGKILL);
    for (int i = 0; i < 4; i++) {
        while (waitpid(pids[i], &status, 0) < 0)
            ;
        codes += WIFEXITED(status) ? WEXITSTATUS(status) : 50;
    }
    pid_t pid;
    char *argv[] = {(char[]){"true"}, NULL};
    if (posix_spawnp(&pid, "true", NULL, NULL, argv, environ) == 0)
        waitpid(pid, &status, 0);
    printf("%d %d %d\n", sum, atomic_load(shared), codes);
    return 6;
}
