/* Columns of a chunk, encoded: see chunk.h for the format.
 *
 * The encoder appends to streams while the log is read, so that finishing a chunk is a copy and one
 * zstd call per column. Its appends never fail visibly: running out of memory sticks in a stream and
 * chunk_enc_finish reports it. */
#include "indexer/chunk.h"

#include <stdlib.h>
#include <pthread.h>
#include <string.h>
#include <zstd.h>

#include "common/cleanup.h"

void bytes_deinit(struct bytes *b)
{
    free(b->p);
    *b = (struct bytes){0};
}

bool bytes_reserve(struct bytes *b, size_t more)
{
    if (b->cap - b->n >= more)
        return true;
    size_t cap = b->cap ? b->cap : 4096;
    while (cap - b->n < more)
        cap *= 2;
    uint8_t *p = b->oom ? NULL : realloc(b->p, cap);
    if (!p) {
        b->oom = true;
        return false;
    }
    b->p = p;
    b->cap = cap;
    return true;
}

void bytes_append(struct bytes *b, const void *p, size_t n)
{
    if (n && bytes_reserve(b, n)) {
        memcpy(b->p + b->n, p, n);
        b->n += n;
    }
}

static inline void put_varint(struct bytes *b, uint64_t v)
{
    if (b->cap - b->n < 10 && !bytes_reserve(b, 10))
        return;
    uint8_t *p = b->p + b->n;
    while (v >= 0x80) {
        *p++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *p++ = (uint8_t)v;
    b->n = (size_t)(p - b->p);
}

static inline void put_byte(struct bytes *b, uint8_t v)
{
    if (b->cap > b->n || bytes_reserve(b, 1))
        b->p[b->n++] = v;
}

static inline void put_delta(struct bytes *b, uint64_t now, uint64_t before)
{
    uint64_t d = now - before;
    put_varint(b, (d << 1) ^ (uint64_t)((int64_t)d >> 63));
}

/* ---- register files ---- */

int regfile_wide(unsigned reg)
{
    if (reg >= ODB_REG_VEC0 && reg < ODB_REG_VEC0 + 32)
        return (int)reg - ODB_REG_VEC0;
    if (reg >= ODB_REG_ST0 && reg < ODB_REG_ST0 + 8)
        return (int)reg - ODB_REG_ST0 + 32;
    return -1;
}

void regfile_set(struct regfile *f, unsigned reg, const void *value, size_t n_bytes)
{
    if (reg >= ODB_N_REG)
        return;
    int w = regfile_wide(reg);
    if (w < 0) {
        f->scalar[reg] = 0;
        memcpy(&f->scalar[reg], value, n_bytes < 8 ? n_bytes : 8);
        return;
    }
    memset(f->wide[w], 0, ODB_WIDE_BYTES);
    memcpy(f->wide[w], value, n_bytes < ODB_WIDE_BYTES ? n_bytes : ODB_WIDE_BYTES);
}

static struct odb_err *compress(ZSTD_CCtx *ctx, const void *p, size_t n_bytes, struct bytes *out)
{
    size_t bound = ZSTD_compressBound(n_bytes);
    out->n = 0;
    if (!bytes_reserve(out, bound))
        return odb_err("index: out of memory");
    size_t got = ZSTD_compress2(ctx, out->p, out->cap, p, n_bytes);
    if (ZSTD_isError(got))
        return odb_err("index: zstd: %s", ZSTD_getErrorName(got));
    out->n = got;
    return NULL;
}

static ZSTD_CCtx *make_cctx(void)
{
    ZSTD_CCtx *ctx = ZSTD_createCCtx();
    if (ctx) {
        ZSTD_CCtx_setParameter(ctx, ZSTD_c_compressionLevel, 1);
        ZSTD_CCtx_setParameter(ctx, ZSTD_c_checksumFlag, 1);
    }
    return ctx;
}

/* The context of piece_encode: one per thread that encodes, freed when the thread ends. */
static pthread_key_t piece_cctx_key;
static pthread_once_t piece_cctx_once = PTHREAD_ONCE_INIT;

static void piece_cctx_free(void *ctx) { ZSTD_freeCCtx(ctx); }
static void piece_cctx_init(void) { odb_assert(pthread_key_create(&piece_cctx_key, piece_cctx_free) == 0); }

struct odb_err *piece_encode(const void *p, size_t n_bytes, struct bytes *out)
{
    pthread_once(&piece_cctx_once, piece_cctx_init);
    ZSTD_CCtx *ctx = pthread_getspecific(piece_cctx_key);
    if (!ctx) {
        ctx = make_cctx();
        if (!ctx || pthread_setspecific(piece_cctx_key, ctx) != 0)
            return odb_err("index: out of memory");
    }
    return compress(ctx, p, n_bytes, out);
}

struct odb_err *piece_decode(const void *blob, size_t n_bytes, void *to, size_t max_bytes, size_t *ret_n)
{
    size_t got = ZSTD_decompress(to, max_bytes, blob, n_bytes);
    if (ZSTD_isError(got))
        return odb_err("corrupt index: %s", ZSTD_getErrorName(got));
    *ret_n = got;
    return NULL;
}

struct odb_err *regfile_encode(const struct regfile *f, struct bytes *out)
{
    return piece_encode(f, sizeof(*f), out);
}

struct odb_err *regfile_decode(const void *blob, size_t n_bytes, struct regfile *ret)
{
    struct regfile f;
    size_t n;
    ODB_TRY(piece_decode(blob, n_bytes, &f, sizeof(f), &n));
    if (n != sizeof(f))
        return odb_err("corrupt index: register snapshot of %zu bytes", n);
    *ret = f;
    return NULL;
}

/* ---- encoder ---- */

void chunk_enc_init(struct chunk_enc *e)
{
    *e = (struct chunk_enc){.other_flags = CHUNK_OTHER_FLAGS};
    e->zstd = make_cctx();
}

void chunk_enc_deinit(struct chunk_enc *e)
{
    struct bytes *all[] = {&e->rip,      &e->reg_at,   &e->reg_id,  &e->reg_wide, &e->mem_at,
                           &e->mem_head, &e->mem_addr, &e->mem_new, &e->mem_old,  &e->raw};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        bytes_deinit(all[i]);
    for (size_t i = 0; i < ODB_N_REG; i++)
        bytes_deinit(&e->reg_val[i]);
    ZSTD_freeCCtx(e->zstd);
    e->zstd = NULL;
}

void chunk_enc_reset(struct chunk_enc *e)
{
    struct bytes *all[] = {&e->rip,      &e->reg_at,   &e->reg_id,  &e->reg_wide, &e->mem_at,
                           &e->mem_head, &e->mem_addr, &e->mem_new, &e->mem_old};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        all[i]->n = 0;
    for (size_t i = 0; i < ODB_N_REG; i++)
        e->reg_val[i].n = 0;
    e->other_flags = CHUNK_OTHER_FLAGS;
    e->n_insn = e->n_reg = e->n_mem = 0;
    e->regs_lo = e->regs_hi = 0;
    e->value_bytes = 0;
    e->last_rip = e->last_addr = 0;
    memset(e->last_scalar, 0, sizeof(e->last_scalar));
    e->last_reg_at = e->last_mem_at = 0;
}

void chunk_enc_insn(struct chunk_enc *e, gaddr rip)
{
    put_delta(&e->rip, rip, e->last_rip);
    e->last_rip = rip;
    e->n_insn++;
}

static void put_flags(struct chunk_enc *e, uint64_t v)
{
    struct bytes *b = &e->reg_val[ODB_REG_RFLAGS];
    uint64_t other = v & ~(uint64_t)CHUNK_ARITH_FLAGS;
    if (other == e->other_flags) {
        put_byte(b, chunk_flags_pack(v));
        return;
    }
    e->other_flags = other;
    put_byte(b, 0xff);
    put_varint(b, v);
}

void chunk_enc_reg(struct chunk_enc *e, unsigned reg, const void *value, size_t n_bytes)
{
    odb_assert(reg < ODB_N_REG && n_bytes <= ODB_WIDE_BYTES);
    uint32_t at = e->n_insn;
    put_varint(&e->reg_at, at - e->last_reg_at);
    e->last_reg_at = at;
    put_byte(&e->reg_id, (uint8_t)reg);
    *(reg < 64 ? &e->regs_lo : &e->regs_hi) |= 1ull << (reg & 63);
    e->n_reg++;
    if (regfile_wide(reg) >= 0) {
        put_byte(&e->reg_wide, (uint8_t)n_bytes);
        bytes_append(&e->reg_wide, value, n_bytes);
        return;
    }
    uint64_t v = 0;
    memcpy(&v, value, n_bytes < 8 ? n_bytes : 8);
    if (reg == ODB_REG_RFLAGS) {
        put_flags(e, v);
        return;
    }
    put_delta(&e->reg_val[reg], v, e->last_scalar[reg]);
    e->last_scalar[reg] = v;
}

void chunk_enc_mem(struct chunk_enc *e, gaddr addr, uint32_t n_bytes, unsigned flags, const uint8_t *old,
                   const uint8_t *new_)
{
    uint32_t at = e->n_insn;
    put_varint(&e->mem_at, at - e->last_mem_at);
    e->last_mem_at = at;
    put_varint(&e->mem_head, (uint64_t)n_bytes << 2 | flags);
    put_delta(&e->mem_addr, addr, e->last_addr);
    e->last_addr = addr;
    bytes_append(&e->mem_new, new_, n_bytes);
    bytes_append(&e->mem_old, old, n_bytes);
    e->value_bytes += n_bytes;
    e->n_mem++;
}

/* The column's streams, in order. */
static int list_streams(struct chunk_enc *e, enum chunk_column column, struct bytes **streams)
{
    int n = 0;
    switch (column) {
    case CHUNK_INSNS: streams[n++] = &e->rip; break;
    case CHUNK_REGS:
        streams[n++] = &e->reg_at;
        streams[n++] = &e->reg_id;
        streams[n++] = &e->reg_wide;
        for (int i = 0; i < ODB_N_REG; i++)
            streams[n++] = &e->reg_val[i];
        break;
    case CHUNK_MEMS:
        streams[n++] = &e->mem_at;
        streams[n++] = &e->mem_head;
        streams[n++] = &e->mem_addr;
        streams[n++] = &e->mem_new;
        streams[n++] = &e->mem_old;
        break;
    }
    return n;
}

struct odb_err *chunk_enc_finish(struct chunk_enc *e, enum chunk_column column, struct bytes *out)
{
    static const uint32_t magics[] = {CHUNK_MAGIC_INSNS, CHUNK_MAGIC_REGS, CHUNK_MAGIC_MEMS};
    const uint32_t head[2] = {magics[column], column == CHUNK_INSNS  ? e->n_insn
                                              : column == CHUNK_REGS ? e->n_reg
                                                                     : e->n_mem};
    struct bytes *streams[CHUNK_STREAMS_MAX];
    int n_streams = list_streams(e, column, streams);
    e->raw.n = 0;
    bytes_append(&e->raw, head, sizeof(head));
    for (int i = 0; i < n_streams; i++) {
        uint32_t len = (uint32_t)streams[i]->n;
        e->raw.oom |= streams[i]->oom;
        bytes_append(&e->raw, &len, 4);
    }
    for (int i = 0; i < n_streams; i++)
        bytes_append(&e->raw, streams[i]->p, streams[i]->n);
    if (e->raw.oom || !e->zstd)
        return odb_err("index: out of memory");
    return compress(e->zstd, e->raw.p, e->raw.n, out);
}
