/* Disjoint address ranges in a sorted array: see regions.h. Programs have at most some thousands. */
#include "indexer/regions.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

void regions_deinit(struct regions *rs)
{
    free(rs->v);
    *rs = (struct regions){0};
}

size_t regions_lower(const struct regions *rs, gaddr addr)
{
    size_t lo = 0, hi = rs->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (rs->v[mid].end > addr)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

const struct region *regions_find(const struct regions *rs, gaddr addr)
{
    size_t i = regions_lower(rs, addr);
    return i < rs->n && rs->v[i].start <= addr ? &rs->v[i] : NULL;
}

/* The part of r within [start, end). */
static struct region clip(const struct region *r, gaddr start, gaddr end)
{
    struct region c = *r;
    if (c.start < start) {
        c.offset += start - c.start;
        c.src += start - c.start;
        c.start = start;
    }
    if (c.end > end)
        c.end = end;
    return c;
}

static struct odb_err *insert(struct regions *rs, size_t i, const struct region *r)
{
    if (rs->n == rs->cap) {
        size_t cap = rs->cap ? rs->cap * 2 : 64;
        struct region *v = reallocarray(rs->v, cap, sizeof(*v));
        if (!v)
            return odb_err("index: out of memory");
        rs->v = v;
        rs->cap = cap;
    }
    memmove(rs->v + i + 1, rs->v + i, (rs->n - i) * sizeof(*rs->v));
    rs->v[i] = *r;
    rs->n++;
    return NULL;
}

struct odb_err *regions_cut(struct regions *rs, gaddr start, gaddr end, uint64_t t, region_emit_fn emit,
                            void *ctx)
{
    size_t i = regions_lower(rs, start);
    while (i < rs->n && rs->v[i].start < end) {
        struct region whole = rs->v[i];
        struct region gone = clip(&whole, start, end);
        if (gone.t_start < t)
            ODB_TRY(emit(ctx, &gone, t));
        bool left = whole.start < gone.start, right = gone.end < whole.end;
        if (left)
            rs->v[i++].end = gone.start;
        if (right) {
            struct region rest = clip(&whole, gone.end, whole.end);
            if (left)
                return insert(rs, i, &rest);
            rs->v[i] = rest;
            return NULL;
        }
        if (!left) {
            memmove(rs->v + i, rs->v + i + 1, (rs->n - i - 1) * sizeof(*rs->v));
            rs->n--;
        }
    }
    return NULL;
}

struct odb_err *regions_add(struct regions *rs, const struct region *r)
{
    return insert(rs, regions_lower(rs, r->start), r);
}

struct odb_err *regions_within(const struct regions *rs, gaddr start, gaddr end, struct region **ret,
                               size_t *ret_n)
{
    size_t i = regions_lower(rs, start), n = 0;
    while (i + n < rs->n && rs->v[i + n].start < end)
        n++;
    struct region *v = malloc(n * sizeof(*v) + 1);
    if (!v)
        return odb_err("index: out of memory");
    for (size_t k = 0; k < n; k++)
        v[k] = clip(&rs->v[i + k], start, end);
    *ret = v;
    *ret_n = n;
    return NULL;
}
