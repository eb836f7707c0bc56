/* fork with 100 MB touched: the child sums some of it, changes some of it, and is quick about it. */
#include "tests/tracee/proc.h"

int main(void)
{
    enum { BYTES = 100 << 20 };
    unsigned char *p = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    for (size_t i = 0; i < BYTES; i += 4096)
        p[i] = (unsigned char)(i >> 12);
    for (int round = 0; round < 3; round++) {
        pid_t pid = start();
        if (pid == 0) {
            unsigned sum = 0;
            for (size_t i = 0; i < BYTES; i += 16 * 4096) {
                sum += p[i];
                p[i] = 0xff;
            }
            _exit(sum == 1600 * 120 ? 1 : 0);
        }
        expect_exit(pid, 1);
    }
    CHECK(p[16 * 4096] == 16);
    return passed();
}
