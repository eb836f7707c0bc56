/* Two processes hand a number to and fro through two pipes, a thousand times. */
#include "tests/tracee/proc.h"

int main(void)
{
    enum { N = 1000 };
    int to[2], from[2], n = 0;
    CHECK(pipe(to) == 0 && pipe(from) == 0);
    pid_t pid = start();
    if (pid == 0) {
        for (int i = 0; i < N; i++) {
            CHECK(read(to[0], &n, sizeof(n)) == sizeof(n) && n == 2 * i);
            n++;
            CHECK(write(from[1], &n, sizeof(n)) == sizeof(n));
        }
        _exit(0);
    }
    for (int i = 0; i < N; i++) {
        CHECK(write(to[1], &n, sizeof(n)) == sizeof(n) && read(from[0], &n, sizeof(n)) == sizeof(n));
        CHECK(n == 2 * i + 1);
        n++;
    }
    expect_exit(pid, 0);
    printf("%d\n", n);
    return passed();
}
