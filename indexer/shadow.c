/* Memory while the log is read: spaces and their pages. See shadow.h; changes of the map are in shadow_map.c.
 *
 * A page is held only once it was written; before that its bytes are those of `contents`. Pages of a
 * range that is unmapped, mapped over or dropped lose their data. A page of a shared mapping is an entry
 * that names the object's page, made at its first use; it goes with its mapping. */
#include "indexer/shadow.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "indexer/shadow_impl.h"

#define FIRST_CAP 1024

struct odb_err *shadow_no_memory(void) { return odb_err("index: out of memory"); }

void shadow_init(struct shadow *s, const char *dir, struct store *store)
{
    *s = (struct shadow){.dir = dir, .store = store};
}

void shadow_deinit(struct shadow *s)
{
    for (uint32_t i = 0; i < s->n_objects; i++) {
        shadow_space_deinit(s, &s->objects[i]->space);
        free(s->objects[i]);
    }
    free(s->objects);
    for (size_t i = 0; i < s->n_files; i++) {
        odb_closep(&s->files[i].fd);
        free(s->files[i].stored);
        free(s->files[i].path);
    }
    free(s->files);
    free(s->due);
    free(s->spaces);
    bytes_deinit(&s->blob);
    *s = (struct shadow){0};
}

void shadow_data_put(struct shadow_data *d)
{
    if (d && !--d->refs)
        free(d);
}

/* ---- spaces ---- */

struct odb_err *shadow_space_create(struct shadow *s, uint32_t number, struct shadow_space **ret)
{
    struct shadow_space *sp = calloc(1, sizeof(*sp));
    if (!sp)
        return shadow_no_memory();
    sp->number = number;
    struct shadow_space **v = reallocarray(s->spaces, s->n_spaces + 1, sizeof(*v));
    if (!v) {
        free(sp);
        return shadow_no_memory();
    }
    s->spaces = v;
    v[s->n_spaces++] = sp;
    *ret = sp;
    return NULL;
}

void shadow_space_deinit(struct shadow *s, struct shadow_space *sp)
{
    for (uint64_t i = 0; i < sp->cap; i++)
        shadow_data_put(sp->v[i].data);
    free(sp->v);
    regions_deinit(&sp->contents);
    sp->v = NULL;
    sp->n = sp->cap = 0;
    size_t k = 0;
    for (size_t i = 0; i < s->n_due; i++)
        if (s->due[i].space != sp)
            s->due[k++] = s->due[i];
    s->n_due = k;
}

void shadow_space_free(struct shadow *s, struct shadow_space *sp)
{
    if (!sp)
        return;
    for (size_t i = 0; i < s->n_spaces; i++)
        if (s->spaces[i] == sp)
            s->spaces[i] = s->spaces[--s->n_spaces];
    shadow_space_deinit(s, sp);
    free(sp);
}

static struct odb_err *copy_space(const struct shadow_space *from, uint64_t t, struct shadow_space *to)
{
    to->shared = from->shared;
    for (size_t i = 0; i < from->contents.n; i++) {
        struct region r = from->contents.v[i];
        r.t_start = t;
        if (!r.object) {
            r.moved = true;
            r.src_space = from->number;
            r.src = r.start;
        }
        ODB_TRY(regions_add(&to->contents, &r));
    }
    if (!from->n)
        return NULL;
    to->v = calloc(from->cap, sizeof(*to->v));
    if (!to->v)
        return shadow_no_memory();
    to->cap = from->cap;
    to->n = from->n;
    memcpy(to->v, from->v, from->cap * sizeof(*to->v));
    for (uint64_t i = 0; i < to->cap; i++) {
        struct shadow_page *p = &to->v[i];
        p->last_chunk = p->touches = 0;
        if (p->data)
            p->data->refs++;
    }
    return NULL;
}

struct odb_err *shadow_space_fork(struct shadow *s, const struct shadow_space *from, uint32_t number,
                                  uint64_t t, struct shadow_space **ret)
{
    struct shadow_space *sp;
    ODB_TRY(shadow_space_create(s, number, &sp));
    struct odb_err *e = copy_space(from, t, sp);
    if (e) {
        shadow_space_free(s, sp);
        return e;
    }
    *ret = sp;
    return NULL;
}

/* ---- pages ---- */

struct shadow_page *shadow_find(struct shadow_page *v, uint64_t cap, uint64_t no)
{
    uint64_t i = (no * 0x9e3779b97f4a7c15u) >> 24;
    for (;; i++) {
        struct shadow_page *p = &v[i & (cap - 1)];
        if (!p->no || p->no == no + 1)
            return p;
    }
}

static struct odb_err *grow(struct shadow_space *sp)
{
    uint64_t cap = sp->cap ? sp->cap * 2 : FIRST_CAP;
    struct shadow_page *v = calloc(cap, sizeof(*v));
    if (!v)
        return shadow_no_memory();
    for (uint64_t i = 0; i < sp->cap; i++)
        if (sp->v[i].no)
            *shadow_find(v, cap, sp->v[i].no - 1) = sp->v[i];
    free(sp->v);
    sp->v = v;
    sp->cap = cap;
    return NULL;
}

/* What the page held when its contents were established. */
static struct odb_err *page_base(struct shadow *s, const struct shadow_space *sp, uint64_t no, uint8_t *to)
{
    gaddr addr = no * ODB_PAGE_BYTES;
    const struct region *r = regions_find(&sp->contents, addr);
    if (r && r->file_id)
        return shadow_read_file(s, r->file_id, r->offset + (addr - r->start), to, ODB_PAGE_BYTES);
    if (!r && sp->number < ODB_SPACE_OBJECT)
        s->unmapped = addr;
    memset(to, 0, ODB_PAGE_BYTES);
    return NULL;
}

static struct odb_err *add_page(struct shadow_space *sp, uint64_t no, struct shadow_page **ret)
{
    if (sp->n * 2 >= sp->cap)
        ODB_TRY(grow(sp));
    struct shadow_page *p = shadow_find(sp->v, sp->cap, no);
    *p = (struct shadow_page){.no = no + 1};
    sp->n++;
    *ret = p;
    return NULL;
}

/* Gives a page without data some, or the object's page it shows. */
static struct odb_err *fill_page(struct shadow *s, struct shadow_space *sp, struct shadow_page *p)
{
    uint64_t no = p->no - 1;
    const struct region *r = sp->shared ? regions_find(&sp->contents, no * ODB_PAGE_BYTES) : NULL;
    if (r && r->object) {
        p->object = r->object;
        p->object_page = (r->offset + (no * ODB_PAGE_BYTES - r->start)) / ODB_PAGE_BYTES;
        return NULL;
    }
    p->data = malloc(sizeof(*p->data));
    if (!p->data)
        return shadow_no_memory();
    p->data->refs = 1;
    return page_base(s, sp, no, p->data->bytes);
}

struct odb_err *shadow_get_page(struct shadow *s, struct shadow_space *sp, uint64_t no,
                                struct shadow_page **ret)
{
    struct shadow_page *p = sp->cap ? shadow_find(sp->v, sp->cap, no) : NULL;
    if (!p || !p->no)
        ODB_TRY(add_page(sp, no, &p));
    if (!p->data && !p->object)
        ODB_TRY(fill_page(s, sp, p));
    if (p->object)
        return shadow_get_page(s, &s->objects[p->object - 1]->space, p->object_page, ret);
    s->in_object = sp->number >= ODB_SPACE_OBJECT;
    *ret = p;
    return NULL;
}

/* Where the page's bytes may be changed. */
static struct odb_err *own_data(struct shadow_page *p)
{
    if (p->data->refs == 1)
        return NULL;
    struct shadow_data *d = malloc(sizeof(*d));
    if (!d)
        return shadow_no_memory();
    memcpy(d->bytes, p->data->bytes, sizeof(d->bytes));
    d->refs = 1;
    shadow_data_put(p->data);
    p->data = d;
    return NULL;
}

struct odb_err *shadow_due(struct shadow *s, struct shadow_space *sp, uint64_t no)
{
    if (s->n_due && s->due[s->n_due - 1].space == sp && s->due[s->n_due - 1].page == no)
        return NULL;
    if (s->n_due == s->cap_due) {
        size_t cap = s->cap_due ? s->cap_due * 2 : 256;
        struct shadow_due *due = reallocarray(s->due, cap, sizeof(*due));
        if (!due)
            return shadow_no_memory();
        s->due = due;
        s->cap_due = cap;
    }
    s->due[s->n_due++] = (struct shadow_due){sp, no};
    return NULL;
}

/* A page written in the chunk for the first time: often written ones get an image. */
static struct odb_err *touch(struct shadow *s, struct shadow_space *sp, gaddr addr, struct shadow_page *p,
                             uint32_t chunk)
{
    p->last_chunk = chunk + 1;
    if (++p->touches != ODB_IMAGE_TOUCHES)
        return NULL;
    if (!s->in_object || sp->number >= ODB_SPACE_OBJECT)
        return shadow_due(s, sp, p->no - 1);
    const struct shadow_page *at = shadow_find(sp->v, sp->cap, addr / ODB_PAGE_BYTES);
    return shadow_due(s, &s->objects[at->object - 1]->space, p->no - 1);
}

struct odb_err *shadow_write(struct shadow *s, struct shadow_space *sp, gaddr addr, const uint8_t *old,
                             const uint8_t *new_, size_t n_bytes, uint32_t chunk)
{
    while (n_bytes) {
        size_t at = addr % ODB_PAGE_BYTES, n = ODB_PAGE_BYTES - at < n_bytes ? ODB_PAGE_BYTES - at : n_bytes;
        struct shadow_page *p;
        ODB_TRY(shadow_get_page(s, sp, addr / ODB_PAGE_BYTES, &p));
        odb_assert(p->data);
        if (old) {
            s->n_mismatch += memcmp(p->data->bytes + at, old, n) != 0;
            old += n;
        }
        if (p->data->refs > 1)
            ODB_TRY(own_data(p));
        memcpy(p->data->bytes + at, new_, n);
        if (chunk != UINT32_MAX && p->last_chunk != chunk + 1)
            ODB_TRY(touch(s, sp, addr, p, chunk));
        new_ += n;
        addr += n;
        n_bytes -= n;
    }
    return NULL;
}

/* A page's bytes, `base` where it has none of its own; NULL: not to be had. */
static const uint8_t *page_bytes(struct shadow *s, const struct shadow_space *sp, uint64_t no, uint8_t *base)
{
    const struct region *r = sp->shared ? regions_find(&sp->contents, no * ODB_PAGE_BYTES) : NULL;
    if (r && r->object)
        return page_bytes(s, &s->objects[r->object - 1]->space,
                          (r->offset + (no * ODB_PAGE_BYTES - r->start)) / ODB_PAGE_BYTES, base);
    const struct shadow_page *p = sp->cap ? shadow_find(sp->v, sp->cap, no) : NULL;
    if (p && p->no && p->data)
        return p->data->bytes;
    struct odb_err *e = page_base(s, sp, no, base);
    odb_err_free(e);
    return e ? NULL : base;
}

size_t shadow_read(struct shadow *s, const struct shadow_space *sp, gaddr addr, void *to, size_t n_bytes)
{
    size_t done = 0;
    while (done < n_bytes && regions_find(&sp->contents, addr)) {
        size_t at = addr % ODB_PAGE_BYTES;
        size_t n = ODB_PAGE_BYTES - at < n_bytes - done ? ODB_PAGE_BYTES - at : n_bytes - done;
        uint8_t base[ODB_PAGE_BYTES];
        const uint8_t *p = page_bytes(s, sp, addr / ODB_PAGE_BYTES, base);
        if (!p)
            break;
        memcpy((uint8_t *)to + done, p + at, n);
        done += n;
        addr += n;
    }
    return done;
}

uint64_t shadow_place(const struct shadow_space *sp, gaddr addr)
{
    uint64_t no = addr / ODB_PAGE_BYTES;
    const struct shadow_page *p = sp->shared && sp->cap ? shadow_find(sp->v, sp->cap, no) : NULL;
    if (p && p->no && p->object)
        return odb_place(ODB_SPACE_OBJECT + p->object, p->object_page);
    return odb_place(sp->number, no);
}

static struct odb_err *image(struct shadow *s, struct shadow_space *sp, uint64_t page, uint64_t t)
{
    struct shadow_page *p = sp->cap ? shadow_find(sp->v, sp->cap, page) : NULL;
    if (!p || !p->no || (!p->data && !p->object))
        return NULL;
    if (p->object)
        return image(s, &s->objects[p->object - 1]->space, p->object_page, t);
    p->touches = 0;
    ODB_TRY(piece_encode(p->data->bytes, ODB_PAGE_BYTES, &s->blob));
    return store_put(s->store, STORE_IMAGE, "iib", odb_place(sp->number, page), t, (const void *)s->blob.p,
                     s->blob.n);
}

struct odb_err *shadow_images(struct shadow *s, uint64_t t)
{
    for (size_t i = 0; i < s->n_due; i++)
        ODB_TRY(image(s, s->due[i].space, s->due[i].page, t));
    s->n_due = 0;
    return NULL;
}
