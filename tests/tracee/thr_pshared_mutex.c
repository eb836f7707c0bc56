/* A process-shared mutex and condition in shared memory: threads of two processes count together. */
#include "tests/tracee/tasks.h"

struct shared {
    pthread_mutex_t mutex;
    pthread_cond_t done;
    long count;
    int finished;
};

static struct shared *shared;

static void *body(void *arg)
{
    for (int i = 0; i < 1000; i++) {
        CHECK(pthread_mutex_lock(&shared->mutex) == 0);
        shared->count++;
        CHECK(pthread_mutex_unlock(&shared->mutex) == 0);
    }
    pthread_mutex_lock(&shared->mutex);
    shared->finished++;
    pthread_cond_signal(&shared->done);
    pthread_mutex_unlock(&shared->mutex);
    return arg;
}

static int two_threads(void)
{
    pthread_t one = start(body, NULL), two = start(body, NULL);
    join(one), join(two);
    return 0;
}

int main(void)
{
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    pthread_mutexattr_t ma;
    pthread_condattr_t ca;
    CHECK(pthread_mutexattr_init(&ma) == 0 && pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED) == 0);
    CHECK(pthread_condattr_init(&ca) == 0 && pthread_condattr_setpshared(&ca, PTHREAD_PROCESS_SHARED) == 0);
    CHECK(pthread_mutex_init(&shared->mutex, &ma) == 0 && pthread_cond_init(&shared->done, &ca) == 0);
    pid_t child = spawn(two_threads);
    two_threads();
    pthread_mutex_lock(&shared->mutex);
    while (shared->finished < 4)
        CHECK(pthread_cond_wait(&shared->done, &shared->mutex) == 0);
    pthread_mutex_unlock(&shared->mutex);
    CHECK(reap(child) == 0);
    printf("%ld\n", shared->count);
    return passed();
}
