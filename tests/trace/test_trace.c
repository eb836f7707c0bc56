/* Units of trace/: what is written comes back, whatever the block boundaries; validation; full disk. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fs.h"
#include "common/layout.h"
#include "tests/common/check.h"
#include "tests/trace/synth.h"

/* Reads all by next(): exactly the stream's first `len` bytes must come. */
static void expect_events(struct trace_reader *r, const struct synth *s, size_t len)
{
    size_t at = 0;
    for (;;) {
        const struct odb_event *ev;
        uint64_t offset;
        CHECK_OK(trace_reader_next(r, &ev, &offset));
        if (!ev)
            break;
        CHECK(offset == at && ev->size_bytes <= len - at);
        CHECK(memcmp(ev, s->data + at, ev->size_bytes) == 0);
        at += ev->size_bytes;
    }
    CHECK(at == len);
    const struct odb_event *ev;
    CHECK_OK(trace_reader_next(r, &ev, NULL)); /* the end stays the end */
    CHECK(!ev);
}

static void expect_blocks(struct trace_reader *r, const struct synth *s, size_t len)
{
    size_t at = 0;
    for (;;) {
        const uint8_t *data;
        size_t n;
        uint64_t offset;
        CHECK_OK(trace_reader_next_block(r, &data, &n, &offset));
        if (!n)
            break;
        CHECK(offset == at && n <= len - at && memcmp(data, s->data + at, n) == 0);
        at += n;
    }
    CHECK(at == len);
}

/* Both ways of reading; damage is part of the text expected, or NULL. */
static void expect_stream(const char *dir, const struct synth *s, size_t len, const char *damage)
{
    struct trace_reader *r;
    CHECK_OK(trace_reader_open(dir, &r));
    for (int round = 0; round < 2; round++) {
        expect_events(r, s, len);
        const char *found = trace_reader_damage(r);
        if (damage ? !found || !strstr(found, damage) : !!found) {
            fprintf(stderr, "damage \"%s\" expected, got \"%s\"\n", damage ? damage : "", found ? found : "");
            CHECK(0);
        }
        trace_reader_rewind(r);
        CHECK(!trace_reader_damage(r));
        expect_blocks(r, s, len);
        trace_reader_rewind(r);
    }
    trace_reader_close(r);
}

static void test_round_trip(void)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct synth s;
        synth_init(&s, seed);
        synth_recording(&s, (unsigned)seed * 10);
        char *dir = synth_temp_dir();
        synth_write(dir, s.data, s.len);
        expect_stream(dir, &s, s.len, NULL);
        synth_remove_dir(dir);
        synth_deinit(&s);
    }
}

/* A read of 25 MiB: its MEM events lie in seven blocks; then one that ends a block exactly. */
static void test_large_groups(void)
{
    struct synth s;
    synth_init(&s, 7);
    synth_recording(&s, 10);
    s.len -= sizeof(struct odb_ev_end);
    for (int round = 0; round < 3; round++) {
        uint64_t gprs[ODB_N_GPR] = {0};
        synth_syscall_head(&s, 0, 1, gprs, 100, (int64_t)100 * ODB_MEM_MAX_BYTES);
        for (int i = 0; i < 100; i++)
            synth_mem(&s, 0x500000, ODB_MEM_MAX_BYTES, false);
        synth_insn(&s);
    }
    synth_check(&s, 60000); /* nearly 1 MiB */
    for (int i = 0; i < 40000; i++)
        synth_syscall(&s, 0xffff, 3, 200);
    synth_end(&s);
    char *dir = synth_temp_dir();
    synth_write(dir, s.data, s.len);
    expect_stream(dir, &s, s.len, NULL);
    synth_remove_dir(dir);
    synth_deinit(&s);
}

/* Every event in a block of its own, or a few together, so that groups span many blocks. */
static void test_small_blocks(void)
{
    for (uint64_t seed = 1; seed < 6; seed++) {
        struct synth s;
        synth_init(&s, seed);
        synth_recording(&s, 200);
        char *dir = synth_temp_dir();
        struct trace_writer *w;
        CHECK_OK(trace_writer_create(dir, &w));
        for (size_t at = 0; at < s.len;) {
            const struct odb_event *ev = (const void *)(s.data + at);
            CHECK_OK(trace_writer_append(w, ev, ev->size_bytes));
            at += ev->size_bytes;
            CHECK(trace_writer_offset(w) == at);
            if (synth_random(&s, seed) == 0) {
                CHECK_OK(trace_writer_flush(w));
                CHECK(trace_writer_flushed(w) <= at && trace_writer_flushed(w) + (1 << 16) > at);
            }
        }
        CHECK_OK(trace_writer_close(w));
        expect_stream(dir, &s, s.len, NULL);
        synth_remove_dir(dir);
        synth_deinit(&s);
    }
}

/* The stream must end after len bytes with this damage; then it is made anew. */
static void expect_broken(struct synth *s, size_t len, const char *damage)
{
    char *dir = synth_temp_dir();
    synth_write(dir, s->data, s->len);
    expect_stream(dir, s, len, damage);
    synth_remove_dir(dir);
    synth_deinit(s);
    synth_init(s, 1);
}

/* Streams that break the rules between events end before the broken place. */
static void test_grammar(void)
{
    struct synth s;
    synth_init(&s, 1);
    uint64_t gprs[ODB_N_GPR] = {0};

    synth_start(&s);
    expect_broken(&s, s.len, "no END event");

    synth_start(&s);
    size_t good = s.len;
    synth_syscall_head(&s, 0, 0, gprs, 2, 0);
    synth_mem(&s, 0x1000, 8, false);
    expect_broken(&s, good, "the last event is not complete");

    synth_start(&s);
    good = s.len;
    synth_syscall_head(&s, 0, 0, gprs, 2, 0);
    synth_mem(&s, 0x1000, 8, false);
    synth_insn(&s);
    expect_broken(&s, good, "announced MEM events are missing");

    synth_start(&s);
    good = s.len;
    synth_mem(&s, 0x1000, 8, false);
    expect_broken(&s, good, "nothing announced");

    synth_start(&s);
    synth_end(&s);
    good = s.len;
    synth_insn(&s);
    expect_broken(&s, good, "event behind END");

    synth_exec(&s, 2, 1);
    good = s.len;
    synth_exec(&s, 2, 0);
    ((struct odb_ev_exec *)(void *)(s.data + good))->n_maps = 3;
    synth_insn(&s);
    expect_broken(&s, good, "MAP events announced by EXEC are missing");
    expect_broken(&s, 0, "cut off: no END event"); /* an empty stream */
}

/* Killed in the middle of a group of n MEM events, most of them: the writer takes it out again. */
static void check_killed(int n_mem, uint32_t mem_bytes, bool is_flushed)
{
    struct synth s;
    uint64_t gprs[ODB_N_GPR] = {0};
    synth_init(&s, 1);
    synth_start(&s);
    synth_insn(&s);
    size_t good = s.len;
    synth_syscall_head(&s, 0, 1, gprs, (uint16_t)(n_mem + 1), 0);
    for (int i = 0; i < n_mem; i++)
        synth_mem(&s, 0x1000, mem_bytes, false);
    size_t end = s.len;
    synth_end(&s);
    char *dir = synth_temp_dir();
    struct trace_writer *w;
    CHECK_OK(trace_writer_create(dir, &w));
    CHECK_OK(trace_writer_append(w, s.data, end));
    if (is_flushed)
        CHECK_OK(trace_writer_flush(w));
    CHECK_OK(trace_writer_append(w, s.data + end, s.len - end));
    memmove(s.data + good, s.data + end, s.len - end); /* what should be read */
    s.len -= end - good;
    CHECK(trace_writer_offset(w) == s.len);
    CHECK_OK(trace_writer_close(w));
    expect_stream(dir, &s, s.len, NULL);
    synth_remove_dir(dir);
    synth_deinit(&s);
}

static void test_killed_in_group(void)
{
    for (int is_flushed = 0; is_flushed < 2; is_flushed++) {
        check_killed(0, 0, is_flushed);
        check_killed(2, 100, is_flushed);
        check_killed(14, ODB_MEM_MAX_BYTES, is_flushed); /* nearly the buffer */
        check_killed(20, ODB_MEM_MAX_BYTES, is_flushed); /* more: its beginning is in the file */
        check_killed(200, ODB_MEM_MAX_BYTES, is_flushed);
    }
}

/* A process is killed as it writes a group; others go on. The group becomes NOTEs, and all that follows is where it was. */
static void check_blanked(uint32_t n_mem, uint32_t mem_bytes, bool with_switch)
{
    struct synth s;
    synth_init(&s, 5);
    synth_recording(&s, 20);
    s.len -= sizeof(struct odb_ev_end);
    size_t start = s.len;
    uint64_t gprs[ODB_N_GPR] = {0};
    synth_syscall_head(&s, 0, 1, gprs, (uint16_t)(n_mem + 1), 0);
    for (uint32_t i = 0; i < n_mem; i++)
        synth_mem(&s, 0x500000, mem_bytes, false);
    size_t end = s.len;
    if (with_switch)
        synth_switch(&s, ODB_SWITCH_CALL);
    synth_killed(&s);
    synth_syscall(&s, 3, 2, 100);
    synth_end(&s);
    char *dir = synth_temp_dir();
    synth_write(dir, s.data, s.len);
    struct trace_reader *r;
    CHECK_OK(trace_reader_open(dir, &r));
    size_t at = 0;
    for (;;) {
        const struct odb_event *ev;
        uint64_t offset;
        CHECK_OK(trace_reader_next(r, &ev, &offset));
        if (!ev)
            break;
        CHECK(offset == at);
        if (at >= start && at < end)
            CHECK(ev->type == ODB_EV_NOTE && ev->tid != 0 && at + ev->size_bytes <= end);
        else
            CHECK(memcmp(ev, s.data + at, ev->size_bytes) == 0);
        at += ev->size_bytes;
    }
    CHECK(at == s.len && !trace_reader_damage(r));
    trace_reader_close(r);
    synth_remove_dir(dir);
    synth_deinit(&s);
}

static void test_blanked(void)
{
    for (int with_switch = 0; with_switch < 2; with_switch++) {
        check_blanked(0, 0, with_switch);
        check_blanked(3, 7, with_switch);
        check_blanked(4, ODB_MEM_MAX_BYTES, with_switch);
        for (uint32_t i = 0; i < 12; i++) /* around 1 MiB, the longest event */
            check_blanked(9, (ODB_EVENT_MAX_BYTES - 400) / 9 + i * 4, with_switch);
        check_blanked(14, ODB_MEM_MAX_BYTES, with_switch);
        check_blanked(20, ODB_MEM_MAX_BYTES, with_switch);
        check_blanked(100, ODB_MEM_MAX_BYTES, with_switch);
    }
}

/* One good event of each type, then its fields made bad one after the other. */
struct mutation {
    uint16_t type;
    size_t offset, n_bytes;
    uint64_t value;
    const char *why;
};
#define SET(type, strct, field, value, why)                                                 \
    {                                                                                       \
        type, offsetof(struct strct, field), sizeof(((struct strct *)0)->field), value, why \
    }
static const struct mutation mutations_[] = {
    SET(ODB_EV_START, odb_ev_start, n_argv, 4, "number of strings"),
    SET(ODB_EV_START, odb_ev_start, n_envp, 0xffffffff, "number of strings"),
    SET(ODB_EV_START, odb_ev_start, text_bytes, 0xffffffff, "does not fit"),
    SET(ODB_EV_START, odb_ev_start, text_bytes, 49, "padding"),
    SET(ODB_EV_START, odb_ev_start, text_bytes, 50, "string without end"),
    SET(ODB_EV_START, odb_ev_start, cpu_policy, 3, "CPU policy"),
    SET(ODB_EV_START, odb_ev_start, ev.flags, 2, "flags"),
    SET(ODB_EV_START, odb_ev_start, ev.size_bytes, 16, "too short"),
    SET(ODB_EV_CPU, odb_ev_cpu, n_entries, 0x0aaaaaab, "does not fit"),
    SET(ODB_EV_CPU, odb_ev_cpu, policy, 0, "CPU policy"),
    SET(ODB_EV_CPU, odb_ev_cpu, reserved, 1, "reserved"),
    SET(ODB_EV_FILE, odb_ev_file, file_id, 0, "file number"),
    SET(ODB_EV_FILE, odb_ev_file, path_bytes, 0, "does not fit"),
    SET(ODB_EV_FILE, odb_ev_file, path_bytes, 9, "does not fit its end"),
    SET(ODB_EV_FILE, odb_ev_file, path_bytes, 11, "does not fit its end"),
    SET(ODB_EV_EXEC, odb_ev_exec, ev.size_bytes, 1256, "does not fit"),
    SET(ODB_EV_MAP, odb_ev_map, end, 0x400000, "address range"),
    SET(ODB_EV_MAP, odb_ev_map, start, 0x400001, "address range"),
    SET(ODB_EV_MAP, odb_ev_map, prot, 8, "protection"),
    SET(ODB_EV_MAP, odb_ev_map, end, ODB_ENGINE_BASE + 0x1000, "over the engine"),
    SET(ODB_EV_MEM, odb_ev_mem, ev.flags, 8, "flags"),
    SET(ODB_EV_MEM, odb_ev_mem, len_bytes, UINT64_MAX, "too much"),
    SET(ODB_EV_MEM, odb_ev_mem, len_bytes, 9, "padding"),
    SET(ODB_EV_MEM, odb_ev_mem, len_bytes, 20, "does not fit"),
    SET(ODB_EV_MEM, odb_ev_mem, addr, UINT64_MAX - 5, "wraps"),
    SET(ODB_EV_MEM, odb_ev_mem, addr, ODB_ENGINE_BASE - 1, "over the engine"),
    SET(ODB_EV_MEM, odb_ev_mem, addr, ODB_ENGINE_END - 1, "over the engine"),
    SET(ODB_EV_MEM, odb_ev_mem, addr, ODB_IBL_ADDR, "over the engine"),
    SET(ODB_EV_SYSCALL, odb_ev_syscall, gpr_mask, 15, "does not fit"),
    SET(ODB_EV_SYSCALL, odb_ev_syscall, ev.flags, 8, "flags"),
    SET(ODB_EV_INSN, odb_ev_insn, kind, 0, "instruction kind"),
    SET(ODB_EV_INSN, odb_ev_insn, kind, 6, "instruction kind"),
    SET(ODB_EV_FAULT, odb_ev_fault, signo, 65, "signal number"),
    SET(ODB_EV_FAULT, odb_ev_fault, ev.flags, 3, "flags"),
    SET(ODB_EV_SIGNAL, odb_ev_signal, signo, 0, "signal number"),
    SET(ODB_EV_SIGNAL, odb_ev_signal, reserved, 1, "reserved"),
    SET(ODB_EV_CHECK, odb_ev_check, n_pages, 3, "does not fit"),
    SET(ODB_EV_CHECK, odb_ev_check, n_pages, 0x10000002, "does not fit"),
    SET(ODB_EV_CHECK, odb_ev_check, reserved, 1, "reserved"),
    SET(ODB_EV_EXIT, odb_ev_exit, reserved, 1, "reserved"),
    SET(ODB_EV_EXIT, odb_ev_exit, ev.flags, 2, "flags"),
    SET(ODB_EV_SWITCH, odb_ev_switch, kind, 0, "kind of switch"),
    SET(ODB_EV_SWITCH, odb_ev_switch, kind, 3, "kind of switch"),
    SET(ODB_EV_SWITCH, odb_ev_switch, ev.flags, 1, "flags"),
    SET(ODB_EV_SWITCH, odb_ev_switch, ev.size_bytes, 32, "too short"),
    SET(ODB_EV_TASK, odb_ev_task, ev.flags, 1, "flags"),
    SET(ODB_EV_TASK, odb_ev_task, ev.size_bytes, 48, "does not fit"),
    SET(ODB_EV_END, odb_ev_end, ev.size_bytes, 40, "cut off"),
    SET(ODB_EV_NOTE, odb_ev_note, kind, 4, "kind of note"),
    SET(ODB_EV_NOTE, odb_ev_note, text_bytes, 10, "does not fit its end"),
    SET(ODB_EV_INSN, odb_event, type, 0, "event type"),
    SET(ODB_EV_INSN, odb_event, type, ODB_N_EV, "event type"),
    SET(ODB_EV_INSN, odb_event, type, 0xffff, "event type"),
    SET(ODB_EV_INSN, odb_event, size_bytes, 0, "event size"),
    SET(ODB_EV_INSN, odb_event, size_bytes, 47, "event size"),
    SET(ODB_EV_INSN, odb_event, size_bytes, 0xfffffff8, "event size"),
    SET(ODB_EV_INSN, odb_event, size_bytes, 40, "too short"),
};

static void one_of_each(struct synth *s)
{
    uint64_t gprs[ODB_N_GPR] = {1, 2, 3};
    synth_start(s);
    synth_cpu(s, 3);
    synth_file(s, 1, "/bin/prog");
    synth_exec(s, 1, 0);
    synth_mem(s, 0x1000, 10, false);
    while (((const uint8_t *)s->data)[s->len - 7] == 0) /* its last byte of data must not look like padding */
        s->data[s->len - 7] = 1;
    synth_syscall_head(s, 0, 0x83, gprs, 0, 0);
    synth_insn(s);
    synth_fault(s, true);
    synth_signal(s);
    synth_check(s, 2);
    synth_switch(s, ODB_SWITCH_CALL);
    synth_task(s, 5, 4, 0);
    synth_exit(s);
    synth_note(s, 0, "a remark");
    synth_end(s);
}

static void test_validate(void)
{
    struct synth s;
    synth_init(&s, 3);
    one_of_each(&s);
    unsigned seen = 0;
    for (size_t i = 0; i < sizeof mutations_ / sizeof mutations_[0]; i++) {
        const struct mutation *m = &mutations_[i];
        size_t at = 0;
        while (((const struct odb_event *)(const void *)(s.data + at))->type != m->type)
            at += ((const struct odb_event *)(const void *)(s.data + at))->size_bytes;
        struct odb_event *ev = (void *)(s.data + at);
        size_t n = ev->size_bytes;
        seen |= 1u << ev->type;
        CHECK(trace_validate(ev, s.len - at) == NULL);
        CHECK(trace_validate(ev, n) == NULL);
        for (size_t cut = 0; cut < n; cut++) { /* an exact allocation, for the sanitizers */
            _cleanup_free_ uint8_t *copy = malloc(cut ? cut : 1);
            memcpy(copy, ev, cut);
            CHECK(trace_validate((const void *)copy, cut) != NULL);
        }
        uint8_t saved[8];
        memcpy(saved, (uint8_t *)ev + m->offset, m->n_bytes);
        memcpy((uint8_t *)ev + m->offset, &m->value, m->n_bytes);
        const char *why = trace_validate(ev, s.len - at);
        if (!why || !strstr(why, m->why)) {
            fprintf(stderr, "mutation %zu: \"%s\" expected, got \"%s\"\n", i, m->why, why ? why : "good");
            CHECK(0);
        }
        memcpy((uint8_t *)ev + m->offset, saved, m->n_bytes);
    }
    CHECK(seen == (1u << ODB_N_EV) - 2); /* no type forgotten */
    struct odb_ev_mem in = {.ev = {.size_bytes = sizeof in, .type = ODB_EV_MEM, .flags = ODB_MEM_IN},
                            .addr = ODB_VDSO_ADDR};
    CHECK(!trace_validate(&in.ev, sizeof in)); /* only read: may be anywhere */
    synth_deinit(&s);
}

static void test_accessors(void)
{
    struct synth s;
    synth_init(&s, 1);
    synth_start(&s);
    const struct odb_ev_start *start = (const void *)s.data;
    static const char *const expected[] = {"/bin/prog", "/tmp", "host, Linux 6.1", "prog",
                                           "-a",        "",     "HOME=/root",      ""};
    for (uint32_t i = 0; i < 8; i++)
        CHECK(strcmp(trace_start_string(start, i), expected[i]) == 0);
    synth_deinit(&s);

    synth_init(&s, 1);
    uint64_t first[] = {100, 107, 115}, second[] = {9};
    synth_syscall_head(&s, 0, 0x8081, first, 0, 0);
    size_t at = s.len;
    synth_syscall_head(&s, 0, 0x0080, second, 0, 0);
    struct trace_gprs g = {0};
    trace_syscall_gprs((const void *)s.data, &g);
    CHECK(g.gpr[ODB_RAX] == 100 && g.gpr[ODB_RDI] == 107 && g.gpr[ODB_R15] == 115 && g.gpr[ODB_RSI] == 0);
    trace_syscall_gprs((const void *)(s.data + at), &g);
    CHECK(g.gpr[ODB_RAX] == 100 && g.gpr[ODB_RDI] == 9 && g.gpr[ODB_R15] == 115);
    synth_deinit(&s);
}

/* The file may grow to `limit` bytes only: what is written stays readable; with room again, it goes on. */
static void test_full_disk(void)
{
    struct synth s;
    synth_init(&s, 5);
    synth_recording(&s, 60000);
    char *dir = synth_temp_dir();
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit old, small;
    CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0);
    small = old;
    small.rlim_cur = 5 << 20;
    CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
    struct trace_writer *w;
    CHECK_OK(trace_writer_create(dir, &w));
    CHECK_ERR(trace_writer_append(w, s.data, s.len), "events: cannot write: File too large (the ");
    uint64_t flushed = trace_writer_flushed(w), appended = trace_writer_offset(w);
    CHECK(flushed > 0 && flushed < appended && appended < s.len);
    expect_stream(dir, &s, flushed, "cut off: ");
    CHECK(setrlimit(RLIMIT_FSIZE, &old) == 0);
    CHECK_OK(trace_writer_append(w, s.data + appended, s.len - appended));
    CHECK_OK(trace_writer_close(w));
    expect_stream(dir, &s, s.len, NULL);
    synth_remove_dir(dir);
    synth_deinit(&s);
}

static void test_writer_refuses(void)
{
    struct synth s;
    synth_init(&s, 5);
    synth_insn(&s);
    char *dir = synth_temp_dir();
    struct trace_writer *w;
    struct trace_reader *r;
    CHECK_ERR(trace_reader_open(dir, &r), "no recording there");
    CHECK_OK(trace_writer_create(dir, &w));
    CHECK_ERR(trace_writer_create(dir, &w), "File exists");
    CHECK_ERR(trace_writer_append(w, s.data, s.len - 8), "impossible size");
    CHECK_ERR(trace_writer_append(w, s.data, 8), "cut off");
    CHECK_OK(trace_writer_append(w, s.data, s.len));
    CHECK_OK(trace_writer_close(w));
    expect_stream(dir, &s, s.len, "no END event");
    synth_remove_dir(dir);
    synth_deinit(&s);
    CHECK_ERR(trace_writer_create("/nowhere", &w), "cannot create /nowhere/events");
}

static void test_not_a_recording(void)
{
    char *dir = synth_temp_dir();
    _cleanup_free_ char *path = NULL;
    struct trace_reader *r;
    CHECK_OK(fs_join(dir, "events", &path));
    CHECK_OK(fs_write_file(path, "hello", 5));
    CHECK_ERR(trace_reader_open(dir, &r), "not a recording");
    CHECK_OK(fs_write_file(path, ODB_FILE_MAGIC "\1\0\0\0", 12));
    CHECK_ERR(trace_reader_open(dir, &r), "format version 1, this odb reads version 2");
    CHECK_OK(fs_write_file(path, ODB_FILE_MAGIC "\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32));
    CHECK_ERR(trace_reader_open(dir, &r), "header is damaged");
    unlink(path);
    CHECK(mkfifo(path, 0600) == 0);
    CHECK_ERR(trace_reader_open(dir, &r), "not a regular file");
    synth_remove_dir(dir);
}

static void test_summary(void)
{
    struct synth s;
    synth_init(&s, 9);
    synth_recording(&s, 500);
    char *dir = synth_temp_dir();
    synth_write(dir, s.data, s.len);
    struct trace_summary sum;
    CHECK_OK(trace_summarize(dir, &sum));
    CHECK(strcmp(sum.exe, "/bin/prog") == 0 && strcmp(sum.cwd, "/tmp") == 0);
    CHECK(sum.n_argv == 3 && strcmp(sum.argv[1], "-a") == 0 && strcmp(sum.argv[2], "") == 0);
    CHECK(sum.duration_ns == 1000000000 && sum.complete && sum.ended && sum.wait_status == 3 << 8);
    CHECK(sum.stream_bytes == s.len && sum.disk_bytes > 0 && !sum.damage[0]);
    CHECK(sum.n_syscalls && sum.n_faults && sum.n_insn_values && sum.n_events > sum.n_syscalls);
    CHECK(sum.last_tick == s.tick);
    trace_summary_deinit(&sum);
    synth_remove_dir(dir);
    synth_deinit(&s);
}

static void test_summary_of_a_tree(void)
{
    struct synth s;
    synth_init(&s, 9);
    synth_start(&s);
    synth_cpu(&s, 1);
    synth_exec(&s, 2, 0);
    synth_task(&s, 2000, 1234, 0); /* a thread, which makes a process, which has a thread */
    synth_task(&s, 2001, 2001, 0);
    ((struct odb_ev_task *)(void *)(s.data + s.len - sizeof(struct odb_ev_task)))->parent_tid = 2000;
    synth_task(&s, 2002, 2001, 0);
    synth_switch(&s, ODB_SWITCH_YIELD);
    synth_exit(&s); /* the first ends before its child */
    synth_killed(&s);
    ((struct odb_event *)(void *)(s.data + s.len - sizeof(struct odb_ev_exit)))->pid = 2001;
    synth_end(&s);
    char *dir = synth_temp_dir();
    synth_write(dir, s.data, s.len);
    struct trace_summary sum;
    CHECK_OK(trace_summarize(dir, &sum));
    CHECK(sum.n_processes == 2 && sum.n_threads == 4 && sum.n_of_type[ODB_EV_SWITCH] == 1);
    CHECK(sum.processes[0].pid == 1234 && sum.processes[0].n_threads == 2 && sum.processes[0].ended);
    CHECK(sum.processes[1].pid == 2001 && sum.processes[1].parent_pid == 1234 && sum.processes[1].killed);
    CHECK(strcmp(sum.processes[0].exe, "prog") == 0 && strcmp(sum.processes[1].exe, "prog") == 0);
    CHECK(sum.processes[0].status == 3 && sum.processes[1].status == -9 && sum.processes[1].n_threads == 2);
    CHECK(sum.ended && sum.wait_status == 3 << 8);
    trace_summary_deinit(&sum);
    synth_remove_dir(dir);
    synth_deinit(&s);
}

int main(void)
{
    RUN(test_round_trip);
    RUN(test_large_groups);
    RUN(test_small_blocks);
    RUN(test_grammar);
    RUN(test_killed_in_group);
    RUN(test_blanked);
    RUN(test_validate);
    RUN(test_accessors);
    RUN(test_full_disk);
    RUN(test_writer_refuses);
    RUN(test_not_a_recording);
    RUN(test_summary);
    RUN(test_summary_of_a_tree);
    return 0;
}
