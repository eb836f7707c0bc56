/* x87 code under a 1 ms timer whose handler uses the x87 too: the register stack and control word come back. */
#include "tests/tracee/tasks.h"

static volatile int count;
static volatile long double scratch;

static void handler(int signo)
{
    (void)signo;
    uint16_t fcw;
    __asm__ volatile("fnstcw %0" : "=m"(fcw));
    CHECK(fcw == 0x037f); /* handlers start with a fresh x87 */
    scratch = (long double)count * 1.5L + 1;
    count++;
}

int main(void)
{
    signal(SIGALRM, handler);
    every_us(ITIMER_REAL, 1000);
    uint16_t fcw = 0x0f7f, now;
    __asm__ volatile("fldcw %0" ::"m"(fcw));
    while (count < rounds(40)) {
        double one = 1, two = 2, out1, out2, sum;
        uint64_t n = 20000;
        __asm__ volatile("fldz\n fldl %[two]\n fldl %[one]\n" /* st: 1 2 sum */
                         "1: fld %%st(0)\n fadd %%st(2)\n faddp %%st, %%st(3)\n dec %[n]\n jnz 1b\n"
                         "fstpl %[out1]\n fstpl %[out2]\n fstpl %[sum]"
                         : [out1] "=m"(out1), [out2] "=m"(out2), [sum] "=m"(sum), [n] "+r"(n)
                         : [one] "m"(one), [two] "m"(two)
                         : "cc", "st", "st(1)", "st(2)", "st(3)");
        __asm__ volatile("fnstcw %0" : "=m"(now));
        CHECK(out1 == 1 && out2 == 2 && sum == 60000 && now == fcw);
    }
    every_us(ITIMER_REAL, 0);
    return passed();
}
