/* Bytes that the kernel writes: through a pipe, and of a file of /proc. */
#include <stdio.h>
#include <unistd.h>

char buffer[16];

int main(void)
{
    int ends[2];
    if (pipe(ends) != 0 || write(ends[1], "abc", 3) != 3)
        return 1;
    long got = read(ends[0], buffer, sizeof(buffer)); /* READ */
    printf("%ld %s\n", got, buffer);                  /* PRINT */
    return 0;
}
