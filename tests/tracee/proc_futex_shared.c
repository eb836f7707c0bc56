/* Raw shared futexes between processes: wait, wake all, and EAGAIN. */
#include <linux/futex.h>

#include "tests/tracee/proc.h"

static long futex(atomic_int *word, int op, int value, long value2, atomic_int *word2)
{
    return syscall(SYS_futex, word, op, value, value2, word2, 0);
}

int main(void)
{
    enum { N = 3 };
    atomic_int *word = shared_pages(4096), *woken = word + 1;
    pid_t pids[N];
    for (int i = 0; i < N; i++) {
        pids[i] = start();
        if (pids[i] == 0) {
            while (atomic_load(word) == 0)
                CHECK(futex(word, FUTEX_WAIT, 0, 0, NULL) == 0 || errno == EAGAIN || errno == EINTR);
            atomic_fetch_add(woken, 1);
            CHECK(futex(woken, FUTEX_WAKE, 1, 0, NULL) >= 0);
            _exit(0);
        }
    }
    CHECK(futex(word, FUTEX_WAIT, 1, 0, NULL) == -1 && errno == EAGAIN);
    atomic_store(word, 1);
    CHECK(futex(word, FUTEX_WAKE, INT_MAX, 0, NULL) >= 0);
    for (int n; (n = atomic_load(woken)) < N;)
        CHECK(futex(woken, FUTEX_WAIT, n, 0, NULL) == 0 || errno == EAGAIN);
    for (int i = 0; i < N; i++)
        expect_exit(pids[i], 0);
    return passed();
}
