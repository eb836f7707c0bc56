/* A handler that faults itself: let in by SA_NODEFER until the stack is full; blocked, it kills. */
#include <sys/resource.h>

#include "tests/tracee/tasks.h"

static int *shared;

static void handler(int signo)
{
    (void)signo;
    shared[0]++;
    *opaque((volatile int *)8) = 1;
}

static int with(int flags)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    setrlimit(RLIMIT_STACK, &(struct rlimit){1 << 18, 1 << 18});
    struct sigaction sa = {.sa_handler = handler, .sa_flags = flags};
    CHECK(sigaction(SIGSEGV, &sa, NULL) == 0);
    *opaque((volatile int *)16) = 1;
    return 0;
}

static int nodefer(void) { return with(SA_NODEFER); }

static int deferred(void) { return with(0); }

int main(void)
{
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    int status = reap(spawn(nodefer));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV && shared[0] > 5);
    shared[0] = 0;
    status = reap(spawn(deferred));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV && shared[0] == 1);
    return passed();
}
