/* What the programs of this folder share: a hash of everything that shows where an asynchronous event landed. It is
 * printed at the end, so a replay in which one event is one instruction off prints something else. */
#ifndef TESTS_ASYNC_H
#define TESTS_ASYNC_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static volatile uint64_t seen_hash = 14695981039346656037ull;
static volatile unsigned seen_count;

static inline void seen(uint64_t value) { seen_hash = (seen_hash ^ value) * 1099511628211ull; }

/* The result of a run: nothing of it is the same in two runs, but a replay must print it again. */
static inline int finish(uint64_t result)
{
    printf("%u events, hash %016llx, result %016llx\nEXIT-SUCCESS\n", seen_count,
           (unsigned long long)seen_hash, (unsigned long long)result);
    return fflush(stdout) == 0 ? 0 : 1;
}

#endif
