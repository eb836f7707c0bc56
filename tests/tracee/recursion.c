/* Direct, mutual and deep recursion: backward calls and returns to many places. */
#include "tests/tracee/tracee.h"

static int __attribute__((noinline)) fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
static int is_odd(unsigned n);
static int __attribute__((noinline)) is_even(unsigned n) { return n == 0 ? 1 : is_odd(n - 1) + opaque(0); }
static int __attribute__((noinline)) is_odd(unsigned n) { return n == 0 ? 0 : is_even(n - 1) + opaque(0); }
static unsigned __attribute__((noinline)) depth(unsigned n) { return n == 0 ? 0 : 1 + opaque(depth(n - 1)); }

static int __attribute__((noinline)) ackermann(int m, int n)
{
    if (m == 0)
        return n + 1;
    return n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}

int main(void)
{
    CHECK(fib(20) == 6765);
    CHECK(is_even(1000) == 1 && is_odd(1000) == 0);
    CHECK(depth(20000) == 20000);
    CHECK(ackermann(2, 20) == 43);
    return passed();
}
