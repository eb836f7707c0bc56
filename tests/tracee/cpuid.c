/* cpuid and xgetbv agree with each other; under the v3 policy no AVX-512 is visible. */
#include <cpuid.h>
#include <sys/auxv.h>

#include "tests/tracee/tracee.h"

int main(int argc, char **argv)
{
    unsigned a, b, c, d, max = __get_cpuid_max(0, NULL);
    bool v3 = argc > 1 && !strcmp(argv[1], "--expect-v3");
    CHECK(max >= 7);
    __cpuid(1, a, b, c, d);
    CHECK(d & 1 << 25 && d & 1 << 26);
    CHECK((getauxval(AT_HWCAP) & ~d) == 0);
    bool osxsave = c & 1 << 27;
    unsigned lo = 0, hi = 0;
    if (osxsave)
        __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    CHECK(!osxsave || (lo & 3) == 3);
    unsigned b7, c7, d7, a7;
    __cpuid_count(7, 0, a7, b7, c7, d7);
    bool avx512 = b7 & 1 << 16;
    CHECK(avx512 == ((lo & 0xe0) == 0xe0));
    if (v3) {
        CHECK(!avx512 && (lo & ~7u) == 0 && hi == 0);
        CHECK(!(b7 & (1u << 17 | 1u << 21 | 1u << 28 | 1u << 30 | 1u << 31)));
        CHECK(!(c7 & (1 << 1 | 1 << 6 | 1 << 11 | 1 << 12 | 1 << 14)));
        CHECK(b7 & 1 << 5 && b7 & 1 << 8);
    }
    unsigned size0, size_max, size1;
    __cpuid_count(13, 0, a, size0, size_max, d);
    CHECK(a == lo && size0 <= size_max);
    if (v3)
        CHECK(size0 == 832 && size_max == 832);
    __cpuid_count(13, 1, a, size1, c, d);
    unsigned a2, b2, c2, d2;
    __cpuid(0x80000000, a, b, c, d);
    __cpuid(0x80000000, a2, b2, c2, d2);
    CHECK(a == a2 && b == b2 && c == c2 && d == d2 && a >= 0x80000001);
    __cpuid_count(opaque(0x7fffffff), 0, a, b, c, d); /* out of range: something, and the same each time */
    __cpuid_count(opaque(0x7fffffff), 0, a2, b2, c2, d2);
    CHECK(a == a2 && c == c2);
    return passed();
}
