/* What block_gen.c writes into the program block_runner.c.
 *
 * The runner is a static program without a C library. Its section .blob, linked at BLOB_ADDR, is filled by the
 * generator: this header, the table of instruction starts, and code. A block is entered with given registers,
 * leaves by `jmp *WINDOW_ADDR + EXIT_CELL` and never touches rsp but by pushes, pops and calls. */
#ifndef ODB_TESTS_ENGINE_BLOCKS_H
#define ODB_TESTS_ENGINE_BLOCKS_H

#include <stdint.h>

#define BLOB_ADDR 0x10000000u
#define BLOB_BYTES 0x40000u
#define BLOB_CODE 0x20000u /* offset of the code */
#define BLOB_MAGIC 0x31626f6c62626f64ULL
#define WINDOW_ADDR 0x20000000u /* data that blocks read and write */
#define WINDOW_BYTES 0x4000u
#define STACK_ADDR 0x20010000u /* stack of the blocks */
#define STACK_BYTES 0x4000u
#define WINDOW_SECTION_BYTES 0x20000u
#define COUNTER_CELLS 0x8000u /* offset from WINDOW_ADDR: loop counters and indirect targets */
#define EXIT_CELL 0xf000u     /* offset from WINDOW_ADDR: address of block_exit */
#define MAX_BLOCKS 128
#define MAX_LOGGED_FAULTS 24
#define MAX_STARTS 12000

struct block {
    uint64_t gpr[16]; /* at entry; rsp is overwritten by the runner */
    uint64_t flags;
    uint32_t entry; /* offset in the blob */
    uint32_t mxcsr;
    uint16_t fcw, pad[3];
};

struct blob {
    uint64_t magic;
    uint32_t n_blocks, n_starts;
    uint64_t seed;
    struct block blocks[MAX_BLOCKS];
    uint32_t starts[MAX_STARTS]; /* offsets of instructions, ascending: where a fault handler goes on */
};
_Static_assert(sizeof(struct blob) <= BLOB_CODE, "tables fit before the code");

/* State after a block, as written to standard output; the window follows. */
struct block_state {
    uint64_t gpr[16], flags, n_faults, fault_hash, pad[5];
    uint8_t fx[512];
    uint8_t ymm_high[16][16];
    struct {
        uint64_t rip, what /* signo, code << 32 */, addr, hash /* of all so far */;
    } fault[MAX_LOGGED_FAULTS];
#ifdef BLOCK_WIDE
    uint8_t zmm[32][64]; /* AVX-512: the whole of it */
    uint64_t k[8];
#endif
};

#endif
