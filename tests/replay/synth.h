/* Recordings made by hand: a few instructions at 0x400000, a stack, and whatever events a test wants.
 *
 * The program counts down from SYNTH_LOOPS (SYNTH_LOOPS - 1 ticks), writes "hi\n" to stdout, reads the time
 * stamp counter, and leaves with status 7. */
#ifndef ODB_TESTS_REPLAY_SYNTH_H
#define ODB_TESTS_REPLAY_SYNTH_H

#include <stdint.h>

#include "trace/trace.h"

#define SYNTH_CODE 0x400000ULL
#define SYNTH_STACK 0x7ffd00000000ULL
#define SYNTH_LOOPS 1000
#define SYNTH_RIP_LOOP (SYNTH_CODE + 5)
#define SYNTH_RIP_WRITE (SYNTH_CODE + 30)
#define SYNTH_RIP_RDTSC (SYNTH_CODE + 32)
#define SYNTH_RIP_EXIT (SYNTH_CODE + 44)
#define SYNTH_TSC 0x123456789abcULL

/* What to make differently; zero: a good recording. */
struct synth {
    uint64_t extra_map;  /* a mapping at this address, 4096 bytes */
    uint64_t extra_mem;  /* contents for this address */
    uint64_t write_rdx;  /* recorded rdx of write, instead of 3 */
    uint64_t write_tick; /* added to its tick */
    uint64_t rip;        /* first rip, instead of SYNTH_CODE */
    bool no_exit;        /* cut off after the INSN event */
    bool no_insn;        /* INSN event missing */
    uint64_t fs_base;
    uint32_t bad_mxcsr;
};

/* Writes `dir`/events. Exits the test on failure. */
void synth_write(const char *dir, const struct synth *how);

#endif
