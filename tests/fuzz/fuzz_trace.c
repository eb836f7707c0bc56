/* The recording reader, the dump and the summary over hostile recordings. The first byte says what the
 * rest is; '0' to '5' in the corpus:
 *     0  the bytes of `events`
 *     1  event bytes, put into valid blocks (so that the fuzzer need not guess checksums)
 *     2  patches of a synthetic stream: (u16 place, u8 how, u32 value) each; then into blocks
 *     3  as 2, but the second half of the stream is in `ring`, and patches with the top bit of `how` go
 *        to the control structure
 *     4  patches of a synthetic `events` file of stored blocks; header checksums are made right again
 *     5  the same of compressed blocks; all checksums are made right again
 * For 2 to 5 the second byte is the synthetic stream's seed. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/crc32.h"
#include "common/fs.h"
#include "preload/control.h"
#include "tests/fuzz/fuzz.h"
#include "tests/trace/synth.h"
#include "trace/block.h"
#include "trace/trace.h"

static char dir_[64];
static int events_ = -1, ring_ = -1;
static FILE *null_;

static void must(bool ok)
{
    if (!ok) {
        perror("fuzz_trace");
        _exit(3);
    }
}

static void clean_up(void)
{
    int d = open(dir_, O_RDONLY | O_DIRECTORY);
    unlinkat(d, "events", 0);
    unlinkat(d, "ring", 0);
    close(d);
    rmdir(dir_);
}

static void set_up(void)
{
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(dir_, sizeof dir_, "%s/odb-fuzz-XXXXXX", base);
    must(mkdtemp(dir_));
    atexit(clean_up);
    char path[128];
    snprintf(path, sizeof path, "%s/events", dir_);
    events_ = open(path, O_RDWR | O_CREAT, 0600);
    null_ = fopen("/dev/null", "w");
    must(events_ >= 0 && null_);
}

static void put(int fd, const void *data, size_t n, size_t at)
{
    must(pwrite(fd, data, n, (off_t)at) == (ssize_t)n);
}

static void write_file_header(void)
{
    struct file_header h = {.version = ODB_FORMAT_VERSION, .header_bytes = sizeof h};
    memcpy(h.magic, ODB_FILE_MAGIC, sizeof h.magic);
    h.crc = odb_crc32(&h, offsetof(struct file_header, crc));
    must(ftruncate(events_, 0) == 0);
    put(events_, &h, sizeof h, 0);
}

/* Stored blocks of about block_bytes (0: one), cut between events where the sizes are sane. */
static void write_blocks(const uint8_t *data, size_t n, size_t block_bytes)
{
    write_file_header();
    size_t file = sizeof(struct file_header);
    n &= ~(size_t)7;
    for (size_t at = 0; at < n;) {
        size_t len = 0;
        while (at + len < n && (!len || !block_bytes || len < block_bytes)) {
            uint32_t size;
            memcpy(&size, data + at + len, sizeof size);
            size = size < 16 || size % 8 || size > n - at - len ? (uint32_t)(n - at - len) : size;
            len += size;
        }
        struct block_header h = {.raw_bytes = (uint32_t)len,
                                 .packed_bytes = (uint32_t)len,
                                 .packed_crc = odb_crc32(data + at, len),
                                 .stream_offset = at};
        memcpy(h.magic, ODB_BLOCK_MAGIC, sizeof h.magic);
        h.crc = odb_crc32(&h, offsetof(struct block_header, crc));
        put(events_, &h, sizeof h, file);
        put(events_, data + at, len, file + sizeof h);
        file += sizeof h + len;
        at += len;
    }
}

struct patch {
    uint16_t place;
    uint8_t how;
    uint32_t value;
};

static bool next_patch(const uint8_t **data, size_t *n, struct patch *ret)
{
    if (*n < 7)
        return false;
    memcpy(&ret->place, *data, 2);
    ret->how = (*data)[2];
    memcpy(&ret->value, *data + 3, 4);
    *data += 7;
    *n -= 7;
    return true;
}

static void apply(uint8_t *to, size_t len, const struct patch *p)
{
    static const uint8_t widths[] = {1, 2, 4, 8};
    size_t width = widths[p->how & 3];
    if (len < 8)
        return;
    size_t at = p->place % (len - 7);
    if (p->how & 4)
        at &= ~(size_t)7;
    uint64_t value = p->how & 8 ? (uint64_t)(int64_t)(int32_t)p->value : p->value;
    memcpy(to + at, &value, width);
}

static void write_ring(const struct synth *s, size_t from, const uint8_t *data, size_t n)
{
    char path[128];
    snprintf(path, sizeof path, "%s/ring", dir_);
    ring_ = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    must(ring_ >= 0 && ftruncate(ring_, ODB_CONTROL_BYTES + ODB_RING_BYTES) == 0);
    static struct odb_control c;
    memset(&c, 0, offsetof(struct odb_control, cmd));
    c.magic = ODB_CONTROL_MAGIC;
    c.version = ODB_CONTROL_VERSION;
    c.mode = ODB_MODE_RECORD;
    c.ring_head = s->len - from;
    c.ring_stream_base = from;
    for (struct patch p; next_patch(&data, &n, &p);) {
        if (!(p.how & 0x80))
            continue;
        if (p.how & 0x40) {
            static const size_t words[] = {offsetof(struct odb_control, ring_head),
                                           offsetof(struct odb_control, ring_tail),
                                           offsetof(struct odb_control, ring_stream_base)};
            apply((uint8_t *)&c + words[p.value % 3], 8, &p);
        } else {
            apply((uint8_t *)&c, offsetof(struct odb_control, cmd), &p);
        }
    }
    put(ring_, &c, offsetof(struct odb_control, cmd), 0);
    put(ring_, s->data + from, s->len - from, ODB_CONTROL_BYTES);
    close(ring_);
}

static void write_synthetic(const uint8_t *data, size_t n, bool with_ring)
{
    struct synth s;
    synth_init(&s, data[0]);
    synth_recording(&s, data[0] % 40);
    size_t block_bytes = data[0] % 3 ? (size_t)data[0] * 16 : 0, from = s.len;
    const uint8_t *patches = data + 1;
    size_t left = n - 1;
    if (with_ring) { /* behind a sane boundary, found before patching */
        from = 0;
        while (from < s.len / 2)
            from += ((const struct odb_event *)(const void *)(s.data + from))->size_bytes;
    }
    for (struct patch p; next_patch(&patches, &left, &p);)
        if (!with_ring || !(p.how & 0x80))
            apply(s.data, s.len, &p);
    write_blocks(s.data, from, block_bytes);
    if (with_ring)
        write_ring(&s, from, data + 1, n - 1);
    synth_deinit(&s);
}

/* What trace_writer makes of the stream: compressed blocks. */
static void write_packed(const struct synth *s, size_t flush_every)
{
    char path[128];
    snprintf(path, sizeof path, "%s/events", dir_);
    unlink(path);
    close(events_);
    struct trace_writer *w;
    struct odb_err *e = trace_writer_create(dir_, &w);
    odb_assert(!e);
    for (size_t at = 0, i = 1; at < s->len; i++) {
        const struct odb_event *ev = (const void *)(s->data + at);
        e = trace_writer_append(w, ev, ev->size_bytes);
        odb_assert(!e);
        at += ev->size_bytes;
        if (flush_every && i % flush_every == 0)
            e = trace_writer_flush(w);
        odb_assert(!e);
    }
    e = trace_writer_close(w);
    odb_assert(!e);
    events_ = open(path, O_RDWR);
    must(events_ >= 0);
}

/* Makes the checksums of all headers, and with `packed` those of the blocks, right again. */
static void mend_checksums(uint8_t *file, size_t len, bool packed)
{
    for (size_t at = 0; at + 32 <= len;) { /* both kinds of header: 32 bytes, crc of the first 28 */
        uint32_t packed_bytes, crc;
        memcpy(&packed_bytes, file + at + 8, 4);
        if (at && packed && packed_bytes <= len - at - 32) {
            crc = odb_crc32(file + at + 32, packed_bytes);
            memcpy(file + at + 12, &crc, 4);
        }
        crc = odb_crc32(file + at, 28);
        memcpy(file + at + 28, &crc, 4);
        at += (size_t)32 + (at ? packed_bytes : 0);
    }
}

/* A patch with the top bit of `how` cuts the file at its place instead. */
static void write_patched_file(const uint8_t *data, size_t n, bool packed)
{
    struct synth s;
    synth_init(&s, data[0]);
    synth_recording(&s, data[0] % 40);
    if (packed)
        write_packed(&s, data[0] % 5 * 4);
    else
        write_blocks(s.data, s.len, data[0] % 2 ? (size_t)data[0] * 16 : 0);
    synth_deinit(&s);
    struct stat st;
    must(fstat(events_, &st) == 0);
    size_t len = (size_t)st.st_size, keep = len;
    uint8_t *file = malloc(len);
    must(file && pread(events_, file, len, 0) == st.st_size);
    data++;
    n--;
    for (struct patch p; next_patch(&data, &n, &p);) {
        if (p.how & 0x80)
            keep = p.place % (len + 1);
        else
            apply(file, len, &p);
    }
    mend_checksums(file, len, packed);
    put(events_, file, len, 0);
    must(ftruncate(events_, (off_t)keep) == 0);
    free(file);
}

static void read_all(void)
{
    struct trace_reader *r;
    struct odb_err *e = trace_reader_open(dir_, &r);
    if (e) {
        odb_err_free(e);
        return;
    }
    size_t total[2] = {0, 0};
    for (;;) {
        const struct odb_event *ev;
        uint64_t offset;
        e = trace_reader_next(r, &ev, &offset);
        odb_assert(!e);
        if (!ev)
            break;
        odb_assert(offset == total[0] && !trace_validate(ev, ev->size_bytes));
        total[0] += ev->size_bytes;
    }
    trace_reader_rewind(r);
    for (;;) {
        const uint8_t *data;
        size_t n;
        uint64_t offset;
        e = trace_reader_next_block(r, &data, &n, &offset);
        odb_assert(!e);
        if (!n)
            break;
        odb_assert(offset == total[1]);
        total[1] += n;
    }
    odb_assert(total[0] == total[1]);
    trace_reader_close(r);
    e = trace_dump_all(dir_, null_);
    odb_err_free(e);
    struct trace_summary sum;
    e = trace_summarize(dir_, &sum);
    odb_err_free(e);
    if (!e) {
        odb_assert(sum.stream_bytes == total[0]);
        trace_summary_deinit(&sum);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    if (n_bytes < 2 || n_bytes > 1 << 20)
        return 0;
    if (events_ < 0)
        set_up();
    switch (data[0] % 8) { /* '0' is 48 */
    case 0:
        must(ftruncate(events_, 0) == 0);
        put(events_, data + 1, n_bytes - 1, 0);
        break;
    case 1: write_blocks(data + 1, n_bytes - 1, 0); break;
    case 2:
    case 6: write_synthetic(data + 1, n_bytes - 1, false); break;
    case 3:
    case 7: write_synthetic(data + 1, n_bytes - 1, true); break;
    case 5: write_patched_file(data + 1, n_bytes - 1, true); break;
    default: write_patched_file(data + 1, n_bytes - 1, false); break;
    }
    read_all();
    if (ring_ >= 0) {
        char path[128];
        snprintf(path, sizeof path, "%s/ring", dir_);
        unlink(path);
        ring_ = -1;
    }
    return 0;
}
