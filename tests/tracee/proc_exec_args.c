/* execve of itself: arguments and environment arrive as given, empty and odd ones too; the pid stays. */
#include "tests/tracee/proc.h"

int main(int argc, char **argv)
{
    if (argc > 1) {
        CHECK(argc == 5 && !strcmp(argv[0], "any name") && !strcmp(argv[1], "again") && !strcmp(argv[2], ""));
        CHECK(!strcmp(argv[3], "with\nnewline") && !strcmp(argv[4], "\xff\xfe") && argv[5] == NULL);
        CHECK(!strcmp(environ[0], "A=1") && !strcmp(environ[1], "EMPTY=") && !strcmp(environ[2], "odd"));
        const char *pid = environ[3];
        CHECK(pid && !environ[4] && !strncmp(pid, "PID=", 4) && atoi(pid + 4) == getpid());
        return passed();
    }
    char pid[32];
    snprintf(pid, sizeof(pid), "PID=%d", (int)getpid());
    char *args[] = {"any name", "again", "", "with\nnewline", "\xff\xfe", NULL};
    char *env[] = {"A=1", "EMPTY=", "odd", pid, NULL};
    say("before\n");
    execve(SELF, args, env);
    CHECK(!"execve returned");
}
