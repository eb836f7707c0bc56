/* Two megabytes through a pipe to a child that returns their sum: writers and readers block in turn. */
#include "tests/tracee/proc.h"

int main(void)
{
    enum { BYTES = 2 << 20 };
    int p[2];
    uint64_t *sum = shared_pages(4096), expected = 0;
    CHECK(pipe(p) == 0);
    pid_t pid = start();
    if (pid == 0) {
        unsigned char block[5000];
        ssize_t n;
        close(p[1]);
        while ((n = read(p[0], block, sizeof(block))) > 0)
            for (ssize_t i = 0; i < n; i++)
                *sum += block[i];
        _exit(n == 0 ? 0 : 1);
    }
    close(p[0]);
    unsigned char *data = malloc(BYTES);
    for (int i = 0; i < BYTES; i++) {
        data[i] = (unsigned char)(i * 31 >> 3);
        expected += data[i];
    }
    CHECK(write(p[1], data, BYTES) == BYTES && close(p[1]) == 0);
    expect_exit(pid, 0);
    CHECK(*sum == expected);
    return passed();
}
