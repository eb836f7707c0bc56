/* 2000 arguments and 100 kB of environment through an exec. */
#include "tests/tracee/proc.h"

int main(int argc, char **argv)
{
    enum { N = 2000 };
    if (argc > 1) {
        CHECK(argc == N + 1);
        for (int i = 1; i <= N; i++)
            CHECK(atoi(argv[i]) == i * 7);
        const char *big = getenv("BIG");
        CHECK(big && strlen(big) == 100000 && strspn(big, "b") == 100000);
        return passed();
    }
    static char text[N + 1][16], big[100005] = "BIG=";
    static char *args[N + 2] = {"self"};
    for (int i = 1; i <= N; i++) {
        snprintf(text[i], sizeof(text[i]), "%d", i * 7);
        args[i] = text[i];
    }
    memset(big + 4, 'b', 100000);
    char *env[] = {big, NULL};
    execve(SELF, args, env);
    CHECK(!"execve returned");
}
