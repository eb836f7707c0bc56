/* Arithmetic flags survive from their instruction to a use many branches later. */
#include "tests/tracee/tracee.h"

#define CARRY_OVER(jump)                                                                              \
    __asm__ volatile("xor %%eax, %%eax; mov $0xffffffff, %%ecx; add $1, %%ecx;" jump "adc $0, %%rax;" \
                     "sete %%cl; movzbl %%cl, %%ecx; lea (%%rax,%%rcx,2), %0"                         \
                     : "=r"(r)::"rax", "rcx", "cc")

int main(void)
{
    uint64_t r;
    CARRY_OVER("jmp 1f; nop; 1:");
    CHECK(r == 1); /* carry in; adc gave 1, so not zero */
    CARRY_OVER("jc 1f; ud2; 1: jz 2f; ud2; 2: jns 3f; ud2; 3: jno 4f; ud2; 4:");
    CHECK(r == 1);
    CARRY_OVER("jmp 2f; 1: jmp 3f; 2: jmp 1b; 3:"); /* across a tick */
    CHECK(r == 1);
    CARRY_OVER("lea 1f(%%rip), %%rdx; jmp *%%rdx; ud2; 1:");
    CHECK(r == 1);
    /* all six flags around a loop that spares them */
    for (unsigned f = 0; f < 64; f++) {
        uint64_t want = (f & 1) | (f & 2) << 1 | (f & 4) << 2 | (f & 8) << 3 | (f & 16) << 3 | (f & 32) << 6 |
                        0x202,
                 got;
        __asm__ volatile(
            "sub $128, %%rsp; push %1; popf; mov $5, %%ecx; 1: lea -1(%%ecx), %%ecx; jecxz 2f; jmp 1b;"
            "2: pushf; pop %0; lea 128(%%rsp), %%rsp"
            : "=r"(got)
            : "r"(want)
            : "rcx", "cc", "memory");
        CHECK(got == want);
    }
    unsigned taken = 0;
    for (int i = -3; i < 4; i++)
        for (int j = -3; j < 4; j++) {
            bool g, l, a, b, s, o;
            __asm__("cmp %7, %6; setg %0; setl %1; seta %2; setb %3; sets %4; seto %5"
                    : "=&q"(g), "=&q"(l), "=&q"(a), "=&q"(b), "=&q"(s), "=&q"(o)
                    : "r"(i), "r"(j)
                    : "cc");
            CHECK(g == (i > j) && l == (i < j) && a == ((unsigned)i > (unsigned)j) &&
                  b == ((unsigned)i < (unsigned)j));
            CHECK(s == (i - j < 0) && !o);
            taken += g;
        }
    CHECK(taken == 21);
    return passed();
}
