/* posix_spawn's open, close, dup2 and chdir actions, in their order. */
#include <spawn.h>

#include "tests/tracee/proc.h"

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        char cwd[PATH_MAX], c;
        CHECK(getcwd(cwd, sizeof(cwd)) && !strcmp(cwd, "/usr") && fcntl(90, F_GETFD) == -1);
        CHECK(read(0, &c, 1) == 0 && fcntl(91, F_GETFD) == 0);
        return 24;
    }
    posix_spawn_file_actions_t a;
    char *args[] = {"spawned", "child", NULL}, path[PATH_MAX] = "";
    CHECK(readlink(SELF, path, sizeof(path) - 1) > 0 && dup2(1, 90) == 90);
    CHECK(!posix_spawn_file_actions_init(&a) && !posix_spawn_file_actions_addchdir_np(&a, "/usr"));
    CHECK(!posix_spawn_file_actions_addclose(&a, 90));
    CHECK(!posix_spawn_file_actions_addopen(&a, 0, "/dev/null", O_RDONLY, 0));
    CHECK(!posix_spawn_file_actions_adddup2(&a, 0, 91));
    pid_t pid;
    CHECK(posix_spawn(&pid, path, &a, NULL, args, environ) == 0);
    expect_exit(pid, 24);
    CHECK(!posix_spawn_file_actions_addopen(&a, 5, "/nonexistent", O_RDONLY, 0));
    CHECK(posix_spawn(&pid, path, &a, NULL, args, environ) == ENOENT);
    return passed();
}
