/* Signal numbers. See signals.h. */
#include "gdb/signals.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
static const struct { int linux_signo, gdb_signo; } rows[] = {
    {SIGHUP, 1}, {SIGINT, 2}, {SIGQUIT, 3}, {SIGILL, 4}, {SIGTRAP, 5}, {SIGABRT, 6}, {SIGFPE, 8}, {SIGKILL, 9},
    {SIGBUS, 10}, {SIGSEGV, 11}, {SIGSYS, 12}, {SIGPIPE, 13}, {SIGALRM, 14}, {SIGTERM, 15}, {SIGURG, 16}, {SIGSTOP, 17},
    {SIGTSTP, 18}, {SIGCONT, 19}, {SIGCHLD, 20}, {SIGTTIN, 21}, {SIGTTOU, 22}, {SIGIO, 23}, {SIGXCPU, 24}, {SIGXFSZ, 25},
    {SIGVTALRM, 26}, {SIGPROF, 27}, {SIGWINCH, 28}, {SIGUSR1, 30}, {SIGUSR2, 31}, {SIGPWR, 32},
};
/* clang-format on */
enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };

int gdb_signal_of(int linux_signo)
{
    for (int i = 0; i < N_ROWS; i++) {
        if (rows[i].linux_signo == linux_signo)
            return rows[i].gdb_signo;
    }
    /* real-time ones: 32 is apart, 33 to 63 follow each other, so does 64 elsewhere */
    if (linux_signo == 32)
        return 77;
    if (linux_signo >= 33 && linux_signo <= 63)
        return 45 + linux_signo - 33;
    return linux_signo == 64 ? 78 : 143;
}

int linux_signal_of(int gdb_signo)
{
    for (int i = 0; i < N_ROWS; i++) {
        if (rows[i].gdb_signo == gdb_signo)
            return rows[i].linux_signo;
    }
    if (gdb_signo == 77)
        return 32;
    if (gdb_signo >= 45 && gdb_signo <= 75)
        return gdb_signo - 45 + 33;
    return gdb_signo == 78 ? 64 : 0;
}

const char *linux_signal_name(int linux_signo)
{
    static char text[32];
    const char *name = linux_signo > 0 && linux_signo <= 64 ? sigabbrev_np(linux_signo) : NULL;
    if (name)
        snprintf(text, sizeof(text), "SIG%s", name);
    else
        snprintf(text, sizeof(text), "SIG%d", linux_signo);
    return text;
}
