/* Thirty children that exec, alive together. */
#include "tests/tracee/proc.h"

int main(int argc, char **argv)
{
    enum { N = 30 };
    if (argc > 1)
        return atoi(argv[1]);
    pid_t pids[N];
    for (int i = 0; i < N; i++) {
        pids[i] = start();
        if (pids[i] == 0) {
            char text[16], *args[] = {"self", text, NULL};
            snprintf(text, sizeof(text), "%d", i + 50);
            execv(SELF, args);
            _exit(1);
        }
    }
    for (int i = 0; i < N; i++)
        expect_exit(pids[i], i + 50);
    return passed();
}
