/* rdrand, rdseed in all sizes: carry set, other flags clear, values vary. rdpid. */
#include <cpuid.h>

#include "tests/tracee/tracee.h"

int main(void)
{
    unsigned a, b, c, d;
    __cpuid(1, a, b, c, d);
    if (!(c & 1 << 30))
        skip("no rdrand");
    uint64_t seen = 0, r, flags;
    for (int i = 0; i < 50; i++) {
        __asm__ volatile("sub $128, %%rsp; rdrand %0; pushf; pop %1; lea 128(%%rsp), %%rsp"
                         : "=r"(r), "=r"(flags)::"cc", "memory");
        CHECK((flags & 0x8d5) <= 1);
        seen |= r;
    }
    CHECK(seen != 0);
    r = ~0ull;
    __asm__ volatile("1: rdrand %k0; jnc 1b" : "+r"(r)::"cc");
    CHECK(r >> 32 == 0);
    r = 0xaaaaaaaaaaaaaaaa;
    __asm__ volatile("1: rdrand %w0; jnc 1b" : "+r"(r)::"cc");
    CHECK(r >> 16 == 0xaaaaaaaaaaaa);
    __cpuid_count(7, 0, a, b, c, d);
    if (b & 1 << 18)
        __asm__ volatile("1: rdseed %%r9; jnc 1b" ::: "r9", "cc");
    if (c & 1 << 22) {
        r = ~0ull;
        __asm__ volatile("rdpid %0" : "+r"(r));
        CHECK((r & 0xfff) < 1024 && r >> 32 == 0);
    }
    return passed();
}
