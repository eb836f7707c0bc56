/* The whole process group of children and threads is stopped and continued, three times; all of them finish. */
#include "tests/tracee/tasks.h"

static _Atomic uint64_t *shared;

static void *counts(void *arg)
{
    _Atomic uint64_t *word = arg;
    while (!shared[10]) {
        ++*word;
        give_way();
    }
    return NULL;
}

static int in_child(void)
{
    setpgid(0, 0);
    pid_t grandchild = fork();
    if (grandchild == 0) {
        counts((void *)(uintptr_t)&shared[2]);
        _exit(0);
    }
    pthread_t thread = start(counts, &shared[1]);
    counts(&shared[0]);
    join(thread);
    return reap(grandchild);
}

int main(void)
{
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    pid_t pid = spawn(in_child);
    int status;
    for (int i = 0; i < rounds(3); i++) {
        uint64_t now[3];
        for (int k = 0; k < 3; k++) {
            now[k] = shared[k];
            YIELD_UNTIL(shared[k] > now[k]);
        }
        CHECK(kill(-pid, SIGSTOP) == 0);
        CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
        uint64_t child = shared[0];
        sleep_us(2000);
        CHECK(shared[0] == child);
        CHECK(kill(-pid, SIGCONT) == 0);
        CHECK(waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
    }
    shared[10] = 1;
    CHECK(reap(pid) == 0);
    return passed();
}
