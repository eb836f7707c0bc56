/* System V shared memory: attached by parent and child, inherited by fork, counted, at a chosen address, removed. */
#include <sys/shm.h>

#include "tests/tracee/proc.h"

int main(void)
{
    struct shmid_ds ds;
    int id = shmget(IPC_PRIVATE, 8192, IPC_CREAT | 0600);
    if (id < 0)
        skip("no System V shared memory here");
    int *p = shmat(id, NULL, 0);
    CHECK(p != (void *)-1);
    p[0] = 1;
    pid_t pid = start();
    if (pid == 0) {
        CHECK(p[0] == 1 && shmctl(id, IPC_STAT, &ds) == 0 && ds.shm_nattch == 2);
        int *again = shmat(id, NULL, SHM_RDONLY);
        CHECK(again != (void *)-1 && *(volatile int *)again == 1);
        p[1] = 77;
        CHECK(*(volatile int *)(again + 1) == 77 && shmdt(again) == 0 && shmdt(p) == 0);
        _exit(0);
    }
    expect_exit(pid, 0);
    CHECK(p[1] == 77 && shmctl(id, IPC_STAT, &ds) == 0 && ds.shm_nattch == 1 && ds.shm_segsz == 8192);
    CHECK(ds.shm_lpid == pid && ds.shm_cpid == getpid());
    CHECK(shmctl(id, IPC_RMID, NULL) == 0);
    p[2000] = 5;
    CHECK(p[2000] == 5 && shmdt(p) == 0 && shmat(id, NULL, 0) == (void *)-1 && errno == EINVAL);
    return passed();
}
