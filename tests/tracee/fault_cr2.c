/* A frame's cr2 is the address of the program's last page fault, whatever faults there were that it knows nothing of. */
#include <setjmp.h>

#include "tests/tracee/tracee.h"

static sigjmp_buf env;
static greg_t trapno, err, cr2;

static void handler(int signo, siginfo_t *si, void *uc)
{
    (void)signo, (void)si;
    const greg_t *g = ((ucontext_t *)uc)->uc_mcontext.gregs;
    trapno = g[REG_TRAPNO], err = g[REG_ERR], cr2 = g[REG_CR2];
    siglongjmp(env, 1);
}

int main(void)
{
    unsigned char *page =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    for (int s = 0; s < 3; s++)
        catch_signal((int[]){SIGSEGV, SIGILL, SIGUSR1}[s], handler, 0);
    if (sigsetjmp(env, 1) == 0)
        *(volatile char *)opaque((char *)0x1234) = 1;
    CHECK(trapno == 14 && err == 6 && cr2 == 0x1234);
    for (int i = 0; i < 20; i++) {           /* code that is written: its page may be guarded */
        memcpy(page, "\xb8\0\0\0\0\xc3", 6); /* mov $imm, %eax; ret */
        memcpy(page + 1, &i, 4);
        CHECK(((int (*)(void))(uintptr_t)page)() == i);
        if (sigsetjmp(env, 1) == 0)
            __asm__ volatile("ud2");
        CHECK(trapno == 6 && err == 0 && cr2 == 0x1234);
        if (sigsetjmp(env, 1) == 0)
            raise(SIGUSR1);
        CHECK(trapno == 6 && err == 0 && cr2 == 0x1234);
    }
    return passed();
}
