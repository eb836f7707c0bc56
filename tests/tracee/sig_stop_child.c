/* SIGSTOP and SIGCONT of a computing child: it stands still while stopped, goes on afterwards; SIGKILL when stopped. */
#include "tests/tracee/tasks.h"

static _Atomic uint64_t *shared;

static int computes(void)
{
    while (shared[0] != UINT64_MAX) {
        shared[0]++;
        give_way();
    }
    return 0;
}

int main(void)
{
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    pid_t pid = spawn(computes);
    int status;
    for (int i = 0; i < rounds(4); i++) {
        uint64_t before = shared[0];
        YIELD_UNTIL(shared[0] > before);
        CHECK(kill(pid, SIGSTOP) == 0);
        CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
        before = shared[0];
        sleep_us(3000);
        CHECK(shared[0] == before);
        CHECK(waitpid(pid, &status, WUNTRACED | WNOHANG) == 0); /* told once */
        CHECK(kill(pid, SIGCONT) == 0);
        CHECK(waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
        YIELD_UNTIL(shared[0] > before);
    }
    CHECK(kill(pid, SIGSTOP) == 0 && waitpid(pid, &status, WUNTRACED) == pid);
    CHECK(kill(pid, SIGKILL) == 0);
    status = reap(pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return passed();
}
