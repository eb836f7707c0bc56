/* Shared memory passed on by descriptor number through exec: two programs count in turns. */
#include "tests/tracee/proc.h"

int main(int argc, char **argv)
{
    int fd = argc > 1 ? atoi(argv[1]) : memfd_create("turns", 0);
    CHECK(fd >= 0 && ftruncate(fd, 4096) == 0);
    atomic_int *turn = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(turn != MAP_FAILED);
    int me = argc > 1;
    pid_t pid = 0;
    if (!me) {
        pid = start();
        if (pid == 0) {
            char text[16], *args[] = {"self", text, NULL};
            snprintf(text, sizeof(text), "%d", fd);
            execv(SELF, args);
            _exit(1);
        }
    }
    for (int i = 0; i < 50; i++) {
        while (atomic_load(turn) % 2 != me)
            sched_yield();
        atomic_fetch_add(turn, 1);
    }
    if (me)
        return 0;
    expect_exit(pid, 0);
    CHECK(*turn == 100);
    return passed();
}
