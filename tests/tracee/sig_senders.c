/* kill, tgkill, sigqueue from a child: code, sender, value arrive as sent. */
#include "tests/tracee/tasks.h"

static volatile int code, value, from, count;

static void handler(int signo, siginfo_t *si, void *context)
{
    (void)context;
    CHECK(si->si_signo == signo && si->si_uid == getuid());
    code = si->si_code, value = si->si_value.sival_int, from = si->si_pid;
    count++;
}

static int sends_kill(void) { return kill(getppid(), SIGUSR1); }

static int sends_queue(void) { return sigqueue(getppid(), SIGRTMIN + 3, (union sigval){.sival_int = 4711}); }

static int sends_tgkill(void) { return tgkill(getppid(), getppid(), SIGUSR2); }

static void one(int (*body)(void), int want_code, int want_value)
{
    int before = count;
    pid_t pid = spawn(body);
    YIELD_UNTIL(count == before + 1);
    CHECK(code == want_code && from == pid && (want_code != SI_QUEUE || value == want_value));
    CHECK(reap(pid) == 0);
}

int main(void)
{
    catch_signal(SIGUSR1, handler, 0);
    catch_signal(SIGUSR2, handler, 0);
    catch_signal(SIGRTMIN + 3, handler, 0);
    for (int i = 0; i < 3; i++) {
        one(sends_kill, SI_USER, 0);
        one(sends_queue, SI_QUEUE, 4711);
        one(sends_tgkill, SI_TKILL, 0);
    }
    printf("%d\n", count);
    return passed();
}
