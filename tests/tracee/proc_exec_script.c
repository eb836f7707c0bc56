/* Scripts with #!: the interpreter's argument, the script's name and own arguments; scripts of scripts. */
#include "tests/tracee/proc.h"

static int run(const char *path, const char *arg)
{
    pid_t pid = start();
    if (pid == 0) {
        execl(path, "replaced", arg, "two words", NULL);
        _exit(99);
    }
    return ended(pid);
}

int main(void)
{
    const char *dir = enter_temp_dir();
    char text[256];
    write_file("script", "#!/bin/sh -u\necho \"$0 $# $1 $2 $-\"\nexit 8\n", 0755);
    snprintf(text, sizeof(text), "#!%s/script\n", dir);
    write_file("outer", text, 0755);
    snprintf(text, sizeof(text), "#!  /bin/echo   one argument \n");
    write_file("spaces", text, 0755);
    write_file("plain", "exit 14\n", 0755);
    CHECK(WEXITSTATUS(run("./script", "arg")) == 8);
    CHECK(run("./spaces", "x") == 0);
    pid_t pid = start();
    if (pid == 0) {
        CHECK(dup2(open("/dev/null", O_WRONLY), 1) == 1);
        _exit(WEXITSTATUS(run("./outer", "y")));
    }
    expect_exit(pid, 8);
    pid = start();
    if (pid == 0) {
        execlp("./plain", "plain", NULL);
        _exit(99);
    }
    expect_exit(pid, 14);
    CHECK(!unlink("script") && !unlink("outer") && !unlink("spaces") && !unlink("plain"));
    leave_temp_dir(dir);
    return passed();
}
