/* Random x86-64 instructions and the emitter of the generated test programs (block_gen.c, block_insn.c). */
#ifndef ODB_TESTS_ENGINE_BLOCK_GEN_H
#define ODB_TESTS_ENGINE_BLOCK_GEN_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/engine/blocks.h"

struct gen {
    uint64_t rng;
    uint8_t *blob;    /* BLOB_BYTES, borrowed from the caller */
    uint32_t at;      /* offset of the next byte of code */
    bool wide;        /* AVX-512 too: for block_runner built with BLOCK_WIDE, and --cpu host */
    bool quiet;       /* nothing that faults or shows the single-stepper's trap flag: for tests/oracle */
    uint32_t n_cells; /* memory cells handed out behind COUNTER_CELLS */
};

uint64_t gen_random(struct gen *g);
/* 0 <= result < n. */
uint32_t gen_below(struct gen *g, uint32_t n);
/* Appends bytes that belong to one instruction and notes its start. */
void gen_insn(struct gen *g, const uint8_t *bytes, uint32_t n_bytes);
/* mov r32, imm32 and mov r64, imm32 sign-extended: flags are spared. */
void gen_mov(struct gen *g, unsigned reg, int32_t value);
/* A random instruction that Zydis accepts and that means the same in every run, with what its memory operand needs. */
void gen_random_insn(struct gen *g);

#endif
