/* What `./dev bench gdb` debugs: about ROUNDS * 250 instructions; `last` is written for the last time after 30 % of them. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

volatile uint64_t last, often;

struct item {
    unsigned count;
    char name[12];
    struct item *next;
};
static struct item items[512];

static __attribute__((noinline)) unsigned name_of(char *to, uint64_t i)
{
    unsigned n = 0;
    do {
        to[n++] = (char)('0' + i % 10);
        i /= 10;
    } while (i);
    return n;
}

/* What programs mostly do: small numbers, copied characters, lists. */
static __attribute__((noinline)) uint64_t round_of(uint64_t i)
{
    struct item *it = &items[i % 512];
    char name[24];
    unsigned n = name_of(name, i), sum = 0;
    for (unsigned k = 0; k < n && k < sizeof(it->name); k++)
        it->name[k] = name[n - 1 - k];
    it->count++;
    it->next = &items[it->count % 512];
    for (const struct item *at = it; at && sum < 12; at = at->next)
        sum += 1 + (at->count & 1);
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
