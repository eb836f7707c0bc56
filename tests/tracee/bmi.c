/* BMI1, BMI2, ADX, movbe, lzcnt, tzcnt, popcnt. */
#include "tests/tracee/tracee.h"

#include <immintrin.h>

__attribute__((target("bmi,bmi2,lzcnt,popcnt,adx,movbe"))) int main(void)
{
    if (!__builtin_cpu_supports("bmi2"))
        skip("no BMI2");
    uint64_t a = opaque(0x00ff00ff12345678), b = opaque(0x0f0f0f0f0f0f0f0f), r;
    CHECK(_pext_u64(a, b) == 0x0f0f2468 && _pdep_u64(_pext_u64(a, b), b) == (a & b));
    CHECK(_blsr_u64(a) == 0x00ff00ff12345670 && _blsi_u64(a) == 8 && _blsmsk_u64(a) == 15);
    CHECK(_andn_u64(a, b) == (~a & b) && _bextr_u64(a, 8, 16) == 0x3456 && _bzhi_u64(a, 12) == 0x678);
    CHECK(_lzcnt_u64(a) == 8 && _tzcnt_u64(a) == 3 && __builtin_popcountll(a) == 29);
    unsigned long long hi, lo = _mulx_u64(a, b, &hi);
    CHECK(lo == a * b && hi == (uint64_t)((__uint128_t)a * b >> 64));
    __asm__("rorx $13, %1, %0" : "=r"(r) : "r"(a));
    CHECK(r == (a >> 13 | a << 51));
    __asm__("sarx %2, %1, %0" : "=r"(r) : "m"(a), "r"(b));
    CHECK(r == a >> 15);
    __asm__("movbe %1, %0" : "=r"(r) : "m"(a));
    CHECK(r == 0x78563412ff00ff00);
    uint64_t x = ~0ull, y = ~0ull;
    __asm__("stc; adcx %2, %0; adox %2, %1" : "+r"(x), "+r"(y) : "r"(0ull) : "cc");
    printf("%d %d\n", (int)x, (int)y);
    CHECK(x == 0);
    return passed();
}
