/* SSE to SSE4.2: arithmetic, mxcsr rounding and exceptions, string compare, crc32, maskmovdqu, non-temporal stores. */
#include "tests/tracee/tracee.h"

#include <immintrin.h>

__attribute__((target("sse4.2"))) int main(void)
{
    float f[4] = {1.5f, 2.5f, -1.5f, 1e30f};
    __m128 v = _mm_loadu_ps(f);
    unsigned old = _mm_getcsr();
    CHECK(old == 0x1f80);
    for (unsigned mode = 0; mode < 4; mode++) {
        _mm_setcsr((old & ~0x6000u) | mode << 13);
        __asm__ volatile("" : "+x"(v)); /* not before the mode changes */
        __m128i n = _mm_cvtps_epi32(v);
        __asm__ volatile("" : "+x"(n));
        printf("%d %d %d %d\n", _mm_extract_epi32(n, 0), _mm_extract_epi32(n, 1), _mm_extract_epi32(n, 2),
               _mm_extract_epi32(n, 3));
    }
    CHECK(_mm_getcsr() & 0x20); /* precision */
    _mm_setcsr(old);
    volatile double tiny = 1e-308;
    tiny /= 1e10;
    CHECK(tiny != 0 && (_mm_getcsr() & 0x10)); /* underflow, denormal result */
    _mm_setcsr(old | 0x8040);
    tiny *= 0.5;
    CHECK(tiny == 0);
    _mm_setcsr(old);
    __m128i text = _mm_loadu_si128((const void *)"hello, registers"),
            set = _mm_loadu_si128((const void *)",;.!\0...........");
    int index = _mm_cmpistri(set, text, _SIDD_CMP_EQUAL_ANY);
    CHECK(index == 5);
    uint32_t crc = 0;
    for (int i = 0; i < 16; i++)
        crc = _mm_crc32_u8(crc, (uint8_t)i);
    printf("%08x %d\n", crc, _mm_popcnt_u32(crc));
    _Alignas(16) unsigned char out[32] = {0};
    _mm_maskmoveu_si128(text, _mm_set1_epi16((short)0x0080), (char *)out + 3);
    CHECK(out[3] == 'h' && out[4] == 0 && out[5] == 'l' && out[18] == 0);
    _mm_stream_si128((void *)(out + 16), text);
    _mm_sfence();
    CHECK(!memcmp(out + 16, "hello, registers", 16));
    double d[2] = {3.0, -2.0};
    __m128d p = _mm_sqrt_sd(_mm_loadu_pd(d), _mm_set_sd(2.0));
    printf("%.17g %d\n", _mm_cvtsd_f64(p), _mm_movemask_pd(_mm_loadu_pd(d)));
    return passed();
}
