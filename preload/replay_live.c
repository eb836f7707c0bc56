/* Files that the program maps shared: one live copy each in the vessel, so that all mappings of the file see each
 * other's stores, as they did in the recording.
 *
 * A file becomes live with its first shared mapping: an unlinked memory file takes its captured contents.
 * From then on every mapping of the same file (device and inode; a file that changed in between has several
 * ids) is one of the live copy. What the program wrote through a descriptor arrives as MEM events on the mapped
 * ranges and needs nothing here.
 *
 * A checkpoint must not share these pages with its origin: live_forked() gives the child copies of its own. */
#include <linux/fcntl.h>
#include <linux/mman.h>

#include "preload/core.h"
#include "preload/raw.h"
#include "preload/replay.h"

#define MAX_LIVE 256

struct live {
    uint64_t dev, ino;
    uint32_t loaded_id; /* the id whose contents were put in last */
    int fd;
    uint64_t size_bytes;
};
static struct live live[MAX_LIVE];
static int n_live;

static struct live *find(const struct file_identity *f)
{
    for (int i = 0; i < n_live; i++)
        if (live[i].dev == f->dev && live[i].ino == f->ino)
            return &live[i];
    return NULL;
}

static long grow(struct live *l, uint64_t size_bytes)
{
    if (size_bytes <= l->size_bytes)
        return 0;
    l->size_bytes = size_bytes;
    return raw2(__NR_ftruncate, l->fd, l->size_bytes);
}

/* What was captured under this id within [start, end); holes of the copy were not captured. */
static long load(struct live *l, uint32_t file_id, uint64_t start, uint64_t end)
{
    long from = image_open_file(file_id);
    long r = from < 0 ? from : 0;
    while (r >= 0 && start < end) {
        long data = raw3(__NR_lseek, from, start, 3 /* SEEK_DATA */);
        long hole = data < 0 ? data : raw3(__NR_lseek, from, data, 4 /* SEEK_HOLE */);
        if (hole < 0 || (uint64_t)data >= end)
            break; /* ENXIO: only a hole is left */
        start = (uint64_t)hole < end ? (uint64_t)hole : end;
        r = engine_copy_file((int)from, l->fd, (uint64_t)data, start);
    }
    if (from >= 0)
        raw1(__NR_close, from);
    l->loaded_id = file_id;
    return r;
}

/* Every capture of the file so far, the oldest first: each has only the ranges that were mapped then. */
static long load_all(struct live *l, const struct file_identity *f, uint32_t file_id)
{
    long r = 0;
    for (uint32_t id = 1; id <= file_id && r >= 0; id++) {
        const struct file_identity *g = image_file_identity(id);
        if (g && g->dev == f->dev && g->ino == f->ino)
            r = load(l, id, 0, f->size_bytes);
    }
    return r;
}

/* Private mappings made before: their pages that the program has not written still follow the file, so they become
 * pages of the live copy. /proc/self/pagemap, bit 61: a page of the file; neither present nor swapped: untouched. */
static void adopt_private(const struct live *l, const struct engine_map *m, int pagemap)
{
    for (gaddr at = m->start; at < m->end; at += ODB_PAGE_BYTES) {
        uint64_t info = 0;
        raw4(__NR_pread64, pagemap, &info, 8, at / ODB_PAGE_BYTES * 8);
        if (info >> 62 && !(info >> 61 & 1))
            continue;
        raw6(__NR_mmap, at, ODB_PAGE_BYTES, m->prot, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, l->fd,
             m->offset + (at - m->start));
    }
}

static void adopt_all(const struct live *l)
{
    long pagemap = raw4(__NR_openat, AT_FDCWD, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC, 0);
    if (pagemap < 0)
        return;
    core_unprotect_all();
    for (int i = 0; i < maps_count(); i++) {
        const struct engine_map *m = maps_get(i);
        const struct file_identity *f = m->file_id ? image_file_identity(m->file_id) : NULL;
        if (f && find(f) == l && (m->flags & MAP_TYPE) == MAP_PRIVATE)
            adopt_private(l, m, (int)pagemap);
    }
    raw1(__NR_close, pagemap);
}

static struct live *make(const struct file_identity *f, uint32_t file_id)
{
    if (n_live == MAX_LIVE)
        return NULL;
    long fd = raw2(__NR_memfd_create, "odb-live", 1 /* MFD_CLOEXEC */);
    if (fd < 0)
        return NULL;
    struct live *l = &live[n_live++];
    *l = (struct live){.dev = f->dev, .ino = f->ino, .fd = (int)fd, .loaded_id = file_id};
    if (grow(l, f->size_bytes) < 0 || load_all(l, f, file_id) < 0)
        return NULL;
    adopt_all(l);
    return l;
}

bool live_is(uint32_t file_id)
{
    const struct file_identity *f = image_file_identity(file_id);
    return f && find(f);
}

bool live_extend(const struct engine_map *m, gaddr end)
{
    const struct file_identity *f = m->file_id ? image_file_identity(m->file_id) : NULL;
    struct live *l = f ? find(f) : NULL;
    return l && grow(l, m->offset + (end - m->start)) == 0;
}

bool live_map(uint32_t file_id, gaddr addr, uint64_t len_bytes, uint32_t prot, uint32_t flags,
              uint64_t offset, long *ret)
{
    const struct file_identity *f = image_file_identity(file_id);
    bool shared = (flags & MAP_TYPE) != MAP_PRIVATE;
    struct live *l = f ? find(f) : NULL;
    if (!f || (!l && !shared))
        return false;
    if (!l)
        l = make(f, file_id);
    /* As large as the file was then: beyond its end is SIGBUS. */
    if (!l || grow(l, f->size_bytes) < 0) {
        *ret = -12;
        return true;
    }
    /* Captured anew since: by other means than our mappings, or by them; either way this is its state now. */
    if (l->loaded_id != file_id && load(l, file_id, offset, offset + len_bytes) < 0) {
        *ret = -5;
        return true;
    }
    *ret = raw6(__NR_mmap, addr, len_bytes, prot,
                (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED | MAP_NORESERVE, l->fd, offset);
    return true;
}

static long fork_one(struct live *l)
{
    int old = l->fd;
    long fd = raw2(__NR_memfd_create, "odb-live", 1);
    if (fd < 0)
        return fd;
    l->fd = (int)fd;
    long r = raw2(__NR_ftruncate, fd, l->size_bytes);
    if (r == 0)
        r = engine_copy_file(old, l->fd, 0, l->size_bytes);
    for (int i = 0; i < maps_count() && r >= 0; i++) {
        const struct engine_map *m = maps_get(i);
        const struct file_identity *f = m->file_id ? image_file_identity(m->file_id) : NULL;
        if (!f || find(f) != l || (m->flags & MAP_TYPE) == MAP_PRIVATE)
            continue;
        r = raw6(__NR_mmap, m->start, m->end - m->start, m->prot, MAP_SHARED | MAP_FIXED | MAP_NORESERVE,
                 l->fd, m->offset);
    }
    raw1(__NR_close, old);
    return r;
}

long live_forked(void)
{
    for (int i = 0; i < n_live; i++) {
        long r = fork_one(&live[i]);
        if (r < 0)
            return r;
    }
    return 0;
}
