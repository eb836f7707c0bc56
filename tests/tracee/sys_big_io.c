/* 64 MB in one read and one write; larger than any buffer of the recorder. */
#include "tests/tracee/tracee.h"

#define BYTES (64ul << 20)

int main(void)
{
    int fd = memfd_create("big", 0);
    uint64_t *m = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(fd >= 0 && m != MAP_FAILED);
    uint64_t x = 88172645463325252;
    for (size_t i = 0; i < BYTES / 8; i += 64)
        x ^= x << 13, x ^= x >> 7, x ^= x << 17, m[i] = x;
    CHECK(write(fd, m, BYTES) == (ssize_t)BYTES && lseek(fd, 0, SEEK_SET) == 0);
    uint64_t *back = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(read(fd, back, BYTES) == (ssize_t)BYTES && !memcmp(m, back, BYTES));
    for (int i = 0; i < 1000; i++) /* many small ones too */
        CHECK(pread(fd, back, 100, i * 1000) == 100 && !memcmp(back, (char *)m + i * 1000, 100));
    return passed();
}
