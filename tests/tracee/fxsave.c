/* fxsave and fxrstor carry x87, mmx, xmm and mxcsr over a change; the 64-bit forms as well. */
#include "tests/tracee/tracee.h"

static uint8_t image[512] __attribute__((aligned(16))), image64[512] __attribute__((aligned(16)));

int main(void)
{
    uint64_t x[2] = {0x1122334455667788, 0x99aabbccddeeff00}, got[2];
    long double ld;
    __asm__ volatile("fninit; movdqu %0, %%xmm11" ::"m"(x) : "xmm11");
    __asm__ volatile("fldpi; fld1; fxsave %0; fxsave64 %1" : "=m"(image), "=m"(image64));
    CHECK(!memcmp(image + 160 + 11 * 16, x, 16) && !memcmp(image64 + 160 + 11 * 16, x, 16));
    uint32_t mxcsr;
    memcpy(&mxcsr, image + 24, 4);
    CHECK(mxcsr == 0x1f80 && image[4] == 0xc0 && image[0] == 0x7f && image[1] == 3);
    __asm__ volatile("fninit; pxor %%xmm11, %%xmm11; fldz" ::: "xmm11");
    __asm__ volatile("fxrstor %1; movdqu %%xmm11, %0" : "=m"(got) : "m"(image) : "xmm11");
    CHECK(!memcmp(got, x, 16));
    __asm__ volatile("faddp; fstpt %0" : "=m"(ld));
    CHECK(ld > 4.14159L && ld < 4.1416L);
    memset(image64 + 160, 0x5a, 256);
    __asm__ volatile("fxrstor64 %1; movdqu %%xmm3, %0; fninit" : "=m"(got) : "m"(image64) : "xmm3");
    CHECK(got[0] == 0x5a5a5a5a5a5a5a5a);
    printf("%02x %02x\n", image[2], image[3]);
    return passed();
}
