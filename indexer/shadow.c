/* The program's memory while the log is read: see shadow.h.
 *
 * A page is held only once it was written; before that its bytes are those of `contents`. Pages of a
 * range that is unmapped, mapped over or dropped lose their data. */
#include "indexer/shadow.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/fs.h"
#include "indexer/schema.h"

static struct odb_err *no_memory(void) { return odb_err("index: out of memory"); }

struct odb_err *shadow_init(struct shadow *s, const char *dir, struct store *store)
{
    *s = (struct shadow){.dir = dir, .store = store, .cap = 4096};
    s->v = calloc(s->cap, sizeof(*s->v));
    return s->v ? NULL : no_memory();
}

void shadow_deinit(struct shadow *s)
{
    for (uint64_t i = 0; s->v && i < s->cap; i++)
        free(s->v[i].data);
    free(s->v);
    for (size_t i = 0; i < s->n_files; i++) {
        odb_closep(&s->files[i].fd);
        free(s->files[i].stored);
    }
    free(s->files);
    free(s->due);
    regions_deinit(&s->contents);
    bytes_deinit(&s->blob);
    *s = (struct shadow){0};
}

/* ---- files ---- */

static struct odb_err *get_file(struct shadow *s, uint32_t id, struct shadow_file **ret)
{
    if (id >= 1u << 24)
        return odb_err("index: file number %u in the log is impossible", id);
    if (id >= s->n_files) {
        struct shadow_file *v = reallocarray(s->files, id + 1, sizeof(*v));
        if (!v)
            return no_memory();
        s->files = v;
        for (; s->n_files <= id; s->n_files++)
            v[s->n_files] = (struct shadow_file){.fd = -1};
    }
    struct shadow_file *f = &s->files[id];
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

/* Bytes of a file, zeros where it has none. */
static struct odb_err *read_file(struct shadow *s, uint32_t id, uint64_t offset, uint8_t *to, size_t n_bytes)
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
    ODB_TRY(read_file(s, id, piece * ODB_PIECE_BYTES, raw, sizeof(raw)));
    if (!memcmp(raw, zeros, sizeof(raw)))
        return NULL;
    ODB_TRY(piece_encode(raw, sizeof(raw), &s->blob));
    return store_put(s->store, STORE_PIECE, "iib", (uint64_t)id, piece, (const void *)s->blob.p, s->blob.n);
}

/* Stores those pieces of a file that [offset, offset + len) needs and that exist. */
static struct odb_err *store_pieces(struct shadow *s, uint32_t id, uint64_t offset, uint64_t len_bytes)
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
            return no_memory();
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

/* ---- pages ---- */

static struct shadow_page *find(struct shadow_page *v, uint64_t cap, uint64_t no)
{
    uint64_t i = (no * 0x9e3779b97f4a7c15u) >> 24;
    for (;; i++) {
        struct shadow_page *p = &v[i & (cap - 1)];
        if (!p->no || p->no == no + 1)
            return p;
    }
}

static struct odb_err *grow(struct shadow *s)
{
    uint64_t cap = s->cap * 2;
    struct shadow_page *v = calloc(cap, sizeof(*v));
    if (!v)
        return no_memory();
    for (uint64_t i = 0; i < s->cap; i++)
        if (s->v[i].no)
            *find(v, cap, s->v[i].no - 1) = s->v[i];
    free(s->v);
    s->v = v;
    s->cap = cap;
    return NULL;
}

/* What the page held when its contents were established. */
static struct odb_err *page_base(struct shadow *s, uint64_t no, uint8_t *to)
{
    gaddr addr = no * ODB_PAGE_BYTES;
    const struct region *r = regions_find(&s->contents, addr);
    if (r && r->file_id)
        return read_file(s, r->file_id, r->offset + (addr - r->start), to, ODB_PAGE_BYTES);
    if (!r)
        s->unmapped = addr;
    memset(to, 0, ODB_PAGE_BYTES);
    return NULL;
}

/* The page, with data. Valid until the next page is added. */
static struct odb_err *get_page(struct shadow *s, uint64_t no, struct shadow_page **ret)
{
    struct shadow_page *p = find(s->v, s->cap, no);
    if (!p->no) {
        if (s->n * 2 >= s->cap) {
            ODB_TRY(grow(s));
            p = find(s->v, s->cap, no);
        }
        *p = (struct shadow_page){.no = no + 1};
        s->n++;
    }
    if (!p->data) {
        p->data = malloc(ODB_PAGE_BYTES);
        if (!p->data)
            return no_memory();
        ODB_TRY(page_base(s, no, p->data));
    }
    *ret = p;
    return NULL;
}

static struct odb_err *add_due(struct shadow *s, uint64_t no)
{
    if (s->n_due == s->cap_due) {
        size_t cap = s->cap_due ? s->cap_due * 2 : 256;
        uint64_t *due = reallocarray(s->due, cap, sizeof(*due));
        if (!due)
            return no_memory();
        s->due = due;
        s->cap_due = cap;
    }
    s->due[s->n_due++] = no;
    return NULL;
}

struct odb_err *shadow_write(struct shadow *s, gaddr addr, const uint8_t *old, const uint8_t *new_,
                             size_t n_bytes, uint32_t chunk)
{
    while (n_bytes) {
        size_t at = addr % ODB_PAGE_BYTES, n = ODB_PAGE_BYTES - at < n_bytes ? ODB_PAGE_BYTES - at : n_bytes;
        struct shadow_page *p;
        ODB_TRY(get_page(s, addr / ODB_PAGE_BYTES, &p));
        if (old) {
            s->n_mismatch += memcmp(p->data + at, old, n) != 0;
            old += n;
        }
        memcpy(p->data + at, new_, n);
        if (chunk != UINT32_MAX && p->last_chunk != chunk + 1) {
            p->last_chunk = chunk + 1;
            if (++p->touches == ODB_IMAGE_TOUCHES)
                ODB_TRY(add_due(s, p->no - 1));
        }
        new_ += n;
        addr += n;
        n_bytes -= n;
    }
    return NULL;
}

size_t shadow_read(struct shadow *s, gaddr addr, void *to, size_t n_bytes)
{
    size_t done = 0;
    while (done < n_bytes && regions_find(&s->contents, addr)) {
        size_t at = addr % ODB_PAGE_BYTES;
        size_t n = ODB_PAGE_BYTES - at < n_bytes - done ? ODB_PAGE_BYTES - at : n_bytes - done;
        struct shadow_page *p = find(s->v, s->cap, addr / ODB_PAGE_BYTES);
        uint8_t base[ODB_PAGE_BYTES];
        if (!p->no || !p->data) {
            struct odb_err *e = page_base(s, addr / ODB_PAGE_BYTES, base);
            if (e) {
                odb_err_free(e);
                break;
            }
        }
        memcpy((uint8_t *)to + done, (p->no && p->data ? p->data : base) + at, n);
        done += n;
        addr += n;
    }
    return done;
}

struct odb_err *shadow_image(struct shadow *s, uint64_t page, uint64_t t)
{
    struct shadow_page *p = find(s->v, s->cap, page);
    if (!p->no || !p->data)
        return NULL;
    p->touches = 0;
    ODB_TRY(piece_encode(p->data, ODB_PAGE_BYTES, &s->blob));
    return store_put(s->store, STORE_IMAGE, "iib", page, t, (const void *)s->blob.p, s->blob.n);
}

struct odb_err *shadow_images(struct shadow *s, uint64_t t)
{
    for (size_t i = 0; i < s->n_due; i++)
        ODB_TRY(shadow_image(s, s->due[i], t));
    s->n_due = 0;
    return NULL;
}

/* ---- changes of the map ---- */

static struct odb_err *emit_content(void *ctx, const struct region *r, uint64_t t_end)
{
    struct shadow *s = ctx;
    char shape[8];
    /* t_end and src may be NULL: their letter is then one that binds NULL but still takes the argument */
    snprintf(shape, sizeof(shape), "i%ciiii%c", t_end == UINT64_MAX ? 'N' : 'i', r->moved ? 'i' : 'N');
    return store_put(s->store, STORE_CONTENT, shape, r->t_start, t_end, r->start, r->end,
                     (uint64_t)r->file_id, r->offset, r->src);
}

/* Numbers of the pages with data in [start, end). *ret owned by the caller. */
static struct odb_err *pages_within(const struct shadow *s, gaddr start, gaddr end, uint64_t **ret,
                                    size_t *ret_n)
{
    uint64_t first = start / ODB_PAGE_BYTES, n_pages = (end - 1) / ODB_PAGE_BYTES - first + 1;
    uint64_t n_steps = n_pages < s->cap ? n_pages : s->cap;
    size_t n = 0;
    uint64_t *v = malloc((n_steps < s->n ? n_steps : s->n) * sizeof(*v) + 1);
    if (!v)
        return no_memory();
    for (uint64_t i = 0; i < n_steps; i++) {
        const struct shadow_page *p = n_pages < s->cap ? find(s->v, s->cap, first + i) : &s->v[i];
        if (p->no && p->data && p->no - 1 - first < n_pages)
            v[n++] = p->no - 1;
    }
    *ret = v;
    *ret_n = n;
    return NULL;
}

static struct odb_err *forget_pages(struct shadow *s, gaddr start, gaddr end)
{
    _cleanup_free_ uint64_t *pages = NULL;
    size_t n;
    ODB_TRY(pages_within(s, start, end, &pages, &n));
    for (size_t i = 0; i < n; i++) {
        struct shadow_page *p = find(s->v, s->cap, pages[i]);
        free(p->data);
        p->data = NULL;
        p->touches = 0;
    }
    return NULL;
}

struct odb_err *shadow_unmap(struct shadow *s, gaddr start, gaddr end, uint64_t t)
{
    if (start >= end)
        return NULL;
    ODB_TRY(forget_pages(s, start, end));
    return regions_cut(&s->contents, start, end, t, emit_content, s);
}

struct odb_err *shadow_map(struct shadow *s, gaddr start, gaddr end, uint32_t file_id, uint64_t offset,
                           uint64_t t)
{
    if (start >= end)
        return NULL;
    ODB_TRY(shadow_unmap(s, start, end, t));
    struct region r = {.start = start, .end = end, .t_start = t, .file_id = file_id, .offset = offset};
    ODB_TRY(regions_add(&s->contents, &r));
    return file_id ? store_pieces(s, file_id, offset, end - start) : NULL;
}

struct odb_err *shadow_drop(struct shadow *s, gaddr start, gaddr end, uint64_t t)
{
    _cleanup_free_ struct region *was = NULL;
    size_t n;
    ODB_TRY(regions_within(&s->contents, start, end, &was, &n));
    for (size_t i = 0; i < n; i++)
        ODB_TRY(shadow_map(s, was[i].start, was[i].end, was[i].file_id, was[i].offset, t));
    return NULL;
}

struct odb_err *shadow_move(struct shadow *s, gaddr from, gaddr to, uint64_t len_bytes, uint64_t t)
{
    _cleanup_free_ struct region *was = NULL;
    _cleanup_free_ uint64_t *pages = NULL;
    size_t n, n_pages;
    ODB_TRY(regions_within(&s->contents, from, from + len_bytes, &was, &n));
    if (!n)
        return NULL;
    ODB_TRY(shadow_unmap(s, to, to + len_bytes, t));
    ODB_TRY(pages_within(s, from, from + len_bytes, &pages, &n_pages));
    for (size_t i = 0; i < n_pages; i++) {
        struct shadow_page *q;
        ODB_TRY(get_page(s, pages[i] - from / ODB_PAGE_BYTES + to / ODB_PAGE_BYTES, &q));
        struct shadow_page *p = find(s->v, s->cap, pages[i]);
        memcpy(q->data, p->data, ODB_PAGE_BYTES);
    }
    ODB_TRY(shadow_unmap(s, from, from + len_bytes, t));
    for (size_t i = 0; i < n; i++) {
        struct region r = was[i];
        r.src = r.start;
        r.start = to + (r.src - from);
        r.end = to + (was[i].end - from);
        r.moved = true;
        r.t_start = t;
        ODB_TRY(regions_add(&s->contents, &r));
    }
    return NULL;
}

struct odb_err *shadow_finish(struct shadow *s)
{
    for (size_t i = 0; i < s->contents.n; i++)
        ODB_TRY(emit_content(s, &s->contents.v[i], UINT64_MAX));
    return NULL;
}
