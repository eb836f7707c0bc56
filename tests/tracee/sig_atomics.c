/* Atomic read-modify-write loops under a 1 ms timer whose handler changes the same words. */
#include "tests/tracee/tasks.h"

static volatile int count;
static _Atomic uint64_t counter, swapped;

static void handler(int signo)
{
    (void)signo;
    counter += 1000000000;
    uint64_t old = swapped;
    while (!atomic_compare_exchange_weak(&swapped, &old, old + 1000000000)) {}
    count++;
}

int main(void)
{
    signal(SIGALRM, handler);
    every_us(ITIMER_REAL, 1000);
    uint64_t mine = 0;
    while (count < rounds(50)) {
        for (int i = 0; i < 10000; i++) {
            counter++;
            uint64_t old = swapped;
            while (!atomic_compare_exchange_weak(&swapped, &old, old + 1)) {}
            mine++;
        }
    }
    every_us(ITIMER_REAL, 0);
    CHECK(counter == mine + (uint64_t)count * 1000000000 && swapped == counter);
    return passed();
}
