/* The program's own /proc/self/maps and smaps, without the engine. See sys_proc.h. */
#include "preload/sys_proc.h"

#include <linux/fcntl.h>
#include <linux/memfd.h>

#include "preload/procmaps.h"
#include "preload/raw.h"

struct copy {
    int to;
    bool hiding; /* inside a hidden mapping's block (smaps has more lines each) */
};

/* Does the text at a end with "maps"? A cheap test, before anything is asked of the kernel. */
static bool ends_with_maps(gaddr a)
{
    char text[64];
    size_t n = engine_peek_some(a, text, sizeof(text));
    for (size_t i = 0; i < n; i++)
        if (!text[i])
            return i >= 4 && memcmp(text + i - 4, "maps", 4) == 0;
    return false;
}

static bool is_own_maps(int fd)
{
    char link[40];
    char path[64];
    char own[64];
    engine_format(link, sizeof(link), "/proc/self/fd/%d", fd);
    long n = raw4(__NR_readlinkat, AT_FDCWD, link, path, sizeof(path) - 1);
    if (n <= 0)
        return false;
    path[n] = 0;
    static const char *const forms[] = {"/proc/%u/maps", "/proc/%u/smaps", "/proc/%u/task/%u/maps", "/proc/%u/task/%u/smaps"};
    for (int i = 0; i < 4; i++) {
        engine_format(own, sizeof(own), forms[i], ctx.pid, ctx.tid);
        if (strcmp(path, own) == 0)
            return true;
    }
    return false;
}

static long copy_line(const char *line, size_t n_bytes, struct copy *c, const struct procmap *m)
{
    bool header = (line[0] >= '0' && line[0] <= '9') || (line[0] >= 'a' && line[0] <= 'f');
    if (header)
        c->hiding = procmaps_hidden(m);
    if (!c->hiding && header && m->start == ODB_VDSO_ADDR) {
        char text[128]; /* as the kernel shows its own */
        int n = engine_format(text, sizeof(text), "%lx-%lx r-xp 00000000 00:00 0                          [vdso]\n", m->start,
                              m->end);
        return raw3(__NR_write, c->to, text, n);
    }
    return c->hiding ? 0 : raw3(__NR_write, c->to, line, n_bytes);
}

static long each_line(const struct procmap *m, const char *line, size_t n_bytes, void *arg)
{
    return copy_line(line, n_bytes, arg, m);
}

void sys_proc_opened(const struct model_syscall *m, const struct model_call *c)
{
    if (c->result < 0 || (c->nr != __NR_open && c->nr != __NR_openat && c->nr != __NR_openat2))
        return;
    int fd = (int)c->result;
    if (!ends_with_maps(c->args[c->nr == __NR_open ? 0 : 1]) || !is_own_maps(fd))
        return;
    (void)m;
    struct copy copy = {.to = (int)raw2(__NR_memfd_create, "maps", MFD_CLOEXEC)};
    if (copy.to < 0)
        return;
    procmaps_each(fd, each_line, &copy);
    raw3(__NR_lseek, copy.to, 0, 0);
    long flags = raw2(__NR_fcntl, fd, F_GETFD);
    raw3(__NR_dup3, copy.to, fd, flags > 0 && (flags & FD_CLOEXEC) ? O_CLOEXEC : 0);
    raw1(__NR_close, copy.to);
}
