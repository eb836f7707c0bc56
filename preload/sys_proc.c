/* Files of /proc as they would be without the engine. See sys_proc.h. */
#include "preload/sys_proc.h"

#include <asm/statfs.h>
#include <linux/fcntl.h>
#include <linux/magic.h>
#include <linux/memfd.h>

#include "preload/procmaps.h"
#include "preload/raw.h"
#include "preload/sys.h"
#include "preload/sys_sched.h"
#include "preload/sys_seccomp.h"
#include "preload/thread.h"

struct copy {
    int to;
    bool hiding; /* inside a hidden mapping's block (smaps has more lines each) */
};

enum proc_file { PROC_NONE, PROC_MAPS, PROC_STATUS };

/* A cheap test of the name that the program gave, before anything is asked of the kernel. */
static enum proc_file looks_like(gaddr a)
{
    char text[64];
    size_t n = engine_peek_some(a, text, sizeof(text));
    size_t i = 0;
    while (i < n && text[i])
        i++;
    if (i == n)
        return PROC_NONE;
    if (i >= 4 && memcmp(text + i - 4, "maps", 4) == 0)
        return PROC_MAPS;
    return i >= 6 && memcmp(text + i - 6, "status", 6) == 0 ? PROC_STATUS : PROC_NONE;
}

/* "/123" at the end of path[0..*n): its number, and *n without it. 0: there is none. */
static uint32_t last_number(const char *path, size_t *n)
{
    size_t i = *n;
    uint32_t v = 0, place = 1;
    while (i > 0 && path[i - 1] >= '0' && path[i - 1] <= '9') {
        v += (uint32_t)(path[--i] - '0') * place;
        place *= 10;
    }
    if (i == *n || i == 0 || path[i - 1] != '/')
        return 0;
    *n = i - 1;
    return v;
}

/* The process whose file it is, by its number in that /proc; 0: no such file. *ret_tid: of /proc/PID/task/TID, else PID. */
static uint32_t owner(int fd, enum proc_file which, uint32_t *ret_tid)
{
    struct statfs fs;
    char link[40], path[128];
    engine_format(link, sizeof(link), "thread-self/fd/%d", fd);
    long len = proc_readlink(link, path, sizeof(path));
    if (len <= 0 || raw2(__NR_fstatfs, fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
        return 0;
    const char *name = which == PROC_STATUS ? "status" : "maps";
    size_t n = (size_t)len, name_bytes = strlen(name);
    if (n < name_bytes + 2 || memcmp(path + n - name_bytes, name, name_bytes) != 0)
        return 0;
    n -= name_bytes;
    if (which == PROC_MAPS && path[n - 1] == 's') /* smaps */
        n--;
    if (path[n - 1] != '/')
        return 0;
    n--;
    uint32_t id = *ret_tid = last_number(path, &n);
    if (id && n > 5 && memcmp(path + n - 5, "/task", 5) == 0) {
        n -= 5;
        id = last_number(path, &n);
    }
    return id;
}

static bool is_us(uint32_t pid) { return pid == self->process->pid || pid == self->process->ns_pid; }

/* ---- status ---- */

static void put_hex(char *to, uint64_t v)
{
    for (int i = 15; i >= 0; i--, v >>= 4)
        to[i] = "0123456789abcdef"[v & 15];
}

/* The mask in the kernel's words of 32 bits, over the digits that are there: "ff" or "00000000,000000ff". */
static void put_cpus(char *text, size_t n, const uint64_t *mask)
{
    uint32_t bit = 0;
    for (size_t i = n; i > 0; i--) {
        if (text[i - 1] == ',')
            continue;
        text[i - 1] = "0123456789abcdef"[bit < SCHED_MASK_WORDS * 64 ? mask[bit / 64] >> (bit % 64) & 15 : 0];
        bit += 4;
    }
}

/* "0-3,8" */
static size_t put_cpu_list(char *to, size_t room, const uint64_t *mask)
{
    size_t n = 0;
    for (uint32_t i = 0; i < SCHED_MASK_WORDS * 64; i++) {
        uint32_t first = i;
        while (i < SCHED_MASK_WORDS * 64 && mask[i / 64] >> (i % 64) & 1)
            i++;
        if (i == first)
            continue;
        n += (size_t)engine_format(to + n, room - n, n ? ",%u" : "%u", first);
        if (i - first > 1)
            n += (size_t)engine_format(to + n, room - n, "-%u", i - 1);
    }
    return n;
}

static bool is_field(const char *line, size_t n, const char *name)
{
    size_t k = strlen(name);
    return n > k + 2 && memcmp(line, name, k) == 0 && line[k] == ':';
}

/* One line "Name:\tvalue\n" of our own process's status. Returns its length, as it is now in `line` (with room for more). */
static size_t own_line(char *line, size_t n, size_t room, bool own_thread)
{
    uint64_t caught = 0, mask[SCHED_MASK_WORDS];
    sched_mask(&SHARED->tasks[self->task], mask);
    if (is_field(line, n, "SigCgt")) {
        for (int i = 1; i <= ENGINE_NSIG; i++)
            caught |= (uint64_t)(sig_actions[i].handler > 1) << (i - 1);
        put_hex(line + 8, caught);
    } else if (is_field(line, n, "SigBlk") && own_thread) {
        put_hex(line + 8, sig_mask);
    } else if (is_field(line, n, "Cpus_allowed") && SHARED->affinity_bytes) {
        put_cpus(line + 14, n - 15, mask);
    } else if (is_field(line, n, "Cpus_allowed_list") && SHARED->affinity_bytes) {
        n = 19 + put_cpu_list(line + 19, room - 20, mask);
        line[n++] = '\n';
    } else if (is_field(line, n, "NoNewPrivs")) {
        n = (size_t)engine_format(line, room, "NoNewPrivs:\t%u\n", (unsigned)sys_seccomp_no_new_privs());
    } else if (is_field(line, n, "Seccomp")) {
        n = (size_t)engine_format(line, room, "Seccomp:\t%d\n", sys_seccomp_mode());
    } else if (is_field(line, n, "Seccomp_filters")) {
        n = (size_t)engine_format(line, room, "Seccomp_filters:\t%u\n", sys_seccomp_count());
    }
    return n;
}

static void copy_status(int from, int to, bool own_thread)
{
    static char text[8192], line[1024];
    long n = raw3(__NR_read, from, text, sizeof(text));
    for (size_t at = 0; n > 0 && at < (size_t)n;) {
        size_t end = at;
        while (end < (size_t)n && text[end] != '\n')
            end++;
        end += end < (size_t)n;
        size_t len = end - at;
        if (len < sizeof(line) / 2) {
            memcpy(line, text + at, len);
            raw3(__NR_write, to, line, own_line(line, len, sizeof(line), own_thread));
        } else {
            raw3(__NR_write, to, text + at, len);
        }
        at = end;
    }
}

/* ---- maps ---- */

static long copy_line(const char *line, size_t n_bytes, struct copy *c, const struct procmap *m)
{
    bool header = (line[0] >= '0' && line[0] <= '9') || (line[0] >= 'a' && line[0] <= 'f');
    if (header)
        c->hiding = procmaps_hidden(m);
    if (!c->hiding && header && m->start == ODB_VDSO_ADDR) {
        char text[128]; /* as the kernel shows its own */
        int n = engine_format(text, sizeof(text),
                              "%lx-%lx r-xp 00000000 00:00 0                          [vdso]\n", m->start,
                              m->end);
        return raw3(__NR_write, c->to, text, n);
    }
    return c->hiding ? 0 : raw3(__NR_write, c->to, line, n_bytes);
}

static long each_line(const struct procmap *m, const char *line, size_t n_bytes, void *arg)
{
    return copy_line(line, n_bytes, arg, m);
}

void sys_proc_opened(const struct model_call *c)
{
    uint32_t tid;
    if (c->result < 0 || (c->nr != __NR_open && c->nr != __NR_openat && c->nr != __NR_openat2))
        return;
    int fd = (int)c->result;
    enum proc_file which = looks_like(c->args[c->nr == __NR_open ? 0 : 1]);
    uint32_t pid = which == PROC_NONE ? 0 : owner(fd, which, &tid);
    if (!pid || (which == PROC_STATUS && !is_us(pid)))
        return;
    struct copy copy = {.to = (int)raw2(__NR_memfd_create, "proc", MFD_CLOEXEC)};
    if (copy.to < 0)
        return;
    if (which == PROC_MAPS)
        procmaps_each(fd, each_line, &copy);
    else
        copy_status(fd, copy.to, tid == self->ns_tid || tid == ctx.tid || (is_us(tid) && is_us(ctx.tid)));
    raw3(__NR_lseek, copy.to, 0, 0);
    long flags = raw2(__NR_fcntl, fd, F_GETFD);
    raw3(__NR_dup3, copy.to, fd, flags > 0 && (flags & FD_CLOEXEC) ? O_CLOEXEC : 0);
    raw1(__NR_close, copy.to);
}

/* ---- lists of descriptors ---- */

/* struct linux_dirent64: inode 8, offset 8, length of the entry 2, type 1, name. */
#define ENTRY_LEN_AT 16
#define ENTRY_HEAD 19

/* The number that the entry at `at` is named; -1: it is none. */
static int64_t entry_number(gaddr at)
{
    char name[12];
    size_t n = engine_peek_some(at + ENTRY_HEAD, name, sizeof(name) - 1);
    int64_t v = 0;
    size_t i = 0;
    for (; i < n && name[i] >= '0' && name[i] <= '9'; i++)
        v = v * 10 + (name[i] - '0');
    return i && i < n && !name[i] ? v : -1;
}

static bool lists_descriptors(int fd)
{
    struct statfs fs;
    char link[40], path[128];
    engine_format(link, sizeof(link), "thread-self/fd/%d", fd);
    long n = proc_readlink(link, path, sizeof(path));
    bool named = n > 7 && (memcmp(path + n - 3, "/fd", 3) == 0 || memcmp(path + n - 7, "/fdinfo", 7) == 0);
    return named && raw2(__NR_fstatfs, fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

/* The entry before swallows it, so that the length of all stays. At the buffer's beginning it becomes one more ".". */
static void hide_entry(gaddr at, gaddr before, uint16_t n)
{
    uint16_t sum;
    if (before && engine_peek(before + ENTRY_LEN_AT, &sum, 2)) {
        sum = (uint16_t)(sum + n);
        engine_poke(before + ENTRY_LEN_AT, &sum, 2);
    } else {
        engine_poke(at + ENTRY_HEAD, ".", 2);
    }
}

void sys_proc_listed(const struct model_call *c)
{
    bool known = false;
    gaddr before = 0, end = c->args[1] + (uint64_t)c->result;
    uint16_t n;
    for (gaddr at = c->args[1]; c->result > 0 && at + ENTRY_HEAD < end; at += n) {
        int64_t number = entry_number(at);
        if (!engine_peek(at + ENTRY_LEN_AT, &n, 2) || !n || at + n > end)
            return;
        if (number < 0 || !sys_own_descriptor((uint64_t)number)) {
            before = at;
            continue;
        }
        if (!known && !(known = lists_descriptors((int)c->args[0])))
            return;
        hide_entry(at, before, n);
    }
}
