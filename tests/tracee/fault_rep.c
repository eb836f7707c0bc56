/* rep movs and stos that fault in the middle show how far they came; cmps and scas too. */
#include <setjmp.h>

#include "tests/tracee/tracee.h"

static sigjmp_buf env;
static greg_t regs[NGREG];

static void handler(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)si;
    memcpy(regs, ((ucontext_t *)context)->uc_mcontext.gregs, sizeof(regs));
    siglongjmp(env, 1);
}

int main(void)
{
    char *m = mmap(NULL, 12288, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *src = mmap(NULL, 12288, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(mprotect(m + 4096, 4096, PROT_NONE) == 0);
    catch_signal(SIGSEGV, handler, 0);
    uint64_t n = 200;
    char *d = m + 4000, *s = src;
    if (!sigsetjmp(env, 1))
        __asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(1) : "memory");
    CHECK(regs[REG_RDI] == (greg_t)(m + 4096) && regs[REG_RCX] == 104 && m[4095] == 1);
    n = 100;
    if (!sigsetjmp(env, 1))
        __asm__ volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(n)::"memory");
    CHECK(regs[REG_RDI] == (greg_t)(m + 4096) && regs[REG_RCX] == 88 && regs[REG_RSI] == (greg_t)(src + 96));
    d = m + 8192 + 99, n = 400;
    if (!sigsetjmp(env, 1))
        __asm__ volatile("std; rep stosb" : "+D"(d), "+c"(n) : "a"(2) : "memory");
    __asm__ volatile("cld" ::: "cc");
    CHECK(regs[REG_RDI] == (greg_t)(m + 8191) && regs[REG_RCX] == 300 && m[8192] == 2 &&
          (regs[REG_EFL] & 0x400));
    d = m + 3000, n = 100000;
    if (!sigsetjmp(env, 1))
        __asm__ volatile("repne scasb" : "+D"(d), "+c"(n) : "a"(99) : "memory", "cc");
    CHECK(regs[REG_RDI] == (greg_t)(m + 4096) && regs[REG_RCX] == 100000 - 1096);
    return passed();
}
