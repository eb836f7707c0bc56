/* A bounds-checked cursor over bytes that came from a file or a socket. Every read either gives its
 * bytes or an error that names the source and the offset; a failed read moves nothing.
 * Little-endian. Borrows the bytes: they must outlive the cursor. Hosted. */
#ifndef ODB_COMMON_BUF_H
#define ODB_COMMON_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct buf {
    const uint8_t *data; /* borrowed */
    size_t len_bytes;
    size_t pos;
    uint64_t base;    /* offset of data[0] in the source, for messages */
    const char *what; /* borrowed: the source, for messages */
};

static inline struct buf buf_of(const void *data, size_t len_bytes, uint64_t base, const char *what)
{
    return (struct buf){.data = (const uint8_t *)data, .len_bytes = len_bytes, .base = base, .what = what};
}

static inline size_t buf_left(const struct buf *b) { return b->len_bytes - b->pos; }

struct odb_err *buf_u8(struct buf *b, uint8_t *ret) ODB_MUST_CHECK;
struct odb_err *buf_u16(struct buf *b, uint16_t *ret) ODB_MUST_CHECK;
struct odb_err *buf_u32(struct buf *b, uint32_t *ret) ODB_MUST_CHECK;
struct odb_err *buf_u64(struct buf *b, uint64_t *ret) ODB_MUST_CHECK;
/* Unsigned LEB128, at most 64 bits. */
struct odb_err *buf_uleb(struct buf *b, uint64_t *ret) ODB_MUST_CHECK;
/* n bytes in place. */
struct odb_err *buf_bytes(struct buf *b, size_t n_bytes, const uint8_t **ret) ODB_MUST_CHECK;
struct odb_err *buf_copy(struct buf *b, void *to, size_t n_bytes) ODB_MUST_CHECK;
struct odb_err *buf_skip(struct buf *b, size_t n_bytes) ODB_MUST_CHECK;
/* A NUL-terminated string in place; the cursor moves behind the NUL. */
struct odb_err *buf_cstr(struct buf *b, const char **ret) ODB_MUST_CHECK;
/* The next n bytes must be these. */
struct odb_err *buf_expect(struct buf *b, const void *bytes, size_t n_bytes, const char *name) ODB_MUST_CHECK;
/* An error at the cursor's offset, for the caller's own checks. */
struct odb_err *buf_err(const struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), returns_nonnull)) ODB_MUST_CHECK;

#endif
