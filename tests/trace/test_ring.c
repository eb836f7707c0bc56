/* A recorder that was killed: `events` ends anywhere, the rest is in `ring`. Every way the two can and
 * cannot fit together. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fs.h"
#include "preload/control.h"
#include "tests/common/check.h"
#include "tests/trace/synth.h"

/* A recording whose engine part begins at base. */
struct killed {
    struct synth s;
    size_t base;
    char *dir;
};

static size_t next_event(const struct synth *s, size_t at)
{
    return at + ((const struct odb_event *)(const void *)(s->data + at))->size_bytes;
}

/* The first event boundary at or behind `at`. */
static size_t boundary(const struct synth *s, size_t at)
{
    size_t b = 0;
    while (b < at)
        b = next_event(s, b);
    return b;
}

static void killed_init(struct killed *k, unsigned n_events)
{
    synth_init(&k->s, n_events);
    synth_recording(&k->s, n_events);
    k->s.len -= sizeof(struct odb_ev_end);
    k->base = next_event(&k->s, next_event(&k->s, 0)); /* START, CPU */
    k->dir = synth_temp_dir();
}

static void killed_deinit(struct killed *k)
{
    synth_remove_dir(k->dir);
    synth_deinit(&k->s);
}

static void expect(const struct killed *k, size_t len, const char *damage)
{
    struct trace_reader *r;
    CHECK_OK(trace_reader_open(k->dir, &r));
    for (int round = 0; round < 2; round++) {
        size_t at = 0;
        for (;;) {
            const struct odb_event *ev;
            uint64_t offset;
            CHECK_OK(trace_reader_next(r, &ev, &offset));
            if (!ev)
                break;
            CHECK(offset == at && memcmp(ev, k->s.data + at, ev->size_bytes) == 0);
            at += ev->size_bytes;
        }
        const char *found = trace_reader_damage(r);
        if (at != len || (damage ? !found || !strstr(found, damage) : !!found)) {
            fprintf(stderr, "%zu bytes, damage \"%s\" expected; got %zu, \"%s\"\n", len, damage ? damage : "",
                    at, found ? found : "");
            CHECK(0);
        }
        trace_reader_rewind(r);
    }
    trace_reader_close(r);
}

/* events = [0, in_file), ring = from tail to head (stream offsets). */
static void write_killed(const struct killed *k, size_t in_file, size_t tail, size_t head)
{
    synth_write(k->dir, k->s.data, in_file);
    synth_ring(k->dir, k->s.data, k->base, tail - k->base, head - k->base);
}

static void test_recovers(void)
{
    /* flushed at any point, tail at it or behind, head anywhere above */
    for (unsigned i = 0; i < 40; i++) {
        struct killed k;
        killed_init(&k, 30 + i);
        size_t room = k.s.len - k.base;
        size_t file = boundary(&k.s, k.base + synth_random(&k.s, room));
        size_t tail = boundary(&k.s, k.base + synth_random(&k.s, file - k.base + 1));
        write_killed(&k, file, tail < file ? tail : file, k.s.len);
        expect(&k, k.s.len, file < k.s.len ? "from `ring`" : "no END event");
        killed_deinit(&k);
    }
}

static void test_wrapped(void)
{
    struct killed k;
    killed_init(&k, 40000); /* about twice the ring */
    CHECK(k.s.len > ODB_RING_BYTES + (ODB_RING_BYTES >> 1));
    size_t file = boundary(&k.s, k.s.len - ODB_RING_BYTES / 4 * (size_t)3);
    write_killed(&k, file, file, k.s.len);
    expect(&k, k.s.len, "no END event; usable");
    killed_deinit(&k);
}

/* Only START and CPU are in the file; and: the ring is there but empty. */
static void test_edges(void)
{
    struct killed k;
    killed_init(&k, 20);
    write_killed(&k, k.base, k.base, k.s.len);
    expect(&k, k.s.len, "from `ring`");
    killed_deinit(&k);

    killed_init(&k, 20);
    write_killed(&k, k.base, k.base, k.base);
    expect(&k, k.base, "no END event");
    killed_deinit(&k);

    /* killed between END and unlink: the recording is whole */
    killed_init(&k, 20);
    size_t without_end = k.s.len;
    synth_end(&k.s);
    write_killed(&k, k.s.len, without_end, without_end);
    expect(&k, k.s.len, NULL);
    killed_deinit(&k);
}

/* The last block is half written, its events still in the ring. */
static void test_half_block(void)
{
    struct killed k;
    killed_init(&k, 50);
    size_t file = boundary(&k.s, k.s.len / 2);
    write_killed(&k, file, file, k.s.len);
    _cleanup_free_ char *path = NULL;
    CHECK_OK(fs_join(k.dir, "events", &path));
    _cleanup_close_ int fd = open(path, O_WRONLY | O_APPEND);
    CHECK_OK(fs_write_all(fd, "OBLKhalf", 8));
    expect(&k, k.s.len, "from `ring`");
    killed_deinit(&k);
}

/* The engine was killed inside a group too. */
static void test_open_group(void)
{
    struct killed k;
    killed_init(&k, 20);
    size_t file = boundary(&k.s, k.s.len / 2), good = k.s.len;
    uint64_t gprs[ODB_N_GPR] = {0};
    synth_syscall_head(&k.s, 0, 0, gprs, 3, 0);
    synth_mem(&k.s, 0x1000, 100, false);
    write_killed(&k, file, file, k.s.len);
    expect(&k, good, "the last event is not complete");
    killed_deinit(&k);
}

/* The recorder put a NOTE of its own between the engine's events. */
static void test_host_note(void)
{
    struct killed k;
    synth_init(&k.s, 4);
    k.dir = synth_temp_dir();
    synth_start(&k.s);
    synth_cpu(&k.s, 2);
    k.base = k.s.len;
    for (int i = 0; i < 10; i++)
        synth_insn(&k.s);
    size_t note = k.s.len;
    synth_note(&k.s, 0, "from the recorder");
    size_t note_bytes = k.s.len - note;
    for (int i = 0; i < 10; i++)
        synth_insn(&k.s);
    size_t file = k.s.len;
    for (int i = 0; i < 10; i++)
        synth_insn(&k.s);
    synth_write(k.dir, k.s.data, file);
    struct synth ring; /* the engine's bytes only */
    synth_init(&ring, 1);
    ring.data = malloc(k.s.len);
    memcpy(ring.data, k.s.data, note);
    memcpy(ring.data + note, k.s.data + note + note_bytes, k.s.len - note - note_bytes);
    synth_ring(k.dir, ring.data, k.base, 0, k.s.len - note_bytes - k.base);
    expect(&k, k.s.len, "from `ring`");
    synth_deinit(&ring);
    killed_deinit(&k);
}

static void patch_ring(const struct killed *k, size_t offset, uint64_t value, size_t n_bytes)
{
    _cleanup_free_ char *path = NULL;
    CHECK_OK(fs_join(k->dir, "ring", &path));
    _cleanup_close_ int fd = open(path, O_WRONLY);
    CHECK(pwrite(fd, &value, n_bytes, (off_t)offset) == (ssize_t)n_bytes);
}

#define PATCH(field, value)                                                                  \
    {                                                                                        \
        offsetof(struct odb_control, field), sizeof(((struct odb_control *)0)->field), value \
    }
static const struct {
    size_t offset, n_bytes;
    uint64_t value;
} patches_[] = {
    PATCH(magic, 0),
    PATCH(version, 99),
    PATCH(mode, ODB_MODE_REPLAY),
    PATCH(ring_stream_base, 1),
    PATCH(ring_stream_base, UINT64_MAX - 7),
    PATCH(ring_stream_base, 1 << 30),
    PATCH(ring_head, 8),
    PATCH(ring_head, UINT64_MAX - 7),
    PATCH(ring_head, (uint64_t)1 << 40),
    PATCH(ring_tail, UINT64_MAX - 7),
    PATCH(ring_tail, 3),
};

/* A ring that does not fit is left alone, and the file's part still reads. */
static void test_does_not_fit(void)
{
    struct killed k;
    for (size_t i = 0; i < sizeof patches_ / sizeof patches_[0]; i++) {
        killed_init(&k, 50);
        size_t file = boundary(&k.s, k.s.len / 2);
        write_killed(&k, file, file, k.s.len);
        patch_ring(&k, patches_[i].offset, patches_[i].value, patches_[i].n_bytes);
        expect(&k, file, "`ring`");
        killed_deinit(&k);
    }

    killed_init(&k, 50); /* the tail says that more was flushed than the file has */
    size_t file = boundary(&k.s, k.s.len / 2);
    write_killed(&k, file, next_event(&k.s, file), k.s.len);
    expect(&k, file, "does not follow");
    killed_deinit(&k);

    killed_init(&k, 50); /* too short */
    file = boundary(&k.s, k.s.len / 2);
    write_killed(&k, file, file, k.s.len);
    _cleanup_free_ char *path = NULL;
    CHECK_OK(fs_join(k.dir, "ring", &path));
    CHECK(truncate(path, ODB_CONTROL_BYTES + 1000) == 0);
    expect(&k, file, "`ring` is too short");
    CHECK(truncate(path, 100) == 0);
    expect(&k, file, "`ring` is too short");
    killed_deinit(&k);

    killed_init(&k, 50); /* an impossible event in the ring */
    file = boundary(&k.s, k.s.len / 2);
    write_killed(&k, file, file, k.s.len);
    size_t bad = file;
    while (bad < k.s.len - 1000) { /* not inside a group */
        const struct odb_event *ev = (const void *)(k.s.data + bad);
        bad = next_event(&k.s, bad);
        if (ev->type != ODB_EV_MEM &&
            ((const struct odb_event *)(const void *)(k.s.data + bad))->type == ODB_EV_INSN)
            break;
    }
    patch_ring(&k, ODB_CONTROL_BYTES + bad - k.base, 0xffffffff, 4);
    expect(&k, bad, "impossible event size");
    killed_deinit(&k);
}

int main(void)
{
    RUN(test_recovers);
    RUN(test_wrapped);
    RUN(test_edges);
    RUN(test_half_block);
    RUN(test_open_group);
    RUN(test_host_note);
    RUN(test_does_not_fit);
    return 0;
}
