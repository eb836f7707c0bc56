/* Code at the very end of a mapping, instructions over page borders, jumps into instructions, very long blocks. */
#include "tests/tracee/tracee.h"

typedef long (*fn)(void);

int main(void)
{
    unsigned char *m =
        mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(m != MAP_FAILED && munmap(m + 15 * 4096, 4096) == 0);
    unsigned char *end = m + 15 * 4096;
    memcpy(end - 6, "\xb8\x2a\0\0\0\xc3", 6); /* the last byte before unmapped memory is ret */
    CHECK(((fn)(uintptr_t)(end - 6))() == 42);
    memcpy(m + 4096 - 4, "\x48\xb8\x88\x77\x66\x55\x44\x33\x22\x11\xc3", 11);
    CHECK(((fn)(uintptr_t)(m + 4096 - 4))() == 0x1122334455667788);
    /* jump into the middle of an instruction: b8 (b0 07 90 90) c3; entry + 1 is mov $7, %al; nop; nop; ret */
    memcpy(m, "\xb8\xb0\x07\x90\x90\xc3", 6);
    CHECK(((fn)(uintptr_t)m)() == (long)0x909007b0 && (((fn)(uintptr_t)(m + 1))() & 0xff) == 7);
    CHECK(((fn)(uintptr_t)m)() == (long)0x909007b0);
    /* 40,000 bytes without a branch */
    memcpy(m, "\x31\xc0", 2);
    for (int i = 0; i < 13000; i++)
        memcpy(m + 2 + 3 * i, "\x83\xc0\x02", 3);
    memcpy(m + 2 + 39000, "\xc3", 1);
    CHECK(((fn)(uintptr_t)m)() == 26000);
    /* a chain of 5000 tiny blocks: jmp +0 */
    memcpy(m, "\x31\xc0", 2);
    for (int i = 0; i < 5000; i++)
        memcpy(m + 2 + 4 * i, "\xff\xc0\xeb\x00", 4);
    memcpy(m + 2 + 20000, "\xc3", 1);
    CHECK(((fn)(uintptr_t)m)() == 5000);
    /* backwards chain: every jump is a tick */
    for (int i = 0; i < 1000; i++)
        memcpy(m + 6 * (1000 - i), "\xff\xc0\xeb\xf6\x90\x90", 6);
    memcpy(m, "\xc3", 1);
    m[6 + 3] = 0xf6; /* from 6+4 to 0 */
    memcpy(m + 6 * 1001, "\x31\xc0\xeb\xf6", 4);
    CHECK(((fn)(uintptr_t)(m + 6 * 1001))() == 1000);
    memcpy(m, "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90\xb8\1\0\0\0\xc3",
           21); /* 15 bytes long nop */
    CHECK(((fn)(uintptr_t)m)() == 1);
    return passed();
}
