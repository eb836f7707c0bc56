/* Calls a function very often: what looks at each call takes long. */
#include <stdio.h>
#include <stdlib.h>

volatile long counter, untouched;

__attribute__((noinline)) void visit(long i) { counter += i; }

__attribute__((noinline)) long forever(void)
{
    for (;;)
        counter++;
}

int main(int argc, char **argv)
{
    long n = argc > 1 ? atol(argv[1]) : 1000;
    for (long i = 0; i < n; i++)
        visit(i);
    printf("counter %ld\n", counter);
    fflush(stdout);
    return argc > 2 ? (int)forever() : 0;
}
