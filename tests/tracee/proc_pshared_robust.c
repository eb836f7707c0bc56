/* A robust process-shared mutex whose owner is killed, exits, or execs: the next one gets EOWNERDEAD. */
#include <pthread.h>

#include "tests/tracee/proc.h"

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return 0;
    pthread_mutex_t *m = shared_pages(4096);
    pthread_mutexattr_t a;
    struct gate locked = gate_make();
    CHECK(!pthread_mutexattr_init(&a) && !pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED));
    CHECK(!pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST) && !pthread_mutex_init(m, &a));
    for (int way = 0; way < 3; way++) {
        pid_t pid = start();
        if (pid == 0) {
            CHECK(!pthread_mutex_lock(m));
            gate_open(locked);
            if (way == 1)
                execl(SELF, "self", "again", NULL);
            while (way == 0)
                pause();
            _exit(0);
        }
        gate_wait(locked);
        if (way == 0)
            CHECK(pthread_mutex_trylock(m) == EBUSY && kill(pid, SIGKILL) == 0);
        CHECK(pthread_mutex_lock(m) == EOWNERDEAD);
        CHECK(!pthread_mutex_consistent(m) && !pthread_mutex_unlock(m));
        int status = ended(pid);
        CHECK(way == 0 ? WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL : status == 0);
    }
    CHECK(!pthread_mutex_lock(m) && !pthread_mutex_unlock(m));
    return passed();
}
