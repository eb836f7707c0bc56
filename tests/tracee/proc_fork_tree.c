/* A binary tree of processes, four levels deep: each adds the exit codes of its children to its own one. */
#include "tests/tracee/proc.h"

static int grow(int depth)
{
    if (depth == 0)
        return 1;
    pid_t children[2];
    for (int i = 0; i < 2; i++) {
        children[i] = start();
        if (children[i] == 0)
            _exit(grow(depth - 1));
    }
    int n = 1;
    for (int i = 0; i < 2; i++) {
        int status = ended(children[i]);
        CHECK(WIFEXITED(status));
        n += WEXITSTATUS(status);
    }
    return n;
}

int main(void)
{
    int n = grow(4);
    CHECK(n == 31);
    printf("%d processes\n", n);
    return passed();
}
