/* clone with and without CLONE_FILES, CLONE_FS and CLONE_SIGHAND: what the child changes is shared, or is not. */
#include <sys/stat.h>

#include "tests/tracee/tasks.h"

static char stack[65536] __attribute__((aligned(16)));
static volatile int opened;

static void handler(int signo) { (void)signo; }

static int body(void *arg)
{
    (void)arg;
    opened = open("/dev/null", O_RDONLY);
    CHECK(opened >= 0);
    CHECK(chdir("/") == 0);
    umask(077);
    struct sigaction sa = {.sa_handler = handler};
    CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
    return 0;
}

static void one(int flags, bool shared)
{
    char here[4096];
    struct sigaction now, ignore = {.sa_handler = SIG_IGN};
    CHECK(chdir("/dev") == 0 && sigaction(SIGUSR1, &ignore, NULL) == 0);
    umask(022);
    opened = -1;
    pid_t pid = clone(body, stack + sizeof(stack), CLONE_VM | flags | SIGCHLD, NULL);
    CHECK(pid > 0 && reap(pid) == 0);
    CHECK((fcntl(opened, F_GETFD) >= 0) == shared);
    CHECK(getcwd(here, sizeof(here)) && (strcmp(here, "/") == 0) == shared);
    CHECK((umask(022) == 077) == shared);
    CHECK(sigaction(SIGUSR1, NULL, &now) == 0 && (now.sa_handler == handler) == shared);
    if (shared)
        close(opened);
}

int main(void)
{
    one(0, false);
    one(CLONE_FILES | CLONE_FS | CLONE_SIGHAND, true);
    one(0, false);
    CHECK(clone(body, stack + sizeof(stack), CLONE_SIGHAND | SIGCHLD, NULL) == -1 && errno == EINVAL);
    return passed();
}
