/* The mask in handlers: restored on return, changed for good through uc_sigmask, inherited by threads and children. */
#include "tests/tracee/tasks.h"

static volatile int count;
static volatile bool for_good;

static bool blocked(int signo)
{
    sigset_t now;
    CHECK(pthread_sigmask(SIG_BLOCK, NULL, &now) == 0);
    return sigismember(&now, signo) == 1;
}

static void handler(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)si;
    mask_signal(SIG_BLOCK, SIGRTMIN); /* undone by the return */
    if (for_good)
        sigaddset(&((ucontext_t *)context)->uc_sigmask, SIGUSR2);
    count++;
}

static void *in_thread(void *arg)
{
    CHECK(blocked(SIGUSR2) && !blocked(SIGUSR1));
    mask_signal(SIG_UNBLOCK, SIGUSR2);
    return arg;
}

static int in_child(void)
{
    sigset_t pending;
    CHECK(blocked(SIGUSR2) && !blocked(SIGUSR1));
    CHECK(sigpending(&pending) == 0 && !sigismember(&pending, SIGUSR2)); /* not inherited */
    return 0;
}

int main(void)
{
    catch_signal(SIGUSR1, handler, 0);
    catch_signal(SIGUSR2, handler, 0);
    raise(SIGUSR1);
    CHECK(!blocked(SIGRTMIN) && !blocked(SIGUSR2));
    for_good = true;
    raise(SIGUSR1);
    CHECK(!blocked(SIGRTMIN) && blocked(SIGUSR2));
    raise(SIGUSR2);
    CHECK(count == 2);
    join(start(in_thread, NULL));
    CHECK(blocked(SIGUSR2) && reap(spawn(in_child)) == 0);
    for_good = false;
    mask_signal(SIG_UNBLOCK, SIGUSR2);
    CHECK(count == 3);
    sigset_t all, now;
    sigfillset(&all);
    CHECK(sigprocmask(SIG_SETMASK, &all, NULL) == 0 && sigprocmask(SIG_BLOCK, NULL, &now) == 0);
    CHECK(!sigismember(&now, SIGKILL) && !sigismember(&now, SIGSTOP) && sigismember(&now, SIGUSR1));
    CHECK(sigprocmask(99, &all, NULL) == -1 && errno == EINVAL);
    return passed();
}
