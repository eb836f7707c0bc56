/* loop slow|fast: its pid, then numbered lines until killed; fast reads much between them. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static char buffer[65536];
    int random = open("/dev/urandom", O_RDONLY);
    int fast = argc > 1 && strcmp(argv[1], "fast") == 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("%d\n", (int)getpid());
    for (int i = 0;; i++) {
        printf("line %d\n", i);
        for (int n = 0; fast && n < 20; n++)
            if (read(random, buffer, sizeof(buffer)) < 0)
                return 1;
        if (!fast)
            nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
}
