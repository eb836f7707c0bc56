/* Code far from everything: RIP-relative operands of all kinds more than 2 GB from anything else, high and low. */
#include "tests/tracee/tracee.h"

static const uintptr_t places[] = {0x10000000, 0x700000000, 0x200000000000, 0x6e0000000000, 0x7e0000000000};

/* position-independent: mov data(%rip), %rax; add %rax, data(%rip); lea data(%rip), %rdx; cmp %rdx ... */
__asm__(".text; far_begin: mov far_data(%rip), %rax; addq $5, far_data(%rip); lea far_data(%rip), %rdx; sub "
        "%rdi, %rdx;"
        "cmp $(far_data - far_begin), %rdx; jne 9f; movdqu far_data(%rip), %xmm1; paddq %xmm1, %xmm1;"
        "movdqu %xmm1, 16+far_data(%rip); push far_data(%rip); pop %rcx; imul $3, far_data(%rip), %rsi; add "
        "%rcx, %rax;"
        "add %rsi, %rax; call *far_ptr(%rip); jmp *far_ptr2(%rip); 9: ud2; 8: ret;"
        ".balign 16; far_data: .quad 100, 200, 0, 0; far_ptr: .quad 0; far_ptr2: .quad 0; far_end:");
extern char far_begin[], far_data[], far_ptr[], far_end[];
__asm__(".text; add_seven: add $7, %rax; ret");
extern char add_seven[];

int main(void)
{
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        char *m = mmap((void *)places[i], 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (m == MAP_FAILED)
            continue;
        memcpy(m, far_begin, (size_t)(far_end - far_begin));
        uintptr_t target = (uintptr_t)add_seven;
        memcpy(m + (far_ptr - far_begin), &target, 8);
        target = (uintptr_t)m + (uintptr_t)(far_data - far_begin) -
                 1; /* the ret before the padding, found below */
        while (*(unsigned char *)target != 0xc3)
            target--;
        memcpy(m + (far_ptr - far_begin) + 8, &target, 8);
        long got = ((long (*)(void *))(uintptr_t)m)(m);
        CHECK(got == 100 + 105 + 315 + 7);
        uint64_t sum;
        memcpy(&sum, m + (far_data - far_begin) + 16, 8);
        CHECK(sum == 210);
    }
    return passed();
}
