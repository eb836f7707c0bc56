/* A tight loop under a 1 ms timer, computing what a closed formula gives; built without and with optimisation. */
#include "tests/tracee/tasks.h"

static volatile int count;
static volatile uint64_t in_handler;

static void handler(int signo)
{
    (void)signo;
    count++;
    for (int i = 0; i < 10; i++)
        in_handler += (uint64_t)i;
}

int main(void)
{
    signal(SIGALRM, handler);
    every_us(ITIMER_REAL, 1000);
    uint64_t n_done = 0;
    while (count < rounds(50)) {
        uint64_t sum = 0, mix = 1;
        for (uint64_t i = 0; i < 100000; i++) {
            sum += opaque(i);
            mix = mix << 1 | mix >> 63;
        }
        CHECK(sum == 4999950000 && mix == 1ull << 100000 % 64);
        n_done++;
    }
    every_us(ITIMER_REAL, 0);
    CHECK(in_handler == (uint64_t)count * 45 && n_done > 0);
    return passed();
}
