/* Two long loops without calls in parent and child, beside each other; both results are right. */
#include "tests/tracee/proc.h"

static uint64_t work(uint64_t seed)
{
    uint64_t x = seed;
    for (int i = 0; i < 2000000; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        if (x >> 63)
            x ^= 0x5555;
    }
    return x;
}

int main(void)
{
    uint64_t *results = shared_pages(4096);
    pid_t pid = start();
    if (pid == 0) {
        results[0] = work(1);
        _exit(0);
    }
    results[1] = work(1);
    expect_exit(pid, 0);
    CHECK(results[0] == results[1]);
    printf("%llx\n", (unsigned long long)results[1]);
    return passed();
}
