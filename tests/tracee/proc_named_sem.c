/* A named POSIX semaphore opened by two processes. */
#include <semaphore.h>

#include "tests/tracee/proc.h"

int main(void)
{
    char name[64];
    snprintf(name, sizeof(name), "/tracee-sem-%d", (int)getpid());
    sem_t *s = sem_open(name, O_CREAT | O_EXCL, 0600, 0);
    if (s == SEM_FAILED)
        skip("no /dev/shm here");
    pid_t pid = start();
    if (pid == 0) {
        sem_t *again = sem_open(name, 0);
        CHECK(again != SEM_FAILED);
        for (int i = 0; i < 20; i++)
            CHECK(!sem_post(again));
        _exit(0);
    }
    for (int i = 0; i < 20; i++)
        while (sem_wait(s))
            CHECK(errno == EINTR);
    int value = 9;
    expect_exit(pid, 0);
    CHECK(sem_getvalue(s, &value) == 0 && value == 0 && sem_unlink(name) == 0);
    CHECK(sem_trywait(s) == -1 && errno == EAGAIN);
    return passed();
}
