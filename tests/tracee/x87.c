/* x87: stack, constants, control word, exceptions, comparisons, transcendental functions, long double. */
#include <math.h>

#include "tests/tracee/tracee.h"

int main(void)
{
    long double a = 1.0L * opaque(3), b = 7.0L, sum = 0;
    for (int i = 1; i < 2000; i++)
        sum += sinl(a * i) / (b + i) * sqrtl(i);
    printf("%.18Lg\n", sum);
    unsigned char image[10];
    __asm__ volatile("fldpi; fldl2e; fmulp; fld1; fyl2x; fstpt %0" : "=m"(image) : : "st", "st(1)");
    __asm__ volatile("fldpi; fld1; fpatan; fldln2; fxch; fscale; fsubp; fcos; fstpt %0"
                     : "=m"(image)
                     :
                     : "st", "st(1)");
    for (int i = 0; i < 10; i++)
        printf("%02x", image[i]);
    puts("");
    uint16_t cw, old;
    int64_t down, near;
    __asm__ volatile("fnstcw %0" : "=m"(old));
    CHECK(old == 0x37f);
    cw = (uint16_t)((old & ~0xc00) | 0x400);
    __asm__ volatile("fldcw %2; fldpi; fchs; fistpq %0; fldcw %3; fldpi; fchs; fistpq %1"
                     : "=m"(down), "=m"(near)
                     : "m"(cw), "m"(old));
    CHECK(down == -4 && near == -3);
    uint16_t sw;
    __asm__ volatile("fnclex; fld1; fldz; fdivrp; fstp %%st(0); fnstsw %0" : "=a"(sw));
    __asm__ volatile("fnclex; fldz; fld1; fdivp; fstp %%st(0); fnstsw %0" : "=a"(sw));
    printf("%x\n", sw);
    bool above, equal;
    __asm__ volatile("fld1; fldpi; fcomip; fstp %%st(0); seta %0; sete %1" : "=q"(above), "=q"(equal)::"cc");
    CHECK(above && !equal);
    uint64_t bcd[2] = {0};
    int32_t v = -123456;
    __asm__ volatile("fildl %1; fbstp %0" : "=m"(bcd) : "m"(v));
    CHECK(bcd[0] == 0x123456 && (bcd[1] & 0xffff) == 0x8000);
    return passed();
}
