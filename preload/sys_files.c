/* Files that the program both maps and writes.
 *
 * The kernel shows a write through a descriptor in every mapping of the file (in private ones, on pages that
 * the program has not written itself). On replay the write is not done, so the recording must say what
 * the mappings then showed: MEM events for the ranges of the mappings that lie on the written part.
 *
 * Nearly no written file is mapped. What is known of each descriptor is kept, so that an ordinary write costs
 * one look at a byte: fd_state is UNKNOWN until the first write, and after every call that may change
 * what the number means. */
#include "preload/sys_files.h"

#include <asm/stat.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/mman.h>

#include "preload/raw.h"
#include "preload/sys.h"
#include "preload/thread.h"

#define FDS 1024
#define FILES 4096

enum { UNKNOWN = 0, NOT_MAPPED = 1, MAPPED = 2 };
static uint8_t fd_state[FDS];
static uint32_t seen_shared; /* SHARED->n_mapped_shared when fd_state was last valid */
static struct {
    uint64_t dev, ino;
    uint32_t file_id;
} * files;
static uint32_t n_files;

void sys_files_mapped(uint64_t dev, uint64_t ino, uint32_t file_id)
{
    if (!files)
        files = engine_alloc(sizeof(*files) * FILES);
    for (uint32_t i = n_files; i > 0; i--)
        if (files[i - 1].file_id == file_id)
            return;
    if (n_files < FILES) {
        files[n_files].dev = dev;
        files[n_files].ino = ino;
        files[n_files++].file_id = file_id;
    }
    memset(fd_state, 0, sizeof(fd_state));
}

void sys_files_forget(int fd)
{
    if (fd == -1)
        memset(fd_state, 0, sizeof(fd_state));
    if (fd >= 0 && fd < FDS)
        fd_state[fd] = UNKNOWN;
}

/* The newest capture of the file that is mapped shared by any process; 0: none is. */
static uint32_t mapped_shared(const struct stat *st)
{
    for (uint32_t i = SHARED->n_mapped_shared ? SHARED->n_captures : 0; i > 0; i--) {
        const struct odb_capture *k = &SHARED->captures[i - 1];
        if (k->mapped_shared && k->ino == st->st_ino && k->dev == st->st_dev)
            return i;
    }
    return 0;
}

void sys_files_map_shared(uint32_t file_id)
{
    struct odb_capture *k = &SHARED->captures[file_id - 1];
    if (!k->mapped_shared)
        SHARED->n_mapped_shared++; /* makes every process forget what it knows of its descriptors */
    k->mapped_shared = 1;
}

static bool is_mapped(int fd, struct stat *st)
{
    if (seen_shared != SHARED->n_mapped_shared) {
        memset(fd_state, 0, sizeof(fd_state));
        seen_shared = SHARED->n_mapped_shared;
    }
    if (fd >= 0 && fd < FDS && fd_state[fd] == NOT_MAPPED)
        return false;
    bool mapped = false;
    if (raw2(__NR_fstat, fd, st) == 0)
        for (uint32_t i = 0; i < n_files; i++)
            mapped |= files[i].dev == st->st_dev && files[i].ino == st->st_ino;
    mapped = mapped || mapped_shared(st);
    if (fd >= 0 && fd < FDS)
        fd_state[fd] = mapped ? MAPPED : NOT_MAPPED;
    return mapped;
}

/* Where the call wrote: [*start, *end) of the file behind *fd. */
static bool written_part(const struct model_call *c, int *fd, uint64_t *start, uint64_t *end)
{
    *fd = (int)c->args[0];
    switch (c->nr) {
    case __NR_write:
    case __NR_writev: break;
    case __NR_pwrite64:
    case __NR_pwritev:
        *start = c->args[3];
        *end = *start + (uint64_t)c->result;
        return true;
    case __NR_sendfile: break;
    case __NR_splice:
    case __NR_copy_file_range:
        *fd = (int)c->args[2];
        *start = 0; /* the position may be in memory: all of it */
        *end = UINT64_MAX;
        return true;
    case __NR_ftruncate:
    case __NR_fallocate:
        *start = 0;
        *end = UINT64_MAX;
        return true;
    default: return false;
    }
    *end = UINT64_MAX;
    *start = 0;
    return true;
}

static bool same_file(uint32_t file_id, const struct stat *st)
{
    for (uint32_t i = 0; i < n_files; i++)
        if (files[i].file_id == file_id)
            return files[i].dev == st->st_dev && files[i].ino == st->st_ino;
    return false;
}

/* The readable part of mapping m that lies on [start, end) of its file of size_bytes. */
static bool visible(const struct engine_map *m, uint64_t start, uint64_t end, uint64_t size_bytes,
                    struct model_range *ret)
{
    uint64_t limit = m->offset + (m->end - m->start);
    uint64_t file_end = (size_bytes + ODB_PAGE_BYTES - 1) & ~(uint64_t)(ODB_PAGE_BYTES - 1);
    uint64_t from = start > m->offset ? start : m->offset;
    uint64_t to = end < limit ? end : limit;
    to = to < file_end ? to : file_end; /* beyond is SIGBUS */
    if (!(m->prot & PROT_READ) || from >= to)
        return false;
    *ret = (struct model_range){m->start + (from - m->offset), to - from};
    return true;
}

/* After a call without an offset of its own, the file's position is behind what it wrote. */
static void written_at_position(const struct model_call *c, int fd, uint64_t *start, uint64_t *end)
{
    *end = (uint64_t)raw3(__NR_lseek, fd, 0, SEEK_CUR);
    *start = *end - (uint64_t)c->result;
}

bool sys_files_shared_part(const struct model_call *c, struct file_part *ret)
{
    struct stat st;
    uint64_t start, end;
    bool counts = c->nr != __NR_ftruncate && c->nr != __NR_fallocate;
    if (!SHARED->n_mapped_shared || c->result < (counts ? 1 : 0) ||
        !written_part(c, &ret->fd, &start, &end) || !is_mapped(ret->fd, &st))
        return false;
    ret->file_id = mapped_shared(&st);
    ret->resized = !counts;
    ret->start = (uint64_t)st.st_size;
    ret->end = end;
    if (counts && end == UINT64_MAX)
        written_at_position(c, ret->fd, &start, &ret->end);
    if (counts)
        ret->start = start;
    return ret->file_id != 0;
}

int sys_files_written(const struct model_call *c, struct model_range *ranges, int n, int max)
{
    struct stat st;
    int fd;
    uint64_t start, end;
    bool counts = c->nr != __NR_ftruncate && c->nr != __NR_fallocate;
    if (!n_files || c->result < (counts ? 1 : 0))
        return n;
    if (!written_part(c, &fd, &start, &end) || !is_mapped(fd, &st))
        return n;
    if (c->nr == __NR_write || c->nr == __NR_writev) {
        written_at_position(c, fd, &start, &end);
    }
    for (int i = 0; i < maps_count() && n < max; i++) {
        const struct engine_map *m = maps_get(i);
        if (m->file_id && same_file(m->file_id, &st) &&
            visible(m, start, end, (uint64_t)st.st_size, &ranges[n]))
            n++;
    }
    return n;
}
