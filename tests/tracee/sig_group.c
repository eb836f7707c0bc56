/* kill(0), kill(-group) and killpg reach every process of the group and nobody else. */
#include "tests/tracee/tasks.h"

static int ready[2];
static volatile int count;

static void handler(int signo)
{
    (void)signo;
    count++;
}

static int member(void)
{
    CHECK(write(ready[1], "r", 1) == 1);
    sigset_t none;
    sigemptyset(&none);
    while (count == 0)
        sigsuspend(&none);
    return 20 + count;
}

static int leader(void)
{
    CHECK(setpgid(0, 0) == 0);
    pid_t members[3];
    for (int i = 0; i < 3; i++)
        members[i] = spawn(member);
    for (int i = 0; i < 3; i++)
        CHECK(read(ready[0], &(char){0}, 1) == 1);
    CHECK(kill(0, SIGUSR1) == 0);
    for (int i = 0; i < 3; i++)
        CHECK(WEXITSTATUS(reap(members[i])) == 21);
    mask_signal(SIG_UNBLOCK, SIGUSR1);
    return 10 + count;
}

int main(void)
{
    CHECK(pipe(ready) == 0);
    signal(SIGUSR1, handler);
    mask_signal(SIG_BLOCK, SIGUSR1);
    CHECK(WEXITSTATUS(reap(spawn(leader))) == 11);
    sigset_t pending;
    CHECK(sigpending(&pending) == 0 && !sigismember(&pending, SIGUSR1));
    pid_t pids[2];
    for (int i = 0; i < 2; i++) {
        pids[i] = spawn(member);
        CHECK(setpgid(pids[i], pids[0]) == 0);
    }
    CHECK(killpg(pids[0], SIGUSR1) == 0);
    for (int i = 0; i < 2; i++) {
        CHECK(read(ready[0], &(char){0}, 1) == 1);
        CHECK(WEXITSTATUS(reap(pids[i])) == 21);
    }
    CHECK(kill(-pids[0], SIGUSR1) == -1 && errno == ESRCH);
    return passed();
}
