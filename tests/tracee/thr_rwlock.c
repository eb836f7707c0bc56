/* Readers together, writers alone. */
#include "tests/tracee/tasks.h"

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static long a, b;
static atomic_int writers;
static pthread_barrier_t both_reading;

static void *writer(void *arg)
{
    for (int i = 0; i < 1000; i++) {
        CHECK(pthread_rwlock_wrlock(&lock) == 0);
        CHECK(writers++ == 0);
        a++, b--;
        writers--;
        CHECK(pthread_rwlock_unlock(&lock) == 0);
    }
    return arg;
}

static void *reader(void *arg)
{
    for (int i = 0; i < 1000; i++) {
        CHECK(pthread_rwlock_rdlock(&lock) == 0);
        CHECK(writers == 0 && a + b == 0);
        CHECK(pthread_rwlock_unlock(&lock) == 0);
    }
    CHECK(pthread_rwlock_rdlock(&lock) == 0);
    CHECK(pthread_rwlock_trywrlock(&lock) == EBUSY);
    CHECK(pthread_rwlock_unlock(&lock) == 0);
    return arg;
}

static void *together(void *arg)
{
    CHECK(pthread_rwlock_rdlock(&lock) == 0);
    pthread_barrier_wait(&both_reading);
    CHECK(pthread_rwlock_unlock(&lock) == 0);
    return arg;
}

int main(void)
{
    pthread_t threads[] = {start(writer, NULL), start(reader, NULL), start(writer, NULL),
                           start(reader, NULL)};
    for (int i = 0; i < 4; i++)
        join(threads[i]);
    CHECK(pthread_barrier_init(&both_reading, NULL, 2) == 0);
    pthread_t one = start(together, NULL), two = start(together, NULL);
    join(one), join(two);
    printf("%ld %ld\n", a, b);
    return passed();
}
