/* Something of everything that a debugger stops at: a loop that signals interrupt, faults, threads, fork, vfork and exec. */
#include <immintrin.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t n_alarms, n_faults;
static sigjmp_buf back;
static uint64_t sum;
static char bytes[4096], copy[4096];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void on_alarm(int signo) { n_alarms += signo == SIGALRM; }

static void on_fault(int signo)
{
    n_faults += signo == SIGSEGV;
    siglongjmp(back, 1);
}

__attribute__((noinline)) static uint64_t fib(unsigned n)
{
    return n < 2 ? (uint64_t)n : fib(n - 1) + fib(n - 2);
}

static void *worker(void *arg)
{
    for (int i = 0; i < 300; i++) {
        pthread_mutex_lock(&lock);
        sum += (uint64_t)i * (uintptr_t)arg;
        pthread_mutex_unlock(&lock);
        if (i % 50 == 0)
            usleep(1);
    }
    return NULL;
}

static void strings(void)
{
    for (int i = 0; i < 50; i++) {
        memset(bytes, i, sizeof(bytes));
        memcpy(copy, bytes, sizeof(copy));
        size_t n = 333;
        void *to = copy + i;
        __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(7) : "memory");
        _mm_storeu_si128((__m128i *)(void *)(bytes + i), _mm_set1_epi32(i));
        sum += (uint64_t)bytes[i] + (uint64_t)copy[i + 40];
    }
}

int main(int argc, char **argv)
{
    struct itimerval every = {{0, 700}, {0, 700}}, off = {{0, 0}, {0, 0}};
    pthread_t t[3];
    if (argc > 1)
        return 3;
    signal(SIGALRM, on_alarm);
    signal(SIGSEGV, on_fault);
    setitimer(ITIMER_REAL, &every, NULL);
    for (uint64_t i = 0; n_alarms < 2; i++)
        sum += i * i;
    setitimer(ITIMER_REAL, &off, NULL);
    for (volatile int i = 0; i < 5; i++)
        if (!sigsetjmp(back, 1))
            *(volatile int *)(uintptr_t)(8 + i) = 1;
    sum += fib(18);
    strings();
    for (uintptr_t i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, worker, (void *)i);
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        sum += fib(12);
        strings();
        _exit(4);
    }
    waitpid(child, NULL, 0);
    child = vfork();
    if (child == 0) {
        execl("/proc/self/exe", argv[0], "again", (char *)NULL);
        _exit(5);
    }
    waitpid(child, NULL, 0);
    printf("%d faults\n", n_faults);
    return n_faults == 5 ? 0 : 1;
}
