/* loop, loope, loopne, jrcxz and jecxz (with the address-size prefix). */
#include "tests/tracee/tracee.h"

int main(void)
{
    uint64_t n = 0, c = 100;
    __asm__ volatile("1: inc %0; loop 1b" : "+r"(n), "+c"(c));
    CHECK(n == 100 && c == 0);
    c = 10, n = 0;
    __asm__ volatile("1: inc %0; cmp $4, %0; loopne 1b" : "+r"(n), "+c"(c)::"cc");
    CHECK(n == 4 && c == 6);
    c = 10, n = 5;
    __asm__ volatile("1: dec %0; cmp %0, %0; loope 1b" : "+r"(n), "+c"(c)::"cc");
    CHECK(c == 0 && n == (uint64_t)-5);
    c = 0, n = 1;
    __asm__ volatile("jrcxz 1f; mov $2, %0; 1:" : "+r"(n), "+c"(c));
    CHECK(n == 1);
    c = 1ull << 32, n = 1;
    __asm__ volatile("jrcxz 1f; mov $2, %0; 1:" : "+r"(n), "+c"(c));
    CHECK(n == 2);
    c = 1ull << 32, n = 1;
    __asm__ volatile("jecxz 1f; mov $2, %0; 1:" : "+r"(n), "+c"(c));
    CHECK(n == 1);
    c = 0xffffffff00000003, n = 0; /* addr32 loop counts ecx and zeroes the upper half */
    __asm__ volatile("1: inc %0; addr32 loop 1b" : "+r"(n), "+c"(c));
    CHECK(n == 3 && c == 0);
    uint64_t flags;
    __asm__ volatile("mov $3, %%ecx; stc; 1: loop 1b; pushf; pop %0" : "=r"(flags)::"rcx", "cc");
    CHECK(flags & 1); /* loop spares the flags */
    return passed();
}
