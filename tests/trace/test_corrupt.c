/* Damaged recordings: cut off at every byte, bytes flipped anywhere. Whatever is read must be a prefix of
 * what was written, the damage must be told, and dump and summary must get through.
 * `test_corrupt SEED` repeats one run. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fs.h"
#include "tests/common/check.h"
#include "tests/trace/synth.h"

struct sample {
    struct synth s;
    char *dir;
    char *path;
    char *file; /* contents of `events` as written */
    size_t file_len;
    FILE *null;
};

static void sample_init(struct sample *x, uint64_t seed, unsigned n_events, unsigned flush_every)
{
    synth_init(&x->s, seed);
    synth_recording(&x->s, n_events);
    x->dir = synth_temp_dir();
    struct trace_writer *w;
    CHECK_OK(trace_writer_create(x->dir, &w));
    for (size_t at = 0; at < x->s.len;) {
        const struct odb_event *ev = (const void *)(x->s.data + at);
        CHECK_OK(trace_writer_append(w, ev, ev->size_bytes));
        at += ev->size_bytes;
        if (synth_random(&x->s, flush_every) == 0)
            CHECK_OK(trace_writer_flush(w));
    }
    CHECK_OK(trace_writer_close(w));
    CHECK_OK(fs_join(x->dir, "events", &x->path));
    CHECK_OK(fs_read_file(x->path, 1 << 28, &x->file, &x->file_len));
    x->null = fopen("/dev/null", "w");
    CHECK(x->null);
}

static void sample_deinit(struct sample *x)
{
    fclose(x->null);
    free(x->file);
    free(x->path);
    synth_remove_dir(x->dir);
    synth_deinit(&x->s);
}

/* Reads what is there now; returns the bytes of events read. `with_text`: dump and summary too. */
static size_t read_damaged(struct sample *x, bool with_text)
{
    struct trace_reader *r;
    struct odb_err *e = trace_reader_open(x->dir, &r);
    if (e) { /* only the file header can make it unreadable */
        CHECK(strstr(odb_err_text(e), "events: "));
        odb_err_free(e);
        return 0;
    }
    size_t at = 0;
    for (;;) {
        const struct odb_event *ev;
        uint64_t offset;
        CHECK_OK(trace_reader_next(r, &ev, &offset));
        if (!ev)
            break;
        CHECK(offset == at && ev->size_bytes <= x->s.len - at);
        CHECK(memcmp(ev, x->s.data + at, ev->size_bytes) == 0);
        at += ev->size_bytes;
    }
    CHECK(trace_reader_damage(r));
    trace_reader_close(r);
    if (with_text) {
        CHECK_OK(trace_dump_all(x->dir, x->null));
        struct trace_summary sum;
        CHECK_OK(trace_summarize(x->dir, &sum));
        CHECK(sum.damage[0] && sum.stream_bytes == at);
        trace_summary_deinit(&sum);
    }
    return at;
}

static void write_events(struct sample *x, const void *data, size_t n)
{
    CHECK_OK(fs_write_file(x->path, data, n));
}

static void test_every_cut(uint64_t seed)
{
    struct sample x;
    sample_init(&x, seed, 30, 4);
    size_t last = 0;
    for (size_t cut = 0; cut < x.file_len; cut++) {
        write_events(&x, x.file, cut);
        size_t n = read_damaged(&x, cut % 16 == 0);
        CHECK(n >= last); /* more file, more events */
        last = n;
    }
    CHECK(last > x.s.len / 2);
    sample_deinit(&x);
}

static void test_random_cuts(uint64_t seed)
{
    struct sample x;
    sample_init(&x, seed, 20000, 2000);
    CHECK(x.file_len > 1 << 20);
    for (int i = 0; i < 200; i++) {
        write_events(&x, x.file, (size_t)synth_random(&x.s, x.file_len));
        read_damaged(&x, i % 20 == 0);
    }
    sample_deinit(&x);
}

/* Of a block that is cut off, what is there is used. */
static void test_cut_block(uint64_t seed)
{
    struct sample x;
    sample_init(&x, seed, 8000, 1 << 30);
    CHECK(x.s.len > 1 << 20 && x.s.len < 4 << 20); /* one block */
    for (int tenths = 1; tenths < 10; tenths++) {
        write_events(&x, x.file, x.file_len / 10 * (size_t)tenths);
        size_t expected = x.s.len / 10 * (size_t)tenths, n = read_damaged(&x, true);
        CHECK(n + (64 << 10) > expected && n < expected + (64 << 10));
    }
    sample_deinit(&x);
}

/* Flips bits of one byte, reads, and puts it back. */
static void try_flip(struct sample *x, int fd, size_t at, char flip, bool with_text)
{
    char c = (char)(x->file[at] ^ flip);
    CHECK(pwrite(fd, &c, 1, (off_t)at) == 1);
    read_damaged(x, with_text);
    CHECK(pwrite(fd, x->file + at, 1, (off_t)at) == 1);
}

static void test_flips(uint64_t seed, unsigned n_events, unsigned flush_every, int n_flips)
{
    struct sample x;
    sample_init(&x, seed, n_events, flush_every);
    _cleanup_close_ int fd = open(x.path, O_WRONLY);
    for (int i = 0; i < n_flips; i++) {
        size_t at = (size_t)synth_random(&x.s, x.file_len);
        try_flip(&x, fd, at, (char)(1 + synth_random(&x.s, 255)), i % 20 == 0);
    }
    sample_deinit(&x);
}

/* Every single bit of a small recording. */
static void test_every_bit(uint64_t seed)
{
    struct sample x;
    sample_init(&x, seed, 3, 3);
    _cleanup_close_ int fd = open(x.path, O_WRONLY);
    for (size_t bit = 0; bit < x.file_len * 8; bit++)
        try_flip(&x, fd, bit / 8, (char)(1 << bit % 8), bit % 64 == 0);
    sample_deinit(&x);
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
    test_every_cut(seed);
    test_random_cuts(seed + 1);
    test_cut_block(seed + 5);
    test_flips(seed + 2, 20000, 2000, 200);
    test_flips(seed + 3, 100, 10, 1000);
    test_every_bit(seed + 4);
    puts("passed");
    return 0;
}
