/* ah, ch, dh, bh as source and destination; sub-registers and their effect on the upper parts. */
#include "tests/tracee/tracee.h"

int main(void)
{
    uint64_t r;
    __asm__ volatile(
        "mov $0x1111111111111111, %%rax; mov $0x22, %%ah; mov $0x3344, %%ecx; add %%ch, %%ah; mov %%rax, %0"
        : "=r"(r)::"rax", "rcx", "cc");
    CHECK(r == 0x1111111111115511);
    __asm__ volatile("mov $-1, %%rbx; mov $0x40, %%dh; xchg %%dh, %%bh; movzbl %%bh, %%eax; mov %%rax, %0"
                     : "=r"(r)::"rax", "rbx", "rdx", "cc");
    CHECK(r == 0x40);
    __asm__ volatile("mov $-1, %%rax; mov $5, %%al; mov %%rax, %0" : "=r"(r)::"rax");
    CHECK(r == 0xffffffffffffff05);
    __asm__ volatile("mov $-1, %%rax; mov $5, %%ax; mov %%rax, %0" : "=r"(r)::"rax");
    CHECK(r == 0xffffffffffff0005);
    __asm__ volatile("mov $-1, %%rax; mov $5, %%eax; mov %%rax, %0" : "=r"(r)::"rax");
    CHECK(r == 5);
    __asm__ volatile("mov $-1, %%r13; mov $5, %%r13b; mov %%r13, %0" : "=r"(r)::"r13");
    CHECK(r == 0xffffffffffffff05);
    __asm__ volatile("mov $-1, %%rsi; mov $6, %%sil; mov $7, %%dil; mov %%rsi, %0" : "=r"(r)::"rsi", "rdi");
    CHECK(r == 0xffffffffffffff06);
    __asm__ volatile("mov $0x1234, %%edx; mov $200, %%eax; mul %%dh; mov %%rax, %0"
                     : "=r"(r)::"rax", "rdx", "cc");
    CHECK(r == 200 * 0x12);
    __asm__ volatile("mov $0x00f1, %%eax; mov $0x1000, %%ecx; div %%ch; movzwl %%ax, %%eax; mov %%rax, %0"
                     : "=r"(r)::"rax", "rcx", "cc");
    CHECK(r == 0x010f);
    __asm__ volatile("mov $0x8000, %%ebx; sar $7, %%bh; movzwl %%bx, %%eax; mov %%rax, %0"
                     : "=r"(r)::"rax", "rbx", "cc");
    CHECK(r == 0xff00);
    __asm__ volatile("mov $-1, %%rcx; xor %%eax, %%eax; cmovne %%eax, %%ecx; mov %%rcx, %0"
                     : "=r"(r)::"rax", "rcx", "cc");
    CHECK(r == 0xffffffff); /* a cmov that is not taken still zeroes the upper half */
    return passed();
}
