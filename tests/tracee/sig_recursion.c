/* Deep recursion and calls through pointers under a 1 ms timer: call, return and stack survive any interruption. */
#include "tests/tracee/tasks.h"

static volatile int count;

static void handler(int signo)
{
    (void)signo;
    count++;
}

__attribute__((noinline)) static int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

__attribute__((noinline)) static int even(int n);
__attribute__((noinline)) static int odd(int n) { return n == 0 ? 0 : even(n - 1) + 1; }
static int even(int n) { return n == 0 ? 0 : odd(n - 1) + 1; }

static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

int main(void)
{
    static int numbers[500];
    signal(SIGALRM, handler);
    every_us(ITIMER_REAL, 1000);
    while (count < rounds(40)) {
        CHECK(fib(15) == 610 && even(1000) == 1000);
        for (int i = 0; i < 500; i++)
            numbers[i] = i * 7919 % 503;
        qsort(numbers, 500, sizeof(numbers[0]), compare);
        for (int i = 1; i < 500; i++)
            CHECK(numbers[i] > numbers[i - 1]);
    }
    every_us(ITIMER_REAL, 0);
    return passed();
}
