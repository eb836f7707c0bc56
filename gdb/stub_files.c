/* vFile: the recorded file system, read only. Files are the recording's own copies; those of /proc/PID are made up. A path
 * that the recording has no copy of does not exist, whatever is on this machine. */
#include "gdb/stub_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

/* errno values of the protocol (gdb manual, "Errno Values") */
enum {
    FILE_ENOENT = 2,
    FILE_EBADF = 9,
    FILE_EINVAL = 22,
    FILE_ENFILE = 23,
    FILE_EROFS = 30,
    FILE_EIO = 9999
};

static void fails(struct out *reply, int err)
{
    out_clear(reply);
    out_printf(reply, "F-1,%x", (unsigned)err);
}

/* NUL-terminated; false: not a path. */
static bool path_of(const struct packet_arg *a, char *buf, size_t n_buf)
{
    if (a->n_bytes == 0 || a->n_bytes >= n_buf || memchr(a->data, 0, a->n_bytes))
        return false;
    memcpy(buf, a->data, a->n_bytes);
    buf[a->n_bytes] = 0;
    return true;
}

/* vFile:setfs:PID: there is one file system. */
static void set_file_system(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)s;
    (void)a;
    (void)n;
    out_text(reply, "F0");
}

static struct odb_err *open_one(struct stub *s, const char *path, struct stub_file *f)
{
    struct out made = {0};
    bool known = false;
    f->fd = -1;
    struct odb_err *e = stub_proc_file(s, path, &made, &known);
    if (!e && made.failed)
        e = odb_err("out of memory");
    if (!e && known) {
        *f = (struct stub_file){.open = true, .fd = -1, .data = made.data, .n_bytes = made.n_bytes};
        return NULL;
    }
    out_deinit(&made);
    ODB_TRY(e);
    ODB_TRY(target_open_file(s->g, path, &f->fd));
    f->open = f->fd >= 0;
    return NULL;
}

/* vFile:open:PATH,FLAGS,MODE */
static void open_file(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)n;
    char path[4096];
    int i = 0;
    enum { WRITING = 0x603 /* O_WRONLY, O_RDWR, O_CREAT, O_TRUNC of the protocol */ };
    while (i < STUB_MAX_FILES && s->files[i].open)
        i++;
    if (!path_of(&a[0], path, sizeof(path)) || i == STUB_MAX_FILES || a[1].n & WRITING) {
        fails(reply, i == STUB_MAX_FILES ? FILE_ENFILE : a[1].n & WRITING ? FILE_EROFS : FILE_EINVAL);
        return;
    }
    struct odb_err *e = open_one(s, path, &s->files[i]);
    if (e) {
        stub_note(s, "%s", odb_err_text(e));
        odb_err_free(e);
        fails(reply, FILE_EIO);
    } else if (!s->files[i].open) {
        fails(reply, FILE_ENOENT);
    } else {
        out_printf(reply, "F%x", (unsigned)i);
    }
}

static struct stub_file *file_of(struct stub *s, uint64_t number, struct out *reply)
{
    if (number < STUB_MAX_FILES && s->files[number].open)
        return &s->files[number];
    fails(reply, FILE_EBADF);
    return NULL;
}

static void close_file(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)n;
    struct stub_file *f = file_of(s, a[0].n, reply);
    if (!f)
        return;
    free(f->data);
    if (f->fd >= 0)
        close(f->fd);
    *f = (struct stub_file){.fd = -1};
    out_text(reply, "F0");
}

/* vFile:pread:FD,COUNT,OFFSET */
static void read_file(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)n;
    struct stub_file *f = file_of(s, a[0].n, reply);
    if (!f)
        return;
    /* escapes may double the bytes; half the packet is what always fits */
    size_t most = PACKET_MAX_BYTES / 2 - 32, want = a[1].n < most ? (size_t)a[1].n : most;
    _cleanup_free_ uint8_t *bytes = malloc(want + 1);
    ssize_t got = 0;
    if (!bytes) {
        fails(reply, FILE_EIO);
        return;
    }
    if (f->fd < 0) {
        size_t start = a[2].n < f->n_bytes ? (size_t)a[2].n : f->n_bytes;
        got = (ssize_t)(want < f->n_bytes - start ? want : f->n_bytes - start);
        if (got)
            memcpy(bytes, f->data + start, (size_t)got);
    } else if (a[2].n <= INT64_MAX) {
        got = pread(f->fd, bytes, want, (off_t)a[2].n);
    }
    if (got < 0) {
        fails(reply, FILE_EIO);
        return;
    }
    out_printf(reply, "F%zx;", (size_t)got);
    out_bytes(reply, bytes, (size_t)got);
}

/* A number of the protocol's struct stat: big-endian. */
static void put_number(struct out *o, uint64_t value, unsigned n_bytes)
{
    for (unsigned i = n_bytes; i-- > 0;)
        out_bytes(o, (uint8_t[]){(uint8_t)(value >> (8 * i))}, 1);
}

static void stat_file(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)n;
    struct stat st = {.st_mode = S_IFREG | 0444, .st_nlink = 1};
    struct stub_file *f = file_of(s, a[0].n, reply);
    if (!f)
        return;
    st.st_size = (off_t)f->n_bytes;
    if (f->fd >= 0 && fstat(f->fd, &st) < 0) {
        fails(reply, FILE_EIO);
        return;
    }
    out_text(reply, "F40;"); /* 64 bytes */
    put_number(reply, 0, 4); /* st_dev */
    put_number(reply, (uint64_t)st.st_ino, 4);
    put_number(reply, st.st_mode & (S_IFMT | 0777), 4);
    put_number(reply, (uint64_t)st.st_nlink, 4);
    put_number(reply, 0, 4); /* st_uid, st_gid, st_rdev */
    put_number(reply, 0, 4);
    put_number(reply, 0, 4);
    put_number(reply, (uint64_t)st.st_size, 8);
    put_number(reply, 4096, 8);
    put_number(reply, ((uint64_t)st.st_size + 511) / 512, 8);
    put_number(reply, (uint64_t)st.st_atime, 4);
    put_number(reply, (uint64_t)st.st_mtime, 4);
    put_number(reply, (uint64_t)st.st_ctime, 4);
}

static void read_link(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)n;
    char path[4096];
    struct out made = {0};
    bool known = false;
    if (!path_of(&a[0], path, sizeof(path))) {
        fails(reply, FILE_EINVAL);
        return;
    }
    struct odb_err *e = stub_proc_link(s, path, &made, &known);
    if (e || !known) {
        fails(reply, FILE_ENOENT);
    } else {
        out_printf(reply, "F%zx;", made.n_bytes);
        out_bytes(reply, made.data, made.n_bytes);
    }
    odb_err_free(e);
    out_deinit(&made);
}

static void refuse_write(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)s;
    (void)a;
    (void)n;
    fails(reply, FILE_EROFS);
}

static const struct stub_row rows[] = {
    {"vFile:setfs:", "x", set_file_system, NULL}, {"vFile:open:", "h,x,x", open_file, NULL},
    {"vFile:close:", "x", close_file, NULL},      {"vFile:pread:", "x,x,x", read_file, NULL},
    {"vFile:fstat:", "x", stat_file, NULL},       {"vFile:readlink:", "h", read_link, NULL},
    {"vFile:pwrite:", NULL, refuse_write, NULL},  {"vFile:unlink:", NULL, refuse_write, NULL},
};
const struct stub_table stub_files_table = STUB_TABLE(rows);
