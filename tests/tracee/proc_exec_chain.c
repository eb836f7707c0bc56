/* Twenty execs in a row in one process, memory and stack fresh each time. */
#include "tests/tracee/proc.h"

static int fresh;

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 0;
    CHECK(fresh == 0);
    fresh = 1;
    if (n == 20)
        return passed();
    if (n % 5 == 0)
        say("exec %d\n", n);
    char text[16], *args[] = {"self", text, NULL};
    snprintf(text, sizeof(text), "%d", n + 1);
    execv(SELF, args);
    CHECK(!"execve returned");
}
