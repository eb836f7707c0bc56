/* Vector code under a 1 ms timer whose handler uses the same registers: all of xmm/ymm come back. */
#include "tests/tracee/tasks.h"

static volatile int count;

static void handler(int signo)
{
    (void)signo;
    __asm__ volatile(
        "pcmpeqd %%xmm0, %%xmm0\n pcmpeqd %%xmm3, %%xmm3\n pcmpeqd %%xmm9, %%xmm9\n pxor %%xmm15, %%xmm15" ::
            : "xmm0", "xmm3", "xmm9", "xmm15");
    if (__builtin_cpu_supports("avx2"))
        __asm__ volatile("vpcmpeqd %%ymm2, %%ymm2, %%ymm2\n vpxor %%ymm7, %%ymm7, %%ymm7\n vzeroupper" ::
                             : "xmm2", "xmm7");
    count++;
}

static void sse(void)
{
    uint64_t seed = 0x0102030405060708, out[2], n = 30000;
    __asm__ volatile(
        "movq %[seed], %%xmm0\n movdqa %%xmm0, %%xmm3\n pxor %%xmm9, %%xmm9\n movdqa %%xmm0, %%xmm15\n"
        "1: paddq %%xmm0, %%xmm9\n paddq %%xmm3, %%xmm9\n psubq %%xmm15, %%xmm9\n dec %[n]\n jnz 1b\n"
        "movdqu %%xmm9, %[out]"
        : [out] "=m"(out), [n] "+r"(n)
        : [seed] "r"(seed)
        : "xmm0", "xmm3", "xmm9", "xmm15", "cc");
    CHECK(out[0] == seed * 30000 && out[1] == 0);
}

__attribute__((target("avx2"))) static void avx(void)
{
    uint64_t seed = 0x0102030405060708, out[4], n = 30000;
    __asm__ volatile("vmovq %[seed], %%xmm2\n vpbroadcastq %%xmm2, %%ymm2\n vpxor %%ymm7, %%ymm7, %%ymm7\n"
                     "1: vpaddq %%ymm2, %%ymm7, %%ymm7\n dec %[n]\n jnz 1b\n"
                     "vmovdqu %%ymm7, %[out]\n vzeroupper"
                     : [out] "=m"(out), [n] "+r"(n)
                     : [seed] "r"(seed)
                     : "xmm2", "xmm7", "cc");
    for (int i = 0; i < 4; i++)
        CHECK(out[i] == seed * 30000);
}

int main(void)
{
    signal(SIGALRM, handler);
    every_us(ITIMER_REAL, 1000);
    while (count < rounds(40)) {
        sse();
        if (__builtin_cpu_supports("avx2"))
            avx();
    }
    every_us(ITIMER_REAL, 0);
    return passed();
}
