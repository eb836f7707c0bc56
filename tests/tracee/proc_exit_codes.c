/* Ways to leave: return, exit with atexit, _exit, exit_group, from a handler; the status is the low byte. */
#include "tests/tracee/proc.h"

static void at_exit(void) { say("at exit\n"); }
static void handler(int signo, siginfo_t *si, void *context)
{
    (void)si, (void)context;
    _exit(signo + 100);
}

int main(void)
{
    int codes[] = {0, 1, 127, 128, 255, 256, 257, -1, -2};
    for (int i = 0; i < 9; i++) {
        pid_t pid = start();
        if (pid == 0)
            _exit(codes[i]);
        expect_exit(pid, codes[i] & 255);
    }
    for (int way = 0; way < 4; way++) {
        pid_t pid = start();
        if (pid == 0) {
            atexit(at_exit);
            if (way == 0)
                exit(30);
            if (way == 1)
                syscall(SYS_exit, 31);
            if (way == 2)
                syscall(SYS_exit_group, 32);
            catch_signal(SIGUSR1, handler, 0);
            raise(SIGUSR1);
        }
        expect_exit(pid, way == 3 ? 100 + SIGUSR1 : 30 + way);
    }
    return passed();
}
