/* The program that altered.sh and test_seek record: calls, reads, memory, a handled fault, loops. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static sigjmp_buf back;

static void on_fault(int signo)
{
    (void)signo;
    siglongjmp(back, 1);
}

static uint32_t churn(uint32_t *words, int n, uint32_t x)
{
    for (int i = 0; i < n; i++) {
        x = x * 1664525 + 1013904223;
        words[x % (unsigned)n] ^= x;
    }
    return x;
}

int main(void)
{
    char text[4096];
    static uint32_t words[20000];
    static uint32_t x = 1; /* not in a register: it lives across siglongjmp */
    int fd = open("/proc/self/exe", O_RDONLY);
    if (fd < 0 || signal(SIGSEGV, on_fault) == SIG_ERR)
        return 1;
    for (int i = 0; i < 30; i++) {
        ssize_t n = read(fd, text, sizeof(text));
        for (ssize_t k = 0; k < n; k++)
            x = x * 31 + (unsigned char)text[k];
        x = churn(words, 20000, x);
        printf("%d %u %d\n", i, (unsigned)x, (int)n);
        fflush(stdout);
        if (!sigsetjmp(back, 1))
            *(volatile int *)(uintptr_t)(16 + i) = 1;
        char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(p, i, 65536);
        if (i % 3)
            munmap(p, 65536);
        x += (uint32_t)time(NULL) & 1;
    }
    return 5;
}
