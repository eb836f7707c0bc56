/* A megabyte that is written here and there, and many functions' worth of calls. */
#include <stdio.h>
#include <string.h>

int big[1 << 18];
int rounds;

__attribute__((noinline)) void touch(int at) { big[at] = 1 + rounds; }

int main(void)
{
    for (rounds = 0; rounds < 1000; rounds++) {
        if (rounds % 500 == 250)
            touch(rounds * 300); /* TOUCH */
    }
    memset(big + 250000, 7, 400); /* FILL */
    printf("%d\n", big[75000]);   /* PRINT */
    return 0;
}
