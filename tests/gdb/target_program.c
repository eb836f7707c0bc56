/* A program for test_target_db: something of everything, small enough for a brute-force oracle.
 * usage: target_program threads | tree | signals | crash | crash-child | vfork */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile long counter, *shared;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *work(void *arg)
{
    for (long i = 0; i < 200; i++) {
        pthread_mutex_lock(&lock);
        counter += (long)arg;
        pthread_mutex_unlock(&lock);
        if (i % 50 == 0)
            usleep(100);
    }
    return NULL;
}

static int threads(void)
{
    pthread_t th[3];
    for (long i = 0; i < 3; i++)
        pthread_create(&th[i], NULL, work, (void *)(i + 1));
    for (int i = 0; i < 3; i++)
        pthread_join(th[i], NULL);
    return counter == 1200 ? 0 : 1;
}

static int tree(void)
{
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 3; i++) {
        pid_t pid = fork();
        if (!pid) {
            counter += i;
            __atomic_add_fetch(shared, counter, __ATOMIC_SEQ_CST);
            if (i == 2)
                execl("/proc/self/exe", "again", "signals", (char *)NULL);
            _exit(i);
        }
        counter++;
        if (i)
            waitpid(pid, NULL, 0);
    }
    while (wait(NULL) > 0)
        ;
    return *shared == 2 ? 0 : 1; /* 0 + (1 + 1), and the third's is gone */
}

static void on_signal(int signo, siginfo_t *info, void *context)
{
    (void)info;
    (void)context;
    counter += signo;
}

static int signals(void)
{
    struct sigaction a = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    sigset_t set;
    sigaction(SIGUSR1, &a, NULL);
    sigaction(SIGUSR2, &a, NULL);
    for (int i = 0; i < 5; i++)
        raise(i % 2 ? SIGUSR1 : SIGUSR2);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR1);
    raise(SIGUSR2);
    sigprocmask(SIG_UNBLOCK, &set, NULL); /* two frames at once */
    return counter ? 0 : 1;
}

static void crash(void)
{
    static int *volatile nowhere = (int *)16;
    counter = 7;
    *nowhere = 1;
}

static int vforks(char *self)
{
    for (int i = 0; i < 2; i++) {
        pid_t pid = vfork();
        if (!pid) {
            counter++;
            execl(self, "child", "signals", (char *)NULL);
            _exit(1);
        }
        waitpid(pid, NULL, 0);
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (!strcmp(what, "threads"))
        return threads();
    if (!strcmp(what, "tree"))
        return tree() && 0;
    if (!strcmp(what, "signals"))
        return signals();
    if (!strcmp(what, "crash"))
        crash();
    if (!strcmp(what, "crash-child")) {
        if (!fork())
            crash();
        wait(NULL);
        return counter ? 1 : 0;
    }
    if (!strcmp(what, "vfork"))
        return vforks(argv[0]);
    return 2;
}
