/* Stack overflow handled on the alternate stack, left by siglongjmp, three times; SS_ONSTACK and SS_AUTODISARM. */
#include <setjmp.h>

#include "tests/tracee/tracee.h"

static sigjmp_buf env;
static char alt[65536] __attribute__((aligned(16)));
static volatile bool on_alt;

static void handler(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)si, (void)context;
    char here;
    stack_t now;
    on_alt = &here >= alt && &here < alt + sizeof(alt);
    CHECK(sigaltstack(NULL, &now) == 0 && (now.ss_flags & SS_ONSTACK));
    CHECK(sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL) == -1 && errno == EPERM);
    siglongjmp(env, 1);
}

static int dive(int depth)
{
    volatile char frame[2048];
    frame[depth & 2047] = 1;
    return depth < 0 ? 0 : dive(depth + 1) + frame[0];
}

int main(void)
{
    stack_t ss = {.ss_sp = alt, .ss_size = sizeof(alt)}, old;
    CHECK(sigaltstack(&ss, NULL) == 0);
    catch_signal(SIGSEGV, handler, SA_ONSTACK);
    for (volatile int i = 0; i < 3; i++) {
        on_alt = false;
        if (sigsetjmp(env, 1) == 0)
            dive(1);
        CHECK(on_alt);
    }
    CHECK(sigaltstack(NULL, &old) == 0 && old.ss_sp == alt && old.ss_size == sizeof(alt) &&
          !(old.ss_flags & SS_ONSTACK));
    CHECK(sigaltstack(&(stack_t){.ss_sp = alt, .ss_size = 512}, NULL) == -1 && errno == ENOMEM);
    CHECK(sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL) == 0);
    return passed();
}
