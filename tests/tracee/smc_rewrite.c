/* A function in an RWX page is rewritten and called again; also patched while its callers stay. */
#include "tests/tracee/tracee.h"

int main(void)
{
    unsigned char *page =
        mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    for (int i = 0; i < 300; i++) {
        memcpy(page, "\xb8\0\0\0\0\xc3", 6); /* mov $imm, %eax; ret */
        memcpy(page + 1, &i, 4);
        CHECK(((int (*)(void))(uintptr_t)page)() == i);
    }
    /* a loop that is patched by itself: inc eax -> dec eax after the first round */
    static const unsigned char loop[] = {
        0xb9, 10,   0,    0,    0, /* mov $10, %ecx */
        0x31, 0xc0,                /* xor %eax, %eax */
        0xff, 0xc0,                /* 7: inc %eax */
        0xc6, 0x47, 8,    0xc8,    /* movb $0xc8, 8(%rdi): the inc becomes dec */
        0xff, 0xc9, 0x75, 0xf6,    /* dec %ecx; jnz 7b */
        0xc3};
    memcpy(page, loop, sizeof(loop));
    CHECK(((int (*)(void *))(uintptr_t)page)(page) == 1 - 9);
    /* an instruction overwrites the one right behind it: the new one must run */
    static const unsigned char next[] = {0x31, 0xc0, 0xc6, 0x47, 7,
                                         7,    0xb0, 1,    0xc3}; /* movb $7, 7(%rdi); mov $1, %al */
    memcpy(page + 4096, next, sizeof(next));
    CHECK(((int (*)(void *))(uintptr_t)(page + 4096))(page + 4096) == 7);
    CHECK(((int (*)(void *))(uintptr_t)(page + 4096))(page + 4096) == 7);
    /* a function that crosses the page boundary, its second half changed */
    memcpy(page + 4093, "\xb8\0\0\0\0\xc3", 6);
    for (int i = 1; i < 100; i++) {
        page[4096] = (unsigned char)i;
        CHECK(((int (*)(void))(uintptr_t)(page + 4093))() == i << 16);
    }
    /* data and code in one page: data writes must not break it, nor be slow forever */
    memcpy(page, "\xff\x47\x40\x8b\x47\x40\xc3", 7); /* incl 64(%rdi); mov 64(%rdi), %eax; ret */
    memset(page + 64, 0, 4);
    for (int i = 1; i < 2000; i++)
        CHECK(((int (*)(void *))(uintptr_t)page)(page) == i);
    return passed();
}
