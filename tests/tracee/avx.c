/* AVX, AVX2 and FMA: upper halves live across calls, gathers, masked moves, vzeroupper, permutations. */
#include "tests/tracee/tracee.h"

#include <immintrin.h>

#define AVX __attribute__((target("avx2,fma")))

static AVX __attribute__((noinline)) __m256i mix(__m256i a, int depth)
{
    if (depth == 0)
        return a;
    __m256i b = mix(_mm256_add_epi32(a, _mm256_set1_epi32(depth)), depth - 1);
    return _mm256_xor_si256(_mm256_permutevar8x32_epi32(b, _mm256_setr_epi32(7, 0, 1, 2, 3, 4, 5, 6)), a);
}

AVX int main(void)
{
    if (!__builtin_cpu_supports("avx2"))
        skip("no AVX2");
    int32_t data[64], out[8];
    for (int i = 0; i < 64; i++)
        data[i] = i * i;
    __m256i idx = _mm256_setr_epi32(1, 3, 5, 7, 60, 50, 40, 30);
    __m256i g = _mm256_i32gather_epi32(data, idx, 4);
    _mm256_storeu_si256((void *)out, g);
    CHECK(out[0] == 1 && out[3] == 49 && out[4] == 3600 && out[7] == 900);
    __m256i mask = _mm256_setr_epi32(-1, 0, -1, 0, 0, 0, 0, -1);
    memset(out, 0, sizeof(out));
    _mm256_maskstore_epi32(out, mask, g);
    CHECK(out[0] == 1 && out[1] == 0 && out[2] == 25 && out[6] == 0 && out[7] == 900);
    _mm256_storeu_si256((void *)out, mix(g, 50));
    for (int i = 0; i < 8; i++)
        printf("%08x ", (unsigned)out[i]);
    __m256d acc = _mm256_setzero_pd(), x = _mm256_setr_pd(1.1, 2.2, 3.3, 4.4);
    for (int i = 0; i < 1000; i++)
        acc = _mm256_fmadd_pd(x, _mm256_set1_pd(0.5 + i), acc);
    double d[4];
    _mm256_storeu_pd(d, acc);
    printf("%.17g %.17g\n", d[0], d[3]);
    uint64_t hi[4];
    __asm__ volatile("vmovdqu %1, %%ymm5; vzeroupper; vmovdqu %%ymm5, %0" : "=m"(hi) : "m"(data) : "xmm5");
    CHECK(hi[2] == 0 && hi[3] == 0 && hi[0] != 0);
    return passed();
}
