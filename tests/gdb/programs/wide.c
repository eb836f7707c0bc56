/* Registers of AVX-512, where the processor has them. */
#include <stdio.h>

long long out[8];

__attribute__((noinline)) void fill(long long n)
{
    __asm__ volatile("vpbroadcastq %0, %%zmm20\n\t"
                     "kxnorw %%k1, %%k1, %%k3"
                     :
                     : "r"(n)
                     : "memory");
    __asm__ volatile("vmovdqu64 %%zmm20, %0" : "=m"(out)); /* STORE */
}

int main(void)
{
    if (!__builtin_cpu_supports("avx512f"))
        return 77;
    fill(0x1122334455667788);
    printf("%llx\n", out[7]); /* PRINT */
    return 0;
}
