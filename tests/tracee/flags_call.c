/* Flags survive calls and returns (assembly programs return results in them), pushf/popf, lahf/sahf, DF. */
#include "tests/tracee/tracee.h"

__asm__(
    ".text; set_carry: stc; ret; clear_carry: clc; ret; set_dir: std; ret; test_zero: test %rdi, %rdi; ret");

#define AFTER_CALL(name, cond, result)                                            \
    __asm__ volatile("sub $128, %%rsp; xor %%eax, %%eax; call " name "; set" cond \
                     " %%al; lea 128(%%rsp), %%rsp; cld"                          \
                     : "=a"(result)                                               \
                     : "D"(value)                                                 \
                     : "cc", "memory")

int main(void)
{
    uint64_t r, value = 0;
    for (int i = 0; i < 100; i++) {
        AFTER_CALL("set_carry", "c", r);
        CHECK(r == 1);
        AFTER_CALL("clear_carry", "c", r);
        CHECK(r == 0);
        value = i & 1;
        AFTER_CALL("test_zero", "z", r);
        CHECK(r == !value);
    }
    __asm__ volatile("sub $128, %%rsp; call set_dir; pushf; pop %0; cld; lea 128(%%rsp), %%rsp"
                     : "=r"(r)::"cc", "memory");
    CHECK(r & 0x400);
    /* which bits can a program change? AC, ID, DF, NT and arithmetic, not IF or IOPL */
    __asm__ volatile("sub $128, %%rsp; pushf; pop %%rax; or $0x200cd5, %%rax; push %%rax; popf; pushf; pop "
                     "%0; push $0x202;"
                     "popf; lea 128(%%rsp), %%rsp"
                     : "=r"(r)::"rax", "cc", "memory");
    CHECK((r & 0x200cd5) == 0x200cd5 && (r & 0x3202) == 0x202);
    __asm__ volatile("mov $0xd500, %%eax; sahf; lahf; mov %%rax, %0" : "=r"(r)::"rax", "cc");
    CHECK((r & 0xff00) == 0xd700);
    __asm__ volatile(
        "sub $128, %%rsp; pushfw; popw %%ax; movzwl %%ax, %%eax; mov %%rax, %0; lea 128(%%rsp), %%rsp"
        : "=r"(r)::"rax", "cc", "memory");
    CHECK(r & 0x200);
    __asm__ volatile("stc; cmc; setc %b0" : "=q"(r)::"cc");
    CHECK((r & 1) == 0);
    return passed();
}
