/* Execs itself with an argument; the second image ends the run. */
#include <stdio.h>
#include <unistd.h>

int stage;

__attribute__((noinline)) void second(void)
{
    stage = 2; /* SECOND */
    puts("second image");
}

int main(int argc, char **argv)
{
    (void)argc;
    stage = 1; /* FIRST */
    if (argc > 1) {
        second();
        return 0;
    }
    fflush(stdout);
    execl(argv[0], argv[0], "again", (char *)NULL); /* EXEC */
    return 1;
}
