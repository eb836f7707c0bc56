/* Small file helpers: see fs.h. */
#include "common/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

struct odb_err *fs_join(const char *dir, const char *name, char **ret)
{
    char *path;
    if (asprintf(&path, "%s/%s", dir, name) < 0)
        return odb_err("out of memory");
    *ret = path;
    return NULL;
}

struct odb_err *fs_write_all(int fd, const void *data, size_t n_bytes)
{
    const char *p = data;
    while (n_bytes) {
        ssize_t n = write(fd, p, n_bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return odb_err_errno(errno, "cannot write");
        p += n;
        n_bytes -= (size_t)n;
    }
    return NULL;
}

struct odb_err *fs_pwritev_all(int fd, struct iovec *iov, int n_iov, uint64_t offset)
{
    while (n_iov) {
        if (iov->iov_len == 0) {
            iov++;
            n_iov--;
            continue;
        }
        ssize_t n = pwritev(fd, iov, n_iov, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return odb_err_errno(n < 0 ? errno : EIO, "cannot write");
        offset += (uint64_t)n;
        for (size_t left = (size_t)n; left && n_iov;) {
            size_t part = left < iov->iov_len ? left : iov->iov_len;
            iov->iov_base = (char *)iov->iov_base + part;
            iov->iov_len -= part;
            left -= part;
            if (iov->iov_len == 0) {
                iov++;
                n_iov--;
            }
        }
    }
    return NULL;
}

struct odb_err *fs_pread_full(int fd, void *to, size_t n_bytes, uint64_t offset, size_t *ret_bytes)
{
    size_t done = 0;
    if (offset > INT64_MAX - n_bytes)
        return odb_err_errno(EOVERFLOW, "cannot read");
    while (done < n_bytes) {
        ssize_t n = pread(fd, (char *)to + done, n_bytes - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return odb_err_errno(errno, "cannot read");
        if (n == 0)
            break;
        done += (size_t)n;
    }
    *ret_bytes = done;
    return NULL;
}

struct odb_err *fs_read_file(const char *path, size_t max_bytes, char **ret, size_t *ret_bytes)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return odb_err_errno(errno, "%s", path);
    _cleanup_free_ char *data = NULL;
    size_t used = 0, cap = 0;
    for (;;) {
        if (used + 1 >= cap) {
            cap = cap ? cap * 2 : 4096;
            char *bigger = realloc(data, cap);
            if (!bigger)
                return odb_err("%s: out of memory", path);
            data = bigger;
        }
        ssize_t n = read(fd, data + used, cap - used - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return odb_err_errno(errno, "%s", path);
        if (n == 0)
            break;
        used += (size_t)n;
        if (used > max_bytes)
            return odb_err("%s: longer than %zu bytes", path, max_bytes);
    }
    data[used] = 0;
    *ret = take_ptr(data);
    if (ret_bytes)
        *ret_bytes = used;
    return NULL;
}

struct odb_err *fs_write_file(const char *path, const void *data, size_t n_bytes)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return odb_err_errno(errno, "%s", path);
    return odb_err_context(fs_write_all(fd, data, n_bytes), "%s", path);
}

struct odb_err *fs_open_regular(const char *path, int *ret_fd, uint64_t *ret_bytes)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == ENOENT) {
        *ret_fd = -1;
        return NULL;
    }
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return odb_err_errno(errno, "%s", path);
    if (!S_ISREG(st.st_mode))
        return odb_err("%s: not a regular file", path);
    *ret_fd = take_fd(fd);
    if (ret_bytes)
        *ret_bytes = (uint64_t)st.st_size;
    return NULL;
}

struct odb_err *fs_mkdir_p(const char *path)
{
    _cleanup_free_ char *p = strdup(path);
    if (!p)
        return odb_err("out of memory");
    for (char *s = p; *s;) {
        s += strspn(s, "/");
        s += strcspn(s, "/");
        char c = *s;
        *s = 0;
        if (mkdir(p, 0755) < 0 && errno != EEXIST) {
            int e = errno;
            struct stat st;
            if (stat(p, &st) < 0 || !S_ISDIR(st.st_mode))
                return odb_err_errno(e, "cannot make directory %s", p);
        }
        *s = c;
    }
    struct stat st; /* NOLINT(clang-analyzer-unix.Malloc): p is freed by its guard */
    if (stat(path, &st) < 0)
        return odb_err_errno(errno, "cannot make directory %s", path);
    if (!S_ISDIR(st.st_mode))
        return odb_err("%s: not a directory", path);
    return NULL;
}

struct odb_err *fs_unique_dir(const char *parent, const char *name, char **ret)
{
    for (unsigned i = 0; i < 1000000; i++) {
        _cleanup_free_ char *path = NULL;
        if (asprintf(&path, "%s/%s-%u", parent, name, i) < 0) {
            path = NULL;
            return odb_err("out of memory");
        }
        if (mkdir(path, 0755) == 0) {
            *ret = take_ptr(path);
            return NULL;
        }
        if (errno != EEXIST)
            return odb_err_errno(errno, "cannot make directory %s", path);
    }
    return odb_err("%s: too many directories named %s-N: remove some", parent, name);
}

/* read and write, for file systems between which copy_file_range does not work. */
static struct odb_err *copy_by_hand(int from, int to, uint64_t offset, uint64_t len_bytes)
{
    char chunk[64 << 10];
    while (len_bytes) {
        size_t n;
        ODB_TRY(fs_pread_full(from, chunk, len_bytes < sizeof chunk ? (size_t)len_bytes : sizeof chunk,
                              offset, &n));
        if (n == 0)
            break;
        struct iovec iov = {.iov_base = chunk, .iov_len = n};
        ODB_TRY(fs_pwritev_all(to, &iov, 1, offset));
        offset += n;
        len_bytes -= n;
    }
    return NULL;
}

struct odb_err *fs_copy_range(int from, int to, uint64_t offset, uint64_t len_bytes)
{
    while (len_bytes) {
        off_t in = (off_t)offset, out = (off_t)offset;
        ssize_t n =
            copy_file_range(from, &in, to, &out, len_bytes < (1u << 30) ? (size_t)len_bytes : 1u << 30, 0);
        if (n < 0 && errno == EINTR)
            continue;
        /* 0 may be the end, or a /proc-like file that copy_file_range does not see: reading decides. */
        if (n <= 0)
            return n < 0 && errno == ENOSPC ? odb_err_errno(ENOSPC, "cannot write")
                                            : copy_by_hand(from, to, offset, len_bytes);
        offset += (uint64_t)n;
        len_bytes -= (uint64_t)n;
    }
    return NULL;
}

struct odb_err *fs_clone(int from, int to)
{
    if (ioctl(to, FICLONE, from) == 0)
        return NULL;
    struct stat st;
    if (fstat(from, &st) < 0)
        return odb_err_errno(errno, "cannot copy");
    uint64_t size = (uint64_t)st.st_size;
    if (ftruncate(to, st.st_size) < 0)
        return odb_err_errno(errno, "cannot copy");
    for (uint64_t at = 0; at < size;) {
        off_t data = lseek(from, (off_t)at, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            break; /* only a hole is left */
        if (data < 0)
            return fs_copy_range(from, to, at, size - at); /* no holes known here */
        off_t hole = lseek(from, data, SEEK_HOLE);
        uint64_t end = hole < 0 ? size : (uint64_t)hole;
        ODB_TRY(fs_copy_range(from, to, (uint64_t)data, end - (uint64_t)data));
        at = end;
    }
    return NULL;
}

static uint64_t tree_bytes(int dirfd, const char *name, int depth)
{
    struct stat st;
    if (depth > 16 || fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    uint64_t total = (uint64_t)st.st_blocks * 512;
    if (!S_ISDIR(st.st_mode))
        return total;
    int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return total;
    _cleanup_closedir_ DIR *d = fdopendir(fd);
    if (!d) {
        close(fd);
        return total;
    }
    for (struct dirent *e; (e = readdir(d));) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            total += tree_bytes(fd, e->d_name, depth + 1);
    }
    return total;
}

uint64_t fs_tree_disk_bytes(const char *path) { return tree_bytes(AT_FDCWD, path, 0); }
