/* What else an exec keeps: folder, umask, limits, nice value, process group, session, itimer's owner, parent. */
#include "tests/tracee/proc.h"

int main(int argc, char **argv)
{
    char cwd[PATH_MAX];
    struct rlimit limit;
    if (argc > 1) {
        CHECK(getcwd(cwd, sizeof(cwd)) && !strcmp(cwd, "/usr"));
        CHECK(umask(0) == 0137 && getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == 123);
        CHECK(getpriority(PRIO_PROCESS, 0) == 7 && getpgrp() == getpid() && getsid(0) == getpid());
        CHECK(getppid() == atoi(argv[1]));
        _exit(33);
    }
    pid_t parent = getpid(), pid = start();
    if (pid == 0) {
        char text[16], *args[] = {"self", text, NULL};
        snprintf(text, sizeof(text), "%d", (int)parent);
        CHECK(chdir("/usr") == 0 && setpriority(PRIO_PROCESS, 0, 7) == 0 && setsid() == getpid());
        umask(0137);
        CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
        limit.rlim_cur = 123;
        CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
        execv(SELF, args);
        _exit(1);
    }
    expect_exit(pid, 33);
    return passed();
}
