#include "indexer/lines.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/layout.h"
#include "indexer/chunk.h"

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
    free(l->hot);
    l->v = NULL;
    l->hot = NULL;
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

static struct odb_err *make_hot(struct lines *l, struct line_entry *e)
{
    if (l->n_hot == l->cap_hot) {
        uint64_t cap = l->cap_hot ? 2 * l->cap_hot : 1024;
        uint64_t(*v)[ODB_LINE_WORDS] = reallocarray(l->hot, cap, sizeof(*v));
        if (!v)
            return odb_err("index: out of memory");
        l->hot = v;
        l->cap_hot = cap;
    }
    for (int w = 0; w < ODB_LINE_WORDS; w++)
        l->hot[l->n_hot][w] = e->chunks; /* which words these touched is not known */
    e->hot = ++l->n_hot;
    return NULL;
}

struct odb_err *lines_add(struct lines *l, uint64_t line, unsigned words, unsigned chunk_bit)
{
    struct line_entry *e = find(l->v, l->cap, line);
    uint64_t bit = 1ull << chunk_bit;
    if (!e->line) {
        if (l->n * 2 >= l->cap) {
            ODB_TRY(grow(l));
            e = find(l->v, l->cap, line);
        }
        e->line = line + 1;
        l->n++;
    }
    if (!e->hot && (e->chunks & ~bit))
        ODB_TRY(make_hot(l, e));
    e->chunks |= bit;
    for (int w = 0; w < ODB_LINE_WORDS && e->hot; w++)
        if (words >> w & 1)
            l->hot[e->hot - 1][w] |= bit;
    if (l->recent[line % LINES_RECENT].line != line + 1)
        l->recent[line % LINES_RECENT].words = 0;
    l->recent[line % LINES_RECENT].line = line + 1;
    l->recent[line % LINES_RECENT].words |= words;
    return NULL;
}

static int by_line(const void *a, const void *b)
{
    const struct line_entry *x = a, *y = b;
    return x->line < y->line ? -1 : x->line > y->line;
}

static uint64_t page_of(const struct line_entry *e) { return (e->line - 1) / LINES_PER_PAGE; }
static uint64_t line_bit(const struct line_entry *e) { return 1ull << ((e->line - 1) % LINES_PER_PAGE); }

static struct odb_err *flush_sorted(const struct line_entry *v, uint64_t n, struct store *store, int kind,
                                    uint64_t group)
{
    uint64_t row[1 + LINES_PER_PAGE];
    for (uint64_t i = 0; i < n;) {
        uint64_t page = page_of(&v[i]);
        size_t k = 1;
        row[0] = 0;
        for (; i < n && page_of(&v[i]) == page; i++) {
            row[0] |= line_bit(&v[i]);
            row[k++] = v[i].chunks;
        }
        ODB_TRY(store_put(store, STORE_POSTING, "iiib", (uint64_t)kind, page, group, (const void *)row,
                          k * sizeof(*row)));
    }
    return NULL;
}

/* Do the words tell more than the line? */
static bool words_tell(const struct lines *l, const struct line_entry *e)
{
    for (int w = 0; w < ODB_LINE_WORDS && e->hot; w++)
        if (l->hot[e->hot - 1][w] != e->chunks)
            return true;
    return false;
}

static struct odb_err *flush_words(const struct lines *l, uint64_t n, struct store *store, int kind,
                                   uint64_t group, struct bytes *blob)
{
    uint64_t row[1 + LINES_PER_PAGE * ODB_LINE_WORDS];
    for (uint64_t i = 0; i < n;) {
        uint64_t page = page_of(&l->v[i]);
        size_t k = 1;
        row[0] = 0;
        for (; i < n && page_of(&l->v[i]) == page; i++) {
            if (!words_tell(l, &l->v[i]))
                continue;
            row[0] |= line_bit(&l->v[i]);
            memcpy(&row[k], l->hot[l->v[i].hot - 1], sizeof(*l->hot));
            k += ODB_LINE_WORDS;
        }
        if (k == 1)
            continue;
        ODB_TRY(piece_encode(row, k * sizeof(*row), blob));
        ODB_TRY(store_put(store, STORE_POSTING, "iiib", (uint64_t)(ODB_POST_WORDS + kind), page, group,
                          (const void *)blob->p, blob->n));
    }
    return NULL;
}

/* Empties the set, but for lines that were hot: they are watched from the next group's beginning. v[0..n) are the
 * group's lines. */
static struct odb_err *begin_group(struct lines *l, uint64_t n)
{
    uint64_t n_hot = 0;
    _cleanup_free_ uint64_t *hot = malloc(n * sizeof(*hot) + 1);
    if (!hot)
        return odb_err("index: out of memory");
    for (uint64_t i = 0; i < n; i++)
        if (l->v[i].hot)
            hot[n_hot++] = l->v[i].line - 1;
    memset(l->v, 0, l->cap * sizeof(*l->v));
    memset(l->recent, 0, sizeof(l->recent));
    for (uint64_t i = 0; i < n_hot; i++)
        *find(l->v, l->cap, hot[i]) = (struct line_entry){.line = hot[i] + 1, .hot = i + 1};
    if (l->hot)
        memset(l->hot, 0, n_hot * sizeof(*l->hot));
    l->n = l->n_hot = n_hot;
    return NULL;
}

struct odb_err *lines_flush(struct lines *l, struct store *store, int kind, uint64_t group)
{
    uint64_t n = 0;
    struct bytes blob = {0};
    for (uint64_t i = 0; i < l->cap; i++)
        if (l->v[i].chunks)
            l->v[n++] = l->v[i];
    if (n)
        qsort(l->v, n, sizeof(*l->v), by_line);
    struct odb_err *e = flush_sorted(l->v, n, store, kind, group);
    if (!e)
        e = flush_words(l, n, store, kind, group, &blob);
    bytes_deinit(&blob);
    return e ? e : begin_group(l, n);
}
