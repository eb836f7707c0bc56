/* A child whose clear-tid word is in shared memory: set at its start; at its end the kernel clears it only where
 * the address space has another user, so here it stays. */
#include "tests/tracee/proc.h"

int main(void)
{
    atomic_int *word = shared_pages(4096);
    for (int i = 0; i < 3; i++) {
        struct gate g = gate_make();
        atomic_store(word, -1);
        long pid =
            syscall(SYS_clone, CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD, NULL, NULL, word, 0);
        if (pid == 0) {
            gate_wait(g);
            _exit(i);
        }
        CHECK(pid > 0);
        while (atomic_load(word) == -1)
            sched_yield();
        CHECK(atomic_load(word) == pid);
        gate_open(g);
        expect_exit((pid_t)pid, i);
        CHECK(atomic_load(word) == pid);
    }
    return passed();
}
