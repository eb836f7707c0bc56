/* posix_spawn of what cannot be run: the error is the return value, and no child is left. */
#include <spawn.h>

#include "tests/tracee/proc.h"

int main(void)
{
    pid_t pid = -5;
    char *args[] = {"nothing", NULL};
    CHECK(posix_spawn(&pid, "/nonexistent/program", NULL, NULL, args, environ) == ENOENT);
    CHECK(setenv("PATH", "/usr/bin:/bin", 1) == 0);
    CHECK(posix_spawnp(&pid, "no-program-of-this-name", NULL, NULL, args, environ) == ENOENT);
    CHECK(posix_spawn(&pid, "/etc", NULL, NULL, args, environ) == EACCES);
    CHECK(waitpid(-1, NULL, 0) == -1 && errno == ECHILD);
    return passed();
}
