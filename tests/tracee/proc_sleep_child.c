/* A child in a long sleep is ended by a signal; the rest of another's nanosleep is told. */
#include <time.h>

#include "tests/tracee/proc.h"

static void handler(int signo, siginfo_t *si, void *context) { (void)signo, (void)si, (void)context; }

int main(void)
{
    struct gate g = gate_make();
    pid_t pid = start();
    if (pid == 0) {
        gate_open(g);
        sleep(1000);
        _exit(1);
    }
    gate_wait(g);
    CHECK(kill(pid, SIGTERM) == 0);
    expect_signal(pid, SIGTERM);
    pid_t self = getpid();
    catch_signal(SIGUSR1, handler, 0);
    pid = start();
    if (pid == 0) {
        while (kill(self, SIGUSR1) == 0 && getppid() == self)
            sched_yield();
        _exit(0);
    }
    struct timespec rest = {0}, forever = {1000, 0};
    CHECK(nanosleep(&forever, &rest) == -1 && errno == EINTR && rest.tv_sec >= 900);
    int status;
    CHECK(kill(pid, SIGKILL) == 0);
    while (waitpid(pid, &status, 0) < 0)
        CHECK(errno == EINTR);
    return passed();
}
