/* lock-prefixed instructions, cmpxchg8b/16b, xadd, bit strings beyond the operand, unaligned and page-crossing access. */
#include "tests/tracee/tracee.h"

int main(void)
{
    uint64_t cell = 5, old = 5;
    bool z;
    __asm__ volatile("lock cmpxchg %3, %0; sete %2" : "+m"(cell), "+a"(old), "=q"(z) : "r"(9ull) : "cc");
    CHECK(z && cell == 9);
    old = 4;
    __asm__ volatile("lock cmpxchg %3, %0; sete %2" : "+m"(cell), "+a"(old), "=q"(z) : "r"(1ull) : "cc");
    CHECK(!z && cell == 9 && old == 9);
    _Alignas(16) uint64_t pair[2] = {1, 2};
    uint64_t lo = 1, hi = 2;
    __asm__ volatile("lock cmpxchg16b %0; sete %3"
                     : "+m"(pair), "+a"(lo), "+d"(hi), "=q"(z)
                     : "b"(3ull), "c"(4ull)
                     : "cc");
    CHECK(z && pair[0] == 3 && pair[1] == 4);
    uint64_t n = 10;
    __asm__ volatile("lock xadd %1, %0; lock incq %0; lock negq %0; lock notq %0"
                     : "+m"(cell), "+r"(n)::"cc");
    CHECK(n == 9 && cell == 19);
    static uint64_t bits[64];
    int64_t at = 1000;
    __asm__ volatile("bts %1, %0; setc %2" : "+m"(bits), "+r"(at), "=q"(z)::"cc");
    CHECK(!z && bits[15] == 1ull << 40);
    at = -70;
    __asm__ volatile("lock btc %1, %2; setc %0" : "=q"(z) : "r"(at), "m"(bits[32]) : "cc", "memory");
    CHECK(!z && bits[30] == 1ull << 58);
    __asm__ volatile("btl $69, %1; setc %0" : "=q"(z) : "m"(bits[15]) : "cc"); /* immediate wraps */
    CHECK(!z);
    char *m = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t *cross = (void *)(m + 4093);
    *cross = 0x1122334455667788;
    __asm__ volatile("lock addq $1, %0" : "+m"(*cross)::"cc");
    __asm__ volatile("movdqu %0, %%xmm0; paddq %%xmm0, %%xmm0; movdqu %%xmm0, %0"
                     : "+m"(*cross)::"xmm0", "memory");
    CHECK(*cross == 2 * 0x1122334455667789);
    uint64_t frame[4], sp;
    __asm__ volatile("mov %%rsp, %%rbx; sub $256, %%rsp; mov %%rbp, %%rcx; enter $32, $0; mov %%rbp, %0; sub "
                     "%%rsp, %0; leave;"
                     "mov %%rcx, %%rbp; mov %%rbx, %%rsp"
                     : "=&r"(sp), "=m"(frame)::"rbx", "rcx", "memory", "cc");
    CHECK(sp == 32);
    return passed();
}
