/* System V semaphores: waiting, several at once, SEM_UNDO at the owner's death, timeouts, GETALL. */
#include <sys/sem.h>

#include "tests/tracee/proc.h"

static int op(int id, unsigned short number, short delta, short flags)
{
    struct sembuf b = {number, delta, flags};
    return semop(id, &b, 1);
}

int main(void)
{
    unsigned short values[3];
    int id = semget(IPC_PRIVATE, 3, IPC_CREAT | 0600);
    if (id < 0)
        skip("no System V semaphores here");
    pid_t pid = start();
    if (pid == 0) {
        struct sembuf both[2] = {{0, -1, 0}, {1, -2, 0}};
        CHECK(semop(id, both, 2) == 0 && op(id, 2, 5, SEM_UNDO) == 0);
        CHECK(op(id, 0, 1, 0) == 0 && op(id, 1, -1, 0) == 0);
        _exit(0);
    }
    CHECK(op(id, 0, -1, IPC_NOWAIT) == -1 && errno == EAGAIN);
    struct timespec soon = {0, 1000000};
    struct sembuf down = {0, -1, 0};
    CHECK(semtimedop(id, &down, 1, &soon) == -1 && errno == EAGAIN);
    CHECK(op(id, 1, 2, 0) == 0 && op(id, 0, 1, 0) == 0);
    while (semctl(id, 2, GETVAL) != 5)
        sched_yield();
    CHECK(op(id, 0, -1, 0) == 0 && op(id, 1, 1, 0) == 0);
    expect_exit(pid, 0);
    CHECK(semctl(id, 0, GETALL, values) == 0 && values[0] == 0 && values[1] == 0 && values[2] == 0);
    pid = start();
    if (pid == 0)
        _exit(op(id, 0, -1, 0) == -1 && errno == EIDRM ? 0 : 1);
    while (semctl(id, 0, GETNCNT) != 1)
        sched_yield();
    CHECK(semctl(id, 0, IPC_RMID) == 0);
    expect_exit(pid, 0);
    return passed();
}
