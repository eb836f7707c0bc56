/* See source_lines.h. */
#include "indexer/source_lines.h"

#include <stdlib.h>
#include <zstd.h>

#include "common/cleanup.h"

#define ROW_MAX_BYTES 40 /* four numbers of at most 10 bytes */
#define RAW_MAX_BYTES (256u << 20)

static uint8_t *put(uint8_t *p, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        *p++ = (uint8_t)(v | 0x80);
    *p++ = (uint8_t)v;
    return p;
}

static uint64_t zigzag(int64_t v) { return (uint64_t)v << 1 ^ (uint64_t)(v >> 63); }
static int64_t unzigzag(uint64_t z) { return (int64_t)(z >> 1) ^ -(int64_t)(z & 1); }

struct odb_err *source_lines_encode(const struct source_row *rows, size_t n, void **ret, size_t *ret_bytes)
{
    _cleanup_free_ uint8_t *raw = malloc(n * ROW_MAX_BYTES + 1);
    uint8_t *p = raw;
    uint64_t end = 0;
    uint32_t line = 0;
    if (!raw)
        return odb_err("out of memory");
    for (size_t i = 0; i < n; i++) {
        const struct source_row *r = &rows[i];
        p = put(p, zigzag((int64_t)(r->offset - end)));
        p = put(p, r->n_bytes);
        p = put(p, zigzag((int64_t)r->line - line) << 1 | r->is_stmt);
        p = put(p, r->column);
        end = r->offset + r->n_bytes;
        line = r->line;
    }
    size_t cap = ZSTD_compressBound((size_t)(p - raw));
    _cleanup_free_ void *out = malloc(cap);
    if (!out)
        return odb_err("out of memory");
    size_t got = ZSTD_compress(out, cap, raw, (size_t)(p - raw), 1);
    if (ZSTD_isError(got))
        return odb_err("index: zstd: %s", ZSTD_getErrorName(got));
    *ret = take_ptr(out);
    *ret_bytes = got;
    return NULL;
}

struct reader {
    const uint8_t *p, *end;
    bool bad;
};

static uint64_t get(struct reader *r)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64 && r->p < r->end; shift += 7) {
        uint8_t b = *r->p++;
        v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80))
            return v;
    }
    r->bad = true;
    return 0;
}

static struct odb_err *parse(const uint8_t *raw, size_t n_raw, struct source_row **ret, size_t *ret_n)
{
    struct reader r = {.p = raw, .end = raw + n_raw};
    size_t max = n_raw / 4, n = 0; /* a row has four bytes at least */
    _cleanup_free_ struct source_row *rows = malloc((max + 1) * sizeof(*rows));
    uint64_t end = 0;
    int64_t line = 0;
    if (!rows)
        return odb_err("out of memory");
    while (r.p < r.end) {
        uint64_t offset = end + (uint64_t)unzigzag(get(&r)), n_bytes = get(&r), packed = get(&r),
                 column = get(&r);
        line = (int64_t)((uint64_t)line + (uint64_t)unzigzag(packed >> 1));
        if (r.bad || n_bytes > UINT32_MAX || column > UINT32_MAX || line < 0 || line > UINT32_MAX)
            return odb_err("corrupt index: the lines of a source file");
        rows[n++] = (struct source_row){.offset = offset,
                                        .n_bytes = (uint32_t)n_bytes,
                                        .line = (uint32_t)line,
                                        .column = (uint32_t)column,
                                        .is_stmt = packed & 1};
        end = offset + n_bytes;
    }
    *ret = take_ptr(rows);
    *ret_n = n;
    return NULL;
}

struct odb_err *source_lines_decode(const void *data, size_t n_bytes, struct source_row **ret, size_t *ret_n)
{
    unsigned long long n_raw = ZSTD_getFrameContentSize(data, n_bytes);
    if (n_raw == ZSTD_CONTENTSIZE_UNKNOWN || n_raw == ZSTD_CONTENTSIZE_ERROR || n_raw > RAW_MAX_BYTES)
        return odb_err("corrupt index: the lines of a source file are no zstd frame");
    _cleanup_free_ uint8_t *raw = malloc((size_t)n_raw + 1);
    if (!raw)
        return odb_err("out of memory");
    size_t got = ZSTD_decompress(raw, (size_t)n_raw, data, n_bytes);
    if (ZSTD_isError(got))
        return odb_err("corrupt index: the lines of a source file: %s", ZSTD_getErrorName(got));
    return parse(raw, got, ret, ret_n);
}
