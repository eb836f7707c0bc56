/* posix_spawn with file actions and attributes: descriptors, signal mask, defaults and process group. */
#include <spawn.h>

#include "tests/tracee/proc.h"

static int child(void)
{
    sigset_t mask;
    struct sigaction usr1, usr2;
    CHECK(sigprocmask(SIG_BLOCK, NULL, &mask) == 0 && sigismember(&mask, SIGHUP) &&
          !sigismember(&mask, SIGINT));
    CHECK(sigaction(SIGUSR1, NULL, &usr1) == 0 && usr1.sa_handler == SIG_DFL);
    CHECK(sigaction(SIGUSR2, NULL, &usr2) == 0 && usr2.sa_handler == SIG_IGN);
    CHECK(getpgrp() == getpid());
    CHECK(dprintf(100, "through the pipe") == 16);
    return 9;
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return child();
    int p[2];
    CHECK(pipe2(p, O_CLOEXEC) == 0);
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    sigset_t mask, defaults;
    sigemptyset(&mask), sigaddset(&mask, SIGHUP);
    sigemptyset(&defaults), sigaddset(&defaults, SIGUSR1);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    CHECK(!posix_spawn_file_actions_init(&actions) && !posix_spawn_file_actions_adddup2(&actions, p[1], 100));
    CHECK(!posix_spawnattr_init(&attr) && !posix_spawnattr_setsigmask(&attr, &mask));
    CHECK(!posix_spawnattr_setsigdefault(&attr, &defaults) && !posix_spawnattr_setpgroup(&attr, 0));
    CHECK(!posix_spawnattr_setflags(&attr,
                                    POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP));
    pid_t pid;
    char *args[] = {"spawned", "child", NULL}, text[64] = "";
    CHECK(posix_spawn(&pid, SELF, &actions, &attr, args, environ) == 0);
    close(p[1]);
    CHECK(read(p[0], text, sizeof(text)) == 16 && !strcmp(text, "through the pipe"));
    expect_exit(pid, 9);
    return passed();
}
