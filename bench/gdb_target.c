/* What `./dev bench gdb` debugs: about ROUNDS * 250 instructions; `last` is written for the last time after 30 % of them. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

volatile uint64_t last, often;
static uint64_t table[4096];

static __attribute__((noinline)) uint64_t mix(uint64_t x)
{
    x ^= x >> 31;
    x *= 0x9e3779b97f4a7c15u;
    return x ^ x >> 29;
}

static __attribute__((noinline)) uint64_t round_of(uint64_t i)
{
    uint64_t sum = i;
    for (unsigned k = 0; k < 16; k++) {
        sum += mix(sum + k);
        table[sum % 4096] += sum;
    }
    often = sum;
    return sum;
}

static __attribute__((noinline)) void write_last(uint64_t i) { last = i; }

static __attribute__((noinline)) void finish(uint64_t sum)
{
    printf("%llu %llu\n", (unsigned long long)sum, (unsigned long long)last);
}

int main(int argc, char **argv)
{
    uint64_t rounds = argc > 1 ? strtoull(argv[1], NULL, 0) : 1000, sum = 0;
    for (uint64_t i = 0; i < rounds; i++) {
        sum += round_of(i);
        if (i % 1000 == 0 && i <= rounds * 3 / 10)
            write_last(i);
    }
    finish(sum);
    return 0;
}
