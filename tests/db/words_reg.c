/* What query_symbols.sh asks about: variables in registers (-O2). */
#include <stdio.h>
/* clang-format off */
__attribute__((noinline)) int step(int x)
{
    return x * 7 % 31;
}

__attribute__((noinline)) long walk(int n, int seed)
{
    long sum = 0;
    for (int i = 0; i < n; i++) {
        seed = step(seed);
        sum += seed;
    }
    return sum;
}

int main(int argc, char **argv)
{
    (void)argv;
    printf("%ld\n", walk(argc + 5, 3));
    return 0;
}
