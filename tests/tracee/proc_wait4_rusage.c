/* wait4 with rusage of the child, and getrusage(RUSAGE_CHILDREN) before and after it is waited for. */
#include "tests/tracee/proc.h"

int main(void)
{
    struct rusage of_child, before, after;
    memset(&of_child, 0, sizeof(of_child));
    CHECK(getrusage(RUSAGE_CHILDREN, &before) == 0 && before.ru_maxrss == 0 && before.ru_minflt == 0);
    pid_t pid = start();
    if (pid == 0) {
        char *p = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(p != MAP_FAILED);
        memset(p, 1, 4 << 20);
        _exit(6);
    }
    int status;
    CHECK(wait4(pid, &status, 0, &of_child) == pid && WEXITSTATUS(status) == 6);
    CHECK(of_child.ru_maxrss >= 4096 && of_child.ru_minflt > 0);
    CHECK(getrusage(RUSAGE_CHILDREN, &after) == 0 && after.ru_maxrss >= of_child.ru_maxrss);
    return passed();
}
