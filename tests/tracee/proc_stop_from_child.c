/* A grandchild stops its parent and continues it: the handler for SIGCONT runs. */
#include "tests/tracee/proc.h"

static volatile sig_atomic_t continued;
static void handler(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)si, (void)context, continued = 1;
}

int main(void)
{
    int status;
    struct gate ready = gate_make(), go = gate_make();
    pid_t pid = start();
    if (pid == 0) {
        CHECK(setpgid(0, 0) == 0); /* in an orphaned group SIGTSTP would do nothing */
        sigset_t block, old;
        sigemptyset(&block), sigaddset(&block, SIGCONT);
        CHECK(sigprocmask(SIG_BLOCK, &block, &old) == 0);
        catch_signal(SIGCONT, handler, 0);
        pid_t self = getpid(), child = start();
        if (child == 0) {
            CHECK(kill(self, SIGTSTP) == 0);
            gate_open(ready);
            gate_wait(go);
            CHECK(kill(self, SIGCONT) == 0);
            _exit(0);
        }
        while (!continued)
            sigsuspend(&old);
        expect_exit(child, 0);
        _exit(15);
    }
    gate_wait(ready);
    CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTSTP);
    gate_open(go);
    expect_exit(pid, 15);
    return passed();
}
