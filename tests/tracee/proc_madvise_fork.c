/* MADV_DONTFORK and MADV_WIPEONFORK: a hole and a zeroed page in the child. */
#include "tests/tracee/proc.h"

int main(void)
{
    char *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    memset(p, 'm', 3 * 4096);
    CHECK(madvise(p, 4096, MADV_DONTFORK) == 0 && madvise(p + 8192, 4096, MADV_WIPEONFORK) == 0);
    no_core();
    for (int way = 0; way < 2; way++) {
        pid_t pid = start();
        if (pid == 0) {
            CHECK(p[4096] == 'm' && p[8192] == 0 && p[12287] == 0);
            if (way == 1)
                (void)*(volatile char *)p;
            char *again = mmap(p, 4096, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
            _exit(again == p && *again == 0 ? 0 : 1);
        }
        if (way)
            expect_signal(pid, SIGSEGV);
        else
            expect_exit(pid, 0);
    }
    CHECK(p[0] == 'm' && p[8192] == 'm' && madvise(p, 4096, MADV_DOFORK) == 0);
    CHECK(madvise(p + 8192, 4096, MADV_KEEPONFORK) == 0);
    pid_t pid = start();
    if (pid == 0)
        _exit(p[0] == 'm' && p[8192] == 'm' ? 0 : 1);
    expect_exit(pid, 0);
    return passed();
}
