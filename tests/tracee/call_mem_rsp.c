/* Calls and jumps through memory based on rsp, and through registers of all kinds. */
#include "tests/tracee/tracee.h"

static int hits;
static void __attribute__((used)) hit(void) { hits++; }

#define VIA(reg)                                                                 \
    __asm__ volatile("lea -128(%%rsp), %%rsp; mov %0, %%" #reg "; call *%%" #reg \
                     "; lea 128(%%rsp), %%rsp" ::"r"(target)                     \
                     : #reg, "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc")

int main(void)
{
    register void (*target)(void) __asm__("r12") = hit;
    uint64_t here = 0;
    /* the operand is read with rsp as it was before the push */
    __asm__ volatile("mov %%rsp, %%rbx; sub $256, %%rsp; and $-16, %%rsp; mov %1, 8(%%rsp); call *8(%%rsp);"
                     "mov %%rbx, %%rsp; mov $1, %0"
                     : "=&r"(here)
                     : "r"(target)
                     : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
    CHECK(hits == 1 && here == 1);
    VIA(rax);
    VIA(rcx);
    VIA(rdx);
    VIA(rbx);
    VIA(rsi);
    VIA(rdi);
    VIA(r8);
    VIA(r9);
    VIA(r10);
    VIA(r11);
    VIA(r13);
    VIA(r14);
    VIA(r15);
    CHECK(hits == 14);
    __asm__ volatile(
        "lea -128(%%rsp), %%rsp; lea 1f(%%rip), %%rax; push %%rax; jmp *(%%rsp); ud2; 1: pop %%rax;"
        "lea 128(%%rsp), %%rsp; mov $2, %0"
        : "=r"(here)::"rax", "memory");
    CHECK(here == 2);
    __asm__ volatile("lea -128(%%rsp), %%rsp; lea 1f(%%rip), %%rax; push %%rax; mov $-3, %%rcx;"
                     "jmp *24(%%rsp,%%rcx,8); ud2; 1: pop %%rax; lea 128(%%rsp), %%rsp; mov $3, %0"
                     : "=r"(here)::"rax", "rcx", "memory");
    CHECK(here == 3);
    __asm__ volatile(
        "mov %%rsp, %%rbx; lea 1f(%%rip), %%rax; lea -512(%%rsp), %%rsp; push %%rax; mov %%rsp, %%rax;"
        "mov %%rax, %%rsp; call *(%%rsp); ud2; 1: mov %%rbx, %%rsp; mov $4, %0"
        : "=r"(here)::"rax", "rbx", "memory");
    CHECK(here == 4);
    return passed();
}
