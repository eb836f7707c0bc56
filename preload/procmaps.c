/* Reading /proc/self/maps; see procmaps.h. Format: man 5 proc_pid_maps. */
#include "preload/procmaps.h"

#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/resource.h>

#include "preload/raw.h"

static char text[16384];

static uint64_t parse_hex(const char **at)
{
    uint64_t v = 0;
    for (;; (*at)++) {
        char ch = **at;
        if (ch >= '0' && ch <= '9')
            v = v * 16 + (uint64_t)(ch - '0');
        else if (ch >= 'a' && ch <= 'f')
            v = v * 16 + (uint64_t)(ch - 'a' + 10);
        else
            return v;
    }
}

/* line ends in '\n' */
static void parse_line(const char *line, struct procmap *m)
{
    const char *at = line;
    m->start = parse_hex(&at);
    at++;
    m->end = parse_hex(&at);
    at++;
    m->prot =
        (at[0] == 'r' ? PROT_READ : 0) | (at[1] == 'w' ? PROT_WRITE : 0) | (at[2] == 'x' ? PROT_EXEC : 0);
    m->is_shared = at[3] == 's';
    at += 5;
    m->offset = parse_hex(&at);
    at++;
    m->dev_major = (uint32_t)parse_hex(&at);
    at++;
    m->dev_minor = (uint32_t)parse_hex(&at);
    at++;
    m->ino = 0;
    for (; *at >= '0' && *at <= '9'; at++)
        m->ino = m->ino * 10 + (uint64_t)(*at - '0');
    while (*at == ' ')
        at++;
    size_t n = 0;
    for (; at[n] != '\n' && n < sizeof(m->name) - 1; n++)
        m->name[n] = at[n];
    m->name[n] = 0;
}

long procmaps_each(int fd, long (*fn)(const struct procmap *m, const char *line, size_t n_bytes, void *arg),
                   void *arg)
{
    size_t have = 0;
    for (;;) {
        long n = raw3(__NR_read, fd, text + have, sizeof(text) - have);
        if (n < 0)
            return n;
        if (n == 0)
            return 0;
        have += (size_t)n;
        size_t done = 0;
        for (;;) {
            size_t end = done;
            while (end < have && text[end] != '\n')
                end++;
            if (end == have)
                break;
            struct procmap m;
            parse_line(text + done, &m);
            long err = fn(&m, text + done, end + 1 - done, arg);
            if (err < 0)
                return err;
            done = end + 1;
        }
        memmove(text, text + done, have - done);
        have -= done;
        if (have == sizeof(text))
            return -7; /* E2BIG: no such line exists, PATH_MAX is 4096 */
    }
}

bool procmaps_hidden(const struct procmap *m)
{
    if (m->start >= ODB_VDSO_ADDR && m->end <= ODB_VDSO_ADDR + ODB_VDSO_BYTES)
        return false;
    return engine_owns(m->start, m->end - m->start);
}

/* Without the recorder's /proc (preload start): the program's, by its usual name. */
static long proc_at(const char *name, char path[64])
{
    engine_format(path, 64, proc_fd >= 0 ? "%s" : "/proc/%s", name);
    return proc_fd >= 0 ? proc_fd : AT_FDCWD;
}

long proc_open(const char *name, long flags)
{
    char path[64];
    long dir = proc_at(name, path);
    long fd = raw4(__NR_openat, dir, path, flags | O_CLOEXEC, 0);
    struct rlimit64 was;
    if (fd != -24 /* EMFILE: the program uses up all it may have */ ||
        raw4(__NR_prlimit64, 0, RLIMIT_NOFILE, 0, &was) < 0)
        return fd;
    struct rlimit64 more = {was.rlim_cur + 16,
                            was.rlim_max < was.rlim_cur + 16 ? was.rlim_cur + 16 : was.rlim_max};
    if (raw4(__NR_prlimit64, 0, RLIMIT_NOFILE, &more, 0) == 0) {
        fd = raw4(__NR_openat, dir, path, flags | O_CLOEXEC, 0);
        raw4(__NR_prlimit64, 0, RLIMIT_NOFILE, &was, 0);
    }
    return fd;
}

long proc_readlink(const char *name, char *to, size_t n_bytes)
{
    char path[64];
    long dir = proc_at(name, path);
    long n = raw4(__NR_readlinkat, dir, path, to, n_bytes - 1);
    to[n > 0 ? n : 0] = 0;
    return n;
}
