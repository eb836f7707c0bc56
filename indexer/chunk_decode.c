/* Decoding a chunk's columns: see chunk.h. Blobs come from a database that may be corrupt or made by a
 * stranger: every read is bounded by its stream, every count by what the bytes can hold. */
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "common/cleanup.h"
#include "indexer/chunk.h"

#define RAW_MAX_BYTES (128u << 20)

/* One stream of a blob. `bad` sticks at the first read beyond its end. */
struct stream {
    const uint8_t *p, *end;
    bool bad;
};

static inline uint64_t get_varint(struct stream *s)
{
    uint64_t v = 0;
    for (unsigned shift = 0; s->p < s->end && shift < 64; shift += 7) {
        uint8_t b = *s->p++;
        v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80))
            return v;
    }
    s->bad = true;
    return 0;
}

static inline uint64_t get_delta(struct stream *s, uint64_t before)
{
    uint64_t z = get_varint(s);
    return before + ((z >> 1) ^ (0 - (z & 1)));
}

static inline size_t left(const struct stream *s) { return (size_t)(s->end - s->p); }

static struct odb_err *corrupt(const char *what) { return odb_err("corrupt index: %s", what); }

/* Decompresses a blob and finds its streams. *ret_raw is owned by the caller. */
static struct odb_err *open_blob(const void *blob, size_t n_bytes, uint32_t magic, int n_streams,
                                 uint8_t **ret_raw, uint32_t *ret_n, struct stream *streams)
{
    unsigned long long raw_bytes = ZSTD_getFrameContentSize(blob, n_bytes);
    size_t head_bytes = 8 + 4 * (size_t)n_streams;
    if (raw_bytes == ZSTD_CONTENTSIZE_UNKNOWN || raw_bytes == ZSTD_CONTENTSIZE_ERROR)
        return corrupt("a column is not a zstd frame");
    if (raw_bytes < head_bytes || raw_bytes > RAW_MAX_BYTES)
        return corrupt("a column has an impossible size");
    _cleanup_free_ uint8_t *raw = malloc((size_t)raw_bytes);
    if (!raw)
        return odb_err("out of memory");
    size_t got = ZSTD_decompress(raw, (size_t)raw_bytes, blob, n_bytes);
    if (ZSTD_isError(got))
        return odb_err("corrupt index: a column: %s", ZSTD_getErrorName(got));
    if (got != raw_bytes)
        return corrupt("a column is too short");
    uint32_t head[2];
    memcpy(head, raw, 8);
    if (head[0] != magic)
        return corrupt("a column is of another kind");
    uint8_t *p = raw + head_bytes;
    for (int i = 0; i < n_streams; i++) {
        uint32_t len;
        memcpy(&len, raw + 8 + 4 * i, 4);
        if (len > (size_t)(raw + got - p))
            return corrupt("a column's stream is longer than the column");
        streams[i] = (struct stream){.p = p, .end = p + len};
        p += len;
    }
    *ret_n = head[1];
    *ret_raw = take_ptr(raw);
    return NULL;
}

struct odb_err *chunk_insns_decode(const void *blob, size_t n_bytes, uint32_t n_insn, struct chunk_insns *ret)
{
    _cleanup_free_ uint8_t *raw = NULL;
    struct stream s;
    uint32_t n;
    ODB_TRY(open_blob(blob, n_bytes, CHUNK_MAGIC_INSNS, 1, &raw, &n, &s));
    if (n != n_insn || n > left(&s))
        return corrupt("an instruction column of the wrong length");
    _cleanup_free_ gaddr *rip = malloc(n * sizeof(*rip) + 1);
    if (!rip)
        return odb_err("out of memory");
    uint64_t last = 0;
    for (uint32_t i = 0; i < n; i++)
        rip[i] = last = get_delta(&s, last);
    if (s.bad)
        return corrupt("an instruction column ends early");
    *ret = (struct chunk_insns){.n = n, .rip = take_ptr(rip)};
    return NULL;
}

static uint64_t get_flags(struct stream *s, uint64_t *other)
{
    if (s->p == s->end) {
        s->bad = true;
        return 0;
    }
    uint8_t packed = *s->p++;
    if (packed < 64)
        return *other | chunk_flags_unpack(packed);
    uint64_t v = get_varint(s);
    *other = v & ~(uint64_t)CHUNK_ARITH_FLAGS;
    return v;
}

/* s: at, reg, wide, then one stream for each register's values. */
static bool regs_fill(struct chunk_regs *c, struct stream s[CHUNK_STREAMS_MAX], uint32_t n_insn)
{
    uint64_t last[ODB_N_REG] = {0}, other_flags = CHUNK_OTHER_FLAGS;
    uint64_t at = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        at += get_varint(&s[0]);
        uint8_t reg = s[1].p[i];
        if (at > n_insn || reg >= ODB_N_REG)
            return false;
        c->at[i] = (uint32_t)at;
        c->reg[i] = reg;
        if (regfile_wide(reg) < 0) {
            c->len[i] = 8;
            struct stream *v = &s[3 + reg];
            c->val[i] = last[reg] =
                reg == ODB_REG_RFLAGS ? get_flags(v, &other_flags) : get_delta(v, last[reg]);
            if (v->bad)
                return false;
            continue;
        }
        if (!left(&s[2]))
            return false;
        uint8_t len = *s[2].p++;
        if (len > ODB_WIDE_BYTES || len > left(&s[2]))
            return false;
        c->len[i] = len;
        c->val[i] = c->n_wide;
        memcpy(c->wide + c->n_wide, s[2].p, len);
        s[2].p += len;
        c->n_wide += len;
    }
    return !s[0].bad;
}

struct odb_err *chunk_regs_decode(const void *blob, size_t n_bytes, uint32_t n_insn, struct chunk_regs *ret)
{
    _cleanup_free_ uint8_t *raw = NULL;
    struct stream s[CHUNK_STREAMS_MAX];
    uint32_t n;
    ODB_TRY(open_blob(blob, n_bytes, CHUNK_MAGIC_REGS, CHUNK_STREAMS_MAX, &raw, &n, s));
    if (n > left(&s[0]) || n > left(&s[1]))
        return corrupt("a register column of the wrong length");
    struct chunk_regs c = {.n = n};
    c.at = malloc(n * sizeof(*c.at) + 1);
    c.reg = malloc((size_t)n + 1);
    c.len = malloc((size_t)n + 1);
    c.val = malloc(n * sizeof(*c.val) + 1);
    c.wide = malloc(left(&s[2]) + 1);
    struct odb_err *e = NULL;
    if (!c.at || !c.reg || !c.len || !c.val || !c.wide)
        e = odb_err("out of memory");
    else if (!regs_fill(&c, s, n_insn))
        e = corrupt("a register column");
    if (e) {
        chunk_regs_deinit(&c);
        return e;
    }
    *ret = c;
    return NULL;
}

static bool mems_fill(struct chunk_mems *c, struct stream s[5], uint32_t n_insn)
{
    uint64_t at = 0, addr = 0, off = 0, total = left(&s[3]);
    if (left(&s[4]) != total)
        return false;
    for (uint32_t i = 0; i < c->n; i++) {
        at += get_varint(&s[0]);
        uint64_t head = get_varint(&s[1]);
        addr = get_delta(&s[2], addr);
        uint64_t size = head >> 2;
        if (at > n_insn || size > total - off || addr + size < addr)
            return false;
        c->at[i] = (uint32_t)at;
        c->addr[i] = addr;
        c->size[i] = (uint32_t)size;
        c->flags[i] = head & 3;
        c->off[i] = (uint32_t)off;
        off += size;
    }
    if (s[0].bad || s[1].bad || s[2].bad || off != total)
        return false;
    memcpy(c->new_, s[3].p, total);
    memcpy(c->old, s[4].p, total);
    return true;
}

struct odb_err *chunk_mems_decode(const void *blob, size_t n_bytes, uint32_t n_insn, struct chunk_mems *ret)
{
    _cleanup_free_ uint8_t *raw = NULL;
    struct stream s[5];
    uint32_t n;
    ODB_TRY(open_blob(blob, n_bytes, CHUNK_MAGIC_MEMS, 5, &raw, &n, s));
    if (n > left(&s[0]) || n > left(&s[1]) || n > left(&s[2]))
        return corrupt("a memory column of the wrong length");
    struct chunk_mems c = {.n = n};
    c.at = malloc(n * sizeof(*c.at) + 1);
    c.addr = malloc(n * sizeof(*c.addr) + 1);
    c.size = malloc(n * sizeof(*c.size) + 1);
    c.flags = malloc((size_t)n + 1);
    c.off = malloc(n * sizeof(*c.off) + 1);
    c.new_ = malloc(left(&s[3]) + 1);
    c.old = malloc(left(&s[3]) + 1);
    struct odb_err *e = NULL;
    if (!c.at || !c.addr || !c.size || !c.flags || !c.off || !c.new_ || !c.old)
        e = odb_err("out of memory");
    else if (!mems_fill(&c, s, n_insn))
        e = corrupt("a memory column");
    if (e) {
        chunk_mems_deinit(&c);
        return e;
    }
    *ret = c;
    return NULL;
}

void chunk_insns_deinit(struct chunk_insns *c)
{
    free(c->rip);
    *c = (struct chunk_insns){0};
}

void chunk_regs_deinit(struct chunk_regs *c)
{
    free(c->at);
    free(c->reg);
    free(c->len);
    free(c->val);
    free(c->wide);
    *c = (struct chunk_regs){0};
}

void chunk_mems_deinit(struct chunk_mems *c)
{
    free(c->at);
    free(c->addr);
    free(c->size);
    free(c->flags);
    free(c->off);
    free(c->new_);
    free(c->old);
    *c = (struct chunk_mems){0};
}
