/* See copy.h. A process that has changed its user (su, a server's workers) can no longer create files in a recording that
 * belongs to root; the recorder can, and reads what is to be captured through /proc. */
#include "recorder/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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
