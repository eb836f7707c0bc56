/* Copies of mapped files into the recording; see capture.h.
 *
 * A file is known by (device, inode, size, mtime), so that a file changed between two mappings is two
 * files. Its copy, files/N, has the same offsets: a reflink of the whole where the file system can, else
 * only the mapped ranges, page by page, in a sparse file; later mappings add theirs. The table is that of the whole
 * recording (SHARED->captures; ids are index + 1), so each file is copied once however many processes map it. */
#include "preload/capture.h"

#include <asm/stat.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/stat.h>

#include "preload/event.h"
#include "preload/procmaps.h"
#include "preload/raw.h"
#include "preload/sys_files.h"
#include "preload/thread.h"

#define SMALL_BYTES (1u << 20)
#define CAPTURE_RANGES (sizeof(((struct odb_capture *)0)->have) / sizeof(((struct odb_capture *)0)->have[0]))

static long open_copy(uint32_t id, int flags)
{
    char path[32];
    engine_format(path, sizeof(path), "files/%u", id);
    long fd = raw4(__NR_openat, recdir_fd, path, flags | O_CLOEXEC, 0600);
    if (fd >= 0 && flags & O_CREAT && raw0(__NR_geteuid) == 0)
        raw2(__NR_fchmod, fd, 0666); /* a process of the tree with another user may add to it */
    return fd;
}

static long copy_range(int from, int to, uint64_t start, uint64_t end)
{
    while (start < end) {
        uint64_t from_at = start;
        uint64_t to_at = start;
        long n = raw6(__NR_copy_file_range, from, &from_at, to, &to_at, end - start, 0);
        if (n == 0)
            return engine_copy_file(from, to, start, end, start); /* procfs and kin: size 0 but readable */
        if (n < 0)
            return engine_copy_file(from, to, start, end, start);
        start += (uint64_t)n;
    }
    return 0;
}

/* The same without the holes of the file, found through a descriptor of our own: the program's position stays. */
static long copy_extents(int from, int to, uint64_t start, uint64_t end)
{
    char link[40];
    engine_format(link, sizeof(link), "thread-self/fd/%d", from);
    long fd = end - start > SMALL_BYTES ? proc_open(link, O_RDONLY) : -1;
    long err = 0;
    while (fd >= 0 && start < end && err >= 0) {
        long data = raw3(__NR_lseek, fd, start, SEEK_DATA);
        long hole = data < 0 ? data : raw3(__NR_lseek, fd, data, SEEK_HOLE);
        if (data == -6 /* ENXIO: only a hole is left */ || (data >= 0 && (uint64_t)data >= end)) {
            start = end;
        } else if (hole < 0) {
            break;
        } else {
            err = copy_range((int)fd, to, (uint64_t)data, (uint64_t)hole < end ? (uint64_t)hole : end);
            start = (uint64_t)hole;
        }
    }
    if (fd >= 0)
        raw1(__NR_close, fd);
    return err < 0 || start >= end ? err : copy_range(from, to, start, end);
}

static long capture_range(struct odb_capture *c, int from, int to, uint64_t start, uint64_t end)
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
    long err = copy_extents(from, to, start, end);
    if (err < 0)
        return err;
    c->have[c->n_have].start = start;
    c->have[c->n_have++].end = end;
    return 0;
}

static void write_file_event(uint32_t id, const struct odb_capture *c, const char *path)
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
    engine_format(link, sizeof(link), "thread-self/fd/%d", fd);
    proc_readlink(link, to, CAPTURE_NAME_BYTES);
}

/* For the recorder, which completes the copy at the end. */
static void note_path(struct odb_capture *c, const char *name)
{
    uint32_t n = (uint32_t)strlen(name) + 1, at = SHARED->paths_bytes ? SHARED->paths_bytes : 1;
    if (n > sizeof(SHARED->capture_paths) - at)
        return;
    memcpy(SHARED->capture_paths + at, name, n);
    SHARED->paths_bytes = at + n;
    c->path_at = at;
}

static uint32_t find_captured(const struct odb_capture *key)
{
    for (uint32_t i = 0; i < SHARED->n_captures; i++) {
        const struct odb_capture *c = &SHARED->captures[i];
        if (c->ino == key->ino && c->dev == key->dev && c->size_bytes == key->size_bytes &&
            c->mtime_ns == key->mtime_ns)
            return i + 1;
    }
    return 0;
}

/* The entry of the file with this key, a new one if need be. NULL: too many files. */
static struct odb_capture *entry(const struct odb_capture *key, uint32_t *ret_id, bool *ret_is_new)
{
    uint32_t id = find_captured(key);
    *ret_is_new = !id;
    if (!id) {
        if (SHARED->n_captures == ODB_MAX_CAPTURES)
            return NULL;
        SHARED->captures[SHARED->n_captures++] = *key;
        id = SHARED->n_captures;
    }
    *ret_id = id;
    return &SHARED->captures[id - 1];
}

/* EACCES: another user by now; EMFILE: no descriptor left. */
static bool cannot_write(long to) { return to == -13 || to == -24; }

/* Another user's process may not write into the recording: the recorder does. */
static long ask_recorder(const struct odb_capture *c, uint32_t id, int fd, gaddr addr, uint64_t start,
                         uint64_t end)
{
    struct odb_exec_request *q = &SHARED->exec;
    q->pid = self->process->pid;
    q->fd = fd;
    q->addr = addr;
    q->file_id = id;
    q->offset = start;
    q->len_bytes = end > start ? end - start : 0;
    q->size_bytes = c->size_bytes;
    atomic_store(&q->state, ODB_EXEC_COPY);
    raw3(__NR_futex, &q->state, FUTEX_WAKE, 1);
    while (atomic_load(&q->state) == ODB_EXEC_COPY)
        raw4(__NR_futex, &q->state, FUTEX_WAIT, ODB_EXEC_COPY, 0);
    atomic_store(&q->state, ODB_EXEC_IDLE);
    return -(long)q->error;
}

static long copy_by_recorder(struct odb_capture *c, uint32_t id, int fd)
{
    long err = ask_recorder(c, id, fd, 0, 0, c->size_bytes); /* all of it */
    if (!err) {
        c->have[0].start = 0;
        c->have[0].end = c->size_bytes;
        c->n_have = 1;
    }
    return err;
}

static long copy_contents(struct odb_capture *c, uint32_t id, bool is_new, int fd, uint64_t start,
                          uint64_t end)
{
    long err = 0;
    int to = (int)open_copy(id, O_RDWR | O_CREAT);
    if (cannot_write(to))
        return copy_by_recorder(c, id, fd);
    if (to < 0)
        return to;
    if (is_new && raw3(__NR_ioctl, to, FICLONE, fd) == 0)
        c->have[c->n_have++].end = c->size_bytes;
    else
        err = capture_range(c, fd, to, start, end);
    if (is_new)
        raw2(__NR_ftruncate, to, c->size_bytes);
    raw1(__NR_close, to);
    return err;
}

/* What mmap of such a file would be for replay: 0: go on, negative errno. */
static long check_kind(const struct stat *st)
{
    if (S_ISREG(st->st_mode))
        return 0;
    return S_ISCHR(st->st_mode) && st->st_rdev == 0x105 /* /dev/zero */ ? 0 : -19; /* ENODEV */
}

long capture_file(int fd, uint64_t offset, uint64_t len_bytes, char ret_name[CAPTURE_NAME_BYTES])
{
    struct stat st;
    uint32_t id;
    bool is_new;
    ret_name[0] = 0;
    long err = raw2(__NR_fstat, fd, &st);
    if (err >= 0)
        err = check_kind(&st);
    if (err < 0)
        return err;
    find_name(fd, ret_name);
    if (S_ISCHR(st.st_mode))
        return 0; /* anonymous memory */
    struct odb_capture key = {
        .dev = st.st_dev,
        .ino = st.st_ino,
        .size_bytes = (uint64_t)st.st_size,
        .mtime_ns = (uint64_t)st.st_mtime * 1000000000u + (uint64_t)st.st_mtime_nsec,
    };
    struct odb_capture *c = entry(&key, &id, &is_new);
    if (!c)
        return -23; /* ENFILE */
    if (is_new || c->n_have == 0 || c->have[0].start != 0 || c->have[0].end < c->size_bytes) {
        err = copy_contents(c, id, is_new, fd, offset, offset + len_bytes);
        if (err < 0 && is_new)
            SHARED->n_captures--;
        if (err < 0)
            return err;
    }
    if (is_new) {
        note_path(c, ret_name);
        write_file_event(id, c, ret_name);
    }
    sys_files_mapped(c->dev, c->ino, id);
    return id;
}

long capture_memory(uint64_t dev, uint64_t ino, gaddr addr, uint64_t len_bytes, const char *name)
{
    uint32_t id;
    bool is_new;
    struct odb_capture key = {.dev = dev, .ino = ino, .size_bytes = len_bytes};
    struct odb_capture *c = entry(&key, &id, &is_new);
    if (!c)
        return -23;
    if (!is_new)
        return id;
    int to = (int)open_copy(id, O_RDWR | O_CREAT | O_TRUNC);
    long err = to < 0 ? to : raw2(__NR_ftruncate, to, len_bytes);
    if (cannot_write(to))
        err = ask_recorder(c, id, -1, addr, 0, len_bytes);
    for (uint64_t at = 0; at < len_bytes && to >= 0 && err >= 0; at += ODB_PAGE_BYTES)
        if (!engine_page_is_zero(addr + at))
            err = raw4(__NR_pwrite64, to, addr + at, ODB_PAGE_BYTES, at);
    if (to >= 0)
        raw1(__NR_close, to);
    if (err < 0) {
        SHARED->n_captures--;
        return err;
    }
    c->have[0].end = len_bytes;
    c->n_have = 1;
    write_file_event(id, c, name);
    return id;
}
