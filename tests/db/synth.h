/* A made-up program run: its index log, and a naive record of everything in it as the oracle.
 *
 * Addresses lie in an arena of SYNTH_PAGES pages; two threads take turns, which keeps chunks short, so that
 * groups and page images come up after few instructions. */
#ifndef ODB_TESTS_DB_SYNTH_H
#define ODB_TESTS_DB_SYNTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "indexer/chunk.h"

#define SYNTH_BASE 0x10000000ull
#define SYNTH_PAGES 128
#define SYNTH_CODE 0x400000ull
#define SYNTH_PID 100

enum synth_op_kind { OP_WRITE, OP_MAP, OP_UNMAP, OP_DROP, OP_MOVE, OP_REG, OP_THREAD };
/* What happened, in order; in force for states t >= count. */
struct synth_op {
    enum synth_op_kind kind;
    uint64_t count;
    uint64_t addr, len, src;
    uint32_t file_id, reg, tid;
    uint64_t offset;
    uint64_t bytes; /* offset in synth.bytes: new, then old (writes); value (registers) */
    unsigned flags;
    bool base; /* a write by no instruction: initial contents */
};

struct synth {
    uint64_t count; /* instructions */
    uint64_t *rip;
    uint32_t *tid; /* of each instruction */
    struct synth_op *ops;
    size_t n_ops, cap_ops;
    struct bytes bytes, log;
    uint64_t *call_t;
    size_t n_calls, cap_calls;
    uint64_t seed;
    /* state at the end; synth_replay gives earlier ones */
    struct synth_state *now;
};

struct synth_page {
    bool mapped;
    uint8_t data[4096];
    uint32_t file_id;
    uint64_t offset;
};
struct synth_state {
    struct synth_page pages[SYNTH_PAGES];
    struct regfile regs[2]; /* of tid SYNTH_PID, SYNTH_PID + 1 */
    uint32_t tid;
};

uint64_t synth_random(struct synth *s);
uint64_t synth_below(struct synth *s, uint64_t n);
/* Makes a run of n instructions; writes files/1 and files/2 into dir. */
void synth_make(struct synth *s, const char *dir, uint64_t n, uint64_t seed, unsigned turn);
void synth_free(struct synth *s);
/* Applies ops[*i...] that are in force at t. */
void synth_replay(const struct synth *s, struct synth_state *st, size_t *i, uint64_t t);
/* Contents of files/1, files/2. */
#define SYNTH_FILE_BYTES 200000
uint8_t synth_file_byte(uint32_t id, uint64_t offset);

#endif
