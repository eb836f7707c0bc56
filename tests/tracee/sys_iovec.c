/* readv, writev, preadv2, many and empty elements, short results, bad elements. */
#include <sys/uio.h>

#include "tests/tracee/tracee.h"

int main(void)
{
    int fd = memfd_create("vec", 0);
    char a[10] = "0123456789", b[1], c[20] = "abcdefghijklmnopqrst";
    struct iovec out[4] = {{a, 10}, {NULL, 0}, {b, 0}, {c, 20}}, many[1025] = {{0}};
    CHECK(writev(fd, out, 4) == 30);
    char x[7] = {0}, y[8] = {0}, z[100] = {0};
    memset(z, '-', sizeof(z));
    struct iovec in[3] = {{x, 7}, {y, 8}, {z, 100}};
    CHECK(preadv(fd, in, 3, 2) == 28);
    CHECK(!memcmp(x, "2345678", 7) && !memcmp(y, "9abcdefg", 8) && !memcmp(z, "hijklmnopqrst-", 14));
    CHECK(preadv2(fd, in, 1, 29, 0) == 1 && x[0] == 't' && x[1] == '3');
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    static char cells[1024][3];
    for (int i = 0; i < 1024; i++)
        many[i] = (struct iovec){cells[i], (size_t)(i & 3)};
    CHECK(readv(fd, many, 1024) == 30 && cells[1][0] == '0' && cells[3][2] == '5' &&
          readv(fd, many, opaque(1025)) == -1 && errno == EINVAL);
    CHECK(writev(fd, (struct iovec[]){{a, 3}, {(void *)8, 5}}, 2) <= 3);
    CHECK(pwritev(fd, out, 4, 100) == 30 && pread(fd, y, 4, 112) == 4 && !memcmp(y, "cdef", 4));
    return passed();
}
