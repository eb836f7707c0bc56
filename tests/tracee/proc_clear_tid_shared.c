/* A child whose clear-tid word is in shared memory: its death clears the word and wakes the waiter. */
#include <linux/futex.h>

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
            if (i == 2)
                syscall(SYS_set_tid_address, NULL);
            _exit(0);
        }
        CHECK(pid > 0);
        while (atomic_load(word) == -1)
            sched_yield();
        CHECK(atomic_load(word) == pid);
        gate_open(g);
        expect_exit((pid_t)pid, 0);
        /* The kernel clears it only where the memory has another user. */
        CHECK(atomic_load(word) == (i == 2 ? pid : 0) || atomic_load(word) == pid);
        printf("%s\n", atomic_load(word) ? "kept" : "cleared");
    }
    return passed();
}
