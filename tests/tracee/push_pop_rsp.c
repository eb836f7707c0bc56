/* push rsp, pop rsp, pop (rsp), push (rsp), xchg and mov with rsp, 16-bit pushes. */
#include "tests/tracee/tracee.h"

int main(void)
{
    uint64_t a, b, c;
    __asm__ volatile("mov %%rsp, %%rbx; sub $256, %%rsp; mov %%rsp, %0; push %%rsp; pop %1; mov %%rbx, %%rsp"
                     : "=&r"(a), "=&r"(b)::"rbx", "memory", "cc");
    CHECK(a == b);
    __asm__ volatile(
        "mov %%rsp, %%rbx; sub $256, %%rsp; lea 64(%%rsp), %%rax; push %%rax; mov %%rax, %0; pop %%rsp;"
        "mov %%rsp, %1; mov %%rbx, %%rsp"
        : "=&r"(a), "=&r"(b)::"rax", "rbx", "memory", "cc");
    CHECK(a == b);
    __asm__ volatile(
        "mov %%rsp, %%rbx; sub $256, %%rsp; movq $11, 8(%%rsp); push $22; popq 8(%%rsp); mov 8(%%rsp), %0;"
        "pushq 8(%%rsp); pop %1; mov %%rbx, %%rsp"
        : "=&r"(a), "=&r"(b)::"rbx", "memory", "cc");
    CHECK(a == 22 && b == 22);
    __asm__ volatile(
        "mov %%rsp, %%rbx; sub $256, %%rsp; mov %%rsp, %0; pushw $0x1234; mov %%rsp, %1; popw %%cx;"
        "movzwl %%cx, %%ecx; mov %%rcx, %2; mov %%rbx, %%rsp"
        : "=&r"(a), "=&r"(b), "=&r"(c)::"rbx", "rcx", "memory", "cc");
    CHECK(a - b == 2 && c == 0x1234);
    static char stack[4096] __attribute__((aligned(16)));
    char *top = stack + sizeof(stack);
    __asm__ volatile("xchg %0, %%rsp; push $77; pop %%rcx; mov %%rcx, %1; xchg %0, %%rsp"
                     : "+r"(top), "=&r"(c)::"rcx", "memory");
    CHECK(c == 77 && top == stack + sizeof(stack));
    __asm__ volatile(
        "mov %%rsp, %%rbx; sub $256, %%rsp; push %%rbp; lea 32(%%rsp), %%rbp; movq $99, (%%rbp); leave;"
        "mov %%rbp, %0; mov %%rbx, %%rsp; mov -264(%%rsp), %%rbp"
        : "=&r"(a)::"rbx", "memory", "cc");
    CHECK(a == 99);
    return passed();
}
