/* String instructions of all sizes, rep forms, DF = 1, overlapping, the addr32 prefix, zero counts, segment override. */
#include "tests/tracee/tracee.h"

static char buf[8192], copy[8192];

int main(void)
{
    for (int i = 0; i < 8192; i++)
        buf[i] = (char)(i * 31);
    char *d = copy, *s = buf;
    uint64_t n = 1000;
    __asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n)::"memory");
    CHECK(n == 0 && d == copy + 1000 && s == buf + 1000 && !memcmp(copy, buf, 1000));
    d = copy + 8191, s = buf + 8191, n = 8192;
    __asm__ volatile("std; rep movsb; cld" : "+D"(d), "+S"(s), "+c"(n)::"memory", "cc");
    CHECK(n == 0 && d + 1 == copy && s + 1 == buf && !memcmp(copy, buf, 8192));
    d = copy + 8184, s = buf + 8184, n = 100;
    __asm__ volatile("std; rep movsq; cld" : "+D"(d), "+S"(s), "+c"(n)::"memory", "cc");
    CHECK(n == 0 && d == copy + 8184 - 800);
    d = copy + 1, s = copy, n = 500; /* overlapping: smears the first byte */
    __asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n)::"memory");
    CHECK(copy[500] == copy[0] && copy[250] == copy[0]);
    d = copy, n = 33;
    __asm__ volatile("rep stosl" : "+D"(d), "+c"(n) : "a"(0x61626364) : "memory");
    CHECK(d == copy + 132 && !memcmp(copy + 128, "dcba", 4));
    d = copy, n = 4096;
    __asm__ volatile("repne scasb" : "+D"(d), "+c"(n) : "a"('b') : "cc");
    CHECK(d == copy + 3 && n == 4093);
    d = buf, s = buf + 4096, n = 4096;
    __asm__ volatile("repe cmpsb" : "+D"(d), "+S"(s), "+c"(n)::"cc", "memory");
    CHECK(n == 0); /* period 256 divides 4096 */
    uint64_t al = 0;
    s = buf + 7;
    __asm__ volatile("lodsb; lodsw; movzwl %%ax, %%eax" : "+a"(al), "+S"(s)::"memory");
    CHECK(s == buf + 10 && al == (uint16_t)((uint8_t)buf[8] | (uint8_t)buf[9] << 8));
    n = 0, d = NULL, s = NULL;
    __asm__ volatile("rep movsq; rep stosb; repe cmpsb; repne scasb"
                     : "+D"(d), "+S"(s), "+c"(n)::"cc", "memory");
    CHECK(n == 0 && d == NULL && s == NULL);
    char *low = mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK(low != MAP_FAILED);
    uint64_t di = 0xffffffff00000000 | (uintptr_t)low, cx = 0xabcd00000000 | 16;
    __asm__ volatile("addr32 rep stosb" : "+D"(di), "+c"(cx) : "a"('q') : "memory");
    CHECK(low[15] == 'q' && low[16] == 0 && (uint32_t)cx == 0 &&
          (uint32_t)di == (uint32_t)(uintptr_t)low + 16);
    uint64_t bx = (uintptr_t) "0123456789abcdef", x = 11;
    __asm__ volatile("xlat" : "+a"(x) : "b"(bx) : "memory");
    CHECK(x == 'b');
    return passed();
}
