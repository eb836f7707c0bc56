/* Flags live over long stretches (carry chains, direction flag set) under a 1 ms timer. */
#include "tests/tracee/tasks.h"

static volatile int count, direction_in_handler;

static void handler(int signo)
{
    uint64_t flags;
    __asm__ volatile("pushfq\n pop %0" : "=r"(flags)::"memory");
    if (flags & 0x400)
        direction_in_handler++;
    count += signo == SIGALRM;
}

int main(void)
{
    signal(SIGALRM, handler);
    every_us(ITIMER_REAL, 1000);
    while (count < rounds(40)) {
        uint64_t n = 20000, carries = 0;
        /* lea and jrcxz keep the carry alive around the loop */
        __asm__ volatile("mov %[n], %%rcx\n stc\n"
                         "1: adc $0, %[carries]\n mov $-1, %%rax\n add %[one], %%rax\n"
                         "lea -1(%%rcx), %%rcx\n jrcxz 2f\n jmp 1b\n"
                         "2: adc $0, %[carries]"
                         : [carries] "+r"(carries)
                         : [n] "r"(n), [one] "r"(1ull)
                         : "rax", "rcx", "cc");
        CHECK(carries == 20001);
        char from[64] = "0123456789abcdef", to[64] = "";
        __asm__ volatile(
            "std\n mov $3000, %%edx\n"
            "1: mov %[from], %%rsi\n mov %[to], %%rdi\n mov $16, %%ecx\n rep movsb\n dec %%edx\n jnz 1b\n cld"
            :
            : [from] "r"(from + 15), [to] "r"(to + 15)
            : "rsi", "rdi", "rcx", "rdx", "memory", "cc");
        CHECK(memcmp(from, to, 16) == 0);
    }
    every_us(ITIMER_REAL, 0);
    CHECK(direction_in_handler == 0);
    return passed();
}
