/* The bare CPU as an oracle for instruction lengths: the bytes end where an unmapped page begins and are
 * single-stepped there. If the CPU wants more bytes, the fetch faults. */
#ifndef ODB_TESTS_DECODE_CPU_ORACLE_H
#define ODB_TESTS_DECODE_CPU_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/decode.h"

enum cpu_verdict {
    CPU_WANTS_MORE, /* fetch fault behind the bytes */
    CPU_INVALID,    /* #UD */
    CPU_PROTECTED,  /* #GP: privileged, non-canonical, misaligned or longer than 15 bytes */
    CPU_DECODES,    /* ran, or faulted in any other way */
};

bool cpu_setup(void);

/* True when running `in` here could harm the test itself: system calls, segment loads, waits, ... */
bool cpu_is_harmful(const struct insn *in);

enum cpu_verdict cpu_try(const uint8_t *bytes, unsigned n);

#endif
