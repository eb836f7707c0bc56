/* Nice values and scheduling policy are inherited, and of one process only. */
#include "tests/tracee/proc.h"

int main(void)
{
    struct sched_param param;
    pid_t pid = start();
    if (pid == 0) {
        errno = 0;
        int before = getpriority(PRIO_PROCESS, 0);
        int nicer = before + 3 < 19 ? before + 3 : 19; /* the test itself may have been started with nice */
        CHECK(nice(3) == nicer && sched_getscheduler(0) == SCHED_OTHER);
        CHECK(sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0}) == 0);
        pid_t inner = start();
        if (inner == 0) {
            CHECK(getpriority(PRIO_PROCESS, 0) == nicer && sched_getscheduler(0) == SCHED_BATCH);
            CHECK(sched_getparam(0, &param) == 0 && param.sched_priority == 0);
            _exit(0);
        }
        expect_exit(inner, 0);
        _exit(0);
    }
    expect_exit(pid, 0);
    CHECK(sched_getscheduler(0) == SCHED_OTHER);
    return passed();
}
