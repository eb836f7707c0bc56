/* A fault inside a handler, masks while handling, SA_NODEFER, SA_RESETHAND, a blocked synchronous signal kills. */
#include "tests/tracee/tracee.h"

static int depth, deepest, usr, order[8], n_order;

static void on_ill(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)si;
    deepest = ++depth > deepest ? depth : deepest;
    if (depth < 5)
        __asm__ volatile("ud2");
    depth--;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 2;
}

static void on_fpe(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)si;
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    CHECK(sigismember(&now, SIGFPE) && sigismember(&now, SIGUSR2) && !sigismember(&now, SIGILL));
    raise(SIGUSR2);
    CHECK(usr == 0);
    order[n_order++] = 1;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 2;
}

static void on_usr2(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)si, (void)context;
    usr++;
    order[n_order++] = 2;
}

int main(void)
{
    catch_signal(SIGILL, on_ill, SA_NODEFER);
    __asm__ volatile("ud2");
    CHECK(deepest == 5 && depth == 0);
    catch_signal(SIGUSR2, on_usr2, 0);
    struct sigaction sa = {.sa_sigaction = on_fpe, .sa_flags = SA_SIGINFO | (int)SA_RESETHAND}, old;
    sigemptyset(&sa.sa_mask);
    sigaddset(&sa.sa_mask, SIGUSR2);
    CHECK(sigaction(SIGFPE, &sa, NULL) == 0);
    __asm__ volatile("xor %%edx, %%edx; xor %%ecx, %%ecx; mov $1, %%eax; div %%ecx" ::
                         : "rax", "rcx", "rdx", "cc");
    CHECK(usr == 1 && order[0] == 1 && order[1] == 2);
    CHECK(sigaction(SIGFPE, NULL, &old) == 0 && old.sa_handler == SIG_DFL);
    sigset_t set;
    CHECK(sigprocmask(SIG_BLOCK, NULL, &set) == 0 && !sigismember(&set, SIGFPE));
    return passed();
}
