/* ret with an immediate; returns used as jumps; calls whose return address is popped or changed. */
#include "tests/tracee/tracee.h"

int main(void)
{
    uint64_t diff, value;
    __asm__ volatile("lea -128(%%rsp), %%rsp; mov %%rsp, %0; push $7; push $8; call 1f; jmp 2f;"
                     "1: mov 8(%%rsp), %1; ret $16; 2: sub %%rsp, %0; lea 128(%%rsp), %%rsp"
                     : "=&r"(diff), "=&r"(value)::"memory", "cc");
    CHECK(diff == 0 && value == 8);
    uint64_t pushed, here;
    __asm__ volatile("lea -128(%%rsp), %%rsp; call 1f; 1: pop %0; lea 1b(%%rip), %1; lea 128(%%rsp), %%rsp"
                     : "=&r"(pushed), "=&r"(here)::"memory");
    CHECK(pushed == here); /* the program's own return address is on the stack */
    value = 0;
    __asm__ volatile("lea -128(%%rsp), %%rsp; lea 1f(%%rip), %%rax; push %%rax; ret; ud2; 1: mov $5, %0;"
                     "lea 128(%%rsp), %%rsp"
                     : "=r"(value)::"rax", "memory");
    CHECK(value == 5);
    __asm__ volatile(
        "lea -128(%%rsp), %%rsp; call 1f; ud2; 2: jmp 3f; 1: addq $2, (%%rsp); ret; 3: mov $6, %0;"
        "lea 128(%%rsp), %%rsp"
        : "=r"(value)::"memory", "cc");
    CHECK(value == 6);
    __asm__ volatile("lea -128(%%rsp), %%rsp; call 1f; jmp 2f; 1: rep; ret; 2: mov $9, %0;"
                     "lea 128(%%rsp), %%rsp"
                     : "=r"(value)::"memory");
    CHECK(value == 9);
    return passed();
}
