/* A switch that becomes a jump table: one indirect jump with many targets. */
#include "tests/tracee/tracee.h"

static unsigned step(unsigned op, unsigned x)
{
    switch (op) {
    case 0: return x + 1;
    case 1: return x * 5;
    case 2: return x ^ 0x55aa;
    case 3: return x - 77;
    case 4: return x << 3;
    case 5: return x >> 2;
    case 6: return ~x;
    case 7: return x | 0x1001;
    case 8: return x & 0xfffff;
    case 9: return x * x;
    default: return x;
    }
}

int main(void)
{
    unsigned x = 12345, seed = 1;
    for (int i = 0; i < 50000; i++) {
        seed = seed * 1103515245 + 12345;
        x = step((seed >> 16) % 11, x);
    }
    printf("%u\n", x);
    CHECK(x == 0 || x != 12345);
    return passed();
}
