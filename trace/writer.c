/* Writing `events`: whole events are gathered until a block is full, then compressed and written with
 * one pwritev at the end of the file.
 *
 * Invariants: the file up to file_end is valid whatever happens: a block that could not be written whole
 * is cut away again (and if even that fails, a reader sees a block with a wrong checksum at the end and
 * stops before it). What is in `raw` stays there until its block is on disk, so a failed flush (disk
 * full) can be tried again. raw_used counts whole events only. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "common/cleanup.h"
#include "common/crc32.h"
#include "common/fs.h"
#include "trace/block.h"
#include "trace/trace.h"

#define RAW_BYTES (4u << 20)
#define ZSTD_LEVEL 1

_Static_assert(RAW_BYTES >= ODB_EVENT_MAX_BYTES && RAW_BYTES <= ODB_BLOCK_MAX_BYTES, "every event fits in a block");

struct trace_writer {
    int fd;
    char *path;
    ZSTD_CCtx *zstd;
    uint8_t *raw;          /* RAW_BYTES */
    size_t raw_used;
    uint8_t *packed;       /* packed_cap bytes */
    size_t packed_cap;
    uint64_t file_end;     /* bytes of valid file */
    uint64_t flushed;      /* stream bytes in the file */
};

static void writer_free(struct trace_writer *w) {
    if (w->fd >= 0)
        close(w->fd);
    ZSTD_freeCCtx(w->zstd);
    free(w->raw);
    free(w->packed);
    free(w->path);
    free(w);
}

static struct odb_err *write_at_end(struct trace_writer *w, struct iovec *iov, int n_iov, size_t n_bytes) {
    struct odb_err *e = fs_pwritev_all(w->fd, iov, n_iov, w->file_end);
    if (!e) {
        w->file_end += n_bytes;
        return NULL;
    }
    if (ftruncate(w->fd, (off_t)w->file_end) < 0)
        return odb_err_context(e, "%s (and cannot cut off the incomplete block)", w->path);
    return odb_err_context(e, "%s (what is recorded so far stays usable, %" PRIu64 " bytes of events)", w->path,
                           w->flushed);
}

static struct odb_err *write_file_header(struct trace_writer *w) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct file_header h = {
        .version = ODB_FORMAT_VERSION,
        .header_bytes = sizeof h,
        .time_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec,
    };
    memcpy(h.magic, ODB_FILE_MAGIC, sizeof h.magic);
    h.crc = odb_crc32(&h, offsetof(struct file_header, crc));
    struct iovec iov = {.iov_base = &h, .iov_len = sizeof h};
    return write_at_end(w, &iov, 1, sizeof h);
}

struct odb_err *trace_writer_create(const char *dir, struct trace_writer **ret) {
    struct trace_writer *w = calloc(1, sizeof *w);
    if (!w)
        return odb_err("out of memory");
    w->fd = -1;
    struct odb_err *e = fs_join(dir, "events", &w->path);
    if (e) {
        writer_free(w);
        return e;
    }
    w->packed_cap = ZSTD_compressBound(RAW_BYTES);
    w->raw = malloc(RAW_BYTES);
    w->packed = malloc(w->packed_cap);
    w->zstd = ZSTD_createCCtx();
    if (!w->raw || !w->packed || !w->zstd) {
        writer_free(w);
        return odb_err("out of memory");
    }
    w->fd = open(w->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (w->fd < 0)
        e = odb_err_errno(errno, "cannot create %s", w->path);
    else
        e = write_file_header(w);
    if (e) {
        writer_free(w);
        return e;
    }
    *ret = w;
    return NULL;
}

struct odb_err *trace_writer_flush(struct trace_writer *w) {
    if (!w->raw_used)
        return NULL;
    size_t n = ZSTD_compressCCtx(w->zstd, w->packed, w->packed_cap, w->raw, w->raw_used, ZSTD_LEVEL);
    bool stored = ZSTD_isError(n) || n >= w->raw_used;
    if (stored)
        n = w->raw_used;
    const uint8_t *packed = stored ? w->raw : w->packed;
    struct block_header h = {
        .raw_bytes = (uint32_t)w->raw_used,
        .packed_bytes = (uint32_t)n,
        .packed_crc = odb_crc32(packed, n),
        .stream_offset = w->flushed,
    };
    memcpy(h.magic, ODB_BLOCK_MAGIC, sizeof h.magic);
    h.crc = odb_crc32(&h, offsetof(struct block_header, crc));
    struct iovec iov[2] = {
        {.iov_base = &h, .iov_len = sizeof h},
        {.iov_base = stored ? w->raw : w->packed, .iov_len = n},
    };
    ODB_TRY(write_at_end(w, iov, 2, sizeof h + n));
    w->flushed += w->raw_used;
    w->raw_used = 0;
    return NULL;
}

struct odb_err *trace_writer_append(struct trace_writer *w, const void *events, size_t n_bytes) {
    const uint8_t *p = events;
    while (n_bytes) {
        /* As many whole events as fit, in one copy. */
        size_t run = 0;
        bool is_full = false;
        while (run < n_bytes && !is_full) {
            struct odb_event ev;
            size_t left = n_bytes - run;
            if (left < sizeof ev)
                return odb_err("%s: an event is cut off before it was written", w->path);
            memcpy(&ev, p + run, sizeof ev);
            if (ev.size_bytes < sizeof ev || ev.size_bytes % 8 || ev.size_bytes > ODB_EVENT_MAX_BYTES ||
                ev.size_bytes > left)
                return odb_err("%s: event of type %u with impossible size %u at stream offset %" PRIu64, w->path,
                               ev.type, ev.size_bytes, trace_writer_offset(w) + run);
            is_full = w->raw_used + run + ev.size_bytes > RAW_BYTES;
            if (!is_full)
                run += ev.size_bytes;
        }
        memcpy(w->raw + w->raw_used, p, run);
        w->raw_used += run;
        p += run;
        n_bytes -= run;
        if (is_full || w->raw_used == RAW_BYTES)
            ODB_TRY(trace_writer_flush(w));
    }
    return NULL;
}

uint64_t trace_writer_offset(const struct trace_writer *w) {
    return w->flushed + w->raw_used;
}

uint64_t trace_writer_flushed(const struct trace_writer *w) {
    return w->flushed;
}

struct odb_err *trace_writer_close(struct trace_writer *w) {
    struct odb_err *e = trace_writer_flush(w);
    int fd = take_fd(w->fd);
    if (close(fd) < 0 && !e)
        e = odb_err_errno(errno, "cannot close %s", w->path);
    writer_free(w);
    return e;
}
