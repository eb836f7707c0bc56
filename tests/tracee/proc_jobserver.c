/* A make-like job server: two tokens in a pipe, six jobs, never more than two at work. */
#include "tests/tracee/proc.h"

int main(void)
{
    enum { JOBS = 6 };
    int p[2];
    atomic_int *working = shared_pages(4096), *most = working + 1;
    CHECK(pipe(p) == 0 && write(p[1], "++", 2) == 2);
    pid_t pids[JOBS];
    for (int i = 0; i < JOBS; i++) {
        pids[i] = start();
        if (pids[i] == 0) {
            char token;
            CHECK(read(p[0], &token, 1) == 1 && token == '+');
            int now = atomic_fetch_add(working, 1) + 1;
            CHECK(now <= 2);
            if (now > atomic_load(most))
                atomic_store(most, now);
            CHECK(system("exit 0") == 0);
            atomic_fetch_sub(working, 1);
            CHECK(write(p[1], &token, 1) == 1);
            _exit(i);
        }
    }
    for (int i = 0; i < JOBS; i++)
        expect_exit(pids[i], i);
    CHECK(*most >= 1 && *most <= 2 && *working == 0);
    return passed();
}
