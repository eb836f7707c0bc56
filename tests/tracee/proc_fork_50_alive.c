/* Fifty children alive at once, all blocked in read, then let go one by one. */
#include "tests/tracee/proc.h"

int main(void)
{
    enum { N = 50 };
    struct gate gates[N];
    pid_t pids[N];
    for (int i = 0; i < N; i++) {
        gates[i] = gate_make();
        pids[i] = start();
        if (pids[i] == 0) {
            gate_wait(gates[i]);
            _exit(i + 1);
        }
    }
    for (int i = N - 1; i >= 0; i--) {
        gate_open(gates[i]);
        expect_exit(pids[i], i + 1);
    }
    return passed();
}
