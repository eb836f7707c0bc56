/* Bounds-checked cursor: see buf.h. Invariant: pos <= len_bytes. */
#include "common/buf.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct odb_err *buf_err(const struct buf *b, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return odb_err("%s: offset %" PRIu64 ": %s", b->what, b->base + b->pos, text);
}

struct odb_err *buf_bytes(struct buf *b, size_t n_bytes, const uint8_t **ret)
{
    if (n_bytes > buf_left(b))
        return buf_err(b, "%zu bytes wanted, %zu left", n_bytes, buf_left(b));
    *ret = b->data + b->pos;
    b->pos += n_bytes;
    return NULL;
}

struct odb_err *buf_copy(struct buf *b, void *to, size_t n_bytes)
{
    const uint8_t *p = NULL;
    ODB_TRY(buf_bytes(b, n_bytes, &p));
    if (p && n_bytes)
        memcpy(to, p, n_bytes);
    return NULL;
}

struct odb_err *buf_skip(struct buf *b, size_t n_bytes)
{
    const uint8_t *p;
    return buf_bytes(b, n_bytes, &p);
}

struct odb_err *buf_u8(struct buf *b, uint8_t *ret) { return buf_copy(b, ret, sizeof *ret); }

struct odb_err *buf_u16(struct buf *b, uint16_t *ret) { return buf_copy(b, ret, sizeof *ret); }

struct odb_err *buf_u32(struct buf *b, uint32_t *ret) { return buf_copy(b, ret, sizeof *ret); }

struct odb_err *buf_u64(struct buf *b, uint64_t *ret) { return buf_copy(b, ret, sizeof *ret); }

struct odb_err *buf_uleb(struct buf *b, uint64_t *ret)
{
    uint64_t v = 0;
    size_t pos = b->pos;
    for (unsigned shift = 0;; shift += 7) {
        if (pos >= b->len_bytes)
            return buf_err(b, "LEB128 number is cut off");
        uint8_t byte = b->data[pos++];
        if (shift == 63 && byte > 1)
            return buf_err(b, "LEB128 number exceeds 64 bits");
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            break;
    }
    b->pos = pos;
    *ret = v;
    return NULL;
}

struct odb_err *buf_cstr(struct buf *b, const char **ret)
{
    const uint8_t *start = b->data + b->pos;
    const uint8_t *nul = buf_left(b) ? memchr(start, 0, buf_left(b)) : NULL;
    if (!nul)
        return buf_err(b, "string without end");
    *ret = (const char *)start;
    b->pos += (size_t)(nul - start) + 1;
    return NULL;
}

struct odb_err *buf_expect(struct buf *b, const void *bytes, size_t n_bytes, const char *name)
{
    if (n_bytes > buf_left(b) || memcmp(b->data + b->pos, bytes, n_bytes) != 0)
        return buf_err(b, "not %s", name);
    b->pos += n_bytes;
    return NULL;
}
