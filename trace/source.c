/* Blocks of `events`, then the rest of `ring`.
 *
 * Blocks. Each is checked (header checksum, sizes, stream offset without gap, checksum, decompressed
 * size) before a byte of it is given out; the first that is not good ends the file. Only of a block that
 * is cut off by the file's end are the events used that are still there: nothing speaks against them, and
 * they are validated like all others. Nothing is allocated beyond ODB_BLOCK_MAX_BYTES and the compressed
 * size that really is in the file.
 *
 * Ring. The recorder copies ring bytes to the writer, and moves ring_tail only after they are in
 * `events`. So when both are killed, the file's end lies within [ring_tail, ring_head], in ring offsets:
 *     flushed = (stream bytes in file) - ring_stream_base - (host NOTEs behind the base)
 * and the bytes [flushed, ring_head) are the missing rest. If the numbers do not fit that, the ring is
 * left alone and the text says so. Everything in the ring is as untrusted as the file. */
#include "trace/source.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/crc32.h"
#include "common/fs.h"
#include "preload/control.h"
#include "trace/block.h"
#include "trace/format.h"

/* Memory that a hostile frame may ask for: a window of 16 MiB, as long as a block. */
#define MAX_WINDOW_LOG 24
_Static_assert(1u << MAX_WINDOW_LOG == ODB_BLOCK_MAX_BYTES, "the window of one block");

struct trace_source {
    char *events_path; /* owned */
    char *ring_path;   /* owned */
    int fd;
    int ring_fd; /* -1: there is no ring */
    uint64_t file_bytes;
    uint64_t time_ns;
    ZSTD_DCtx *zstd;
    uint8_t *packed;
    size_t packed_cap;
    bool has_base;
    uint64_t ring_stream_base;
    uint64_t ring_bytes;
    char damage[320];
};

struct ring_state {
    uint64_t base, head, tail;
};

/* Adds to the damage text, once: after a look ahead the same place is read again. */
__attribute__((format(printf, 2, 3))) static void set_damage(struct trace_source *s, const char *fmt, ...)
{
    char text[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap); /* NOLINT(clang-analyzer-valist.Uninitialized): it is */
    va_end(ap);
    if (strstr(s->damage, text))
        return;
    size_t used = strlen(s->damage);
    snprintf(s->damage + used, sizeof s->damage - used, "%s%s", used ? "; " : "", text);
}

static struct odb_err *reserve(uint8_t **data, size_t *cap, size_t n_bytes)
{
    if (n_bytes <= *cap)
        return NULL;
    free(*data);
    *cap = 0;
    *data = malloc(n_bytes);
    if (!*data)
        return odb_err("out of memory");
    *cap = n_bytes;
    return NULL;
}

void source_block_deinit(struct source_block *b)
{
    free(b->data);
    *b = (struct source_block){0};
}

/* ---- opening ---- */

static struct odb_err *read_file_header(struct trace_source *s)
{
    struct file_header h;
    size_t n;
    ODB_TRY(odb_err_context(fs_pread_full(s->fd, &h, sizeof h, 0, &n), "%s", s->events_path));
    struct buf b = buf_of(&h, n, 0, s->events_path);
    ODB_TRY(buf_expect(&b, ODB_FILE_MAGIC, sizeof h.magic, "a recording (wrong magic)"));
    uint32_t version, header_bytes, reserved, crc;
    ODB_TRY(buf_u32(&b, &version));
    if (version != ODB_FORMAT_VERSION)
        return odb_err("%s: format version %" PRIu32 ", this odb reads version %d", s->events_path, version,
                       ODB_FORMAT_VERSION);
    ODB_TRY(buf_u32(&b, &header_bytes));
    ODB_TRY(buf_u64(&b, &s->time_ns));
    ODB_TRY(buf_u32(&b, &reserved));
    ODB_TRY(buf_u32(&b, &crc));
    if (crc != odb_crc32(&h, offsetof(struct file_header, crc)) || header_bytes != sizeof h || reserved)
        return odb_err("%s: the file header is damaged", s->events_path);
    return NULL;
}

/* Reads the ring's identity and offsets; false, and why, when they cannot be used. */
static bool read_ring_state(struct trace_source *s, struct ring_state *ret, const char **why)
{
    _cleanup_free_ struct odb_control *c = aligned_alloc(_Alignof(struct odb_control), sizeof *c);
    size_t n = 0;
    *why = "cannot be read";
    if (!c)
        return false;
    struct odb_err *e = fs_pread_full(s->ring_fd, c, offsetof(struct odb_control, cmd), 0, &n);
    odb_err_free(e);
    if (e)
        return false;
    *why = "is too short";
    if (n < offsetof(struct odb_control, cmd))
        return false;
    *why = "has the wrong magic or version";
    if (c->magic != ODB_CONTROL_MAGIC || c->version != ODB_CONTROL_VERSION || c->mode != ODB_MODE_RECORD)
        return false;
    ret->base = c->ring_stream_base;
    ret->head = atomic_load_explicit(&c->ring_head, memory_order_relaxed);
    ret->tail = atomic_load_explicit(&c->ring_tail, memory_order_relaxed);
    *why = "has impossible offsets";
    return (ret->base | ret->head | ret->tail) % 8 == 0 && ret->tail <= ret->head &&
           ret->head - ret->tail <= ODB_RING_BYTES && ret->base <= INT64_MAX && ret->head <= INT64_MAX;
}

static struct odb_err *open_files(struct trace_source *s, const char *dir)
{
    ODB_TRY(fs_join(dir, "events", &s->events_path));
    ODB_TRY(fs_join(dir, "ring", &s->ring_path));
    s->zstd = ZSTD_createDCtx();
    if (!s->zstd)
        return odb_err("out of memory");
    ZSTD_DCtx_setParameter(s->zstd, ZSTD_d_windowLogMax, MAX_WINDOW_LOG);
    ODB_TRY(fs_open_regular(s->events_path, &s->fd, &s->file_bytes));
    if (s->fd < 0)
        return odb_err("%s: no recording there (no file `events`)", dir);
    ODB_TRY(read_file_header(s));
    struct odb_err *e = fs_open_regular(s->ring_path, &s->ring_fd, NULL);
    odb_err_free(e); /* a ring that cannot be opened is one that is not there */
    if (s->ring_fd >= 0) {
        struct ring_state ring;
        const char *why;
        s->has_base = read_ring_state(s, &ring, &why);
        if (s->has_base)
            s->ring_stream_base = ring.base;
    }
    return NULL;
}

struct odb_err *trace_source_open(const char *dir, struct trace_source **ret)
{
    struct trace_source *s = calloc(1, sizeof *s);
    if (!s)
        return odb_err("out of memory");
    s->fd = s->ring_fd = -1;
    struct odb_err *e = open_files(s, dir);
    if (e) {
        trace_source_close(s);
        return e;
    }
    *ret = s;
    return NULL;
}

void trace_source_close(struct trace_source *s)
{
    if (!s)
        return;
    odb_closep(&s->fd);
    odb_closep(&s->ring_fd);
    ZSTD_freeDCtx(s->zstd);
    free(s->packed);
    free(s->events_path);
    free(s->ring_path);
    free(s);
}

void trace_source_rewind(struct trace_source *s, struct source_pos *ret)
{
    *ret = (struct source_pos){.file_offset = sizeof(struct file_header)};
    s->damage[0] = 0;
    s->ring_bytes = 0;
}

const char *trace_source_damage(const struct trace_source *s) { return s->damage; }

uint64_t trace_source_time_ns(const struct trace_source *s) { return s->time_ns; }

uint64_t trace_source_ring_bytes(const struct trace_source *s) { return s->ring_bytes; }

uint64_t trace_source_left(const struct trace_source *s, const struct source_pos *pos)
{
    return pos->file_offset < s->file_bytes ? s->file_bytes - pos->file_offset : 0;
}

bool trace_source_is_behind_base(const struct trace_source *s, uint64_t stream_offset)
{
    return s->has_base && stream_offset >= s->ring_stream_base;
}

/* ---- blocks ---- */

/* Header at pos; false: no block there (the end, or damage, which is noted). */
static struct odb_err *read_block_header(struct trace_source *s, const struct source_pos *pos,
                                         struct block_header *h, bool *ret_found)
{
    uint64_t at = pos->file_offset;
    size_t n;
    *ret_found = false;
    ODB_TRY(odb_err_context(fs_pread_full(s->fd, h, sizeof *h, at, &n), "%s", s->events_path));
    if (n == 0)
        return NULL;
    if (n < sizeof *h)
        set_damage(s, "block header at file offset %" PRIu64 " is cut off", at);
    else if (memcmp(h->magic, ODB_BLOCK_MAGIC, sizeof h->magic) != 0 ||
             h->crc != odb_crc32(h, offsetof(struct block_header, crc)))
        set_damage(s, "block header at file offset %" PRIu64 " is damaged", at);
    else if (h->raw_bytes == 0 || h->raw_bytes > ODB_BLOCK_MAX_BYTES || h->raw_bytes % 8 ||
             h->packed_bytes == 0 || h->packed_bytes > h->raw_bytes || h->reserved)
        set_damage(s, "block at file offset %" PRIu64 " has impossible sizes", at);
    else if (h->stream_offset != pos->stream_offset)
        set_damage(s, "block at file offset %" PRIu64 " does not follow the one before it", at);
    else
        *ret_found = true;
    return NULL;
}

/* What the first n bytes of a cut-off zstd frame give. */
static size_t unpack_prefix(struct trace_source *s, const uint8_t *packed, size_t n, uint8_t *to, size_t cap)
{
    ZSTD_DCtx_reset(s->zstd, ZSTD_reset_session_only);
    ZSTD_inBuffer in = {.src = packed, .size = n};
    ZSTD_outBuffer out = {.dst = to, .size = cap};
    for (;;) {
        size_t in_before = in.pos, out_before = out.pos;
        size_t rc = ZSTD_decompressStream(s->zstd, &out, &in);
        if (ZSTD_isError(rc) || (in.pos == in_before && out.pos == out_before))
            return out.pos;
    }
}

static size_t whole_events(const uint8_t *data, size_t n)
{
    size_t at = 0;
    while (n - at >= sizeof(struct odb_event)) {
        const struct odb_event *ev = (const void *)(data + at);
        if (ev->size_bytes < sizeof *ev || ev->size_bytes > n - at || ev->size_bytes % 8)
            break;
        at += ev->size_bytes;
    }
    return at;
}

/* Raw bytes of the n packed ones that are there. */
static size_t unpack(struct trace_source *s, const struct block_header *h, uint64_t at, size_t n,
                     uint8_t *raw)
{
    bool is_stored = h->packed_bytes == h->raw_bytes;
    if (n < h->packed_bytes) {
        set_damage(s, "block at file offset %" PRIu64 " is cut off", at);
        return whole_events(raw, is_stored ? n : unpack_prefix(s, s->packed, n, raw, h->raw_bytes));
    }
    if (odb_crc32(is_stored ? raw : s->packed, n) != h->packed_crc) {
        set_damage(s, "block at file offset %" PRIu64 " is damaged (checksum)", at);
        return 0;
    }
    if (!is_stored && ZSTD_decompressDCtx(s->zstd, raw, h->raw_bytes, s->packed, n) != h->raw_bytes) {
        set_damage(s, "block at file offset %" PRIu64 " does not decompress", at);
        return 0;
    }
    return h->raw_bytes;
}

static struct odb_err *read_block(struct trace_source *s, struct source_pos *pos, struct source_block *ret)
{
    struct block_header h;
    bool found;
    uint64_t at = pos->file_offset;
    ODB_TRY(read_block_header(s, pos, &h, &found));
    if (!found)
        return NULL;
    uint64_t left = trace_source_left(s, pos);
    size_t n = left < sizeof h ? 0 : (size_t)(left - sizeof h);
    if (n > h.packed_bytes)
        n = h.packed_bytes;
    bool is_stored = h.packed_bytes == h.raw_bytes;
    ODB_TRY(reserve(&ret->data, &ret->cap_bytes, h.raw_bytes));
    if (!is_stored)
        ODB_TRY(reserve(&s->packed, &s->packed_cap, n));
    ODB_TRY(odb_err_context(fs_pread_full(s->fd, is_stored ? ret->data : s->packed, n, at + sizeof h, &n),
                            "%s", s->events_path));
    ret->len_bytes = unpack(s, &h, at, n, ret->data);
    ret->stream_offset = h.stream_offset;
    pos->file_offset = at + sizeof h + n;
    pos->stream_offset += ret->len_bytes;
    pos->is_file_done = ret->len_bytes < h.raw_bytes;
    return NULL;
}

/* ---- ring ---- */

/* Ring bytes [from, from + n_bytes), which may wrap. */
static struct odb_err *read_ring_bytes(struct trace_source *s, uint64_t from, size_t n_bytes, uint8_t *to,
                                       bool *ret_ok)
{
    size_t at = (size_t)(from % ODB_RING_BYTES);
    size_t first = n_bytes < ODB_RING_BYTES - at ? n_bytes : ODB_RING_BYTES - at;
    size_t n, m = 0;
    ODB_TRY(fs_pread_full(s->ring_fd, to, first, ODB_CONTROL_BYTES + at, &n));
    if (first < n_bytes)
        ODB_TRY(fs_pread_full(s->ring_fd, to + first, n_bytes - first, ODB_CONTROL_BYTES, &m));
    *ret_ok = n + m == n_bytes;
    return NULL;
}

static struct odb_err *read_ring(struct trace_source *s, struct source_pos *pos, struct source_block *ret)
{
    struct ring_state ring, after;
    const char *why;
    if (!read_ring_state(s, &ring, &why)) {
        set_damage(s, "`ring` %s", why);
        return NULL;
    }
    uint64_t file_end = pos->stream_offset - pos->host_note_bytes;
    if (file_end < ring.base || file_end - ring.base < ring.tail || file_end - ring.base > ring.head ||
        ring.base != s->ring_stream_base) {
        set_damage(
            s, "`ring` does not follow `events` (stream offset %" PRIu64 "; ring %" PRIu64 " to %" PRIu64 ")",
            file_end, ring.base + ring.tail, ring.base + ring.head);
        return NULL;
    }
    uint64_t from = file_end - ring.base;
    size_t n = (size_t)(ring.head - from);
    if (n == 0)
        return NULL;
    bool is_ok = false;
    ODB_TRY(reserve(&ret->data, &ret->cap_bytes, n));
    ODB_TRY(odb_err_context(read_ring_bytes(s, from, n, ret->data, &is_ok), "%s", s->ring_path));
    /* While recording goes on, what was read may have been overwritten meanwhile. */
    if (!is_ok || !read_ring_state(s, &after, &why) || after.tail > from) {
        set_damage(s, is_ok ? "still being recorded" : "`ring` is too short");
        return NULL;
    }
    ret->len_bytes = n;
    ret->stream_offset = pos->stream_offset;
    pos->stream_offset += n;
    s->ring_bytes = n;
    return NULL;
}

struct odb_err *trace_source_next(struct trace_source *s, struct source_pos *pos, struct source_block *ret)
{
    ret->len_bytes = 0;
    if (pos->is_ring_done)
        return NULL;
    if (!pos->is_file_done)
        ODB_TRY(read_block(s, pos, ret));
    if (ret->len_bytes)
        return NULL;
    pos->is_ring_done = true;
    return s->ring_fd >= 0 ? read_ring(s, pos, ret) : NULL;
}
