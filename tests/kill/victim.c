/* A program to be killed: works, writes lines, never ends by itself. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int main(void)
{
    static uint64_t data[1 << 16];
    char line[64];
    uint64_t x = 1;
    for (unsigned i = 0;; i++) {
        struct timespec ts;
        clock_gettime(CLOCK_MONOTONIC, &ts);
        for (int k = 0; k < 20000; k++) {
            x = x * 6364136223846793005ull + (uint64_t)ts.tv_nsec;
            data[x >> 48] += x;
        }
        int n =
            snprintf(line, sizeof(line), "round %u %016llx\n", i, (unsigned long long)(x ^ data[i & 0xffff]));
        int fd = open("/dev/zero", O_RDONLY);
        if (fd < 0 || read(fd, line + 40, 20) != 20 || write(1, line, (size_t)n) != n)
            return 1;
        close(fd);
    }
}
