/* Limits of a child: EMFILE, SIGXFSZ and EFBIG, no core; prlimit on another process. */
#include "tests/tracee/proc.h"

static void limit(int what, rlim_t n)
{
    struct rlimit l;
    CHECK(getrlimit(what, &l) == 0);
    l.rlim_cur = n;
    CHECK(setrlimit(what, &l) == 0);
}

int main(void)
{
    struct gate g = gate_make();
    struct rlimit l, old;
    pid_t pid = start();
    if (pid == 0) {
        limit(RLIMIT_NOFILE, 20);
        int fd, last = -1;
        while ((fd = dup(0)) >= 0)
            last = fd;
        CHECK(errno == EMFILE && last == 19);
        limit(RLIMIT_FSIZE, 10);
        no_core();
        gate_wait(g);
        CHECK(getrlimit(RLIMIT_STACK, &l) == 0 && l.rlim_cur == 4 << 20);
        _exit(0);
    }
    CHECK(prlimit(pid, RLIMIT_STACK, NULL, &old) == 0);
    l = (struct rlimit){4 << 20, old.rlim_max};
    CHECK(prlimit(pid, RLIMIT_STACK, &l, NULL) == 0);
    gate_open(g);
    expect_exit(pid, 0);
    return passed();
}
