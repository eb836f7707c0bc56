/* Copies of mapped files into the recording; see capture.h.
 *
 * A file is known by (device, inode, size, mtime), so that a file changed between two mappings is two
 * files. Its copy, files/N, has the same offsets: a reflink of the whole where the file system can, else
 * only the mapped ranges, page by page, in a sparse file; later mappings add theirs. */
#include "preload/capture.h"

#include <asm/stat.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/mman.h>
#include <linux/stat.h>

#include "preload/event.h"
#include "preload/raw.h"
#include "preload/sys_files.h"

#define CAPTURES_MAX 16384
#define CAPTURE_RANGES 6

struct captured {
    uint64_t dev, ino, size_bytes, mtime_ns;
    struct {
        uint64_t start, end;
    } have[CAPTURE_RANGES]; /* copied; joined when there are too many, by copying the gap */
    uint32_t n_have;
};
static struct captured *captures;
static uint32_t n_captures; /* ids are index + 1 */

static long open_copy(uint32_t id, int flags)
{
    char path[32];
    engine_format(path, sizeof(path), "files/%u", id);
    return raw4(__NR_openat, recdir_fd, path, flags | O_CLOEXEC, 0600);
}

static long copy_range(int from, int to, uint64_t start, uint64_t end)
{
    while (start < end) {
        uint64_t from_at = start;
        uint64_t to_at = start;
        long n = raw6(__NR_copy_file_range, from, &from_at, to, &to_at, end - start, 0);
        if (n == 0)
            return engine_copy_file(from, to, start, end); /* procfs and kin: size 0 but readable */
        if (n < 0)
            return engine_copy_file(from, to, start, end);
        start += (uint64_t)n;
    }
    return 0;
}

static long capture_range(struct captured *c, int from, int to, uint64_t start, uint64_t end)
{
    if (end > c->size_bytes)
        end = c->size_bytes;
    for (uint32_t i = 0; i < c->n_have; i++)
        if (c->have[i].start <= start && end <= c->have[i].end)
            return 0;
    if (start >= end)
        return 0;
    if (c->n_have == CAPTURE_RANGES) { /* all of it from now on */
        start = 0;
        end = c->size_bytes;
        c->n_have = 0;
    }
    long err = copy_range(from, to, start, end);
    if (err < 0)
        return err;
    c->have[c->n_have].start = start;
    c->have[c->n_have++].end = end;
    return 0;
}

static void write_file_event(uint32_t id, const struct captured *c, const char *path)
{
    uint32_t n = (uint32_t)strlen(path) + 1;
    struct odb_ev_file *ev = event_begin(ODB_EV_FILE, 0, (uint32_t)sizeof(*ev) + n);
    ev->file_id = id;
    ev->path_bytes = n;
    ev->dev = c->dev;
    ev->ino = c->ino;
    ev->size_bytes = c->size_bytes;
    ev->mtime_ns = c->mtime_ns;
    memcpy(ev + 1, path, n);
    event_commit();
}

static void find_name(int fd, char to[CAPTURE_NAME_BYTES])
{
    char link[40];
    engine_format(link, sizeof(link), "/proc/self/fd/%d", fd);
    long n = raw4(__NR_readlinkat, AT_FDCWD, link, to, CAPTURE_NAME_BYTES - 1);
    to[n > 0 ? n : 0] = 0;
}

static uint32_t find_captured(const struct captured *key)
{
    for (uint32_t i = 0; i < n_captures; i++) {
        const struct captured *c = &captures[i];
        if (c->ino == key->ino && c->dev == key->dev && c->size_bytes == key->size_bytes &&
            c->mtime_ns == key->mtime_ns)
            return i + 1;
    }
    return 0;
}

long capture_file(int fd, uint64_t offset, uint64_t len_bytes, char ret_name[CAPTURE_NAME_BYTES])
{
    struct stat st;
    long err = raw2(__NR_fstat, fd, &st);
    if (err < 0)
        return err;
    find_name(fd, ret_name);
    if (S_ISCHR(st.st_mode))
        return st.st_rdev == 0x105 ? 0 : -19; /* /dev/zero is anonymous memory; ENODEV */
    if (!captures)
        captures = engine_alloc(sizeof(*captures) * CAPTURES_MAX);
    struct captured key = {
        .dev = st.st_dev,
        .ino = st.st_ino,
        .size_bytes = (uint64_t)st.st_size,
        .mtime_ns = (uint64_t)st.st_mtime * 1000000000u + (uint64_t)st.st_mtime_nsec,
    };
    uint32_t id = find_captured(&key);
    bool is_new = !id;
    if (is_new) {
        if (n_captures == CAPTURES_MAX)
            return -23;
        captures[n_captures++] = key;
        id = n_captures;
    }
    struct captured *c = &captures[id - 1];
    if (is_new || c->n_have == 0 || c->have[0].start != 0 || c->have[0].end < c->size_bytes) {
        int to = (int)open_copy(id, O_RDWR | O_CREAT);
        if (to < 0)
            return to;
        if (is_new && raw3(__NR_ioctl, to, FICLONE, fd) == 0)
            c->have[c->n_have++].end = c->size_bytes;
        else
            err = capture_range(c, fd, to, offset, offset + len_bytes);
        if (is_new)
            raw2(__NR_ftruncate, to, c->size_bytes);
        raw1(__NR_close, to);
        if (err < 0)
            return err;
    }
    if (is_new)
        write_file_event(id, c, ret_name);
    sys_files_mapped(c->dev, c->ino, id);
    return id;
}
