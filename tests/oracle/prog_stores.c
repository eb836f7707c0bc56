/* Six processes, each of which executes a known number of stores and nothing else that writes. Prints pid and number. */
#include "tests/oracle/nolibc.h"

static char byte;

/* fork; the child stores n times and exits. The parent gets its pid. */
static long fork_and_store(long n)
{
    long pid = 57; /* fork */
    __asm__ volatile("syscall; test %%eax, %%eax; jnz 2f; mov %1, %%rcx; lea %2, %%rdi;"
                     "1: mov %%cl, (%%rdi); dec %%rcx; jnz 1b;"
                     "mov $231, %%eax; xor %%edi, %%edi; syscall; 2:"
                     : "+a"(pid)
                     : "r"(n), "m"(byte)
                     : "rcx", "r11", "rdi", "memory");
    return pid;
}

int main(int argc, char **argv)
{
    long pids[6];
    (void)argc;
    (void)argv;
    for (int i = 0; i < 6; i++)
        pids[i] = fork_and_store(1000 + 777 * i);
    for (int i = 0; i < 6; i++)
        call6(61, -1, 0, 0, 0, 0, 0); /* wait4 */
    for (int i = 0; i < 6; i++) {
        print("pid ", (uint64_t)pids[i]);
        print("stores ", 1000 + 777 * (uint64_t)i);
    }
    return 0;
}
