/* waitpid and waitid: EINTR without SA_RESTART; with it they go on until the child ends. */
#include "tests/tracee/tasks.h"

static volatile int count;
static int go[2];

static void handler(int signo)
{
    (void)signo;
    if (++count % 5 == 0)
        CHECK(write(go[1], "x", 1) == 1);
}

static int waits(void) { return read(go[0], &(char){0}, 1) == 1 ? 6 : 7; }

int main(void)
{
    CHECK(pipe(go) == 0);
    for (int i = 0; i < 2; i++) {
        pid_t pid = spawn(waits);
        int status = 0;
        siginfo_t si = {0};
        struct sigaction sa = {.sa_handler = handler};
        CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
        count = 0;
        every_us(ITIMER_REAL, 3000);
        long got = i ? waitid(P_PID, (id_t)pid, &si, WEXITED) : waitpid(pid, &status, 0);
        CHECK(got == -1 && errno == EINTR && count >= 1);
        sa.sa_flags = SA_RESTART;
        CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
        got = i ? waitid(P_PID, (id_t)pid, &si, WEXITED) : waitpid(pid, &status, 0);
        CHECK(got == (i ? 0 : pid) && count >= 5);
        CHECK(i ? si.si_status == 6 && si.si_code == CLD_EXITED : WEXITSTATUS(status) == 6);
        every_us(ITIMER_REAL, 0);
        CHECK(fcntl(go[0], F_SETFL, O_NONBLOCK) == 0);
        while (read(go[0], &(char){0}, 1) == 1) {}
        CHECK(fcntl(go[0], F_SETFL, 0) == 0);
    }
    return passed();
}
