/* Code pages toggled between writable and executable; read into by the kernel; remapped; unmapped and reused. */
#include "tests/tracee/tracee.h"

typedef int (*fn)(void);

static void emit(unsigned char *to, int value)
{
    memcpy(to, "\xb8\0\0\0\0\xc3", 6);
    memcpy(to + 1, &value, 4);
}

int main(void)
{
    unsigned char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    for (int i = 0; i < 200; i++) {
        CHECK(mprotect(page, 4096, PROT_READ | PROT_WRITE) == 0);
        emit(page, i);
        CHECK(mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0);
        CHECK(((fn)(uintptr_t)page)() == i);
    }
    CHECK(mprotect(page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
    int fds[2];
    CHECK(pipe(fds) == 0);
    for (int i = 0; i < 100; i++) { /* the kernel writes the code */
        unsigned char code[6];
        emit(code, 1000 + i);
        CHECK(write(fds[1], code, 6) == 6 && read(fds[0], page, 6) == 6);
        CHECK(((fn)(uintptr_t)page)() == 1000 + i);
    }
    for (int i = 0; i < 50; i++) { /* the same address, a new mapping */
        CHECK(mmap(page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
                   -1, 0) == page);
        emit(page, 2000 + i);
        CHECK(((fn)(uintptr_t)page)() == 2000 + i);
        CHECK(munmap(page, 4096) == 0);
        CHECK(mmap(page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
              MAP_FAILED);
        munmap(page, 4096);
    }
    page = mmap(page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    emit(page, 1);
    CHECK(((fn)(uintptr_t)page)() == 1);
    CHECK(madvise(page, 4096, MADV_DONTNEED) == 0 && page[0] == 0);
    emit(page, 2);
    CHECK(((fn)(uintptr_t)page)() == 2);
    unsigned char *moved = mremap(page, 4096, 8192, MREMAP_MAYMOVE);
    CHECK(moved != MAP_FAILED);
    emit(moved, 3);
    CHECK(((fn)(uintptr_t)moved)() == 3);
    return passed();
}
