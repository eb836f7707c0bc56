/* The nearest of many: see db.h ("for debuggers").
 *
 * All addresses asked for are gathered into cursors, one for each page, which know the next group of chunks (in the
 * direction of the search) that touches one of the page's wanted lines. The union of the cursors at the nearest group
 * tells the chunks worth decoding; a decoded chunk is searched once for all of them. So addresses where nothing ever
 * happens cost one look-up each, and no more. */
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/layout.h"
#include "db/scan.h"

#define LINES_PER_PAGE (ODB_PAGE_BYTES / ODB_LINE_BYTES)
#define WINDOW (2 * ODB_CHUNK_INSNS) /* so few instructions are searched without asking postings */
/* Asking for the postings of one page costs about as much as searching so many instructions. Ranges with more pages than
 * that pays for are looked for in every chunk. */
#define PAGE_INSNS 4096
#define RANGE_PAGES_MIN 64
#define RANGE_PAGES_MAX 65536

/* ---- cursors over postings ---- */

struct page_cursor {
    uint64_t page;
    uint64_t group, chunks;
    bool known, none;
    uint16_t words[LINES_PER_PAGE]; /* wanted: bit: 4 bytes of the line */
};

struct cursors {
    struct odb_db *db;
    enum odb_posting_kind kind;
    bool desc;
    struct page_cursor *v; /* owned, by page */
    size_t n, cap;
};
static void cursors_deinit(struct cursors *c) { free(c->v); }
#define _cleanup_cursors_ __attribute__((cleanup(cursors_deinit)))

static int by_page(const void *a, const void *b)
{
    const struct page_cursor *x = a, *y = b;
    return x->page < y->page ? -1 : x->page > y->page;
}

static struct odb_err *cursors_add(struct cursors *c, const struct db_lines *lines)
{
    for (uint64_t page = lines->first / LINES_PER_PAGE; page <= lines->last / LINES_PER_PAGE; page++) {
        if (!c->n || c->v[c->n - 1].page != page) {
            ODB_TRY(db_grow((void **)&c->v, &c->cap, c->n, sizeof(*c->v)));
            c->v[c->n++] = (struct page_cursor){.page = page};
        }
        db_lines_words(lines, page, c->v[c->n - 1].words);
    }
    return NULL;
}

/* Sorts them, and joins those of the same page. */
static void cursors_finish(struct cursors *c)
{
    size_t n = 0;
    if (c->n)
        qsort(c->v, c->n, sizeof(*c->v), by_page);
    for (size_t i = 0; i < c->n; i++) {
        if (n && c->v[n - 1].page == c->v[i].page) {
            for (int k = 0; k < LINES_PER_PAGE; k++)
                c->v[n - 1].words[k] |= c->v[i].words[k];
        } else {
            c->v[n++] = c->v[i];
        }
    }
    c->n = n;
}

/* The page's nearest group from `group` on where a wanted line is touched. */
static struct odb_err *cursor_seek(struct cursors *c, struct page_cursor *p, uint64_t group)
{
    for (;;) {
        _cleanup_reset_ sqlite3_stmt *st = NULL;
        bool row = false;
        ODB_TRY(db_prepare(c->db, c->desc ? DB_POST_PREV : DB_POST_NEXT, &st));
        sqlite3_bind_int64(st, 1, c->kind);
        sqlite3_bind_int64(st, 2, (int64_t)p->page);
        sqlite3_bind_int64(st, 3, (int64_t)group);
        ODB_TRY(db_step(c->db, st, &row));
        p->known = true;
        p->none = !row;
        if (!row)
            return NULL;
        p->group = (uint64_t)sqlite3_column_int64(st, 0);
        const void *blob = sqlite3_column_blob(st, 1);
        ODB_TRY(db_posting_chunks(c->db, (int)c->kind, p->page, p->group, blob,
                                  (size_t)sqlite3_column_bytes(st, 1), p->words, &p->chunks));
        if (p->chunks)
            return NULL;
        if (c->desc && !p->group) {
            p->none = true;
            return NULL;
        }
        group = c->desc ? p->group - 1 : p->group + 1;
    }
}

static uint64_t from_bit(uint64_t id, bool desc)
{
    uint64_t bit = id % ODB_GROUP_CHUNKS;
    return desc ? UINT64_MAX >> (63 - bit) : UINT64_MAX << bit;
}

/* The nearest chunk from id `from` on that touches a wanted line. */
static struct odb_err *cursors_next(struct cursors *c, uint64_t from, bool *ret_found, uint64_t *ret)
{
    for (uint64_t group = from / ODB_GROUP_CHUNKS, first = group;;) {
        bool found = false;
        uint64_t best = 0, chunks = 0;
        for (size_t i = 0; i < c->n; i++) {
            struct page_cursor *p = &c->v[i];
            if (!p->known || (!p->none && (c->desc ? p->group > group : p->group < group)))
                ODB_TRY(cursor_seek(c, p, group));
            if (p->none || (found && (c->desc ? p->group < best : p->group > best)))
                continue;
            chunks = found && p->group == best ? chunks | p->chunks : p->chunks;
            best = p->group;
            found = true;
        }
        *ret_found = found;
        if (!found)
            return NULL;
        if (best == first)
            chunks &= from_bit(from, c->desc);
        if (chunks) {
            unsigned bit =
                c->desc ? 63 - (unsigned)__builtin_clzll(chunks) : (unsigned)__builtin_ctzll(chunks);
            *ret = best * ODB_GROUP_CHUNKS + bit;
            return NULL;
        }
        if (c->desc && !best) {
            *ret_found = false;
            return NULL;
        }
        group = c->desc ? best - 1 : best + 1;
    }
}

/* ---- chunks within a time ---- */

/* Chunks, one after the other, that touch a wanted line (cursors NULL: all) and may have something of
 * from <= t < to. */
struct walk {
    struct odb_db *db;
    struct cursors *cursors; /* borrowed */
    struct db_chunk_wish wish;
    uint64_t from, to;
    bool desc, begun;
    struct db_chunk chunk;
};

static struct odb_err *walk_first(struct walk *w)
{
    ODB_TRY(db_chunk_at(w->db, w->desc ? w->to - 1 : w->from, &w->chunk));
    for (bool more = w->desc && w->chunk.t_start + w->chunk.n == w->to; more;) {
        struct db_chunk next; /* writes of to - 1 may go on in chunks behind */
        ODB_TRY(db_chunk_seek(w->db, w->chunk.id + 1, false, NULL, &more, &next));
        if (more) {
            w->chunk = next;
            more = !next.n;
        }
    }
    return NULL;
}

static struct odb_err *walk_next(struct walk *w, bool *ret)
{
    uint64_t id;
    bool found = true;
    *ret = false;
    if (!w->begun) {
        if (w->from >= w->to)
            return NULL;
        ODB_TRY(walk_first(w));
        w->begun = true;
        id = w->chunk.id;
    } else if (w->desc ? w->chunk.t_start <= w->from || !w->chunk.id
                       : w->chunk.t_start + w->chunk.n > w->to) {
        return NULL;
    } else {
        id = w->desc ? w->chunk.id - 1 : w->chunk.id + 1;
    }
    if (w->cursors) {
        ODB_TRY(cursors_next(w->cursors, id, &found, &id));
        if (!found)
            return NULL;
        ODB_TRY(db_chunk_by_id(w->db, id, &found, &w->chunk));
        if (!found)
            return odb_err("corrupt index: chunk %llu is missing", (unsigned long long)id);
    } else {
        ODB_TRY(db_chunk_seek(w->db, id, w->desc, &w->wish, &found, &w->chunk));
    }
    if (!found)
        return NULL;
    const struct db_chunk *c = &w->chunk;
    uint64_t first = c->t_start ? c->t_start - 1 : 0, last = c->t_start + c->n; /* t in [first, last) */
    *ret = first < w->to && (last > w->from || first >= w->from);
    return NULL;
}

/* How many of v are below addr. They begin with their addresses, and are sorted by them. */
static size_t below(const void *v, size_t n, size_t each, gaddr addr)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        gaddr at;
        memcpy(&at, (const char *)v + mid * each, sizeof(at));
        if (at < addr)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}
_Static_assert(offsetof(struct db_point, addr) == 0 && offsetof(struct db_range, addr) == 0, "see below()");

/* ---- executions ---- */

struct rip_set {
    const struct db_point *v; /* by addr */
    size_t n;
    uint64_t filter[64]; /* bit of a hash of each */
};

static unsigned rip_hash(gaddr rip) { return (unsigned)(rip * 0x9e3779b97f4a7c15ull >> 52); }

static bool rip_wanted(const struct rip_set *s, gaddr rip, uint32_t pid)
{
    unsigned h = rip_hash(rip);
    if (!(s->filter[h / 64] >> h % 64 & 1))
        return false;
    size_t lo = below(s->v, s->n, sizeof(*s->v), rip);
    for (; lo < s->n && s->v[lo].addr == rip; lo++)
        if (!s->v[lo].pid || s->v[lo].pid == pid)
            return true;
    return false;
}

/* Instructions [*first, *last) of the chunk have from <= t < to. */
static void clip(const struct db_chunk *c, uint64_t from, uint64_t to, uint32_t *first, uint32_t *last)
{
    *first = from <= c->t_start ? 0 : from - c->t_start > c->n ? c->n : (uint32_t)(from - c->t_start);
    *last = to <= c->t_start ? 0 : to - c->t_start > c->n ? c->n : (uint32_t)(to - c->t_start);
}

static bool search_rips(const struct rip_set *set, const struct db_chunk *c, const gaddr *rip, uint32_t first,
                        uint32_t last, bool desc, uint32_t *ret)
{
    for (uint32_t k = first; k < last; k++) {
        uint32_t i = desc ? last - 1 - (k - first) : k;
        if (rip_wanted(set, rip[i], c->pid)) {
            *ret = i;
            return true;
        }
    }
    return false;
}

static struct db_execution execution(const struct db_chunk *c, const struct db_column *col, uint32_t i)
{
    return (struct db_execution){.t = c->t_start + i, .pid = c->pid, .tid = c->tid, .rip = col->insns.rip[i]};
}

/* Searches the walk's chunks. */
static struct odb_err *walk_rips(struct walk *w, const struct rip_set *set, bool *ret_found,
                                 struct db_execution *ret)
{
    for (;;) {
        _cleanup_column_ struct db_column *col = NULL;
        bool more;
        uint32_t first, last, i;
        ODB_TRY(walk_next(w, &more));
        if (!more)
            return NULL;
        clip(&w->chunk, w->from, w->to, &first, &last);
        if (first >= last)
            continue;
        ODB_TRY(db_column_get(w->db, CHUNK_INSNS, &w->chunk, &col));
        odb_assert(col);
        if (search_rips(set, &w->chunk, col->insns.rip, first, last, w->desc, &i)) {
            *ret = execution(&w->chunk, col, i);
            *ret_found = true;
            return NULL;
        }
    }
}

/* The part of from..to that is in the nearest chunk, if that is decoded already or all there is. */
static struct odb_err *near_part(struct odb_db *db, enum chunk_column kind, uint64_t from, uint64_t to,
                                 bool desc, uint64_t *ret_from, uint64_t *ret_to)
{
    struct db_chunk c;
    ODB_TRY(db_chunk_at(db, desc ? to - 1 : from, &c));
    bool all = to - from <= WINDOW, here = all || db_column_is_there(db, kind, &c);
    *ret_from = all || !desc ? from : !here ? to : c.t_start > from ? c.t_start : from;
    *ret_to = all || desc ? to : !here ? from : c.t_start + c.n < to ? c.t_start + c.n : to;
    return NULL;
}

struct odb_err *db_find_execution(struct odb_db *db, const struct db_point *points, size_t n, uint64_t from,
                                  uint64_t to, bool desc, bool *ret_found, struct db_execution *ret)
{
    _cleanup_cursors_ struct cursors cursors = {.db = db, .kind = ODB_POST_EXEC, .desc = desc};
    struct rip_set set = {.v = points, .n = n};
    *ret_found = false;
    ODB_TRY(db_load(db));
    to = to < db->end ? to : db->end;
    if (!n || from >= to)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        unsigned h = rip_hash(points[i].addr);
        set.filter[h / 64] |= 1ull << h % 64;
    }
    struct walk w = {.db = db, .wish = {.reg = -1}, .desc = desc};
    ODB_TRY(near_part(db, CHUNK_INSNS, from, to, desc, &w.from, &w.to));
    ODB_TRY(walk_rips(&w, &set, ret_found, ret));
    if (*ret_found)
        return NULL;
    if (w.from < w.to) /* and now the rest */
        *(desc ? &to : &from) = desc ? w.from : w.to;
    if (from >= to)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        uint64_t line = points[i].addr / ODB_LINE_BYTES, at = points[i].addr % ODB_LINE_BYTES;
        const struct db_lines one = db_lines_of(ODB_POST_EXEC, line, at, line, at);
        ODB_TRY(cursors_add(&cursors, &one));
    }
    cursors_finish(&cursors);
    w = (struct walk){.db = db, .cursors = &cursors, .from = from, .to = to, .desc = desc};
    return walk_rips(&w, &set, ret_found, ret);
}

struct odb_err *db_find_run(struct odb_db *db, uint32_t tid, gaddr but_lo, gaddr but_hi, uint64_t from,
                            uint64_t to, bool desc, bool *ret_found, struct db_execution *ret)
{
    *ret_found = false;
    ODB_TRY(db_load(db));
    to = to < db->end ? to : db->end;
    if (from >= to)
        return NULL;
    struct walk w = {.db = db, .wish = {.reg = -1, .tid = tid}, .from = from, .to = to, .desc = desc};
    for (;;) {
        _cleanup_column_ struct db_column *col = NULL;
        bool more;
        uint32_t first, last;
        ODB_TRY(walk_next(&w, &more));
        if (!more)
            return NULL;
        clip(&w.chunk, from, to, &first, &last);
        if (first >= last)
            continue;
        ODB_TRY(db_column_get(db, CHUNK_INSNS, &w.chunk, &col));
        odb_assert(col);
        for (uint32_t k = first; k < last; k++) {
            uint32_t i = desc ? last - 1 - (k - first) : k;
            gaddr rip = col->insns.rip[i];
            if (rip >= but_lo && rip < but_hi)
                continue;
            *ret = execution(&w.chunk, col, i);
            *ret_found = true;
            return NULL;
        }
    }
}

/* ---- writes ---- */

struct range_set {
    struct odb_db *db;
    const struct db_range *v; /* by addr */
    gaddr *reach;             /* owned: the last byte of v[0..i] */
    size_t n;
};
static void range_set_deinit(struct range_set *s) { free(s->reach); }
#define _cleanup_ranges_ __attribute__((cleanup(range_set_deinit)))

/* a - r->addr wraps where a is below */
static bool touches(const struct db_range *r, gaddr a, uint32_t size)
{
    return size && (a - r->addr < r->n_bytes || r->addr - a < size);
}

/* Whether the range's process has the chunk's space at that time. */
static struct odb_err *in_process(struct odb_db *db, const struct db_range *r, const struct db_chunk *c,
                                  bool *ret)
{
    *ret = c->space <= ODB_SPACE_OBJECT;
    if (!*ret || !r->pid || r->pid == c->pid)
        return NULL;
    uint32_t space;
    _cleanup_err_ struct odb_err *e = db_space_of(db, r->pid, c->t_start, false, &space);
    *ret = !e && space == c->space; /* e: it does not live then */
    return NULL;
}

/* Rows [*first, *last) of the chunk's writes have from <= t < to. */
static void clip_writes(const struct walk *w, const struct db_column *col, uint32_t *first, uint32_t *last)
{
    const struct chunk_mems *m = &col->mems;
    uint64_t t0 = w->chunk.t_start; /* position p is t0 + p - 1 */
    *first = db_lower(m->at, m->n, w->from + 1 < t0 ? 0 : w->from + 1 - t0);
    *last = db_lower(m->at, m->n, w->to + 1 < t0 ? 0 : w->to + 1 - t0);
}

static struct odb_err *search_writes(const struct range_set *set, const struct walk *w,
                                     const struct db_column *col, bool *ret_found, uint32_t *ret_row,
                                     size_t *ret_i)
{
    const struct chunk_mems *m = &col->mems;
    uint32_t first, last;
    clip_writes(w, col, &first, &last);
    for (uint32_t k = first; k < last; k++) {
        uint32_t row = w->desc ? last - 1 - (k - first) : k;
        gaddr a = m->addr[row];
        if (a > set->reach[set->n - 1])
            continue;
        for (size_t i = below(set->v, set->n, sizeof(*set->v), a + m->size[row]);
             i-- && set->reach[i] >= a;) {
            if (!touches(&set->v[i], a, m->size[row]))
                continue;
            ODB_TRY(in_process(set->db, &set->v[i], &w->chunk, ret_found));
            if (*ret_found) {
                *ret_row = row;
                *ret_i = i;
                return NULL;
            }
        }
    }
    return NULL;
}

/* Of how many pages postings are asked before every chunk is searched instead. */
static uint64_t pages_worth(uint64_t n_insns)
{
    uint64_t n = n_insns / PAGE_INSNS;
    return n < RANGE_PAGES_MIN ? RANGE_PAGES_MIN : n > RANGE_PAGES_MAX ? RANGE_PAGES_MAX : n;
}

/* Searches the walk's chunks. */
static struct odb_err *walk_writes(struct walk *w, const struct range_set *set, bool *ret_found,
                                   struct db_write *ret, size_t *ret_i)
{
    for (;;) {
        _cleanup_column_ struct db_column *col = NULL;
        bool more;
        uint32_t row = 0;
        ODB_TRY(walk_next(w, &more));
        if (!more)
            return NULL;
        if (!w->chunk.n_mem)
            continue;
        ODB_TRY(db_column_get(w->db, CHUNK_MEMS, &w->chunk, &col));
        odb_assert(col);
        ODB_TRY(search_writes(set, w, col, ret_found, &row, ret_i));
        if (*ret_found)
            return db_write_of(w->db, &w->chunk, col, row, true, ret);
    }
}

/* Cursors for all ranges. *ret false: searching all of n_insns is cheaper. */
static struct odb_err *range_cursors(const struct range_set *set, uint64_t n_insns, struct cursors *c,
                                     bool *ret)
{
    *ret = false;
    for (size_t i = 0; i < set->n; i++) {
        gaddr lo = set->v[i].addr, hi = lo + (set->v[i].n_bytes - 1);
        const struct db_lines one = db_lines_of(ODB_POST_MEM, lo / ODB_LINE_BYTES, lo % ODB_LINE_BYTES,
                                                hi / ODB_LINE_BYTES, hi % ODB_LINE_BYTES);
        if (c->n + (one.last - one.first) / LINES_PER_PAGE > pages_worth(n_insns))
            return NULL;
        ODB_TRY(cursors_add(c, &one));
    }
    cursors_finish(c);
    *ret = true;
    return NULL;
}

/* By address, in whatever memory the process has there. */
static struct odb_err *find_by_address(struct odb_db *db, const struct db_range *v, size_t n, uint64_t from,
                                       uint64_t to, bool desc, bool *ret_found, struct db_write *ret,
                                       size_t *ret_i)
{
    _cleanup_cursors_ struct cursors cursors = {.db = db, .kind = ODB_POST_MEM, .desc = desc};
    _cleanup_ranges_ struct range_set set = {.db = db, .v = v, .n = n, .reach = malloc(n * sizeof(gaddr))};
    bool use_cursors;
    if (!set.reach)
        return odb_err("out of memory");
    for (size_t i = 0; i < n; i++) {
        gaddr last = v[i].addr + (v[i].n_bytes - 1);
        set.reach[i] = i && set.reach[i - 1] > last ? set.reach[i - 1] : last;
    }
    struct walk w = {.db = db, .wish = {.reg = -1}, .desc = desc};
    ODB_TRY(near_part(db, CHUNK_MEMS, from, to, desc, &w.from, &w.to));
    ODB_TRY(walk_writes(&w, &set, ret_found, ret, ret_i));
    if (w.from < w.to) /* and now the rest */
        *(desc ? &to : &from) = desc ? w.from : w.to;
    if (*ret_found || from >= to)
        return NULL;
    ODB_TRY(range_cursors(&set, to - from, &cursors, &use_cursors));
    w = (struct walk){.db = db,
                      .cursors = use_cursors ? &cursors : NULL,
                      .wish = {.reg = -1},
                      .from = from,
                      .to = to,
                      .desc = desc};
    return walk_writes(&w, &set, ret_found, ret, ret_i);
}

/* The range's memory as it is at t `at` may be written under other addresses, too. */
static struct odb_err *has_aliases(struct odb_db *db, const struct db_range *r, uint64_t at,
                                   uint32_t *ret_space, bool *ret)
{
    const struct db_content *c;
    _cleanup_err_ struct odb_err *e = db_space_of(db, r->pid, at, true, ret_space);
    bool plain = true;
    *ret = false;
    if (e)
        return NULL; /* does not live yet */
    ODB_TRY(db_space_is_plain(db, *ret_space, &plain));
    if (plain)
        return NULL;
    for (gaddr a = r->addr; !*ret; a = (a | (ODB_PAGE_BYTES - 1)) + 1) {
        ODB_TRY(db_find_content(db, *ret_space, at, a, &c));
        *ret = c && (c->object || (c->moved && c->src_space != *ret_space));
        if (c)
            a = c->end - 1;
        else if (r->n_bytes > (uint64_t)RANGE_PAGES_MIN * ODB_PAGE_BYTES)
            *ret = true;
        if (a - r->addr >= r->n_bytes - 1)
            break;
    }
    return NULL;
}

struct odb_err *db_find_write(struct odb_db *db, const struct db_range *ranges, size_t n, uint64_t at,
                              uint64_t from, uint64_t to, bool desc, bool *ret_found, struct db_write *ret,
                              size_t *ret_i)
{
    *ret_found = false;
    ODB_TRY(db_load(db));
    to = to < db->end ? to : db->end;
    if (!n || from >= to)
        return NULL;
    ODB_TRY(find_by_address(db, ranges, n, from, to, desc, ret_found, ret, ret_i));
    for (size_t i = 0; i < n; i++) {
        _cleanup_target_ struct db_target target = {0};
        struct db_write w;
        uint32_t space = 0;
        bool aliases, found;
        if (*ret_found && desc)
            from = ret->t;
        else if (*ret_found)
            to = ret->t + 1;
        ODB_TRY(has_aliases(db, &ranges[i], at, &space, &aliases));
        if (!aliases)
            continue;
        ODB_TRY(db_target_at(db, space, ranges[i].addr, ranges[i].n_bytes, at, &target));
        ODB_TRY(db_nearest_write(db, &target, from, to, desc, &found, &w));
        if (found && (!*ret_found || w.t != ret->t)) {
            *ret = w;
            *ret_i = i;
            *ret_found = true;
        } else if (*ret_found) { /* its bytes may be gone from the cache */
            ret->new_ = ret->old = NULL;
        }
    }
    return NULL;
}

struct odb_err *db_each_write(struct odb_db *db, uint64_t from, uint64_t to, bool desc, db_write_fn fn,
                              void *ctx)
{
    ODB_TRY(db_load(db));
    to = to < db->end ? to : db->end;
    struct walk w = {.db = db, .wish = {.reg = -1}, .from = from, .to = to, .desc = desc};
    for (;;) {
        _cleanup_column_ struct db_column *col = NULL;
        bool more;
        uint32_t first, last;
        ODB_TRY(walk_next(&w, &more));
        if (!more)
            return NULL;
        if (!w.chunk.n_mem)
            continue;
        ODB_TRY(db_column_get(db, CHUNK_MEMS, &w.chunk, &col));
        odb_assert(col);
        clip_writes(&w, col, &first, &last);
        for (uint32_t k = first; k < last; k++) {
            struct db_write one;
            ODB_TRY(db_write_of(db, &w.chunk, col, desc ? last - 1 - (k - first) : k, false, &one));
            ODB_TRY(fn(ctx, &one));
        }
    }
}
