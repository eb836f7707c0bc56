/* Memory that is shared: between mappings, between processes.
 *
 * All of it lies in one memory file, each piece ("object") in a region of its own (world.h). A file becomes an object with
 * its first shared mapping, and takes its captured contents; from then on every mapping of the same file (device and
 * inode; a file that changed in between has several ids) in any vessel of the world is one of that object. Anonymous shared
 * memory is an object from its mmap on, and forks share it, because they share the mapping. What the program wrote through
 * a descriptor arrives as MEM events on the mapped ranges and needs nothing here.
 *
 * Pages wholly behind the end of a file are mapped from behind the end of the memory file: SIGBUS, as in the recording.
 *
 * A checkpoint does not share these pages with its origin: the host copies the objects, live_moved() maps the copies. */
#include <linux/fcntl.h>
#include <linux/mman.h>

#include "preload/core.h"
#include "preload/procmaps.h"
#include "preload/raw.h"
#include "preload/replay.h"

#define LIVE_NAME "/memfd:odb-live"
#define PAGE_UP(x) (((x) + ODB_PAGE_BYTES - 1) & ~(uint64_t)(ODB_PAGE_BYTES - 1))

/* What this vessel has seen of the world's objects. */
static uint32_t seen_objects, seen_resized;
static uint64_t seen_size[WORLD_MAX_OBJECTS];

static struct odb_world_object *find(const struct odb_world_file *f)
{
    for (uint32_t i = 0; f && i < WORLD->n_objects; i++)
        if (WORLD->objects[i].ino && WORLD->objects[i].dev == f->dev && WORLD->objects[i].ino == f->ino)
            return &WORLD->objects[i];
    return NULL;
}

static uint32_t number(const struct odb_world_object *o) { return (uint32_t)(o - WORLD->objects); }

static uint64_t file_offset(const struct odb_world_object *o, uint64_t offset)
{
    return WORLD_LIVE_OFFSET(WORLD->number, number(o)) + offset;
}

static long map_at(gaddr addr, uint64_t len_bytes, uint32_t prot, bool shared, uint64_t offset)
{
    return raw6(__NR_mmap, addr, len_bytes, prot,
                (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED | MAP_NORESERVE, ODB_VESSEL_LIVE_FD, offset);
}

/* [offset, offset+len) of an object, as far as it reaches, and nothing behind its end. */
static long map_object(const struct odb_world_object *o, gaddr addr, uint64_t len_bytes, uint32_t prot,
                       bool shared, uint64_t offset)
{
    uint64_t size = PAGE_UP(o->size_bytes);
    uint64_t there = offset >= size ? 0 : size - offset < len_bytes ? size - offset : len_bytes;
    long r = (long)addr;
    if (offset > WORLD_OBJECT_BYTES || len_bytes > WORLD_OBJECT_BYTES)
        return -22;
    if (there)
        r = map_at(addr, there, prot, shared, file_offset(o, offset));
    if (r >= 0 && there < len_bytes)
        r = map_at(addr + there, len_bytes - there, prot, shared, WORLD_LIVE_END);
    return r < 0 ? r : (long)addr;
}

static const struct odb_world_object *object_of(const struct engine_map *m)
{
    return m->file_id ? find(image_file_identity(m->file_id)) : NULL;
}

/* ---- size ---- */

/* What is there from the smaller of both sizes on, or is there no more, in the mappings of this vessel. */
static void map_resized(const struct odb_world_object *o, uint64_t old_size)
{
    uint64_t from = PAGE_UP(old_size < o->size_bytes ? old_size : o->size_bytes);
    core_unprotect_all();
    for (int i = 0; i < maps_count(); i++) {
        const struct engine_map *m = maps_get(i);
        uint64_t len = m->end - m->start;
        if (object_of(m) != o || m->offset + len <= from)
            continue;
        uint64_t skip = m->offset < from ? from - m->offset : 0;
        map_object(o, m->start + skip, len - skip, m->prot, m->flags & MAP_SHARED, m->offset + skip);
    }
}

static void set_size(struct odb_world_object *o, uint64_t size_bytes)
{
    uint64_t old = o->size_bytes;
    o->size_bytes = size_bytes;
    if (PAGE_UP(old) == PAGE_UP(size_bytes))
        return;
    WORLD->n_resized++;
    seen_resized++;
    seen_size[number(o)] = size_bytes;
    map_resized(o, old);
}

static long grow(struct odb_world_object *o, uint64_t size_bytes)
{
    if (size_bytes > WORLD_OBJECT_BYTES)
        return -27; /* EFBIG */
    if (size_bytes > o->size_bytes)
        set_size(o, size_bytes);
    return 0;
}

/* ---- contents ---- */

static long copy_in(int from, const struct odb_world_object *o, uint64_t start, uint64_t end)
{
    return engine_copy_file(from, ODB_VESSEL_LIVE_FD, start, end, file_offset(o, start));
}

/* What was captured under this id within [start, end); holes of the copy were not captured. */
static long load(struct odb_world_object *o, uint32_t file_id, uint64_t start, uint64_t end)
{
    long from = image_open_file(file_id);
    long r = from < 0 ? from : 0;
    end = end < WORLD_OBJECT_BYTES ? end : WORLD_OBJECT_BYTES;
    while (r >= 0 && start < end) {
        long data = raw3(__NR_lseek, from, start, 3 /* SEEK_DATA */);
        long hole = data < 0 ? data : raw3(__NR_lseek, from, data, 4 /* SEEK_HOLE */);
        if (hole < 0 || (uint64_t)data >= end)
            break; /* ENXIO: only a hole is left */
        start = (uint64_t)hole < end ? (uint64_t)hole : end;
        r = copy_in((int)from, o, (uint64_t)data, start);
    }
    if (from >= 0)
        raw1(__NR_close, from);
    o->loaded_id = file_id;
    return r;
}

/* Every capture of the file so far, the oldest first: each has only the ranges that were mapped then. */
static long load_all(struct odb_world_object *o, const struct odb_world_file *f, uint32_t file_id)
{
    long r = 0;
    for (uint32_t id = 1; id <= file_id && r >= 0; id++) {
        const struct odb_world_file *g = image_file_identity(id);
        if (g && g->dev == f->dev && g->ino == f->ino)
            r = load(o, id, 0, f->size_bytes);
    }
    return r;
}

/* ---- private mappings ---- */

/* Pages of [start, end) that the program has not written still follow the file: fn is called for each run of them.
 * /proc/self/pagemap, bit 61: a page of the file; neither present nor swapped: untouched. */
static void each_clean_run(gaddr start, gaddr end, int pagemap,
                           void (*fn)(gaddr start, gaddr end, const void *arg), const void *arg)
{
    gaddr run = start;
    for (gaddr at = start; at <= end; at += ODB_PAGE_BYTES) {
        uint64_t info = 0;
        if (at < end)
            raw4(__NR_pread64, pagemap, &info, 8, at / ODB_PAGE_BYTES * 8);
        bool own = at == end || (info >> 62 && !(info >> 61 & 1));
        if (!own)
            continue;
        if (run < at)
            fn(run, at, arg);
        run = at + ODB_PAGE_BYTES;
    }
}

static void adopt_run(gaddr start, gaddr end, const void *arg)
{
    const struct engine_map *m = arg;
    map_object(object_of(m), start, end - start, m->prot, false, m->offset + (start - m->start));
}

static bool is_adoptable(const struct odb_world_object *o, const struct engine_map *m)
{
    return (m->flags & MAP_TYPE) == MAP_PRIVATE && object_of(m) == o;
}

/* Private mappings made before their file became live. */
static void adopt_all(const struct odb_world_object *o)
{
    bool any = false;
    for (int i = 0; i < maps_count() && !any; i++)
        any = is_adoptable(o, maps_get(i));
    long pagemap = any ? raw4(__NR_openat, AT_FDCWD, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC, 0) : -1;
    if (pagemap < 0)
        return;
    core_unprotect_all();
    for (int i = 0; i < maps_count(); i++) {
        const struct engine_map *m = maps_get(i);
        if (is_adoptable(o, m))
            each_clean_run(m->start, m->end, (int)pagemap, adopt_run, m);
    }
    raw1(__NR_close, pagemap);
}

/* ---- new objects ---- */

static struct odb_world_object *object_new(uint64_t dev, uint64_t ino, uint64_t size_bytes)
{
    if (WORLD->n_objects == WORLD_MAX_OBJECTS || size_bytes > WORLD_OBJECT_BYTES)
        return NULL;
    if (seen_objects == WORLD->n_objects)
        seen_objects++;
    seen_size[WORLD->n_objects] = size_bytes;
    struct odb_world_object *o = &WORLD->objects[WORLD->n_objects++];
    *o = (struct odb_world_object){.dev = dev, .ino = ino, .size_bytes = size_bytes};
    return o;
}

static struct odb_world_object *make(const struct odb_world_file *f, uint32_t file_id)
{
    struct odb_world_object *o = object_new(f->dev, f->ino, f->size_bytes);
    if (!o || load_all(o, f, file_id) < 0)
        return NULL;
    o->loaded_id = file_id;
    adopt_all(o);
    return o;
}

long live_map_anonymous(gaddr addr, uint64_t len_bytes, uint32_t prot)
{
    const struct odb_world_object *o = object_new(0, 0, len_bytes);
    return o ? map_object(o, addr, len_bytes, prot, true, 0) : -12;
}

bool live_extend(const struct engine_map *m, gaddr end)
{
    struct odb_world_object *o = m->file_id ? find(image_file_identity(m->file_id)) : NULL;
    return o && grow(o, m->offset + (end - m->start)) == 0;
}

bool live_map(uint32_t file_id, gaddr addr, uint64_t len_bytes, uint32_t prot, uint32_t flags,
              uint64_t offset, long *ret)
{
    const struct odb_world_file *f = image_file_identity(file_id);
    bool shared = (flags & MAP_TYPE) != MAP_PRIVATE;
    struct odb_world_object *o = find(f);
    if (!f || (!o && !shared))
        return false;
    if (!o)
        o = make(f, file_id);
    /* As large as the file was then: beyond its end is SIGBUS. */
    if (!o || grow(o, f->size_bytes) < 0) {
        *ret = -12;
        return true;
    }
    /* Captured anew since: by other means than our mappings, or by them; either way this is its state now. */
    if (o->loaded_id != file_id && load(o, file_id, offset, offset + len_bytes) < 0) {
        *ret = -5;
        return true;
    }
    *ret = map_object(o, addr, len_bytes, prot, shared, offset);
    return true;
}

/* ---- writes through descriptors ---- */

static bool truncate(struct odb_world_object *o, uint64_t size_bytes)
{
    if (size_bytes > WORLD_OBJECT_BYTES)
        return false;
    if (size_bytes < o->size_bytes)
        raw4(__NR_fallocate, ODB_VESSEL_LIVE_FD, 3 /* PUNCH_HOLE | KEEP_SIZE */, file_offset(o, size_bytes),
             PAGE_UP(o->size_bytes) - size_bytes);
    set_size(o, size_bytes);
    return true;
}

bool live_write(uint32_t file_id, uint64_t offset, const void *data, uint64_t len_bytes)
{
    struct odb_world_object *o = find(image_file_identity(file_id));
    if (!o)
        return true;
    if (!len_bytes)
        return truncate(o, offset);
    if (offset > WORLD_OBJECT_BYTES || grow(o, offset + len_bytes) < 0)
        return false;
    return raw4(__NR_pwrite64, ODB_VESSEL_LIVE_FD, data, len_bytes, file_offset(o, offset)) ==
           (long)len_bytes;
}

/* ---- other vessels, other worlds ---- */

void live_arrived(void)
{
    if (seen_objects == WORLD->n_objects && seen_resized == WORLD->n_resized)
        return;
    seen_resized = WORLD->n_resized;
    for (uint32_t i = 0; i < WORLD->n_objects; i++) {
        const struct odb_world_object *o = &WORLD->objects[i];
        if (i >= seen_objects && o->ino)
            adopt_all(o);
        else if (i < seen_objects && o->size_bytes != seen_size[i])
            map_resized(o, seen_size[i]);
        seen_size[i] = o->size_bytes;
    }
    seen_objects = WORLD->n_objects;
}

struct move {
    uint64_t distance;
    int pagemap;
};

struct move_run {
    const struct procmap *m;
    uint64_t distance;
};

static void move_clean_run(gaddr start, gaddr end, const void *arg)
{
    const struct move_run *r = arg;
    map_at(start, end - start, r->m->prot, false, r->m->offset + (start - r->m->start) + r->distance);
}

static long move_one(const struct procmap *m, const char *line, size_t n_bytes, void *arg)
{
    const struct move *how = arg;
    (void)line;
    (void)n_bytes;
    if (m->offset >= WORLD_LIVE_END || memcmp(m->name, LIVE_NAME, sizeof(LIVE_NAME) - 1) != 0)
        return 0;
    if (m->is_shared) {
        long r = map_at(m->start, m->end - m->start, m->prot, true, m->offset + how->distance);
        return r < 0 ? r : 0;
    }
    each_clean_run(m->start, m->end, how->pagemap, move_clean_run, &(struct move_run){m, how->distance});
    return 0;
}

long live_moved(uint32_t old_world, uint32_t new_world)
{
    if (!WORLD->n_objects)
        return 0;
    long maps = raw4(__NR_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);
    long pagemap = raw4(__NR_openat, AT_FDCWD, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC, 0);
    struct move how = {WORLD_LIVE_OFFSET(new_world, 0) - WORLD_LIVE_OFFSET(old_world, 0), (int)pagemap};
    long r = maps < 0 ? maps : pagemap < 0 ? pagemap : procmaps_each((int)maps, move_one, &how);
    if (maps >= 0)
        raw1(__NR_close, maps);
    if (pagemap >= 0)
        raw1(__NR_close, pagemap);
    return r;
}
