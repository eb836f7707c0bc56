/* Default actions in children, computing or blocked: which signals kill, which do nothing. */
#include <sys/resource.h>

#include "tests/tracee/tasks.h"

static int ready[2];

static int computes(void)
{
    CHECK(write(ready[1], "r", 1) == 1);
    for (;;)
        __asm__ volatile("" ::: "memory");
}

static int blocks(void)
{
    CHECK(write(ready[1], "r", 1) == 1);
    for (;;)
        pause();
}

int main(void)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    CHECK(pipe(ready) == 0);
    int deadly[] = {SIGHUP,  SIGINT,    SIGQUIT, SIGABRT, SIGKILL,   SIGUSR1,  SIGUSR2,  SIGPIPE, SIGALRM,
                    SIGTERM, SIGVTALRM, SIGPROF, SIGIO,   SIGSTKFLT, SIGRTMIN, SIGRTMAX, SIGSEGV, SIGSYS};
    for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++) {
        pid_t pid = spawn(i & 1 ? computes : blocks);
        CHECK(read(ready[0], &(char){0}, 1) == 1);
        CHECK(kill(pid, SIGCHLD) == 0 && kill(pid, SIGURG) == 0 && kill(pid, SIGWINCH) == 0 &&
              kill(pid, SIGCONT) == 0);
        CHECK(kill(pid, deadly[i]) == 0);
        int status = reap(pid);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == deadly[i]);
        printf("%zu ", i);
    }
    puts("");
    return passed();
}
