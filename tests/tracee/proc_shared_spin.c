/* Two processes spin on each other's writes to shared memory, without one system call. */
#include "tests/tracee/proc.h"

int main(void)
{
    atomic_int *turn = shared_pages(4096);
    pid_t pid = start();
    if (pid == 0) {
        for (int i = 0; i < 5; i++) {
            while (atomic_load(turn) != 2 * i + 1)
                ;
            atomic_store(turn, 2 * i + 2);
        }
        _exit(0);
    }
    for (int i = 0; i < 5; i++) {
        atomic_store(turn, 2 * i + 1);
        while (atomic_load(turn) != 2 * i + 2)
            ;
    }
    expect_exit(pid, 0);
    CHECK(*turn == 10);
    return passed();
}
