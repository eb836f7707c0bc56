/* setjmp and longjmp out of deep calls; returns no longer match calls. */
#include <setjmp.h>

#include "tests/tracee/tracee.h"

static jmp_buf env;

static int bottom;

static int __attribute__((noinline)) dig(int depth, int value)
{
    if (depth == bottom)
        longjmp(env, value);
    return value < 0 ? value : dig(depth - 1, value) + opaque(1);
}

int main(void)
{
    volatile int sum = 0;
    for (volatile int i = 1; i <= 200; i++) {
        int got = setjmp(env);
        if (got == 0)
            dig(i, i);
        sum += got;
        CHECK(got == i);
    }
    CHECK(sum == 20100);
    return passed();
}
