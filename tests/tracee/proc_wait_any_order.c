/* wait returns children in the order in which they end, here the reverse of their birth. */
#include "tests/tracee/proc.h"

int main(void)
{
    enum { N = 8 };
    struct gate gates[N];
    pid_t pids[N];
    for (int i = 0; i < N; i++) {
        gates[i] = gate_make();
        pids[i] = start();
        if (pids[i] == 0) {
            gate_wait(gates[i]);
            _exit(i);
        }
    }
    for (int i = N - 1; i >= 0; i--) {
        int status;
        gate_open(gates[i]);
        CHECK(wait(&status) == pids[i] && WEXITSTATUS(status) == i);
        printf("ended: %d\n", i);
    }
    return passed();
}
