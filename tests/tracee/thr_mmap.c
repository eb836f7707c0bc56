/* Four threads map, fill, protect, move and unmap memory, each its own, at the same time. */
#include "tests/tracee/tasks.h"

static void *body(void *arg)
{
    uint32_t seed = (uint32_t)(uintptr_t)arg + 1;
    uint64_t sum = 0;
    for (int i = 0; i < 150; i++) {
        seed = seed * 1103515245 + 12345;
        size_t pages = 1 + seed / 65536 % 16;
        unsigned char *p =
            mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(p != MAP_FAILED && p[0] == 0 && p[pages * 4096 - 1] == 0);
        memset(p, (int)(seed >> 24), pages * 4096);
        if (i % 3 == 0) {
            CHECK(mprotect(p, pages * 4096, PROT_READ) == 0);
            CHECK(mprotect(p, pages * 4096, PROT_READ | PROT_WRITE) == 0);
        }
        if (i % 5 == 0) {
            p = mremap(p, pages * 4096, (pages + 3) * 4096, MREMAP_MAYMOVE);
            CHECK(p != MAP_FAILED && p[pages * 4096] == 0);
            pages += 3;
        }
        sum = sum * 3 + p[0];
        CHECK(p[0] == seed >> 24);
        if (i % 7 == 0)
            CHECK(madvise(p, 4096, MADV_DONTNEED) == 0 && p[0] == 0);
        CHECK(munmap(p, pages * 4096) == 0);
    }
    return (void *)(uintptr_t)sum;
}

int main(void)
{
    pthread_t threads[4];
    for (uintptr_t i = 0; i < 4; i++)
        threads[i] = start(body, (void *)i);
    for (int i = 0; i < 4; i++)
        printf("%016lx\n", (uintptr_t)join(threads[i]));
    return passed();
}
