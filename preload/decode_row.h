/* The decoder's tables: their layout, shared by tools/gen_optab.c (writes them) and decode.c (reads them).
 *
 * An opcode leads to a row of facts through a small decision tree. All that may choose between rows is
 * packed into one word, the selector:
 *
 *     bits   0-2  modrm.rm      3-5  modrm.reg     6  modrm.mod == 3     7  W
 *     legacy 8    66 present    9    f3 rules      10 f2 rules (the later of f2 and f3 rules)   11 REX.B
 *     vector 8-9  pp            10-11 L'L          12 EVEX.b
 *
 * A tree reference is 16 bits: with ROW_REF_LEAF set the rest is a row number, else it is the offset of a
 * node in odb_optab_nodes. Node word 0 is shift << 4 | width; then 1 << width references follow, chosen by
 * (selector >> shift) & mask. Row 0 is "no instruction". The tables hold no pointers.
 */
#ifndef ODB_PRELOAD_DECODE_ROW_H
#define ODB_PRELOAD_DECODE_ROW_H

#include <stdint.h>

#define OPTAB_HIDDEN __attribute__((visibility("hidden")))

/* clang-format off */
enum {
    SEL_RM = 0, SEL_REG = 3, SEL_MOD3 = 6, SEL_W = 7,
    SEL_66 = 8, SEL_F3 = 9, SEL_F2 = 10, SEL_REX_B = 11,
    SEL_PP = 8, SEL_L = 10, SEL_EVEX_B = 12,
    SEL_BITS = 13,
};

#define ROW_REF_LEAF 0x8000u

/* Opcode maps, the index of odb_optab_roots / 256. */
enum optab_map {
    OPTAB_ONE_BYTE, OPTAB_0F, OPTAB_0F38, OPTAB_0F3A, OPTAB_3DNOW,
    OPTAB_VEX1, OPTAB_VEX2, OPTAB_VEX3,
    OPTAB_EVEX1, OPTAB_EVEX2, OPTAB_EVEX3, OPTAB_EVEX5, OPTAB_EVEX6,
    OPTAB_XOP8, OPTAB_XOP9, OPTAB_XOP10,
    N_OPTAB_MAPS, OPTAB_NO_MAP = 0xff,
};

/* Where an operand's register number comes from: bits of the slot masks below. SLOT_LAST is the low opcode
 * bits for general registers, imm8[7:4] for vector registers and EVEX.aaa for opmask registers. SLOT_RM
 * counts only when modrm.rm is a register. */
enum { SLOT_REG = 1, SLOT_RM = 2, SLOT_VVVV = 4, SLOT_LAST = 8 };

/* row.form */
enum {
    FORM_MODRM = 1,
    FORM_REG_ONLY = 2,   /* mod is ignored, rm is a register (mov cr) */
    FORM_VSIB = 4,
    FORM_MOFFS = 8,      /* immediate is an address: 8 bytes, 4 with 67 */
    FORM_REG8 = 16,      /* modrm.reg is a byte register: ah-bh without REX */
    FORM_RM8 = 32,       /* modrm.rm, or the opcode's register, is a byte register */
    FORM_SHIFT_IMM = 64, /* flags unchanged when the masked count is 0 */
    FORM_LOCK_OK = 128,
};

/* row.extra */
enum {
    EXTRA_X87_WRITTEN = 1, EXTRA_MXCSR_WRITTEN = 2, EXTRA_MMX = 4, EXTRA_AVX512 = 8, EXTRA_BIT_STRING = 16,
    EXTRA_VEC_SHIFT = 5, /* 2 bits: 0, 16, 32, 64 bytes */
    EXTRA_QUAD = 128,    /* vvvv names four registers (4FMAPS) */
};

/* row.must_zero: register extension bits (not inverted) that make the instruction undefined. */
enum { XB_R = 1, XB_R2 = 2, XB_X = 4, XB_B = 8, XB_V3 = 16, XB_V2 = 32, XB_VVVV_LOW = 64 };

/* row.vec_rules: low nibble, allowed EVEX masks: bit (z << 1 | (aaa != 0)); high: registers that must differ. */
enum { VR_REG_RM = 16, VR_REG_VVVV = 32, VR_RM_VVVV = 64, VR_PAIR_K = 128 /* writes k and its neighbour */ };

struct optab_row {
    uint16_t gpr_read, gpr_written;     /* fixed registers */
    uint8_t slot_gpr;                   /* read slots, written slots << 4 */
    uint8_t slot_vec, slot_k;           /* the same */
    uint8_t form, extra;
    uint8_t imm_op;                     /* immediate bytes, log2 of operand size << 4 */
    uint8_t mem;                        /* MEM_* | disp8 shift << 4 */
    uint8_t mem_size;                   /* index of odb_optab_sizes */
    uint8_t flow, special;
    uint8_t flags;                      /* index of odb_optab_flags */
    uint8_t implicit;                   /* index of odb_optab_implicit */
    uint8_t fixed_vec;                  /* index of odb_optab_vecs */
    uint8_t must_zero, vec_rules;
    uint8_t reserved;                   /* no padding: rows are compared as bytes */
};

struct optab_flags {
    uint16_t read, written, killed, undefined;
};

struct optab_implicit {
    uint8_t stack_access, stack_bytes, string_src, string_dst, string_bytes;
};

struct optab_vec {
    uint32_t read, written;
    uint8_t k_read, k_written;
};
/* clang-format on */

extern OPTAB_HIDDEN const struct optab_row odb_optab_rows[];
extern OPTAB_HIDDEN const uint16_t odb_optab_nodes[];
extern OPTAB_HIDDEN const uint16_t odb_optab_roots[N_OPTAB_MAPS * 256];
extern OPTAB_HIDDEN const uint16_t odb_optab_sizes[];
extern OPTAB_HIDDEN const struct optab_flags odb_optab_flags[];
extern OPTAB_HIDDEN const struct optab_implicit odb_optab_implicit[];
extern OPTAB_HIDDEN const struct optab_vec odb_optab_vecs[];
extern OPTAB_HIDDEN const uint32_t odb_optab_bytes; /* size of all tables, for the report */

#endif
