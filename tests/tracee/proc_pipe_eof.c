/* The end of a pipe comes when the last of several writing processes has ended; SIGPIPE when the last reader. */
#include "tests/tracee/proc.h"

int main(void)
{
    int p[2];
    char c;
    struct gate g = gate_make();
    CHECK(pipe(p) == 0);
    pid_t pids[3];
    for (int i = 0; i < 3; i++) {
        pids[i] = start();
        if (pids[i] == 0) {
            gate_wait(g);
            CHECK(write(p[1], "x", 1) == 1);
            _exit(0);
        }
    }
    CHECK(close(p[1]) == 0);
    for (int i = 0; i < 3; i++) {
        gate_open(g);
        CHECK(read(p[0], &c, 1) == 1 && c == 'x');
    }
    CHECK(read(p[0], &c, 1) == 0);
    for (int i = 0; i < 3; i++)
        expect_exit(pids[i], 0);
    CHECK(close(p[0]) == 0 && pipe(p) == 0);
    pid_t pid = start();
    if (pid == 0) {
        close(p[0]);
        gate_wait(g);
        CHECK(write(p[1], "x", 1) == 1);
        _exit(0);
    }
    CHECK(close(p[0]) == 0);
    gate_open(g);
    expect_signal(pid, SIGPIPE);
    return passed();
}
