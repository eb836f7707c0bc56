/* Register state of one thread, as every part of odb passes it. Freestanding-safe. */
#ifndef ODB_COMMON_REGS_H
#define ODB_COMMON_REGS_H

#include <stdint.h>

/* A virtual address in the recorded program; never a host pointer. */
typedef uint64_t gaddr;

/* General registers, in the order of the instruction encoding. */
enum odb_gpr {
    ODB_RAX,
    ODB_RCX,
    ODB_RDX,
    ODB_RBX,
    ODB_RSP,
    ODB_RBP,
    ODB_RSI,
    ODB_RDI,
    ODB_R8,
    ODB_R9,
    ODB_R10,
    ODB_R11,
    ODB_R12,
    ODB_R13,
    ODB_R14,
    ODB_R15,
    ODB_N_GPR,
};

/* Register numbers in logs, in the database and in divergence reports.
 * 0-15 are enum odb_gpr. A vector register is its full architectural width for the recording's
 * CPU policy: 32 bytes (ymm) under v3, 64 bytes (zmm) under host with AVX-512. */
enum odb_reg {
    ODB_REG_RIP = 16,
    ODB_REG_RFLAGS = 17,
    ODB_REG_FS_BASE = 18,
    ODB_REG_GS_BASE = 19,
    ODB_REG_MXCSR = 20,
    ODB_REG_VEC0 = 32, /* 32-63: xmm/ymm/zmm 0-31 */
    ODB_REG_K0 = 64,   /* 64-71: opmask 0-7 */
    ODB_REG_ST0 = 72,  /* 72-79: x87 physical-order-independent st(0)-st(7), 10 bytes; mm0-7 alias */
    ODB_REG_FCW = 80,
    ODB_REG_FSW = 81,
    ODB_REG_FTW = 82,
    ODB_N_REG = 83,
};

struct odb_regs {
    uint64_t gpr[ODB_N_GPR];
    uint64_t rip;
    uint64_t rflags;
    uint64_t fs_base;
    uint64_t gs_base;
};

/* A position in one thread: `tick` counts as docs/ARCHITECTURE.md "Time" says, rip is the
 * instruction about to be executed. (tick, rip) names one executed instruction. */
struct odb_pos {
    uint64_t tick;
    gaddr rip;
};

#endif
