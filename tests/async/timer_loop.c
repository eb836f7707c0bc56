/* timer_loop [MILLIONS]: a tight loop under a 1 ms timer, without a call and, at -O2, without a memory access. The handler
 * hashes the interrupted registers. It ends after so many million iterations. */
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <ucontext.h>

#include "async.h"

static void on_alarm(int signo, siginfo_t *info, void *context)
{
    (void)signo, (void)info;
    const greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
    for (int i = 0; i <= REG_EFL; i++)
        seen((uint64_t)regs[i]);
    seen_count++;
}

int main(int argc, char **argv)
{
    uint64_t n = (argc > 1 ? strtoull(argv[1], NULL, 10) : 400) * 1000000, x = 88172645463325252ull;
    struct sigaction sa = {.sa_sigaction = on_alarm, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct itimerval every_ms = {{0, 1000}, {0, 1000}}, off;
    memset(&off, 0, sizeof off);
    sigaction(SIGALRM, &sa, NULL);
    setitimer(ITIMER_REAL, &every_ms, NULL);
    for (uint64_t i = 0; i < n; i++)
        x = (x >> 1) ^ (-(x & 1) & 0xd800000000000000ull);
    setitimer(ITIMER_REAL, &off, NULL);
    if (seen_count == 0) {
        puts("no signal came");
        return 1;
    }
    return finish(x);
}
