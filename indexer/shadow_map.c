/* Changes of the memory map: see shadow.h.
 *
 * A region of a space's contents says where its bytes came from; when it ends, its row is written. The
 * contents of an object are established range by range, as mappings first show them. While somebody maps it, all its
 * writes are known; a newer capture of its file tells what happened to it while nobody did. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "indexer/shadow_impl.h"

struct ending {
    struct shadow *s;
    const struct shadow_space *sp;
};

static struct odb_err *emit_content(void *ctx, const struct region *r, uint64_t t_end)
{
    const struct ending *x = ctx;
    char shape[16];
    /* t_end, src and object may be NULL: their letter is then one that binds NULL but still takes the argument */
    snprintf(shape, sizeof(shape), "ii%ciiii%c%c%c", t_end == UINT64_MAX ? 'N' : 'i', r->moved ? 'i' : 'N',
             r->moved ? 'i' : 'N', r->object ? 'i' : 'N');
    return store_put(x->s->store, STORE_CONTENT, shape, (uint64_t)x->sp->number, r->t_start, t_end, r->start,
                     r->end, (uint64_t)r->file_id, r->offset, r->src, (uint64_t)r->src_space,
                     (uint64_t)r->object);
}

/* Numbers of the pages with data in [start, end), or that show an object. *ret owned by the caller. */
static struct odb_err *pages_within(const struct shadow_space *sp, gaddr start, gaddr end, uint64_t **ret,
                                    size_t *ret_n)
{
    uint64_t first = start / ODB_PAGE_BYTES, n_pages = (end - 1) / ODB_PAGE_BYTES - first + 1;
    uint64_t n_steps = n_pages < sp->cap ? n_pages : sp->cap;
    size_t n = 0;
    uint64_t *v = malloc((n_steps < sp->n ? n_steps : sp->n) * sizeof(*v) + 1);
    if (!v)
        return shadow_no_memory();
    for (uint64_t i = 0; i < n_steps; i++) {
        const struct shadow_page *p = n_pages < sp->cap ? shadow_find(sp->v, sp->cap, first + i) : &sp->v[i];
        if (p->no && (p->data || p->object) && p->no - 1 - first < n_pages)
            v[n++] = p->no - 1;
    }
    *ret = v;
    *ret_n = n;
    return NULL;
}

static struct odb_err *forget_pages(struct shadow_space *sp, gaddr start, gaddr end)
{
    _cleanup_free_ uint64_t *pages = NULL;
    size_t n = 0;
    ODB_TRY(pages_within(sp, start, end, &pages, &n));
    for (size_t i = 0; i < n; i++) {
        struct shadow_page *p = shadow_find(sp->v, sp->cap, pages[i]);
        shadow_data_put(p->data);
        p->data = NULL;
        p->object = 0;
        p->touches = 0;
    }
    return NULL;
}

struct odb_err *shadow_unmap(struct shadow *s, struct shadow_space *sp, gaddr start, gaddr end, uint64_t t)
{
    struct ending x = {s, sp};
    if (start >= end)
        return NULL;
    ODB_TRY(forget_pages(sp, start, end));
    return regions_cut(&sp->contents, start, end, t, emit_content, &x);
}

/* Is any of the object's bytes start..end mapped now? */
static bool is_shown(const struct shadow *s, uint32_t object, uint64_t start, uint64_t end)
{
    for (size_t i = 0; i < s->n_spaces; i++) {
        const struct regions *rs = &s->spaces[i]->contents;
        for (size_t k = 0; s->spaces[i]->shared && k < rs->n; k++) {
            const struct region *r = &rs->v[k];
            if (r->object == object && r->offset < end && start < r->offset + (r->end - r->start))
                return true;
        }
    }
    return false;
}

/* Contents of an object where it has none yet, or only those of an older capture. */
static struct odb_err *establish(struct shadow *s, uint32_t object, uint64_t start, uint64_t end,
                                 uint32_t file_id, uint64_t t)
{
    struct shadow_space *sp = &s->objects[object - 1]->space;
    const struct regions *rs = &sp->contents;
    for (uint64_t at = start, next; at < end; at = next) {
        size_t i = regions_lower(rs, at);
        const struct region *r = i < rs->n && rs->v[i].start < end ? &rs->v[i] : NULL;
        bool have = r && r->start <= at;
        next = !r ? end : !have ? r->start : r->end < end ? r->end : end;
        if (have && (r->file_id >= file_id || is_shown(s, object, at, next)))
            continue;
        ODB_TRY(shadow_map(s, sp, at, next, file_id, at, 0, t));
    }
    return NULL;
}

struct odb_err *shadow_map(struct shadow *s, struct shadow_space *sp, gaddr start, gaddr end,
                           uint32_t file_id, uint64_t offset, uint32_t object, uint64_t t)
{
    if (start >= end)
        return NULL;
    ODB_TRY(shadow_unmap(s, sp, start, end, t));
    if (object) {
        if (offset % ODB_PAGE_BYTES || offset + (end - start) < offset)
            return odb_err("index log: a mapping beyond the largest file");
        sp->shared = true;
        ODB_TRY(establish(s, object, offset, offset + (end - start), file_id, t));
    }
    struct region r = {
        .start = start, .end = end, .t_start = t, .file_id = file_id, .offset = offset, .object = object};
    ODB_TRY(regions_add(&sp->contents, &r));
    if (object)
        return NULL;
    return file_id ? shadow_store_pieces(s, file_id, offset, end - start) : NULL;
}

struct odb_err *shadow_drop(struct shadow *s, struct shadow_space *sp, gaddr start, gaddr end, uint64_t t)
{
    _cleanup_free_ struct region *was = NULL;
    size_t n;
    ODB_TRY(regions_within(&sp->contents, start, end, &was, &n));
    for (size_t i = 0; i < n; i++) {
        const struct region *r = &was[i];
        if (r->object)
            ODB_TRY(shadow_map(s, &s->objects[r->object - 1]->space, r->offset,
                               r->offset + (r->end - r->start), 0, r->offset, 0, t));
        else
            ODB_TRY(shadow_map(s, sp, r->start, r->end, r->file_id, r->offset, 0, t));
    }
    return NULL;
}

struct odb_err *shadow_drop_copy(struct shadow *s, struct shadow_space *sp, gaddr start, gaddr end,
                                 uint64_t t)
{
    _cleanup_free_ struct region *was = NULL;
    size_t n;
    ODB_TRY(regions_within(&sp->contents, start, end, &was, &n));
    for (size_t i = 0; i < n; i++)
        if (!was[i].object)
            ODB_TRY(shadow_map(s, sp, was[i].start, was[i].end, 0, 0, 0, t));
    return NULL;
}

struct odb_err *shadow_truncate(struct shadow *s, struct shadow_space *object, uint64_t n_bytes, uint64_t t)
{
    _cleanup_free_ struct region *was = NULL;
    size_t n;
    uint64_t from = (n_bytes + ODB_PAGE_BYTES - 1) & ~(uint64_t)(ODB_PAGE_BYTES - 1);
    ODB_TRY(regions_within(&object->contents, from, UINT64_MAX, &was, &n));
    for (size_t i = 0; i < n; i++)
        ODB_TRY(shadow_map(s, object, was[i].start, was[i].end, 0, was[i].start, 0, t));
    return NULL;
}

static struct odb_err *copy_page(struct shadow *s, struct shadow_space *sp, uint64_t from, uint64_t to)
{
    struct shadow_page *q;
    const struct shadow_page *p = shadow_find(sp->v, sp->cap, from);
    if (p->object)
        return NULL;
    struct shadow_data *d = p->data;
    ODB_TRY(shadow_get_page(s, sp, to, &q));
    d->refs++;
    shadow_data_put(q->data);
    q->data = d;
    return NULL;
}

struct odb_err *shadow_move(struct shadow *s, struct shadow_space *sp, gaddr from, gaddr to,
                            uint64_t len_bytes, uint64_t t)
{
    _cleanup_free_ struct region *was = NULL;
    _cleanup_free_ uint64_t *pages = NULL;
    size_t n, n_pages = 0;
    ODB_TRY(regions_within(&sp->contents, from, from + len_bytes, &was, &n));
    if (!n)
        return NULL;
    ODB_TRY(shadow_unmap(s, sp, to, to + len_bytes, t));
    ODB_TRY(pages_within(sp, from, from + len_bytes, &pages, &n_pages));
    for (size_t i = 0; i < n_pages; i++)
        ODB_TRY(copy_page(s, sp, pages[i], pages[i] - from / ODB_PAGE_BYTES + to / ODB_PAGE_BYTES));
    ODB_TRY(shadow_unmap(s, sp, from, from + len_bytes, t));
    for (size_t i = 0; i < n; i++) {
        struct region r = was[i];
        r.start = to + (was[i].start - from);
        r.end = to + (was[i].end - from);
        r.t_start = t;
        if (!r.object) {
            r.moved = true;
            r.src = was[i].start;
            r.src_space = sp->number;
        }
        ODB_TRY(regions_add(&sp->contents, &r));
    }
    return NULL;
}

struct odb_err *shadow_space_end(struct shadow *s, struct shadow_space *sp, uint64_t t)
{
    struct ending x = {s, sp};
    for (size_t i = 0; i < sp->contents.n; i++)
        if (sp->contents.v[i].t_start < t)
            ODB_TRY(emit_content(&x, &sp->contents.v[i], t));
    return NULL;
}

struct odb_err *shadow_finish(struct shadow *s)
{
    for (uint32_t i = 0; i < s->n_objects; i++)
        ODB_TRY(shadow_space_end(s, &s->objects[i]->space, UINT64_MAX));
    return NULL;
}
