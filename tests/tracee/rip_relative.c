/* RIP-relative operands with every general and vector register, as source, destination and in read-modify-write. */
#include "tests/tracee/tracee.h"

static uint64_t cell __attribute__((used));
static uint8_t wide[32] __attribute__((used, aligned(32)));

#define GPR(reg)                                                                                           \
    do {                                                                                                   \
        uint64_t got_;                                                                                     \
        cell = 0x1122334455667788;                                                                         \
        __asm__ volatile("push %%rbx; push %%rbp; mov cell(%%rip), %%" #reg "; addq $1, cell(%%rip);"      \
                         "lea cell(%%rip), %%rax; xchg %%" #reg ", cell(%%rip); mov cell(%%rip), %%rax;"   \
                         "pop %%rbp; pop %%rbx"                                                            \
                         : "=a"(got_)::"rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", \
                           "r14", "r15", "rbx", "cc", "memory");                                           \
        CHECK(got_ == 0x1122334455667788 || #reg[1] == 'a');                                               \
    } while (0)
#define XMM(n)                                                                                              \
    do {                                                                                                    \
        memset(wide, n + 1, sizeof(wide));                                                                  \
        __asm__ volatile("movdqa wide(%%rip), %%xmm" #n "; paddb wide(%%rip), %%xmm" #n "; movdqa %%xmm" #n \
                         ", 16+wide(%%rip)" ::                                                              \
                             : "xmm" #n, "memory");                                                         \
        CHECK(wide[16] == 2 * (n + 1) && wide[31] == 2 * (n + 1) && wide[0] == n + 1);                      \
    } while (0)

int main(void)
{
    GPR(rcx);
    GPR(rdx);
    GPR(rbx);
    GPR(rbp);
    GPR(rsi);
    GPR(rdi);
    GPR(r8);
    GPR(r9);
    GPR(r10);
    GPR(r11);
    GPR(r12);
    GPR(r13);
    GPR(r14);
    GPR(r15);
    XMM(0);
    XMM(1);
    XMM(2);
    XMM(3);
    XMM(4);
    XMM(5);
    XMM(6);
    XMM(7);
    XMM(8);
    XMM(9);
    XMM(10);
    XMM(11);
    XMM(12);
    XMM(13);
    XMM(14);
    XMM(15);
    cell = 5;
    uint64_t r;
    __asm__ volatile(
        "cmpq $5, cell(%%rip); sete %b0; movzbl %b0, %k0; imul $7, cell(%%rip), %%rcx; add %%rcx, %0;"
        "movw $0x99, cell(%%rip); shlq $4, cell(%%rip); pushq cell(%%rip); pop %%rcx; add %%rcx, %0;"
        "movb $1, 7+cell(%%rip); lock addq $1, cell(%%rip); notb 7+cell(%%rip)"
        : "=&q"(r)::"rcx", "cc", "memory");
    CHECK(r == 1 + 35 + 0x990 && cell == 0xfe00000000000991);
    return passed();
}
