/* gettid, getpid, set_tid_address, tgkill to a thread that is not there. */
#include "tests/tracee/tasks.h"

static _Atomic pid_t tids[4];
static pthread_barrier_t barrier;

static void *body(void *arg)
{
    tids[(intptr_t)arg] = gettid();
    CHECK(getpid() != gettid());
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 4; i++)
        CHECK(i == (int)(intptr_t)arg || tids[i] != gettid());
    return NULL;
}

static void *sets(void *arg)
{
    /* The address that glibc waits for; set to itself again through a detour. */
    _Atomic uint32_t word = 5;
    CHECK(syscall(SYS_set_tid_address, &word) == gettid());
    CHECK(tgkill(getpid(), gettid(), 0) == 0);
    CHECK(word == 5);
    *(pid_t *)arg = gettid();
    syscall(SYS_exit, 0); /* glibc's word is not cleared: nobody joins this one */
    return NULL;
}

int main(void)
{
    CHECK(gettid() == getpid());
    CHECK(pthread_barrier_init(&barrier, NULL, 4) == 0);
    pthread_t threads[4];
    for (intptr_t i = 0; i < 4; i++)
        threads[i] = start(body, (void *)i);
    for (int i = 0; i < 4; i++)
        join(threads[i]);
    static volatile pid_t gone;
    start(sets, (void *)(uintptr_t)&gone);
    YIELD_UNTIL(gone != 0 && tgkill(getpid(), gone, 0) == -1);
    CHECK(errno == ESRCH && tgkill(getpid() + 1, getpid(), 0) == -1 && errno == ESRCH);
    CHECK(tgkill(getpid(), -1, 0) == -1 && errno == EINVAL);
    return passed();
}
