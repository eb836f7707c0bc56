/* siglongjmp out of handlers, many times, and a null check in a hot loop as managed runtimes do. */
#include <setjmp.h>

#include "tests/tracee/tracee.h"

static sigjmp_buf env;
static void leave(int signo, siginfo_t *si, void *context)
{
    (void)si, (void)context;
    siglongjmp(env, signo);
}

static void recover(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)si;
    greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
    g[REG_RIP] = g[REG_R8];
    g[REG_RAX] = -1;
}

int main(void)
{
    catch_signal(SIGSEGV, leave, 0);
    catch_signal(SIGFPE, leave, SA_NODEFER);
    volatile int caught = 0;
    for (volatile int i = 0; i < 500; i++) {
        int got = sigsetjmp(env, 1);
        if (got) {
            caught += got == (i & 1 ? SIGFPE : SIGSEGV);
            continue;
        }
        if (i & 1)
            CHECK(opaque(1) / opaque(0) == 0);
        *opaque((volatile int *)8) = 1;
    }
    CHECK(caught == 500);
    catch_signal(SIGSEGV, recover, 0);
    int nulls = 0, values[2] = {5, 6};
    for (int i = 0; i < 2000; i++) {
        int *p = i % 3 ? &values[i & 1] : NULL;
        int got;
        __asm__ volatile("lea 1f(%%rip), %%r8; mov (%1), %%eax; 1:" : "=a"(got) : "r"(p) : "r8", "memory");
        nulls += got == -1;
        CHECK(p ? got == *p : got == -1);
    }
    CHECK(nulls == 667);
    return passed();
}
