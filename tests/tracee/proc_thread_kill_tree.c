/* exit_group in a process with busy threads and a child: its threads end, its child does not. */
#include <pthread.h>

#include "tests/tracee/proc.h"

static void *spins(void *arg)
{
    for (volatile atomic_int *word = arg;;)
        atomic_fetch_add(word, 1);
    return NULL;
}

int main(void)
{
    struct gate g = gate_make(), report = gate_make();
    atomic_int *words = shared_pages(4096);
    pid_t pid = start();
    if (pid == 0) {
        pthread_t thread;
        if (start() == 0) {
            gate_wait(g);
            gate_open(report);
            _exit(0);
        }
        for (int i = 0; i < 3; i++)
            CHECK(pthread_create(&thread, NULL, spins, &words[i]) == 0);
        for (int i = 0; i < 3; i++)
            while (atomic_load(&words[i]) < 1000)
                sched_yield();
        _exit(45);
    }
    expect_exit(pid, 45);
    int seen = words[0];
    gate_open(g);
    gate_wait(report);
    CHECK(words[0] == seen);
    return passed();
}
