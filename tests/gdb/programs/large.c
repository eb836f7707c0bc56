/* A megabyte that is written here and there, and many functions' worth of calls. */
#include <stdio.h>
#include <string.h>

char big[1 << 20];
int rounds;

__attribute__((noinline)) void touch(int at) { big[at] = (char)(1 + rounds % 100); }

int main(void)
{
    for (rounds = 0; rounds < 1000; rounds++) {
        if (rounds % 500 == 250)
            touch(rounds * 1000); /* TOUCH */
    }
    memset(big + 1000000, 7, 100); /* FILL */
    printf("%d\n", big[250000]);   /* PRINT */
    return 0;
}
