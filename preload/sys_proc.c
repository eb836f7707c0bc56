/* The program's own maps, smaps and status in /proc/self, without the engine. See sys_proc.h. */
#include "preload/sys_proc.h"

#include <linux/fcntl.h>
#include <linux/memfd.h>

#include "preload/procmaps.h"
#include "preload/raw.h"

struct copy {
    int to;
    bool hiding; /* inside a hidden mapping's block (smaps has more lines each) */
};

enum own_file { OWN_NONE, OWN_MAPS, OWN_STATUS };

/* A cheap test of the name that the program gave, before anything is asked of the kernel. */
static enum own_file looks_like(gaddr a)
{
    char text[64];
    size_t n = engine_peek_some(a, text, sizeof(text));
    size_t i = 0;
    while (i < n && text[i])
        i++;
    if (i == n)
        return OWN_NONE;
    if (i >= 4 && memcmp(text + i - 4, "maps", 4) == 0)
        return OWN_MAPS;
    return i >= 6 && memcmp(text + i - 6, "status", 6) == 0 ? OWN_STATUS : OWN_NONE;
}

static bool is_own(int fd, enum own_file which)
{
    static const char *const forms[][4] = {
        [OWN_MAPS] = {"/proc/%u/maps", "/proc/%u/smaps", "/proc/%u/task/%u/maps", "/proc/%u/task/%u/smaps"},
        [OWN_STATUS] = {"/proc/%u/status", "/proc/%u/task/%u/status", "", ""},
    };
    char link[40];
    char path[64];
    char own[64];
    engine_format(link, sizeof(link), "/proc/self/fd/%d", fd);
    long n = raw4(__NR_readlinkat, AT_FDCWD, link, path, sizeof(path) - 1);
    if (n <= 0)
        return false;
    path[n] = 0;
    for (int i = 0; i < 4; i++) {
        engine_format(own, sizeof(own), forms[which][i], ctx.pid, ctx.tid);
        if (strcmp(path, own) == 0)
            return true;
    }
    return false;
}

/* ---- status: the program's signal state instead of the engine's, and no guard ---- */

static void put_hex(char *to, uint64_t v)
{
    for (int i = 15; i >= 0; i--, v >>= 4)
        to[i] = "0123456789abcdef"[v & 15];
}

/* "NAME:\t" at the beginning of a line of text: its value, else NULL. */
static char *field(char *text, size_t n_bytes, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i + n + 18 < n_bytes; i++)
        if ((i == 0 || text[i - 1] == '\n') && memcmp(text + i, name, n) == 0 && text[i + n] == ':')
            return text + i + n + 2;
    return NULL;
}

static void copy_status(int from, int to)
{
    static char text[8192];
    long n = raw3(__NR_read, from, text, sizeof(text));
    if (n <= 0)
        return;
    uint64_t caught = 0;
    for (int i = 1; i <= ENGINE_NSIG; i++)
        caught |= (uint64_t)(sig_actions[i].handler > 1) << (i - 1);
    char *at = field(text, (size_t)n, "SigCgt");
    if (at)
        put_hex(at, caught);
    if ((at = field(text, (size_t)n, "SigBlk")))
        put_hex(at, sig_mask);
    static const char *const guard[] = {"Seccomp", "Seccomp_filters", "NoNewPrivs"};
    for (int i = 0; i < 3 && CONTROL->filter_len; i++)
        if ((at = field(text, (size_t)n, guard[i])))
            *at = '0';
    raw3(__NR_write, to, text, n);
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
    if (c->result < 0 || (c->nr != __NR_open && c->nr != __NR_openat && c->nr != __NR_openat2))
        return;
    int fd = (int)c->result;
    enum own_file which = looks_like(c->args[c->nr == __NR_open ? 0 : 1]);
    if (which == OWN_NONE || !is_own(fd, which))
        return;
    struct copy copy = {.to = (int)raw2(__NR_memfd_create, "proc", MFD_CLOEXEC)};
    if (copy.to < 0)
        return;
    if (which == OWN_MAPS)
        procmaps_each(fd, each_line, &copy);
    else
        copy_status(fd, copy.to);
    raw3(__NR_lseek, copy.to, 0, 0);
    long flags = raw2(__NR_fcntl, fd, F_GETFD);
    raw3(__NR_dup3, copy.to, fd, flags > 0 && (flags & FD_CLOEXEC) ? O_CLOEXEC : 0);
    raw1(__NR_close, copy.to);
}
