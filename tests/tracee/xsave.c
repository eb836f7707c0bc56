/* xsave, xsavec, xsaveopt and xrstor: masks, header, init state, ymm halves, repeated as a lazy loader does. */
#include <cpuid.h>

#include "tests/tracee/tracee.h"

static uint8_t area[4096] __attribute__((aligned(64)));

static uint64_t header(int i)
{
    uint64_t v;
    memcpy(&v, area + 512 + 8 * i, 8);
    return v;
}

int main(void)
{
    unsigned a, b, c, d;
    __cpuid(1, a, b, c, d);
    if (!(c & 1 << 28))
        skip("no AVX");
    __cpuid_count(13, 1, a, b, c, d);
    uint64_t y[4] = {1, 2, 3, 4}, got[4];
    for (int i = 0; i < 1000; i++) { /* a tick counter kept in a vector register must not be rewound */
        y[3] = (uint64_t)i;
        __asm__ volatile(
            "vmovdqu %1, %%ymm6; xsave %0; vpxor %%ymm6, %%ymm6, %%ymm6; xrstor %0; vmovdqu %%ymm6, %2"
            : "+m"(area)
            : "m"(y), "m"(got), "a"(7), "d"(0)
            : "xmm6", "memory");
        CHECK(!memcmp(y, got, 32));
    }
    CHECK((header(0) & ~7ull) == 0 && (header(0) & 6) == 6);
    if (a & 2) {
        memset(area, 0, sizeof(area));
        __asm__ volatile(
            "vmovdqu %1, %%ymm6; xsavec %0; vpxor %%ymm6, %%ymm6, %%ymm6; xrstor %0; vmovdqu %%ymm6, %2"
            : "+m"(area)
            : "m"(y), "m"(got), "a"(-1), "d"(-1)
            : "xmm6", "memory");
        CHECK(!memcmp(y, got, 32) && header(1) >> 63);
    }
    memset(area, 0, sizeof(area));
    __asm__ volatile(
        "vmovdqu %1, %%ymm6; vzeroupper; xsave %0; vmovdqu %1, %%ymm6; xrstor %0; vmovdqu %%ymm6, %2"
        : "+m"(area)
        : "m"(y), "m"(got), "a"(4), "d"(0)
        : "xmm6", "memory");
    CHECK(got[2] == 0 && got[3] == 0 && got[0] == 1); /* only the upper halves were restored */
    memset(area, 0, sizeof(area));
    area[25] = 0x1f, area[24] = 0x80;
    __asm__ volatile("vmovdqu %1, %%ymm6; xrstor %0; vmovdqu %%ymm6, %2"
                     : "+m"(area)
                     : "m"(y), "m"(got), "a"(6), "d"(0)
                     : "xmm6", "memory");
    CHECK(got[0] == 0 && got[3] == 0); /* components not in the header are initialised */
    return passed();
}
