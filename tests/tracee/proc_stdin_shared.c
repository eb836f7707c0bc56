/* Parent and child read one standard input in turns; each byte goes to one of them. */
#include "tests/tracee/proc.h"

int main(void)
{
    int p[2], total = 0;
    CHECK(pipe(p) == 0);
    pid_t feeder = start();
    if (feeder == 0) {
        for (int i = 0; i < 100; i++)
            CHECK(write(p[1], "ab", 2) == 2);
        _exit(0);
    }
    CHECK(dup2(p[0], 0) == 0 && close(p[0]) == 0 && close(p[1]) == 0);
    atomic_int *count = shared_pages(4096);
    pid_t pid = start();
    char c;
    while (read(0, &c, 1) == 1) {
        CHECK(c == 'a' || c == 'b');
        total = atomic_fetch_add(count, 1);
    }
    (void)total;
    if (pid == 0)
        _exit(0);
    expect_exit(pid, 0);
    expect_exit(feeder, 0);
    CHECK(*count == 200);
    return passed();
}
