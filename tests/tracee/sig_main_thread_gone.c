/* Signals to the process after its first thread is gone: another thread takes them; then one kills the process. */
#include "tests/tracee/tasks.h"

static volatile int count;
static int ready[2];

static void handler(int signo)
{
    (void)signo;
    count++;
}

static void *body(void *arg)
{
    CHECK(join((pthread_t)(uintptr_t)arg) == NULL);
    for (int i = 1; i <= 5; i++) {
        CHECK(kill(getpid(), SIGUSR1) == 0);
        YIELD_UNTIL(count == i);
    }
    CHECK(write(ready[1], "r", 1) == 1);
    for (;;)
        pause();
}

static int in_child(void)
{
    signal(SIGUSR1, handler);
    start(body, (void *)(uintptr_t)pthread_self());
    pthread_exit(NULL);
}

int main(void)
{
    CHECK(pipe(ready) == 0);
    pid_t pid = spawn(in_child);
    CHECK(read(ready[0], &(char){0}, 1) == 1);
    CHECK(kill(pid, SIGTERM) == 0);
    int status = reap(pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    return passed();
}
