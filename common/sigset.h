/* Sets of signals as the kernel has them: bit signo - 1, so that 64 has one, too. Freestanding-safe. */
#ifndef ODB_COMMON_SIGSET_H
#define ODB_COMMON_SIGSET_H

#include <stdbool.h>
#include <stdint.h>

static inline uint64_t odb_sigset_of(int signo)
{
    return signo >= 1 && signo <= 64 ? 1ull << (signo - 1) : 0;
}

static inline bool odb_sigset_has(uint64_t set, int signo) { return (set & odb_sigset_of(signo)) != 0; }

#endif
