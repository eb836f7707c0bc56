/* A System V segment found by its id in a program that exec'ed; its old attachment is gone. */
#include <sys/shm.h>

#include "tests/tracee/proc.h"

int main(int argc, char **argv)
{
    struct shmid_ds ds;
    if (argc > 1) {
        int id = atoi(argv[1]);
        CHECK(shmctl(id, IPC_STAT, &ds) == 0 && ds.shm_nattch == 1);
        int *p = shmat(id, NULL, 0);
        CHECK(p != (void *)-1 && p[0] == 11);
        p[1] = 22;
        return 0;
    }
    int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
    if (id < 0)
        skip("no System V shared memory here");
    int *p = shmat(id, NULL, 0);
    CHECK(p != (void *)-1 && shmctl(id, IPC_RMID, NULL) == 0);
    p[0] = 11;
    pid_t pid = start();
    if (pid == 0) {
        char text[16], *args[] = {"self", text, NULL};
        snprintf(text, sizeof(text), "%d", id);
        execv(SELF, args);
        _exit(1);
    }
    expect_exit(pid, 0);
    CHECK(p[1] == 22);
    return passed();
}
