/* A child ended by each fatal signal, from outside, by itself and while it computes: the status says which. */
#include "tests/tracee/proc.h"

int main(void)
{
    int signals[] = {SIGKILL, SIGTERM, SIGABRT, SIGHUP, SIGINT,      SIGUSR1,
                     SIGPIPE, SIGALRM, SIGQUIT, SIGSYS, SIGRTMIN + 2};
    no_core();
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        for (int way = 0; way < 3; way++) {
            struct gate g = gate_make();
            pid_t pid = start();
            if (pid == 0) {
                if (way == 0)
                    raise(signals[i]);
                gate_open(g);
                for (volatile unsigned long n = 0;; n++) {
                    if (way == 1)
                        pause();
                }
            }
            if (way) {
                gate_wait(g);
                CHECK(kill(pid, signals[i]) == 0);
            }
            expect_signal(pid, signals[i]);
            close(g.fd[0]), close(g.fd[1]);
        }
    }
    return passed();
}
