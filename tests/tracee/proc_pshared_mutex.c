/* A process-shared mutex guards a plain counter; and a process-shared semaphore ends the wait. */
#include <pthread.h>
#include <semaphore.h>

#include "tests/tracee/proc.h"

struct shared {
    pthread_mutex_t mutex;
    sem_t done;
    int count;
};

int main(void)
{
    struct shared *s = shared_pages(4096);
    pthread_mutexattr_t a;
    CHECK(!pthread_mutexattr_init(&a) && !pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED));
    CHECK(!pthread_mutex_init(&s->mutex, &a) && !sem_init(&s->done, 1, 0));
    for (int i = 0; i < 3; i++) {
        if (start() == 0) {
            for (int n = 0; n < 500; n++) {
                CHECK(!pthread_mutex_lock(&s->mutex));
                s->count++;
                CHECK(!pthread_mutex_unlock(&s->mutex));
            }
            CHECK(!sem_post(&s->done));
            _exit(0);
        }
    }
    for (int i = 0; i < 3; i++)
        while (sem_wait(&s->done))
            CHECK(errno == EINTR);
    CHECK(s->count == 1500);
    for (int i = 0; i < 3; i++)
        CHECK(wait(NULL) > 0);
    return passed();
}
