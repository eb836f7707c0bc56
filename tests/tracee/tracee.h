/* What every tracee program shares.
 *
 * A tracee shows one behaviour, checks it itself, and prints EXIT-SUCCESS; exit status 77 with a reason
 * says that it cannot run here. Its output must be the same in every run: no pids, times or addresses.
 * To add one: a file here, its name in meson.build; see docs/howto-add-a-test.md. */
#ifndef ODB_TESTS_TRACEE_H
#define ODB_TESTS_TRACEE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define CHECK(c) ((c) ? (void)0 : check_failed(__FILE__, __LINE__, #c))

static inline _Noreturn void check_failed(const char *file, int line, const char *what)
{
    printf("FAILED %s:%d: %s (errno %d)\n", file, line, what, errno);
    fflush(stdout);
    _exit(1);
}

static inline int passed(void)
{
    puts("EXIT-SUCCESS");
    return 0;
}

static inline _Noreturn void skip(const char *why)
{
    printf("SKIPPED: %s\n", why);
    exit(77);
}

/* Installs a SA_SIGINFO handler. */
static inline void catch_signal(int signo, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
    sigemptyset(&sa.sa_mask);
    CHECK(sigaction(signo, &sa, NULL) == 0);
}

/* A value that the compiler cannot see through. */
#define opaque(x)                             \
    ({                                        \
        __auto_type opaque_ = (x);            \
        __asm__ volatile("" : "+r"(opaque_)); \
        opaque_;                              \
    })

#endif
