/* Indirect calls through registers, tables and memory, to many targets from one site. */
#include "tests/tracee/tracee.h"

#define F(n) \
    static int f##n(int x) { return x * 3 + n; }
F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7) static int (*const table[8])(int) = {f0, f1, f2, f3, f4, f5, f6, f7};

struct object {
    int (*method)(int);
};

int main(void)
{
    unsigned sum = 0, expect = 0;
    for (int i = 0; i < 20000; i++) {
        int k = (i * 7 + i / 3) & 7;
        struct object o = {table[k]};
        sum += (unsigned)opaque(table[k])(i) + (unsigned)opaque(o.method)(i);
        expect += 2 * (unsigned)(i * 3 + k);
    }
    CHECK(sum == expect);
    printf("%u\n", sum);
    return passed();
}
