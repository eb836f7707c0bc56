/* waitid: by pid, group and any; WNOWAIT leaves the child; what siginfo says of each end. */
#include "tests/tracee/proc.h"

static void check(idtype_t type, pid_t id, int options, pid_t pid, int code, int status)
{
    siginfo_t si = {0};
    CHECK(waitid(type, (id_t)id, &si, options) == 0);
    CHECK(si.si_signo == SIGCHLD && si.si_pid == pid && si.si_code == code && si.si_status == status);
    CHECK(si.si_uid == getuid());
}

int main(void)
{
    siginfo_t si;
    pid_t pid = start();
    if (pid == 0)
        _exit(11);
    check(P_PID, pid, WEXITED | WNOWAIT, pid, CLD_EXITED, 11);
    check(P_ALL, 0, WEXITED | WNOWAIT, pid, CLD_EXITED, 11);
    check(P_PGID, 0, WEXITED, pid, CLD_EXITED, 11);
    CHECK(waitid(P_ALL, 0, &si, WEXITED) == -1 && errno == ECHILD);
    pid = start();
    if (pid == 0) {
        setpgid(0, 0);
        raise(SIGSTOP);
        raise(SIGTERM);
    }
    check(P_PID, pid, WSTOPPED, pid, CLD_STOPPED, SIGSTOP);
    si.si_pid = 1;
    CHECK(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG) == 0 && si.si_pid == 0);
    CHECK(kill(pid, SIGCONT) == 0);
    check(P_PGID, pid, WEXITED, pid, CLD_KILLED, SIGTERM);
    CHECK(waitid(P_PID, 1, &si, WEXITED) == -1 && errno == ECHILD);
    CHECK(waitid(P_ALL, 0, &si, 0) == -1 && errno == EINVAL);
    return passed();
}
