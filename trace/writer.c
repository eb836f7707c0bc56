/* Writing `events`: whole events are gathered until a block is full, then compressed and written with
 * one pwritev at the end of the file.
 *
 * Invariants: the file up to file_end is valid whatever happens: a block that could not be written whole
 * is cut away again (and if even that fails, a reader sees a block with a wrong checksum at the end and
 * stops before it). What is in `raw` stays there until its block is on disk, so a failed flush (disk
 * full) can be tried again. raw_used counts whole events only.
 *
 * A program killed while its engine writes an event's followers (n_mem) leaves the group incomplete, and
 * the recorder's END comes right behind it. So that the recording is whole even then, an open group is
 * kept in the buffer; one larger than the buffer begins at a block's beginning. END takes it out again.
 * Of a tree, others go on: then EXIT with ODB_EXIT_KILLED (or a SWITCH before it) comes right behind the group, which is overwritten with NOTE
 * events of the same length, because stream offsets must stay what they are (ring_tail). */
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
#define MIN_NOTE_BYTES (sizeof(struct odb_ev_note) + 8)
/* So much is in one zstd block: what a reader loses at most when the last block is cut off. */
#define PIECE_BYTES (32u << 10)

_Static_assert(RAW_BYTES >= ODB_EVENT_MAX_BYTES && RAW_BYTES <= ODB_BLOCK_MAX_BYTES,
               "every event fits in a block");

struct trace_writer {
    int fd;
    char *path;
    ZSTD_CCtx *zstd;
    uint8_t *raw; /* RAW_BYTES */
    size_t raw_used;
    uint8_t *packed; /* packed_cap bytes */
    size_t packed_cap;
    uint64_t file_end;    /* bytes of valid file */
    uint64_t flushed;     /* stream bytes in the file */
    uint64_t group_start; /* stream offset of the last event that announced followers */
    uint64_t group_left;  /* of its followers, those that did not come yet */
    uint32_t group_tid, group_pid;
    uint64_t group_file_start; /* if the group's beginning is in the file: where its first block begins */
};

static void writer_free(struct trace_writer *w)
{
    if (w->fd >= 0)
        close(w->fd);
    ZSTD_freeCCtx(w->zstd);
    free(w->raw);
    free(w->packed);
    free(w->path);
    free(w);
}

static struct odb_err *write_at_end(struct trace_writer *w, struct iovec *iov, int n_iov, size_t n_bytes)
{
    struct odb_err *e = fs_pwritev_all(w->fd, iov, n_iov, w->file_end);
    if (!e) {
        w->file_end += n_bytes;
        return NULL;
    }
    bool is_clean = ftruncate(w->fd, (off_t)w->file_end) == 0;
    struct odb_err *ret =
        odb_err("%s: %s (the %" PRIu64 " bytes of events recorded so far stay usable%s)", w->path,
                odb_err_text(e), w->flushed, is_clean ? "" : ", with an incomplete block behind them");
    odb_err_free(e);
    return ret;
}

static struct odb_err *write_file_header(struct trace_writer *w)
{
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

struct odb_err *trace_writer_create(const char *dir, struct trace_writer **ret)
{
    struct trace_writer *w = calloc(1, sizeof *w);
    if (!w)
        return odb_err("out of memory");
    w->fd = -1;
    struct odb_err *e = fs_join(dir, "events", &w->path);
    if (e) {
        writer_free(w);
        return e;
    }
    w->packed_cap = ZSTD_compressBound(RAW_BYTES) + RAW_BYTES / PIECE_BYTES * 16;
    w->raw = malloc(RAW_BYTES);
    w->packed = malloc(w->packed_cap);
    w->zstd = ZSTD_createCCtx();
    if (!w->raw || !w->packed || !w->zstd) {
        writer_free(w);
        return odb_err("out of memory");
    }
    ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
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

/* Compresses the first n raw bytes, in pieces; 0 if they do not get smaller. */
static size_t pack(struct trace_writer *w, size_t n_raw)
{
    ZSTD_CCtx_reset(w->zstd, ZSTD_reset_session_only);
    ZSTD_CCtx_setPledgedSrcSize(w->zstd, n_raw);
    ZSTD_outBuffer out = {.dst = w->packed, .size = w->packed_cap};
    ZSTD_inBuffer in = {.src = w->raw};
    while (in.size < n_raw) {
        in.size = n_raw - in.size < PIECE_BYTES ? n_raw : in.size + PIECE_BYTES;
        size_t rc = ZSTD_compressStream2(w->zstd, &out, &in, in.size == n_raw ? ZSTD_e_end : ZSTD_e_flush);
        if (rc != 0) /* an error, or no room */
            return 0;
    }
    return out.pos < n_raw ? out.pos : 0;
}

/* The first n raw bytes as a block. */
static struct odb_err *write_block(struct trace_writer *w, size_t n_raw)
{
    if (!n_raw)
        return NULL;
    size_t n = pack(w, n_raw);
    bool stored = n == 0;
    if (stored)
        n = n_raw;
    uint8_t *packed = stored ? w->raw : w->packed;
    struct block_header h = {
        .raw_bytes = (uint32_t)n_raw,
        .packed_bytes = (uint32_t)n,
        .packed_crc = odb_crc32(packed, n),
        .stream_offset = w->flushed,
    };
    memcpy(h.magic, ODB_BLOCK_MAGIC, sizeof h.magic);
    h.crc = odb_crc32(&h, offsetof(struct block_header, crc));
    struct iovec iov[2] = {
        {.iov_base = &h, .iov_len = sizeof h},
        {.iov_base = packed, .iov_len = n},
    };
    ODB_TRY(write_at_end(w, iov, 2, sizeof h + n));
    w->flushed += n_raw;
    w->raw_used -= n_raw;
    memmove(w->raw, w->raw + n_raw, w->raw_used);
    return NULL;
}

static bool is_group_open(const struct trace_writer *w) { return w->group_left > 0; }

struct odb_err *trace_writer_flush(struct trace_writer *w)
{
    bool is_held = is_group_open(w) && w->group_start >= w->flushed;
    return write_block(w, is_held ? (size_t)(w->group_start - w->flushed) : w->raw_used);
}

/* The buffer is full: all complete groups go; if one group alone fills it, its beginning goes, too. */
static struct odb_err *make_room(struct trace_writer *w)
{
    ODB_TRY(trace_writer_flush(w));
    if (w->raw_used + ODB_EVENT_MAX_BYTES <= RAW_BYTES)
        return NULL;
    if (w->group_start == w->flushed)
        w->group_file_start = w->file_end;
    return write_block(w, w->raw_used);
}

/* END comes while a group is open: the group is taken out again. */
static bool drop_group(struct trace_writer *w)
{
    if (w->group_start < w->flushed) {
        if (ftruncate(w->fd, (off_t)w->group_file_start) < 0)
            return false; /* the reader stops before the group */
        w->file_end = w->group_file_start;
        w->flushed = w->group_start;
        w->raw_used = 0;
    }
    w->raw_used = (size_t)(w->group_start - w->flushed);
    w->group_left = 0;
    return true;
}

/* n_bytes of NOTE at the end of the buffer. */
static void put_blank(struct trace_writer *w, size_t n_bytes)
{
    static const char text[] = "the process was killed while the event that was here was written";
    struct odb_ev_note note = {
        .ev = {.size_bytes = (uint32_t)n_bytes,
               .type = ODB_EV_NOTE,
               .tid = w->group_tid,
               .pid = w->group_pid},
        .text_bytes = (uint32_t)(n_bytes - sizeof note),
        .kind = ODB_NOTE_INFO,
    };
    uint8_t *to = w->raw + w->raw_used;
    size_t n_text = note.text_bytes < sizeof text ? note.text_bytes : sizeof text;
    memcpy(to, &note, sizeof note);
    memset(to + sizeof note, ' ', note.text_bytes);
    memcpy(to + sizeof note, text, n_text - 1);
    to[n_bytes - 1] = 0;
    w->raw_used += n_bytes;
}

/* A process was killed while a group of its was open. */
static struct odb_err *blank_group(struct trace_writer *w)
{
    uint64_t left = trace_writer_offset(w) - w->group_start;
    if (!drop_group(w))
        return odb_err_errno(errno, "%s: cannot cut it", w->path);
    while (left) {
        size_t n = left < ODB_EVENT_MAX_BYTES ? (size_t)left : ODB_EVENT_MAX_BYTES - MIN_NOTE_BYTES;
        if (w->raw_used + n > RAW_BYTES)
            ODB_TRY(write_block(w, w->raw_used));
        put_blank(w, n);
        left -= n;
    }
    return NULL;
}

/* Counts followers of the event at stream offset `at`; its struct may be unaligned. */
static void track(struct trace_writer *w, const uint8_t *event, const struct odb_event *ev, uint64_t at)
{
    uint64_t n = 0;
    if (ev->type == ODB_EV_SYSCALL && ev->size_bytes >= sizeof(struct odb_ev_syscall)) {
        struct odb_ev_syscall e;
        memcpy(&e, event, sizeof e);
        n = e.n_mem;
    } else if (ev->type == ODB_EV_EXEC && ev->size_bytes >= sizeof(struct odb_ev_exec)) {
        struct odb_ev_exec e;
        memcpy(&e, event, sizeof e);
        n = (uint64_t)e.n_maps + e.n_mem;
    } else if (ev->type == ODB_EV_TASK && ev->size_bytes >= sizeof(struct odb_ev_task)) {
        struct odb_ev_task e;
        memcpy(&e, event, sizeof e);
        n = e.n_mem;
    } else if (ev->type == ODB_EV_MAP || ev->type == ODB_EV_MEM) {
        w->group_left -= w->group_left > 0;
        return;
    }
    w->group_start = at;
    w->group_left = n;
    w->group_tid = ev->tid;
    w->group_pid = ev->pid;
}

/* Checks the header of the event at p + run. */
static struct odb_err *check_header(struct trace_writer *w, const uint8_t *event, size_t left, size_t run,
                                    struct odb_event *ret)
{
    if (left < sizeof *ret)
        return odb_err("%s: an event is cut off before it was written", w->path);
    memcpy(ret, event, sizeof *ret);
    if (ret->size_bytes < sizeof *ret || ret->size_bytes % 8 || ret->size_bytes > ODB_EVENT_MAX_BYTES ||
        ret->size_bytes > left)
        return odb_err("%s: event of type %u with impossible size %u at stream offset %" PRIu64, w->path,
                       ret->type, ret->size_bytes, trace_writer_offset(w) + run);
    return NULL;
}

/* Whole events from the beginning of p that fit into the buffer. */
static struct odb_err *measure_run(struct trace_writer *w, const uint8_t *p, size_t n_bytes, size_t *ret)
{
    size_t run = 0;
    while (run < n_bytes) {
        struct odb_event ev;
        ODB_TRY(check_header(w, p + run, n_bytes - run, run, &ev));
        bool is_dropping = ev.type == ODB_EV_END && is_group_open(w);
        bool is_death = ev.type == ODB_EV_SWITCH || (ev.type == ODB_EV_EXIT && (ev.flags & ODB_EXIT_KILLED));
        bool is_blanking = is_death && is_group_open(w);
        if ((is_dropping || is_blanking) && run)
            break; /* what is before it first */
        if (is_dropping)
            drop_group(w);
        if (is_blanking)
            ODB_TRY(blank_group(w));
        if (w->raw_used + run + ev.size_bytes > RAW_BYTES)
            break;
        track(w, p + run, &ev, trace_writer_offset(w) + run);
        run += ev.size_bytes;
    }
    *ret = run;
    return NULL;
}

struct odb_err *trace_writer_append(struct trace_writer *w, const void *events, size_t n_bytes)
{
    const uint8_t *p = events;
    while (n_bytes) {
        size_t run;
        ODB_TRY(measure_run(w, p, n_bytes, &run));
        memcpy(w->raw + w->raw_used, p, run);
        w->raw_used += run;
        p += run;
        n_bytes -= run;
        if (n_bytes && !run)
            ODB_TRY(make_room(w));
    }
    return NULL;
}

uint64_t trace_writer_offset(const struct trace_writer *w) { return w->flushed + w->raw_used; }

uint64_t trace_writer_flushed(const struct trace_writer *w) { return w->flushed; }

struct odb_err *trace_writer_close(struct trace_writer *w)
{
    struct odb_err *e = write_block(w, w->raw_used);
    int fd = take_fd(w->fd);
    if (close(fd) < 0 && !e)
        e = odb_err_errno(errno, "cannot close %s", w->path);
    writer_free(w);
    return e;
}
