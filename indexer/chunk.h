/* The columns of one chunk: what its instructions executed, and what they wrote.
 *
 * Three blobs, each one zstd frame (with content size and checksum) over
 *     u32 magic, u32 n records, u32 length of each stream, then the streams one after the other.
 * Varints are LEB128; "delta" is zigzag varint of the difference to the previous value (first: to 0).
 *
 *   insns "OCI1"   rips: delta
 *   regs  "OCR1"   at: varint, position of the write minus that of the previous write (from 0)
 *                  reg: u8, enum odb_reg
 *                  wide: vector and x87 registers: u8 length, bytes
 *                  83 more streams, one for each register number: the values of that register, if it is a
 *                  scalar: delta. rflags: u8, the six arithmetic flags packed (chunk_flags_pack), if the
 *                  other flags are as before (from 0x202); else 0xff and the whole as varint
 *   mems  "OCM1"   at: as above
 *                  head: varint, size << 2 | flags (enum odb_mem_flag)
 *                  addr: delta
 *                  new, old: the bytes
 *
 * The decoder trusts nothing: any bytes give a decoded chunk or an error. */
#ifndef ODB_INDEXER_CHUNK_H
#define ODB_INDEXER_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/regs.h"

/* A growing byte string. `oom` sticks: later appends are dropped, whoever finishes the string looks. */
struct bytes {
    uint8_t *p; /* owned */
    size_t n, cap;
    bool oom;
};
void bytes_deinit(struct bytes *b);
bool bytes_reserve(struct bytes *b, size_t more);
void bytes_append(struct bytes *b, const void *p, size_t n);

#define CHUNK_MAGIC_INSNS 0x3149434fu /* "OCI1" */
#define CHUNK_MAGIC_REGS 0x3152434fu
#define CHUNK_MAGIC_MEMS 0x314d434fu

#define ODB_N_WIDE 40 /* 32 vector, 8 x87 registers */
#define ODB_WIDE_BYTES 64

/* Every register of a thread. Scalars zero-extended; wide ones zero-padded. */
struct regfile {
    uint64_t scalar[ODB_N_REG];
    uint8_t wide[ODB_N_WIDE][ODB_WIDE_BYTES];
};
/* Index into `wide`, or -1 for scalar registers. */
int regfile_wide(unsigned reg);
/* Sets a register from n little-endian bytes (cut or zero-padded to its size). */
void regfile_set(struct regfile *f, unsigned reg, const void *value, size_t n_bytes);

#define CHUNK_STREAMS_MAX (3 + ODB_N_REG)

/* CF, PF, AF, ZF, SF, OF in six bits, and back. */
#define CHUNK_ARITH_FLAGS 0x8d5u
#define CHUNK_OTHER_FLAGS \
    0x202u /* what the rest of rflags is at a chunk's start, as far as the coding goes */
static inline uint8_t chunk_flags_pack(uint64_t v)
{
    return (uint8_t)((v & 1) | (v >> 1 & 2) | (v >> 2 & 4) | (v >> 3 & 0x18) | (v >> 6 & 0x20));
}
static inline uint64_t chunk_flags_unpack(uint64_t p)
{
    return (p & 1) | (p & 2) << 1 | (p & 4) << 2 | (p & 0x18) << 3 | (p & 0x20) << 6;
}

/* Encoder. Feed instruction by instruction; then chunk_enc_finish and chunk_enc_reset. */
struct chunk_enc {
    uint32_t n_insn, n_reg, n_mem;
    uint64_t regs_lo, regs_hi;
    size_t value_bytes; /* bytes of memory values so far */
    /* private */
    uint64_t last_rip, last_addr, last_scalar[ODB_N_REG];
    uint64_t other_flags;
    uint32_t last_reg_at, last_mem_at;
    struct bytes reg_val[ODB_N_REG];
    struct bytes rip, reg_at, reg_id, reg_wide, mem_at, mem_head, mem_addr, mem_new, mem_old;
    struct bytes raw; /* scratch */
    void *zstd;       /* ZSTD_CCtx, owned */
};
void chunk_enc_init(struct chunk_enc *e);
void chunk_enc_deinit(struct chunk_enc *e);
void chunk_enc_reset(struct chunk_enc *e);
void chunk_enc_insn(struct chunk_enc *e, gaddr rip);
/* Writes by the latest instruction; before any, by the one before the chunk. */
void chunk_enc_reg(struct chunk_enc *e, unsigned reg, const void *value, size_t n_bytes);
void chunk_enc_mem(struct chunk_enc *e, gaddr addr, uint32_t n_bytes, unsigned flags, const uint8_t *old,
                   const uint8_t *new_);
enum chunk_column { CHUNK_INSNS, CHUNK_REGS, CHUNK_MEMS };
/* Appends the encoded column to `out` (cleared first). */
struct odb_err *chunk_enc_finish(struct chunk_enc *e, enum chunk_column column, struct bytes *out)
    ODB_MUST_CHECK;

struct odb_err *regfile_encode(const struct regfile *f, struct bytes *out) ODB_MUST_CHECK;
struct odb_err *regfile_decode(const void *blob, size_t n_bytes, struct regfile *ret) ODB_MUST_CHECK;

/* A general piece of bytes, compressed (images, pieces of files). */
struct odb_err *piece_encode(const void *p, size_t n_bytes, struct bytes *out) ODB_MUST_CHECK;
/* Decodes at most max_bytes; *ret_n what there was. */
struct odb_err *piece_decode(const void *blob, size_t n_bytes, void *to, size_t max_bytes, size_t *ret_n)
    ODB_MUST_CHECK;

/* Decoded columns. Arrays owned by the struct; `at` ascends.
 *
 * Position p > 0 is the chunk's p-th instruction (t = t_start + p - 1). Position 0 is the instruction before
 * the chunk: where one instruction writes more than a chunk holds, its writes go on in the next. */
struct chunk_insns {
    uint32_t n;
    gaddr *rip;
};
struct chunk_regs {
    uint32_t n;
    uint32_t *at; /* position */
    uint8_t *reg;
    uint8_t *len;  /* bytes: 8 for scalars */
    uint64_t *val; /* scalar value, or offset into `wide` */
    uint8_t *wide;
    size_t n_wide;
};
struct chunk_mems {
    uint32_t n;
    uint32_t *at;
    gaddr *addr;
    uint32_t *size;
    uint8_t *flags;
    uint32_t *off; /* of the bytes in `new` and `old` */
    uint8_t *new_, *old;
};
/* n_insn: instructions in the chunk, as odb_chunks says: anything else is corrupt. */
struct odb_err *chunk_insns_decode(const void *blob, size_t n_bytes, uint32_t n_insn, struct chunk_insns *ret)
    ODB_MUST_CHECK;
struct odb_err *chunk_regs_decode(const void *blob, size_t n_bytes, uint32_t n_insn, struct chunk_regs *ret)
    ODB_MUST_CHECK;
struct odb_err *chunk_mems_decode(const void *blob, size_t n_bytes, uint32_t n_insn, struct chunk_mems *ret)
    ODB_MUST_CHECK;
void chunk_insns_deinit(struct chunk_insns *c);
void chunk_regs_deinit(struct chunk_regs *c);
void chunk_mems_deinit(struct chunk_mems *c);

#endif
