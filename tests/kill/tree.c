/* A tree to be killed: processes with threads that work, write lines and run programs. The first process makes new ones for
 * those that die; all die with it. They count in shared memory, unless an argument is given: what a process did there
 * between its last event and its SIGKILL is not known, so those who live on would not replay. */
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_WORKERS 3
#define N_THREADS 2

static _Atomic uint64_t *shared;
static int is_private;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void say(const char *what, unsigned long a, unsigned long b)
{
    char line[80];
    int n = snprintf(line, sizeof(line), "%s %lu %lu\n", what, a, b);
    if (write(1, line, (size_t)n) != n)
        _exit(1);
}

static void *work(void *arg)
{
    uint64_t x = (uint64_t)(uintptr_t)arg;
    for (unsigned i = 0;; i++) {
        for (int k = 0; k < 20000; k++)
            x = x * 6364136223846793005ull + (is_private ? i : atomic_fetch_add(shared, 1));
        pthread_mutex_lock(&lock);
        say("thread", (unsigned long)(x >> 40), i);
        pthread_mutex_unlock(&lock);
        usleep((unsigned)(x >> 54));
    }
    return NULL;
}

static void *short_thread(void *arg) { return arg; }

static void run_something(unsigned i)
{
    char *argv[] = {(char[]){"true"}, NULL};
    pid_t pid;
    pthread_t t;
    int status;
    if (i % 4 == 0 && posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ) == 0)
        waitpid(pid, &status, 0);
    if (pthread_create(&t, NULL, short_thread, NULL) == 0)
        pthread_join(t, NULL);
}

static pid_t start_worker(unsigned n, pid_t parent)
{
    pid_t pid = fork();
    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    pthread_t t;
    for (uintptr_t i = 0; i < N_THREADS; i++)
        pthread_create(&t, NULL, work, (void *)(n * 10 + i));
    for (unsigned i = 0;; i++) {
        run_something(i);
        say("worker", n, i);
        usleep(3000);
    }
}

int main(int argc, char **argv)
{
    (void)argv;
    is_private = argc > 1;
    pid_t self = getpid();
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (unsigned n = 0; n < N_WORKERS; n++)
        start_worker(n, self);
    for (unsigned n = N_WORKERS;; n++) {
        int status;
        wait(&status);
        say("dead", (unsigned long)status, atomic_load(shared));
        start_worker(n, self);
    }
}
