/* See copy.h. A process that has changed its user (su, a server's workers) can no longer create files in a recording that
 * belongs to root; the recorder can, and reads what is to be captured through /proc. */
#include "recorder/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

enum { CHUNK_BYTES = 1 << 16 };

static int open_source(const struct odb_exec_request *q)
{
    char path[64];
    if (q->fd >= 0)
        snprintf(path, sizeof(path), "/proc/%u/fd/%d", q->pid, q->fd);
    else
        snprintf(path, sizeof(path), "/proc/%u/mem", q->pid);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static int open_target(int dir_fd, const struct odb_exec_request *q)
{
    char path[32];
    snprintf(path, sizeof(path), "files/%u", q->file_id);
    return openat(dir_fd, path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

int copy_for_process(int dir_fd, const struct odb_exec_request *q)
{
    static uint8_t chunk[CHUNK_BYTES]; /* one request at a time */
    const struct odb_exec_request r = *q;
    if (!r.file_id || r.file_id > ODB_MAX_CAPTURES || r.offset + r.len_bytes < r.offset)
        return EINVAL;
    _cleanup_close_ int from = open_source(&r);
    _cleanup_close_ int to = from < 0 ? -1 : open_target(dir_fd, &r);
    if (to < 0 || ftruncate(to, (off_t)r.size_bytes) < 0)
        return errno;
    for (uint64_t done = 0; done < r.len_bytes;) {
        uint64_t want = r.len_bytes - done < CHUNK_BYTES ? r.len_bytes - done : CHUNK_BYTES;
        uint64_t at = r.offset + done;
        ssize_t n = pread(from, chunk, want, (off_t)(r.fd >= 0 ? at : r.addr + done));
        if (n < 0)
            return errno;
        if (n == 0)
            break;
        if (pwrite(to, chunk, (size_t)n, (off_t)at) != n)
            return errno ? errno : EIO;
        done += (uint64_t)n;
    }
    return 0;
}

/* ---- the rest of ELF files ---- */

static bool has_all(const struct odb_capture *c)
{
    for (uint32_t i = 0; i < c->n_have; i++)
        if (c->have[i].start == 0 && c->have[i].end >= c->size_bytes)
            return true;
    return false;
}

static bool is_same_elf(int fd, const struct odb_capture *c)
{
    struct stat st;
    char magic[4];
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_dev == c->dev && st.st_ino == c->ino &&
           (uint64_t)st.st_size == c->size_bytes &&
           (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec == c->mtime_ns &&
           pread(fd, magic, sizeof(magic), 0) == sizeof(magic) && memcmp(magic, "\177ELF", 4) == 0;
}

static int copy_part(int from, int to, uint64_t start, uint64_t end)
{
    static uint8_t chunk[CHUNK_BYTES];
    while (start < end) {
        loff_t from_at = (loff_t)start, to_at = (loff_t)start;
        ssize_t n = copy_file_range(from, &from_at, to, &to_at, end - start, 0);
        if (n <= 0) { /* other file systems, or old kernels */
            n = pread(from, chunk, end - start < CHUNK_BYTES ? end - start : CHUNK_BYTES, (off_t)start);
            if (n <= 0 || pwrite(to, chunk, (size_t)n, (off_t)start) != n)
                return -1;
        }
        start += (uint64_t)n;
    }
    return 0;
}

/* End of what is there from `at` on; `at` itself where it is missing. *ret_next: where the next part begins. */
static uint64_t part_at(const struct odb_capture *c, uint64_t at, uint64_t *ret_next)
{
    uint64_t end = at, next = c->size_bytes;
    for (uint32_t i = 0; i < c->n_have; i++) {
        if (c->have[i].start <= at && c->have[i].end > end)
            end = c->have[i].end;
        if (c->have[i].start > at && c->have[i].start < next)
            next = c->have[i].start;
    }
    *ret_next = next;
    return end;
}

static void complete_one(int dir_fd, uint32_t id, const struct odb_capture *c, const char *path)
{
    char name[32];
    _cleanup_close_ int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (from < 0 || !is_same_elf(from, c))
        return;
    snprintf(name, sizeof(name), "files/%u", id);
    _cleanup_close_ int to = openat(dir_fd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (to < 0)
        return;
    for (uint64_t at = 0, next; at < c->size_bytes;) {
        uint64_t end = part_at(c, at, &next);
        if (end == at && copy_part(from, to, at, next) < 0)
            return;
        at = end > at ? end : next;
    }
}

void copy_complete(int dir_fd, const struct odb_shared *shared)
{
    uint32_t n = shared->n_captures < ODB_MAX_CAPTURES ? shared->n_captures : ODB_MAX_CAPTURES;
    for (uint32_t i = 0; i < n; i++) {
        struct odb_capture c = shared->captures[i]; /* recorded processes could write here */
        const char *path = shared->capture_paths + c.path_at;
        bool has_path = c.path_at && c.path_at < sizeof(shared->capture_paths) &&
                        memchr(path, 0, sizeof(shared->capture_paths) - c.path_at);
        c.n_have =
            c.n_have < sizeof(c.have) / sizeof(c.have[0]) ? c.n_have : sizeof(c.have) / sizeof(c.have[0]);
        if (has_path && *path == '/' && !has_all(&c))
            complete_one(dir_fd, i + 1, &c, path);
    }
}
