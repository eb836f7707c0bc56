/* fork with two thousand mappings, some without access, some files; the child unmaps and maps its own. */
#include "tests/tracee/proc.h"

int main(void)
{
    enum { N = 1000 };
    char *base = mmap(NULL, N * 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(base != MAP_FAILED);
    for (int i = 0; i < N; i++) {
        CHECK(mprotect(base + i * 8192, 4096, PROT_READ | PROT_WRITE) == 0);
        *(int *)(void *)(base + i * 8192) = i;
    }
    pid_t pid = start();
    if (pid == 0) {
        for (int i = 0; i < N; i++)
            CHECK(*(int *)(void *)(base + i * 8192) == i);
        CHECK(munmap(base, N * 8192) == 0);
        char *own = mmap(base, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        CHECK(own == base && *own == 0);
        *own = 9;
        _exit(0);
    }
    CHECK(mprotect(base, N * 8192, PROT_READ) == 0);
    expect_exit(pid, 0);
    for (int i = 0; i < N; i++)
        CHECK(*(int *)(void *)(base + i * 8192) == i && base[i * 8192 + 4096] == 0);
    return passed();
}
