/* Processes compete for a lock file with O_EXCL, link and mkdir: one wins each round. */
#include "tests/tracee/proc.h"

int main(void)
{
    enum { N = 3, ROUNDS = 20 };
    const char *dir = enter_temp_dir();
    int *inside = shared_pages(4096);
    pid_t pids[N];
    for (int i = 0; i < N; i++) {
        pids[i] = start();
        if (pids[i] == 0) {
            for (int n = 0; n < ROUNDS;) {
                if (n % 2 ? mkdir("lock", 0700)
                          : open("lock", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600) < 0) {
                    CHECK(errno == EEXIST);
                    sched_yield();
                    continue;
                }
                CHECK(inside[0]++ == 0);
                sched_yield();
                CHECK(--inside[0] == 0);
                inside[1]++;
                CHECK((n % 2 ? rmdir("lock") : unlink("lock")) == 0);
                n++;
            }
            _exit(0);
        }
    }
    for (int i = 0; i < N; i++)
        expect_exit(pids[i], 0);
    CHECK(inside[1] == N * ROUNDS);
    leave_temp_dir(dir);
    return passed();
}
