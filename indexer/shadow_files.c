/* Files of the recording, and objects: see shadow.h. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/fs.h"
#include "indexer/shadow_impl.h"

/* The file's row, not opened. */
static struct odb_err *file_row(struct shadow *s, uint32_t id, struct shadow_file **ret)
{
    if (id >= 1u << 24)
        return odb_err("index: file number %u in the log is impossible", id);
    if (id >= s->n_files) {
        struct shadow_file *v = reallocarray(s->files, id + 1, sizeof(*v));
        if (!v)
            return shadow_no_memory();
        s->files = v;
        for (; s->n_files <= id; s->n_files++)
            v[s->n_files] = (struct shadow_file){.fd = -1};
    }
    *ret = &s->files[id];
    return NULL;
}

static struct odb_err *get_file(struct shadow *s, uint32_t id, struct shadow_file **ret)
{
    struct shadow_file *f = NULL;
    ODB_TRY(file_row(s, id, &f));
    if (f->fd == -1) {
        char path[4200];
        uint64_t n_bytes;
        snprintf(path, sizeof(path), "%s/files/%u", s->dir, id);
        ODB_TRY(fs_open_regular(path, &f->fd, &n_bytes));
        if (f->fd < 0) {
            f->fd = -2;
            s->n_missing_files++;
        }
    }
    *ret = f;
    return NULL;
}

struct odb_err *shadow_read_file(struct shadow *s, uint32_t id, uint64_t offset, uint8_t *to, size_t n_bytes)
{
    struct shadow_file *f = NULL;
    size_t got = 0;
    ODB_TRY(get_file(s, id, &f));
    if (f && f->fd >= 0)
        ODB_TRY(fs_pread_full(f->fd, to, n_bytes, offset, &got));
    memset(to + got, 0, n_bytes - got);
    return NULL;
}

static struct odb_err *store_piece(struct shadow *s, uint32_t id, uint64_t piece)
{
    static const uint8_t zeros[ODB_PIECE_BYTES];
    uint8_t raw[ODB_PIECE_BYTES];
    ODB_TRY(shadow_read_file(s, id, piece * ODB_PIECE_BYTES, raw, sizeof(raw)));
    if (!memcmp(raw, zeros, sizeof(raw)))
        return NULL;
    ODB_TRY(piece_encode(raw, sizeof(raw), &s->blob));
    return store_put(s->store, STORE_PIECE, "iib", (uint64_t)id, piece, (const void *)s->blob.p, s->blob.n);
}

struct odb_err *shadow_store_pieces(struct shadow *s, uint32_t id, uint64_t offset, uint64_t len_bytes)
{
    struct shadow_file *f;
    ODB_TRY(get_file(s, id, &f));
    off_t file_bytes = f->fd >= 0 ? lseek(f->fd, 0, SEEK_END) : 0;
    uint64_t end = offset + len_bytes < offset ? UINT64_MAX : offset + len_bytes;
    if (file_bytes <= 0 || offset >= (uint64_t)file_bytes)
        return NULL;
    if (end > (uint64_t)file_bytes)
        end = (uint64_t)file_bytes;
    uint64_t last = (end - 1) / ODB_PIECE_BYTES;
    if (last >= f->n_pieces) {
        uint8_t *stored = realloc(f->stored, last / 8 + 1);
        if (!stored)
            return shadow_no_memory();
        memset(stored + (f->n_pieces + 7) / 8, 0, last / 8 + 1 - (f->n_pieces + 7) / 8);
        f->stored = stored;
        f->n_pieces = (last / 8 + 1) * 8;
    }
    for (uint64_t piece = offset / ODB_PIECE_BYTES; piece <= last; piece++) {
        if (f->stored[piece / 8] >> (piece % 8) & 1)
            continue;
        f->stored[piece / 8] |= (uint8_t)(1u << (piece % 8));
        ODB_TRY(store_piece(s, id, piece));
    }
    return NULL;
}

struct odb_err *shadow_file_is(struct shadow *s, uint32_t file_id, uint64_t dev, uint64_t ino,
                               const char *path)
{
    struct shadow_file *f = NULL;
    ODB_TRY(file_row(s, file_id, &f));
    odb_assert(f);
    f->known = true;
    f->dev = dev;
    f->ino = ino;
    free(f->path);
    f->path = strdup(path);
    return f->path ? NULL : shadow_no_memory();
}

const char *shadow_file_path(const struct shadow *s, uint32_t file_id)
{
    return file_id && file_id < s->n_files ? s->files[file_id].path : NULL;
}

/* ---- objects ---- */

static bool same_file(const struct shadow *s, uint32_t a, uint32_t b)
{
    if (a == b)
        return true;
    if (a >= s->n_files || b >= s->n_files)
        return false;
    const struct shadow_file *f = &s->files[a], *g = &s->files[b];
    return f->known && g->known && f->dev == g->dev && f->ino == g->ino;
}

struct shadow_space *shadow_space_of_file(struct shadow *s, uint32_t file_id)
{
    for (uint32_t i = 0; file_id && i < s->n_objects; i++)
        if (s->objects[i]->file_id && same_file(s, s->objects[i]->file_id, file_id))
            return &s->objects[i]->space;
    return NULL;
}

struct odb_err *shadow_object(struct shadow *s, uint32_t file_id, uint64_t t, uint32_t *ret)
{
    for (uint32_t i = 0; file_id && i < s->n_objects; i++)
        if (s->objects[i]->file_id && same_file(s, s->objects[i]->file_id, file_id)) {
            *ret = i + 1;
            return NULL;
        }
    if (s->n_objects + 1 >= ODB_SPACE_OBJECT)
        return odb_err("index: too many objects of shared memory");
    struct shadow_object **v = reallocarray(s->objects, s->n_objects + 1, sizeof(*v));
    if (!v)
        return shadow_no_memory();
    s->objects = v;
    struct shadow_object *o = calloc(1, sizeof(*o));
    if (!o)
        return shadow_no_memory();
    o->file_id = file_id;
    o->space.number = ODB_SPACE_OBJECT + s->n_objects + 1;
    v[s->n_objects++] = o;
    *ret = s->n_objects;
    return store_put(s->store, STORE_OBJECT, file_id ? "iii" : "iNi", (uint64_t)s->n_objects,
                     (uint64_t)file_id, t);
}
