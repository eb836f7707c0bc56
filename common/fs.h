/* Small file helpers. All open with O_CLOEXEC. Hosted. */
#ifndef ODB_COMMON_FS_H
#define ODB_COMMON_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "common/err.h"

/* "dir/name", allocated. */
struct odb_err *fs_join(const char *dir, const char *name, char **ret) ODB_MUST_CHECK;

/* All bytes, over EINTR and short writes. */
struct odb_err *fs_write_all(int fd, const void *data, size_t n_bytes) ODB_MUST_CHECK;
/* The same for an iovec (changed in place, at most IOV_MAX entries) at a file offset. */
struct odb_err *fs_pwritev_all(int fd, struct iovec *iov, int n_iov, uint64_t offset) ODB_MUST_CHECK;
/* Up to n_bytes, over EINTR and short reads; *ret_bytes < n_bytes only at the end of the file. */
struct odb_err *fs_pread_full(int fd, void *to, size_t n_bytes, uint64_t offset, size_t *ret_bytes)
    ODB_MUST_CHECK;

/* Whole file with a NUL added behind it, allocated; an error when longer than max_bytes. Works for /proc. */
struct odb_err *fs_read_file(const char *path, size_t max_bytes, char **ret, size_t *ret_bytes)
    ODB_MUST_CHECK;
/* Creates or replaces a file with these contents. */
struct odb_err *fs_write_file(const char *path, const void *data, size_t n_bytes) ODB_MUST_CHECK;

/* Opens a regular file for reading without ever blocking (a FIFO or device in a stranger's recording is
 * an error). *ret_fd -1 and no error when it does not exist. */
struct odb_err *fs_open_regular(const char *path, int *ret_fd, uint64_t *ret_bytes) ODB_MUST_CHECK;

struct odb_err *fs_mkdir_p(const char *path) ODB_MUST_CHECK;
/* Makes the first of parent/NAME-0, parent/NAME-1, ... that does not exist; its path, allocated. */
struct odb_err *fs_unique_dir(const char *parent, const char *name, char **ret) ODB_MUST_CHECK;

/* Makes `to` (an empty file open for writing) a copy of `from`: a reflink where the file system can, else
 * a copy that keeps holes. */
struct odb_err *fs_clone(int from, int to) ODB_MUST_CHECK;
/* Copies one range to the same offset; stops quietly at the end of `from`. */
struct odb_err *fs_copy_range(int from, int to, uint64_t offset, uint64_t len_bytes) ODB_MUST_CHECK;

/* Bytes on disk (allocated blocks) of a directory tree. Unreadable parts count as nothing. */
uint64_t fs_tree_disk_bytes(const char *path);

#endif
