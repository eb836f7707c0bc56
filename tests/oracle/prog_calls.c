/* System calls that write memory, and the stack: pipes, iovecs, stat-like structs, mmap and brk, deep recursion. */
#include "tests/oracle/nolibc.h"

struct iovec {
    void *base;
    uint64_t len;
};

static uint64_t deep(int n, uint64_t x)
{
    volatile uint64_t local[5] = {x, x + 1, x * 3, 0, (uint64_t)n};
    return n == 0 ? x : deep(n - 1, local[1] ^ local[2]) + local[4];
}

static uint64_t pages(void)
{
    /* fixed places: odb's program has another vDSO, so the kernel would choose others */
    uint8_t *m = (void *)call6(9, 0x30000000, 5 * 4096, 3, 0x32, -1, 0);
    for (int i = 0; i < 5; i++)
        m[i * 4096 + i] = (uint8_t)(i + 1);
    CALL3(10, m, 4096, 1);
    CALL2(11, m + 4096, 4096);
    uint8_t *n = (void *)call6(25, (long)(m + 2 * 4096), 3 * 4096, 8 * 4096, 3, 0x38000000, 0);
    uint64_t sum = m[0] + n[2] * 10u + n[4096 + 3] * 100u + n[7 * 4096];
    uint64_t end = (uint64_t)CALL1(12, 0);
    CALL1(12, end + 8192);
    *(volatile uint64_t *)end = sum;
    return sum + (uint64_t)(CALL1(12, 0) - (long)end);
}

int main(int argc, char **argv)
{
    int fds[2];
    uint8_t a[100], b[300], c[8];
    struct iovec in[3] = {{a, 7}, {b, 250}, {c, 8}};
    uint64_t sum = 0;
    print("pipe ", (uint64_t)CALL1(22, fds));
    for (int i = 0; i < 60; i++) {
        for (int k = 0; k < 100; k++)
            a[k] = (uint8_t)(i * k);
        CALL3(1, fds[1], a, 100);
        CALL3(1, fds[1], a, 100);
        sum += (uint64_t)(i & 1 ? CALL3(0, fds[0], b, 150) + CALL3(0, fds[0], c, 8) +
                                      CALL3(0, fds[0], b + 100, 200)
                                : CALL3(19, fds[0], in, 3));
        for (int k = 0; k < 150; k++)
            sum = sum * 3 + b[k];
    }
    print("sum ", sum);
    print("deep ", deep(700, 5));
    print("pages ", pages());
    struct {
        char text[6][65];
    } uts;
    print("uname ", (uint64_t)CALL1(63, &uts) + (uint8_t)uts.text[0][0]);
    print("bad ", (uint64_t)CALL3(0, 99, a, 1) ^ (uint64_t)CALL3(0, fds[0], 8, 0));
    print("args ", (uint64_t)argc * 256 + (uint8_t)argv[0][0]);
    return 3;
}
