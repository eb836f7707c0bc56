/* Never ends. With an argument, prints now and then; without, makes no system call after the first line. */
#include <stdio.h>

int main(int argc, char **argv)
{
    (void)argv;
    puts("begin");
    fflush(stdout);
    for (volatile unsigned long x = 0;; x++)
        if (argc > 1 && x % 100000 == 0) {
            printf("%lu\n", x);
            fflush(stdout);
        }
}
