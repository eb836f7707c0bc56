/* mmap in its forms, munmap in the middle, mprotect, mremap, msync, mincore; contents survive what they should. */
#include "tests/tracee/tracee.h"

int main(void)
{
    char *m = mmap(NULL, 64 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(m != MAP_FAILED);
    for (int i = 0; i < 64; i++)
        m[i * 4096] = (char)(i + 1);
    CHECK(munmap(m + 10 * 4096, 4 * 4096) == 0);
    unsigned char vec[64];
    CHECK(mincore(m, 64 * 4096, vec) == -1 && errno == ENOMEM);
    char *hole = mmap(m + 10 * 4096, 4096, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    CHECK(hole == m + 10 * 4096 && hole[0] == 0);
    CHECK(mmap(m, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED &&
          errno == EEXIST);
    char *moved = mremap(m, 8 * 4096, 100 * 4096, MREMAP_MAYMOVE);
    CHECK(moved != MAP_FAILED && moved != m && moved[7 * 4096] == 8 && moved[99 * 4096] == 0);
    moved[99 * 4096] = 5;
    CHECK(mremap(moved, 100 * 4096, 4 * 4096, 0) == moved && moved[3 * 4096] == 4);
    char *place = mmap(NULL, 8 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(mremap(moved, 4 * 4096, 4 * 4096, MREMAP_MAYMOVE | MREMAP_FIXED, place) == place && place[0] == 1);
    CHECK(mprotect(place, 4096, PROT_READ) == 0 && mprotect(place + 4096, 4096, PROT_NONE) == 0 &&
          place[0] == 1);
    CHECK(write(1, place + 4096, 1) == -1 && errno == EFAULT &&
          mprotect(place, 8192, PROT_READ | PROT_WRITE) == 0 && place[4096] == 2);
    int fd = memfd_create("file", MFD_CLOEXEC);
    CHECK(fd >= 0 && ftruncate(fd, 3 * 4096) == 0);
    char *shared = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *private = mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 4096);
    shared[4096] = 'a';
    CHECK(private[0] == 'a' && (private[1] = 'p') && shared[4097] == 0);
    CHECK(pwrite(fd, "zz", 2, 8192) == 2 && shared[8192] == 'z' && private[4097] == 'z');
    char back[2];
    CHECK(pread(fd, back, 2, 4096) == 2 && back[0] == 'a' && msync(shared, 4096, MS_SYNC) == 0);
    CHECK(munmap(shared, 3 * 4096) == 0 && munmap(private, 8192) == 0 && close(fd) == 0);
    char *big = mmap(NULL, 4ul << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(big != MAP_FAILED && mprotect(big + (3ul << 30), 4096, PROT_READ | PROT_WRITE) == 0);
    big[3ul << 30] = 1;
    CHECK(munmap(big, 4ul << 30) == 0);
    CHECK(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EINVAL);
    return passed();
}
