/* vfork from a thread while another thread works: only the caller waits. */
#include "tests/tracee/tasks.h"

static atomic_bool stop;
static _Atomic uint64_t turns;

static void *works(void *arg)
{
    while (!stop) {
        turns++;
        give_way();
    }
    return arg;
}

static void *vforks(void *arg)
{
    static volatile int from_child;
    for (int i = 1; i <= rounds(5); i++) {
        pid_t pid = vfork();
        CHECK(pid >= 0);
        if (pid == 0) {
            from_child = i;
            _exit(10 + i);
        }
        CHECK(from_child == i);
        int status = reap(pid);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 10 + i);
    }
    return arg;
}

int main(void)
{
    pthread_t worker = start(works, NULL), forker = start(vforks, NULL);
    join(forker);
    uint64_t now = turns;
    YIELD_UNTIL(turns != now);
    stop = true;
    join(worker);
    return passed();
}
