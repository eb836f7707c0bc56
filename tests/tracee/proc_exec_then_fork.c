/* A new image forks and execs in turn: three generations of fork + exec. */
#include "tests/tracee/proc.h"

int main(int argc, char **argv)
{
    int depth = argc > 1 ? atoi(argv[1]) : 0;
    if (depth == 3)
        return 3;
    int sum = depth;
    for (int i = 0; i < 2; i++) {
        pid_t pid = start();
        if (pid == 0) {
            char text[16], *args[] = {"self", text, NULL};
            snprintf(text, sizeof(text), "%d", depth + 1);
            execv(SELF, args);
            _exit(99);
        }
        int status = ended(pid);
        CHECK(WIFEXITED(status));
        sum += WEXITSTATUS(status);
    }
    if (depth)
        return sum;
    CHECK(sum == 34);
    return passed();
}
