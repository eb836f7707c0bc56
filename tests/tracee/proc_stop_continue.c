/* A child that computes is stopped and continued ten times from outside; it loses nothing. */
#include "tests/tracee/proc.h"

int main(void)
{
    struct shared {
        volatile unsigned long count;
        atomic_int end;
    } *s = shared_pages(4096);
    struct gate g = gate_make();
    pid_t pid = start();
    if (pid == 0) {
        gate_open(g);
        while (!atomic_load(&s->end))
            s->count++;
        _exit(0);
    }
    gate_wait(g);
    for (int i = 0; i < 10; i++) {
        int status;
        CHECK(kill(pid, SIGSTOP) == 0 && waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
        unsigned long seen = s->count;
        for (int n = 0; n < 20; n++)
            sched_yield();
        CHECK(s->count == seen);
        CHECK(kill(pid, SIGCONT) == 0 && waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
        while (s->count == seen)
            sched_yield();
    }
    atomic_store(&s->end, 1);
    expect_exit(pid, 0);
    return passed();
}
