/* Vector registers over thread switches: four threads keep their own pattern in xmm registers through long loops. */
#include "tests/tracee/tasks.h"

static _Atomic int progress;

static void *body(void *arg)
{
    uint64_t seed = (uint64_t)(uintptr_t)arg * 0x9e3779b97f4a7c15, out[12];
    uint64_t n = 300000;
    __asm__ volatile(
        "movq %[seed], %%xmm0\n punpcklqdq %%xmm0, %%xmm0\n movdqa %%xmm0, %%xmm1\n"
        "paddq %%xmm0, %%xmm1\n movdqa %%xmm1, %%xmm2\n paddq %%xmm0, %%xmm2\n movdqa %%xmm2, %%xmm3\n"
        "paddq %%xmm0, %%xmm3\n pxor %%xmm8, %%xmm8\n movdqa %%xmm3, %%xmm15\n"
        "1: paddq %%xmm0, %%xmm8\n paddq %%xmm1, %%xmm8\n psubq %%xmm1, %%xmm8\n"
        "dec %[n]\n jnz 1b\n"
        "movdqu %%xmm0, (%[out])\n movdqu %%xmm1, 16(%[out])\n movdqu %%xmm2, 32(%[out])\n"
        "movdqu %%xmm3, 48(%[out])\n movdqu %%xmm8, 64(%[out])\n movdqu %%xmm15, 80(%[out])\n"
        : [n] "+r"(n)
        : [seed] "r"(seed), [out] "r"(out)
        : "xmm0", "xmm1", "xmm2", "xmm3", "xmm8", "xmm15", "memory", "cc");
    for (unsigned lane = 0; lane < 2; lane++) {
        for (unsigned i = 0; i < 4; i++)
            CHECK(out[2 * i + lane] == seed * (i + 1));
        CHECK(out[8 + lane] == seed * 300000 && out[10 + lane] == seed * 4);
    }
    progress++;
    return NULL;
}

int main(void)
{
    pthread_t threads[4];
    for (int round = 0; round < 3; round++) {
        for (uintptr_t i = 0; i < 4; i++)
            threads[i] = start(body, (void *)(i + 1));
        for (int i = 0; i < 4; i++)
            join(threads[i]);
    }
    printf("%d\n", progress);
    return passed();
}
