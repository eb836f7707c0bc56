/* brk up, down and up again: freed pages come back zero; madvise(DONTNEED); malloc and free of many sizes. */
#include "tests/tracee/tracee.h"

int main(void)
{
    char *start = sbrk(0);
    CHECK(brk(start + 100000) == 0 && sbrk(0) == start + 100000);
    memset(start, 7, 100000);
    CHECK(brk(start + 4096) == 0 && brk(start + 100000) == 0);
    CHECK(start[50000 & ~4095] == 0 || start[90000] == 0);
    CHECK(start[90000] == 0 && start[100] == 7);
    CHECK(brk((void *)16) != 0 || errno == ENOMEM || sbrk(0) == start + 100000);
    char *m = mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(m, 3, 8 * 4096);
    CHECK(madvise(m + 4096, 4096, MADV_DONTNEED) == 0 && m[4096] == 0 && m[0] == 3 && m[8192] == 3);
    CHECK(madvise(m, 4096, MADV_WILLNEED) == 0 && madvise(m + 1, 4096, MADV_DONTNEED) == -1 &&
          errno == EINVAL);
    static unsigned char *blocks[1000];
    unsigned seed = 3;
    unsigned long total = 0;
    for (int i = 0; i < 30000; i++) {
        seed = seed * 1103515245 + 12345;
        unsigned slot = seed / 65536 % 1000, size = 1 + (seed >> 8) % (i % 50 ? 3000 : 300000);
        if (blocks[slot])
            total += blocks[slot][0];
        free(blocks[slot]);
        blocks[slot] = malloc(size);
        CHECK(blocks[slot]);
        blocks[slot][0] = (unsigned char)i;
        blocks[slot][size - 1] = (unsigned char)i;
    }
    printf("%lu\n", total);
    return passed();
}
