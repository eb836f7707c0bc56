/* The stack grows by megabytes, in one step and in small ones, by plain stores and by pushes; large alloca. */
#include <alloca.h>
#include <sys/resource.h>

#include "tests/tracee/tracee.h"

static unsigned long __attribute__((noinline)) dive(int depth)
{
    volatile char frame[10000];
    frame[0] = (char)depth, frame[9999] = 1;
    return depth == 0 ? 0 : dive(depth - 1) + (unsigned char)frame[0] + (unsigned char)frame[9999];
}

int main(void)
{
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_STACK, &limit) == 0);
    if (limit.rlim_cur < (7ul << 20))
        skip("small stack limit");
    unsigned long sum = dive(300);
    char *big = alloca(6 << 20);
    big[0] = 1; /* six megabytes below at once */
    big[3 << 20] = 2;

    printf("%lu %d\n", sum, big[0] + big[3 << 20]);
    uint64_t pushed;
    __asm__ volatile("mov %%rsp, %%rbx; lea -128(%%rsp), %%rsp; mov $20000, %%ecx; 1: push %%rcx; loop 1b; "
                     "mov (%%rsp), %0; mov %%rbx, %%rsp"
                     : "=r"(pushed)::"rbx", "rcx", "memory");
    CHECK(pushed == 1);
    return passed();
}
