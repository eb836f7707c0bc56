/* AVX2: loops the compiler vectorises, upper halves, masked stores, permutations, vzeroupper. */
#include <immintrin.h>

#include "tests/oracle/nolibc.h"

static int32_t a[1024], b[1024];
static float x[512];

int main(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int r = 0; r < 12; r++)
        for (int i = 0; i < 1024; i++)
            a[i] = a[i] * 31 + (i ^ r), b[i] += a[i] > 1000 ? a[i] >> 3 : -a[i];
    for (int r = 0; r < 20; r++)
        for (int i = 0; i < 512; i++)
            x[i] = x[i] * 0.5f + (float)b[i];
    __m256i idx = _mm256_setr_epi32(7, 6, 5, 4, 3, 2, 1, 0), acc = _mm256_setzero_si256();
    for (int i = 0; i < 1024; i += 8) {
        __m256i v = _mm256_permutevar8x32_epi32(_mm256_loadu_si256((const void *)(b + i)), idx);
        __m256i mask = _mm256_cmpgt_epi32(v, acc);
        _mm256_maskstore_epi32(a + i, mask, v);
        acc = _mm256_add_epi32(acc, _mm256_shuffle_epi32(v, 0x1b));
        acc =
            _mm256_xor_si256(acc, _mm256_i32gather_epi32(a, _mm256_and_si256(v, _mm256_set1_epi32(1023)), 4));
    }
    int32_t out[8];
    _mm256_storeu_si256((void *)out, acc);
    _mm256_zeroupper();
    uint64_t sum = 0, bits = 0;
    for (int i = 0; i < 1024; i++)
        sum = sum * 5 + (uint32_t)a[i];
    for (int i = 0; i < 8; i++)
        sum ^= (uint64_t)(uint32_t)out[i] << i;
    for (int i = 0; i < 512; i++)
        bits += (uint64_t)(int64_t)x[i];
    print("sum ", sum);
    print("x ", bits);
    return 0;
}
