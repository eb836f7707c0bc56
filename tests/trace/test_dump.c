/* The dump: the lines people read, and nothing in them that could steer a terminal. */
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "common/cleanup.h"
#include "tests/common/check.h"
#include "tests/trace/synth.h"

static char *dump(const struct synth *s)
{
    char *dir = synth_temp_dir(), *text = NULL;
    size_t n;
    synth_write(dir, s->data, s->len);
    FILE *f = open_memstream(&text, &n);
    CHECK(f);
    CHECK_OK(trace_dump_all(dir, f));
    fclose(f);
    synth_remove_dir(dir);
    return text;
}

/* The line must stand in the text, whole. */
static void expect_line(const char *text, const char *line)
{
    size_t n = strlen(line);
    for (const char *p = text; (p = strstr(p, line)); p++) {
        if ((p == text || p[-1] == '\n') && p[n] == '\n')
            return;
    }
    fprintf(stderr, "missing:\n%s\nin:\n%s\n", line, text);
    CHECK(0);
}

static void put_data(struct synth *s, uint64_t addr, bool is_in, const void *data, uint32_t n)
{
    size_t at = s->len;
    synth_mem(s, addr, n, is_in);
    memcpy(s->data + at + sizeof(struct odb_ev_mem), data, n);
}

static void test_lines(void)
{
    struct synth s;
    synth_init(&s, 1);
    synth_start(&s);
    synth_cpu(&s, 1);
    synth_file(&s, 1, "/bin/prog");
    synth_exec(&s, 2, 1);
    s.tick = 0;
    /* openat(AT_FDCWD, "/etc/passwd", O_RDONLY) */
    uint64_t open_gprs[] = {SYS_openat, 0, 0x1000, (uint64_t)-100};
    synth_syscall_head(&s, SYS_openat, 1 << ODB_RAX | 1 << ODB_RDX | 1 << ODB_RSI | 1 << ODB_RDI, open_gprs,
                       1, 3);
    uint64_t tick = s.tick;
    put_data(&s, 0x1000, true, "/etc/passwd", 12);
    /* read(3, "root:\33", 100): other registers as before */
    uint64_t read_gprs[] = {SYS_read, 100, 0x2000, 3};
    synth_syscall_head(&s, SYS_read, 1 << ODB_RAX | 1 << ODB_RDX | 1 << ODB_RSI | 1 << ODB_RDI, read_gprs, 1,
                       6);
    put_data(&s, 0x2000, false, "root:\33", 6);
    uint64_t close_gprs[] = {SYS_close};
    synth_syscall_head(&s, SYS_close, 1 << ODB_RAX, close_gprs, 0, -9);
    synth_fault(&s, true);
    synth_note(&s, 0, "a \33[31mremark");
    synth_switch(&s, ODB_SWITCH_CALL);
    synth_switch(&s, ODB_SWITCH_YIELD);
    synth_task(&s, 1300, 1234, 1);
    synth_task(&s, 1400, 1400, 0);
    synth_killed(&s);
    synth_exit(&s);
    synth_end(&s);
    _cleanup_free_ char *text = dump(&s);

    expect_line(text, "    arg \"-a\"");
    expect_line(text, "    env \"HOME=/root\"");
    expect_line(text, "- file 1 \"/bin/prog\" 123456 bytes, device 0 inode 0");
    expect_line(text, "    map 0x400000-0x402000 r-xp file 1 from 0x0 \"\"");
    char line[200];
    snprintf(line, sizeof line,
             "#0 tick %d rip 0x401234 tid 1234 openat(AT_FDCWD, \"/etc/passwd\", O_RDONLY) = 3", (int)tick);
    expect_line(text, line);
    expect_line(text, "    mem in 0x1000 12 bytes \"/etc/passwd\\x00\"");
    CHECK(strstr(text, " read(3, \"root:"));
    expect_line(text, "    mem out 0x2000 6 bytes \"root:\\x1b\"");
    CHECK(strstr(text, " close(3) = -1 EBADF"));
    CHECK(strstr(text, " fault SIGSEGV code 128 address 0x0, fatal\n"));
    CHECK(strstr(text, " note: a \\x1b[31mremark\n"));
    CHECK(strstr(text, " exit 3\n"));
    CHECK(strstr(text, " tid 1234 switch: in wait4\n"));
    CHECK(strstr(text, " tid 1234 switch: yields\n"));
    expect_line(text, "- task tid 1300 pid 1234 made by tid 1234, flags 0x3d0f00");
    expect_line(text, "- task tid 1400 made by tid 1234, flags 0x1200000");
    CHECK(strstr(text, " tid 1234 without a word of its own: killed by SIGKILL\n"));
    expect_line(text, "- end: exited with 3, after 1.000 s");
    CHECK(!strchr(text, '\33') && !strchr(text, '!'));
    synth_deinit(&s);
}

static void test_damaged(void)
{
    struct synth s;
    synth_init(&s, 1);
    synth_start(&s);
    synth_insn(&s);
    _cleanup_free_ char *text = dump(&s);
    char line[200];
    snprintf(line, sizeof line, "! cut off: no END event; usable: 2 events in %zu bytes", s.len);
    expect_line(text, line);
    synth_deinit(&s);
}

/* Random recordings: only printable text and line ends come out. */
static void test_printable(void)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct synth s;
        synth_init(&s, seed);
        synth_recording(&s, 300);
        synth_file(&s, 1, "\33]0;title\7\r\n\x80\xff");
        _cleanup_free_ char *text = dump(&s);
        for (const unsigned char *p = (const unsigned char *)text; *p; p++)
            CHECK(*p == '\n' || (*p >= 0x20 && *p != 0x7f));
        synth_deinit(&s);
    }
}

int main(void)
{
    RUN(test_lines);
    RUN(test_damaged);
    RUN(test_printable);
    return 0;
}
