/* What both kinds of targets share: files as the recording keeps them, what a process was started with. */
#ifndef ODB_GDB_TARGET_COMMON_H
#define ODB_GDB_TARGET_COMMON_H

#include "gdb/target.h"

/* A captured file: files/ID of the recording. */
struct target_file {
    uint32_t id;
    char *path; /* owned */
    uint64_t size, mtime_ns, dev, ino;
};
struct target_files {
    struct target_file *v; /* owned */
    size_t n;
};
void target_files_deinit(struct target_files *f);
/* path is copied. */
struct odb_err *target_files_add(struct target_files *f, const struct target_file *file) ODB_MUST_CHECK;
/* All FILE events of a recording (reads it whole). */
struct odb_err *target_files_read(const char *dir, struct target_files *ret) ODB_MUST_CHECK;
/* The captured file that a path means: the same path, the same file under another name of it on this machine, or the
 * only one that ends alike (/lib is /usr/lib). The latest of several. NULL: none. */
const struct target_file *target_files_find(const struct target_files *f, const char *path);
/* Opens it: the recording's copy; where that holds only the mapped parts, and the original is unchanged, the original. */
struct odb_err *target_files_open(const char *dir, const struct target_file *file, int *ret_fd)
    ODB_MUST_CHECK;

/* What the kernel left on the stack of a new program image. */
struct target_image {
    uint8_t *auxv; /* owned; entries up to AT_NULL, included */
    size_t n_auxv;
    char *execfn; /* owned; NULL: not known */
    gaddr phdr;
};
void target_image_deinit(struct target_image *im);
typedef size_t (*target_peek_fn)(void *ctx, gaddr addr, void *to, size_t n_bytes);
/* rsp: where argc is. An error where there is no such thing. */
struct odb_err *target_image_read(target_peek_fn peek, void *ctx, gaddr rsp, struct target_image *ret)
    ODB_MUST_CHECK;
/* The same, from where the auxiliary vector is. */
struct odb_err *target_image_read_auxv(target_peek_fn peek, void *ctx, gaddr auxv, struct target_image *ret)
    ODB_MUST_CHECK;

/* siginfo_t of a signal of which only these are known. */
void target_make_siginfo(int signo, int code, gaddr addr, uint8_t ret[128]);

#endif
