/* The little a program needs without a C library, so that no instruction depends on the CPU or the run. */
#ifndef ODB_TESTS_ORACLE_NOLIBC_H
#define ODB_TESTS_ORACLE_NOLIBC_H

#include <stddef.h>
#include <stdint.h>

static inline long call6(long nr, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "+a"(nr)
                     : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return nr;
}
#define CALL1(nr, a) call6(nr, (long)(a), 0, 0, 0, 0, 0)
#define CALL2(nr, a, b) call6(nr, (long)(a), (long)(b), 0, 0, 0, 0)
#define CALL3(nr, a, b, c) call6(nr, (long)(a), (long)(b), (long)(c), 0, 0, 0)

int main(int argc, char **argv);
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);

__asm__(
    ".globl _start; _start: xor %ebp, %ebp; mov (%rsp), %rdi; lea 8(%rsp), %rsi; and $-16, %rsp; call main;"
    "mov %eax, %edi; mov $231, %eax; syscall");

void *memcpy(void *to, const void *from, size_t n)
{
    void *d = to;
    __asm__ volatile("rep movsb" : "+D"(d), "+S"(from), "+c"(n)::"memory");
    return to;
}

void *memset(void *to, int c, size_t n)
{
    void *d = to;
    __asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
    return to;
}

static inline void print(const char *name, uint64_t v)
{
    char line[64];
    size_t n = 0;
    while (name[n])
        line[n] = name[n], n++;
    for (int i = 60; i >= 0; i -= 4)
        line[n++] = "0123456789abcdef"[v >> i & 15];
    line[n++] = '\n';
    CALL3(1, 1, line, n);
}

#endif
