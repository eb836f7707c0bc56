/* fork at the bottom of a deep recursion: both unwind their own stack. */
#include "tests/tracee/proc.h"

static pid_t forked;

static int __attribute__((noinline)) down(int depth)
{
    volatile char frame[200];
    frame[0] = (char)depth;
    if (depth == 0)
        forked = start();
    else
        down(depth - 1);
    CHECK(frame[0] == (char)depth);
    return frame[0];
}

int main(void)
{
    for (int i = 0; i < 3; i++) {
        down(5000);
        if (forked == 0)
            _exit(70 + i);
        expect_exit(forked, 70 + i);
    }
    return passed();
}
