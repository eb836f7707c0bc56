/* The kernel writes into shared memory for a child blocked in read, while the parent watches that memory. */
#include "tests/tracee/proc.h"

int main(void)
{
    int p[2];
    atomic_int *word = shared_pages(4096);
    CHECK(pipe(p) == 0);
    pid_t pid = start();
    if (pid == 0) {
        for (int i = 1; i <= 5; i++)
            CHECK(read(p[0], word, sizeof(*word)) == sizeof(*word));
        _exit(0);
    }
    for (int i = 1; i <= 5; i++) {
        CHECK(write(p[1], &i, sizeof(i)) == sizeof(i));
        while (atomic_load(word) != i)
            ;
    }
    expect_exit(pid, 0);
    return passed();
}
