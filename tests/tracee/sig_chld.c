/* SIGCHLD: siginfo of an exit, a death by signal, a stop, a continue; SA_NOCLDSTOP; waitid agrees. */
#include "tests/tracee/tasks.h"

static volatile int count, last_code, last_status, last_pid;

static void handler(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)context;
    last_code = si->si_code, last_status = si->si_status, last_pid = si->si_pid;
    count++;
}

static int exits(void) { return 33; }

static int waits(void)
{
    while (count >= 0)
        pause();
    return 0;
}

static void expect(int n, pid_t pid, int code, int status)
{
    YIELD_UNTIL(count >= n);
    CHECK(count == n && last_pid == pid && last_code == code && last_status == status);
}

int main(void)
{
    catch_signal(SIGCHLD, handler, SA_RESTART);
    pid_t pid = spawn(exits);
    expect(1, pid, CLD_EXITED, 33);
    siginfo_t si;
    CHECK(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT) == 0 && si.si_code == CLD_EXITED &&
          si.si_status == 33);
    CHECK(WEXITSTATUS(reap(pid)) == 33);
    pid = spawn(waits);
    CHECK(kill(pid, SIGSTOP) == 0);
    expect(2, pid, CLD_STOPPED, SIGSTOP);
    CHECK(kill(pid, SIGCONT) == 0);
    expect(3, pid, CLD_CONTINUED, SIGCONT);
    catch_signal(SIGCHLD, handler, SA_RESTART | SA_NOCLDSTOP);
    int status;
    CHECK(kill(pid, SIGSTOP) == 0 && waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status) &&
          count == 3);
    CHECK(kill(pid, SIGCONT) == 0 && waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
    CHECK(count == 3 && kill(pid, SIGKILL) == 0);
    expect(4, pid, CLD_KILLED, SIGKILL);
    CHECK(WTERMSIG(reap(pid)) == SIGKILL && waitpid(pid, &status, 0) == -1 && errno == ECHILD);
    printf("%d\n", count);
    return passed();
}
