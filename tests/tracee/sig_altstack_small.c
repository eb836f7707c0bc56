/* Alternate stacks of 8 KB and of the least size the kernel takes, under a timer, with ymm registers in use. */
#include <sys/auxv.h>

#include "tests/tracee/tasks.h"

static char stacks[2][8192] __attribute__((aligned(4096)));
static volatile int count;
static char *current;
static size_t size;

static void handler(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)si;
    char here;
    CHECK(&here >= current && &here < current + size);
    CHECK((uintptr_t)context > (uintptr_t)current && (uintptr_t)context < (uintptr_t)current + size);
    count++;
}

int main(void)
{
    size_t least = getauxval(AT_MINSIGSTKSZ);
    CHECK(least >= 1024 && least + 1500 < 8192);
    catch_signal(SIGALRM, handler, SA_ONSTACK);
    for (int i = 0; i < 2; i++) {
        current = stacks[i];
        size = i == 0 ? 8192 : least + 1500; /* the frame, and this handler's own needs */
        CHECK(sigaltstack(&(stack_t){.ss_sp = current, .ss_size = size}, NULL) == 0);
        int before = count;
        every_us(ITIMER_REAL, 1000);
        while (count < before + rounds(20)) {
            uint64_t in = 0x123456789abcdef, out = 0;
            __asm__ volatile(
                "movq %1, %%xmm5\n mov $20000, %%ecx\n 1: paddq %%xmm5, %%xmm6\n psubq %%xmm5, %%xmm6\n"
                "dec %%ecx\n jnz 1b\n movq %%xmm5, %0"
                : "=r"(out)
                : "r"(in)
                : "xmm5", "xmm6", "ecx", "cc");
            CHECK(out == in);
        }
        every_us(ITIMER_REAL, 0);
    }
    return passed();
}
