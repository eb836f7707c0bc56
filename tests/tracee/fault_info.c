/* A handler is told what the kernel says natively: si_code, si_addr, trap number, error code and the exact rip. */
#include <setjmp.h>

#include "tests/tracee/tracee.h"

static sigjmp_buf env;
static siginfo_t info;
static greg_t rip, trapno, err, cr2;

static void handler(int signo, siginfo_t *si, void *uc)
{
    (void)signo;
    info = *si;
    const greg_t *g = ((ucontext_t *)uc)->uc_mcontext.gregs;
    rip = g[REG_RIP], trapno = g[REG_TRAPNO], err = g[REG_ERR], cr2 = g[REG_CR2];
    siglongjmp(env, 1);
}

#define FAULT(name, code, expect_addr)                                                                \
    do {                                                                                              \
        uint64_t at_ = 0;                                                                             \
        static volatile uint64_t where_;                                                              \
        if (sigsetjmp(env, 1) == 0) {                                                                 \
            __asm__ volatile(                                                                         \
                "lea 1f(%%rip), %%rbx; mov %%rbx, %0; xor %%edx, %%edx; xor %%ecx, %%ecx; 1: " code   \
                : "=m"(where_)                                                                        \
                : "a"(page)                                                                           \
                : "rbx", "rcx", "rdx", "memory", "cc");                                               \
            CHECK(!"no fault in " name);                                                              \
        }                                                                                             \
        at_ = where_;                                                                                 \
        printf(name " signo %d code %d trapno %lld err %lld rip+%lld\n", info.si_signo, info.si_code, \
               (long long)trapno, (long long)err,                                                     \
               (uint64_t)rip - at_ < 16 ? (long long)((uint64_t)rip - at_) : -1);                     \
        CHECK((uint64_t)info.si_addr == (uint64_t)(expect_addr));                                     \
    } while (0)

int main(void)
{
    static char alt[65536];
    CHECK(sigaltstack(&(stack_t){.ss_sp = alt, .ss_size = sizeof(alt)}, NULL) == 0);
    char *page = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int s = 0; s < 5; s++)
        catch_signal((int[]){SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP}[s], handler, SA_ONSTACK);
    FAULT("read-null", "mov (%%rcx), %%rbx", 0);
    FAULT("read-unmapped", "mov 0x1234(%%rcx), %%ecx", 0x1234);
    FAULT("write-readonly", "movb $1, 5(%%rax)", page + 5);
    FAULT("write-rmw", "addl $1, 6(%%rax)", page + 6);
    FAULT("noncanonical", "mov $0x8000000000000000, %%rdx; mov (%%rdx), %%dl", 0);
    FAULT("div0", "div %%ecx", where_);
    FAULT("ud2", "ud2", where_);
    FAULT("int3", "int3", 0);
    FAULT("hlt", "hlt", 0);
    FAULT("out", "out %%eax, $0", 0);
    FAULT("in", "in %%dx, %%al", 0);
    FAULT("align", "movaps 1(%%rax), %%xmm0", 0);
    FAULT("exec-nx", "jmp *%%rax", page);
    FAULT("exec-null", "call *%%rcx", 0);
    FAULT("int-n", "int $0x40", 0);
    FAULT("push", "mov %%rsp, %%rbx; xor %%esp, %%esp; push %%rax", (uint64_t)-8);
    printf("cr2 %d\n", cr2 != 0);
    return passed();
}
