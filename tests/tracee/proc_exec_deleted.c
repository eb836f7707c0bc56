/* A program that deletes its own file, forks, and execs itself again through /proc/self/exe. */
#include <sys/sendfile.h>

#include "tests/tracee/proc.h"

int main(int argc, char **argv)
{
    if (argc == 2) {
        CHECK(unlink("copy") == 0);
        pid_t pid = start();
        if (pid == 0) {
            execl(SELF, "self", "third", "time", NULL);
            _exit(1);
        }
        expect_exit(pid, 3);
        return 2;
    }
    if (argc == 3)
        return 3;
    (void)argv;
    const char *dir = enter_temp_dir();
    int in = open(SELF, O_RDONLY | O_CLOEXEC), out = open("copy", O_CREAT | O_WRONLY | O_CLOEXEC, 0700);
    CHECK(in >= 0 && out >= 0);
    while (sendfile(out, in, NULL, 1 << 20) > 0)
        ;
    CHECK(close(out) == 0);
    pid_t pid = start();
    if (pid == 0) {
        execl("./copy", "copy", "second", NULL);
        _exit(1);
    }
    expect_exit(pid, 2);
    leave_temp_dir(dir);
    return passed();
}
