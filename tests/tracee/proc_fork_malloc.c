/* malloc and free in parent and child after fork, blocks of all sizes, contents checked. */
#include "tests/tracee/proc.h"

static void churn(unsigned seed)
{
    enum { N = 200 };
    unsigned char *blocks[N] = {0};
    size_t sizes[N] = {0};
    for (int i = 0; i < 3000; i++) {
        seed = seed * 1103515245 + 12345;
        unsigned k = (seed >> 8) % N;
        if (blocks[k]) {
            for (size_t n = 0; n < sizes[k]; n += 97)
                CHECK(blocks[k][n] == (unsigned char)k);
            free(blocks[k]);
            blocks[k] = NULL;
        } else {
            sizes[k] = (seed >> 16) % 3000 + 1;
            blocks[k] = malloc(sizes[k]);
            CHECK(blocks[k]);
            memset(blocks[k], (int)k, sizes[k]);
        }
    }
    for (int k = 0; k < N; k++)
        free(blocks[k]);
}

int main(void)
{
    churn(1);
    pid_t pids[3];
    for (unsigned i = 0; i < 3; i++) {
        pids[i] = start();
        if (pids[i] == 0) {
            churn(i + 2);
            _exit(0);
        }
    }
    churn(9);
    for (int i = 0; i < 3; i++)
        expect_exit(pids[i], 0);
    return passed();
}
