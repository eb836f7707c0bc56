/* Leaf code that keeps its data below rsp: signals at any instruction leave the red zone alone. */
#include "tests/tracee/tasks.h"

static volatile int count;

static void handler(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)si, (void)context;
    volatile char noise[256];
    for (unsigned i = 0; i < sizeof(noise); i++)
        noise[i] = (char)0xee;
    count++;
}

int main(void)
{
    catch_signal(SIGALRM, handler, 0);
    every_us(ITIMER_REAL, 1000);
    while (count < rounds(40)) {
        uint64_t n = 50000, bad = 0;
        __asm__ volatile("movq %[n], -128(%%rsp)\n movq $0, -8(%%rsp)\n"
                         "1: incq -8(%%rsp)\n decq -128(%%rsp)\n jnz 1b\n"
                         "movq -8(%%rsp), %[bad]\n subq %[n], %[bad]"
                         : [bad] "+r"(bad)
                         : [n] "r"(n)
                         : "cc", "memory");
        CHECK(bad == 0);
    }
    every_us(ITIMER_REAL, 0);
    return passed();
}
