/* Vector registers, x87 stack, mxcsr and FS base in a forked child are those of the parent at the fork. */
#include <immintrin.h>

#include "tests/tracee/proc.h"

static __thread int thread_local_value = 3;

int main(void)
{
    unsigned csr = _mm_getcsr() | 0x6000; /* towards zero */
    double got = 0, vector[2] = {0};
    int pid;
    _mm_setcsr(csr);
    thread_local_value = 4;
    __asm__ volatile("fldpi\n\t"
                     "movq %%rsp, %%rbx\n\t"
                     "movq $0x4045000000000000, %%rax\n\t" /* 42.0 */
                     "movq %%rax, %%xmm7\n\t"
                     "movddup %%xmm7, %%xmm7\n\t"
                     "movl $57, %%eax\n\t" /* fork */
                     "syscall\n\t"
                     "movupd %%xmm7, %1\n\t"
                     "fstpl %0"
                     : "=m"(got), "=m"(vector), "=a"(pid)
                     :
                     : "rbx", "rcx", "r11", "xmm7", "memory");
    CHECK(got > 3.1415 && got < 3.1416 && vector[0] == 42.0 && vector[1] == 42.0);
    CHECK(_mm_getcsr() >> 13 == csr >> 13 && thread_local_value == 4);
    if (pid == 0)
        _exit(37);
    expect_exit(pid, 37);
    return passed();
}
