/* A threaded interpreter: computed goto from many sites. */
#include "tests/tracee/tracee.h"

static long run(const unsigned char *code)
{
    static const void *const labels[] = {&&inc, &&dbl, &&dec, &&loop, &&end};
    const unsigned char *pc = code;
    long acc = 0;
    int count = 1000;
#define NEXT goto *labels[*pc++]
    NEXT;
inc:
    acc += 3;
    NEXT;
dbl:
    acc = (acc * 2) & 0xffffff;
    NEXT;
dec:
    acc -= 1;
    NEXT;
loop:
    if (--count)
        pc = code;
    NEXT;
end:
    return acc;
}

int main(void)
{
    long a = run((const unsigned char[]){0, 1, 2, 0, 3, 4});
    long x = 0;
    for (int i = 0; i < 1000; i++)
        x = (((x + 3) * 2) & 0xffffff) - 1 + 3;
    CHECK(a == x);
    return passed();
}
