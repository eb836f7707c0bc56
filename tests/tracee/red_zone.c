/* The 128 bytes below rsp keep their contents over branches, indirect jumps, system calls and rare instructions. */
#include "tests/tracee/tracee.h"

__asm__(".text; red_zone_probe: xor %r10d, %r10d; mov $16, %ecx;"
        "1: mov %rcx, %rax; imul $0x1234567, %rax, %rax; mov %rax, -136(%rsp,%rcx,8); dec %ecx; jnz 1b;"
        "lea 2f(%rip), %rax; mov $40, %r9d; 2: dec %r9d; jz 3f; jmp *%rax; 3: mov $39, %eax; syscall; "
        "cpuid_rdtsc:"
        "push %rbx; pop %rbx; mov %rbx, %r8; xor %eax, %eax; xor %ecx, %ecx; cpuid; mov %r8, %rbx; rdtsc;"
        "mov $16, %ecx; 4: mov %rcx, %rax; imul $0x1234567, %rax, %rax; cmp %rax, -136(%rsp,%rcx,8); je 5f; "
        "inc %r10d;"
        "5: dec %ecx; jnz 4b; mov %r10d, %eax; ret");
extern int red_zone_probe(void);

int main(void)
{
    for (int i = 0; i < 50; i++)
        CHECK(red_zone_probe() == 1); /* push overwrote exactly the one slot at -8 */
    return passed();
}
