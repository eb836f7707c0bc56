#include "indexer/lines.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/layout.h"
#include "indexer/schema.h"

#define LINES_PER_PAGE (ODB_PAGE_BYTES / ODB_LINE_BYTES)

struct odb_err *lines_init(struct lines *l)
{
    *l = (struct lines){.cap = 16384};
    l->v = calloc(l->cap, sizeof(*l->v));
    return l->v ? NULL : odb_err("index: out of memory");
}

void lines_deinit(struct lines *l)
{
    free(l->v);
    l->v = NULL;
}

void lines_next_chunk(struct lines *l) { memset(l->recent, 0, sizeof(l->recent)); }

static struct line_entry *find(struct line_entry *v, uint64_t cap, uint64_t line)
{
    uint64_t i = (line * 0x9e3779b97f4a7c15u) >> 20;
    for (;; i++) {
        struct line_entry *e = &v[i & (cap - 1)];
        if (!e->line || e->line == line + 1)
            return e;
    }
}

static struct odb_err *grow(struct lines *l)
{
    uint64_t cap = l->cap * 2;
    struct line_entry *v = calloc(cap, sizeof(*v));
    if (!v)
        return odb_err("index: out of memory");
    for (uint64_t i = 0; i < l->cap; i++)
        if (l->v[i].line)
            *find(v, cap, l->v[i].line - 1) = l->v[i];
    free(l->v);
    l->v = v;
    l->cap = cap;
    return NULL;
}

struct odb_err *lines_add(struct lines *l, uint64_t line, unsigned chunk_bit)
{
    struct line_entry *e = find(l->v, l->cap, line);
    if (!e->line) {
        if (l->n * 2 >= l->cap) {
            ODB_TRY(grow(l));
            e = find(l->v, l->cap, line);
        }
        e->line = line + 1;
        l->n++;
    }
    e->chunks |= 1ull << chunk_bit;
    l->recent[line % LINES_RECENT] = line + 1;
    return NULL;
}

static int by_line(const void *a, const void *b)
{
    const struct line_entry *x = a, *y = b;
    return x->line < y->line ? -1 : x->line > y->line;
}

static struct odb_err *flush_sorted(const struct line_entry *v, uint64_t n, struct store *store, int kind,
                                    uint64_t group)
{
    uint64_t row[1 + LINES_PER_PAGE];
    for (uint64_t i = 0; i < n;) {
        uint64_t page = (v[i].line - 1) / LINES_PER_PAGE;
        size_t k = 1;
        row[0] = 0;
        for (; i < n && (v[i].line - 1) / LINES_PER_PAGE == page; i++) {
            row[0] |= 1ull << ((v[i].line - 1) % LINES_PER_PAGE);
            row[k++] = v[i].chunks;
        }
        ODB_TRY(store_put(store, STORE_POSTING, "iiib", (uint64_t)kind, page, group, (const void *)row,
                          k * sizeof(*row)));
    }
    return NULL;
}

struct odb_err *lines_flush(struct lines *l, struct store *store, int kind, uint64_t group)
{
    uint64_t n = 0;
    for (uint64_t i = 0; i < l->cap; i++)
        if (l->v[i].line)
            l->v[n++] = l->v[i];
    qsort(l->v, n, sizeof(*l->v), by_line);
    struct odb_err *e = flush_sorted(l->v, n, store, kind, group);
    memset(l->v, 0, l->cap * sizeof(*l->v));
    memset(l->recent, 0, sizeof(l->recent));
    l->n = 0;
    return e;
}
