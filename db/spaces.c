/* Spaces: where memory came from, which space a process has, and under which addresses the same bytes can be
 * written. See indexer/schema.h ("Spaces") and internal.h.
 *
 * A target is a set of views: "a write by a chunk of this space to this range, in this time, is a write to the
 * memory in question". A private range has one view, and one more in each space that it is a copy of (fork), up to
 * the copy. A range of an object has a view for each mapping that ever showed it. */
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/layout.h"
#include "db/internal.h"

#define FORKS_MAX 100000 /* spaces back to the first */
#define LINES_PER_PAGE (ODB_PAGE_BYTES / ODB_LINE_BYTES)

/* ---- contents ---- */

void db_spaces_free(struct odb_db *db)
{
    for (size_t i = 0; i < db->n_spaces; i++) {
        free(db->spaces[i].contents);
        free(db->spaces[i].reach);
        free(db->spaces[i].times);
    }
    free(db->spaces);
    db->spaces = NULL;
    db->n_spaces = 0;
}

static uint64_t t_end_of(sqlite3_stmt *st, int i)
{
    return sqlite3_column_type(st, i) == SQLITE_NULL ? UINT64_MAX : (uint64_t)sqlite3_column_int64(st, i);
}

static struct odb_err *read_contents(struct odb_db *db, sqlite3_stmt *st, struct db_content **v, size_t *n)
{
    for (size_t cap = 0;;) {
        bool row = false;
        ODB_TRY(db_step(db, st, &row));
        if (!row)
            return NULL;
        ODB_TRY(db_grow((void **)v, &cap, *n, sizeof(**v)));
        struct db_content c = {
            .t_start = (uint64_t)sqlite3_column_int64(st, 0),
            .t_end = t_end_of(st, 1),
            .start = (gaddr)sqlite3_column_int64(st, 2),
            .end = (gaddr)sqlite3_column_int64(st, 3),
            .file_id = (uint32_t)sqlite3_column_int64(st, 4),
            .offset = (uint64_t)sqlite3_column_int64(st, 5),
            .moved = sqlite3_column_type(st, 6) != SQLITE_NULL,
            .src = (gaddr)sqlite3_column_int64(st, 6),
            .src_space = (uint32_t)sqlite3_column_int64(st, 7),
            .object = (uint32_t)sqlite3_column_int64(st, 8),
        };
        if (c.start >= c.end || c.start % ODB_PAGE_BYTES || c.end % ODB_PAGE_BYTES ||
            c.src % ODB_PAGE_BYTES ||
            (c.object && (c.offset % ODB_PAGE_BYTES || c.object >= ODB_SPACE_OBJECT)))
            return odb_err("corrupt index: memory contents %zu", *n);
        (*v)[(*n)++] = c;
    }
}

static int by_start(const void *a, const void *b)
{
    const struct db_content *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static struct odb_err *load_space(struct odb_db *db, uint32_t number, struct db_space *ret)
{
    _cleanup_reset_ sqlite3_stmt *st = NULL;
    _cleanup_free_ struct db_content *v = NULL;
    size_t n = 0;
    ODB_TRY(db_load(db));
    ODB_TRY(db_prepare(db, DB_CONTENTS, &st));
    sqlite3_bind_int64(st, 1, number);
    ODB_TRY(read_contents(db, st, &v, &n));
    if (n)
        qsort(v, n, sizeof(*v), by_start); /* as unsigned addresses */
    gaddr *reach = malloc(n * sizeof(*reach) + 1);
    uint64_t *times = malloc(2 * n * sizeof(*times) + 1);
    if (!reach || !times) {
        free(reach);
        free(times);
        return odb_err("out of memory");
    }
    bool plain = true;
    for (size_t i = 0; i < n; i++) {
        plain &= !v[i].object && (!v[i].moved || v[i].src_space == number);
        reach[i] = i && reach[i - 1] > v[i].end ? reach[i - 1] : v[i].end;
        times[2 * i] = v[i].t_start;
        times[2 * i + 1] = v[i].t_end;
    }
    if (n)
        qsort(times, 2 * n, sizeof(*times), by_value);
    *ret = (struct db_space){
        .number = number, .contents = take_ptr(v), .reach = reach, .n = n, .times = times, .plain = plain};
    return NULL;
}

static struct odb_err *get_space(struct odb_db *db, uint32_t number, const struct db_space **ret)
{
    size_t lo = 0, hi = db->n_spaces;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (db->spaces[mid].number < number)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == db->n_spaces || db->spaces[lo].number != number) {
        struct db_space *v = reallocarray(db->spaces, db->n_spaces + 1, sizeof(*v)), sp;
        if (!v)
            return odb_err("out of memory");
        db->spaces = v;
        ODB_TRY(load_space(db, number, &sp));
        memmove(v + lo + 1, v + lo, (db->n_spaces - lo) * sizeof(*v));
        v[lo] = sp;
        db->n_spaces++;
    }
    *ret = &db->spaces[lo];
    return NULL;
}

/* How many contents start at or below addr: those behind them do not reach it. */
static size_t starting_below(const struct db_space *sp, gaddr addr)
{
    size_t lo = 0, hi = sp->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (sp->contents[mid].start <= addr)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

struct odb_err *db_find_content(struct odb_db *db, uint32_t space, uint64_t t, gaddr addr,
                                const struct db_content **ret)
{
    const struct db_space *sp;
    ODB_TRY(get_space(db, space, &sp));
    *ret = NULL;
    for (size_t i = starting_below(sp, addr); i-- && sp->reach[i] > addr;) {
        const struct db_content *c = &sp->contents[i];
        if (c->end > addr && c->t_start <= t && t < c->t_end) {
            *ret = c;
            break;
        }
    }
    return NULL;
}

struct odb_err *db_space_changes(struct odb_db *db, uint32_t space, uint64_t lo, uint64_t hi, bool *ret)
{
    const struct db_space *sp;
    ODB_TRY(get_space(db, space, &sp));
    size_t a = 0, b = 2 * sp->n; /* the first time > lo */
    while (a < b) {
        size_t mid = (a + b) / 2;
        if (sp->times[mid] <= lo)
            a = mid + 1;
        else
            b = mid;
    }
    *ret = a < 2 * sp->n && sp->times[a] <= hi;
    return NULL;
}

struct odb_err *db_space_is_plain(struct odb_db *db, uint32_t space, bool *ret)
{
    const struct db_space *sp;
    ODB_TRY(get_space(db, space, &sp));
    *ret = sp->plain;
    return NULL;
}

struct odb_err *db_content(struct odb_db *db, uint64_t t, uint32_t pid, gaddr addr, bool *ret_found,
                           struct db_content *ret)
{
    const struct db_content *c;
    uint32_t space;
    ODB_TRY(db_space_of(db, pid, t, false, &space));
    ODB_TRY(db_find_content(db, space, t, addr, &c));
    *ret_found = c != NULL;
    while (c) { /* a copy's origin is the original's */
        *ret = *c;
        if (!c->moved || c->src_space == space || !c->t_start)
            break;
        t = c->t_start - 1;
        addr = c->src + (addr - c->start);
        space = c->src_space;
        ODB_TRY(db_find_content(db, space, t, addr, &c));
    }
    return NULL;
}

/* ---- processes ---- */

struct odb_err *db_space_of(struct odb_db *db, uint32_t pid, uint64_t t, bool last, uint32_t *ret)
{
    ODB_TRY(db_load(db));
    if (!pid) {
        struct db_chunk c;
        ODB_TRY(db_chunk_at(db, t, &c));
        *ret = c.space;
        return NULL;
    }
    for (int i = 0; i < DB_RECENT_STAYS; i++)
        if (db->stays[i].pid == pid && db->stays[i].t_start <= t && t < db->stays[i].t_end) {
            *ret = db->stays[i].space;
            return NULL;
        }
    _cleanup_reset_ sqlite3_stmt *st = NULL;
    bool row = false;
    ODB_TRY(db_prepare(db, DB_STAY, &st));
    sqlite3_bind_int64(st, 1, pid);
    sqlite3_bind_int64(st, 2, (int64_t)t);
    ODB_TRY(db_step(db, st, &row));
    if (!row || (!last && t_end_of(st, 1) <= t))
        return odb_err("process %u does not live at t %llu", pid, (unsigned long long)t);
    *ret = (uint32_t)sqlite3_column_int64(st, 0);
    db->stays[db->clock++ % DB_RECENT_STAYS] =
        (struct db_stay){.pid = pid,
                         .space = *ret,
                         .t_start = (uint64_t)sqlite3_column_int64(st, 2),
                         .t_end = t_end_of(st, 1)};
    return NULL;
}

/* Which space it is a copy of, and since when. */
static struct odb_err *find_birth(struct odb_db *db, uint32_t space, bool *ret_copy, uint32_t *ret_from,
                                  uint64_t *ret_t)
{
    _cleanup_reset_ sqlite3_stmt *st = NULL;
    bool row = false;
    ODB_TRY(db_prepare(db, DB_BIRTH, &st));
    sqlite3_bind_int64(st, 1, space);
    ODB_TRY(db_step(db, st, &row));
    *ret_copy = row && sqlite3_column_type(st, 0) != SQLITE_NULL && sqlite3_column_int64(st, 1) > 0;
    if (*ret_copy) {
        *ret_from = (uint32_t)sqlite3_column_int64(st, 0);
        *ret_t = (uint64_t)sqlite3_column_int64(st, 1);
    }
    return NULL;
}

/* ---- targets ---- */

void db_target_deinit(struct db_target *t)
{
    free(t->views);
    free(t->lines);
    *t = (struct db_target){0};
}

static struct odb_err *add_view(struct db_target *t, const struct db_view *view)
{
    if (view->t_lo >= view->t_hi || view->lo > view->hi)
        return NULL;
    struct db_view *v = reallocarray(t->views, t->n_views + 1, sizeof(*v));
    if (!v)
        return odb_err("out of memory");
    t->views = v;
    v[t->n_views++] = *view;
    return NULL;
}

/* Postings of bytes lo..hi of a space. */
static struct odb_err *add_lines(struct db_target *t, uint32_t space, uint64_t lo, uint64_t hi)
{
    struct db_lines *v = reallocarray(t->lines, t->n_lines + 1, sizeof(*v));
    if (!v)
        return odb_err("out of memory");
    t->lines = v;
    v[t->n_lines++] = db_lines_of(
        space ? ODB_POST_PLACE : ODB_POST_MEM,
        odb_place(space, lo / ODB_PAGE_BYTES) * LINES_PER_PAGE + lo % ODB_PAGE_BYTES / ODB_LINE_BYTES,
        lo % ODB_LINE_BYTES,
        odb_place(space, hi / ODB_PAGE_BYTES) * LINES_PER_PAGE + hi % ODB_PAGE_BYTES / ODB_LINE_BYTES,
        hi % ODB_LINE_BYTES);
    return NULL;
}

/* The part of the object's bytes lo..hi that a mapping shows, if any. */
static struct odb_err *add_mapping(struct db_target *t, const struct db_view *m, uint64_t offset, uint64_t lo,
                                   uint64_t hi)
{
    uint64_t len = m->hi - m->lo, last = offset + len;
    if (last < offset || offset > hi || last < lo)
        return NULL;
    struct db_view v = *m;
    v.at = lo > offset ? lo : offset;
    v.lo += v.at - offset;
    v.hi -= last - (hi < last ? hi : last);
    return add_view(t, &v);
}

static struct odb_err *add_object(struct odb_db *db, struct db_target *t, uint32_t object, uint64_t lo,
                                  uint64_t hi, uint64_t t_lo, uint64_t t_hi)
{
    _cleanup_reset_ sqlite3_stmt *st = NULL;
    ODB_TRY(db_prepare(db, DB_VIEWS, &st));
    sqlite3_bind_int64(st, 1, object);
    ODB_TRY(add_lines(t, ODB_SPACE_OBJECT + object, lo, hi));
    /* by a descriptor of its file */
    struct db_view own = {
        .space = ODB_SPACE_OBJECT + object, .lo = lo, .hi = hi, .t_lo = t_lo, .t_hi = t_hi, .at = lo};
    ODB_TRY(add_view(t, &own));
    for (;;) {
        bool row = false;
        ODB_TRY(db_step(db, st, &row));
        if (!row)
            return NULL;
        uint64_t from = (uint64_t)sqlite3_column_int64(st, 1), to = t_end_of(st, 2);
        if (from)
            from--; /* mapped by that instruction */
        struct db_view m = {
            .space = (uint32_t)sqlite3_column_int64(st, 0),
            .lo = (gaddr)sqlite3_column_int64(st, 3),
            .hi = (gaddr)sqlite3_column_int64(st, 4) - 1,
            .t_lo = from > t_lo ? from : t_lo,
            .t_hi = to < t_hi ? to : t_hi,
        };
        if (m.lo > m.hi)
            return odb_err("corrupt index: memory contents of object %u", object);
        ODB_TRY(add_mapping(t, &m, (uint64_t)sqlite3_column_int64(st, 5), lo, hi));
    }
}

static struct odb_err *add_private(struct db_target *t, uint32_t space, gaddr lo, gaddr hi, uint64_t t_lo,
                                   uint64_t t_hi, uint64_t at)
{
    struct db_view v = {.space = space, .lo = lo, .hi = hi, .t_lo = t_lo, .t_hi = t_hi, .at = at};
    ODB_TRY(add_lines(t, space, lo, hi));
    return add_view(t, &v);
}

static int by_space(const void *a, const void *b)
{
    const struct db_view *x = a, *y = b;
    return x->space != y->space ? (x->space < y->space ? -1 : 1) : x->lo < y->lo ? -1 : x->lo > y->lo;
}

static void sort_views(struct db_target *t)
{
    if (t->n_views)
        qsort(t->views, t->n_views, sizeof(*t->views), by_space);
}

struct odb_err *db_target_bytes(struct odb_db *db, uint32_t space, uint64_t lo, uint64_t hi, uint64_t t_lo,
                                uint64_t t_hi, struct db_target *ret)
{
    struct odb_err *e = space > ODB_SPACE_OBJECT
                            ? add_object(db, ret, space - ODB_SPACE_OBJECT, lo, hi, t_lo, t_hi)
                            : add_private(ret, space, lo, hi, t_lo, t_hi, lo);
    sort_views(ret);
    return e;
}

static gaddr last_byte(gaddr addr, uint64_t n_bytes)
{
    return addr + (n_bytes - 1) < addr ? UINT64_MAX : addr + (n_bytes - 1);
}

/* What is at lo..hi at t, as far as content c says; then of the spaces that it is a copy of. */
static struct odb_err *follow_content(struct odb_db *db, struct db_target *ret, uint32_t space,
                                      struct db_content c, gaddr lo, gaddr hi, uint64_t at)
{
    uint64_t t_hi = c.t_end;
    for (int i = 0; i < FORKS_MAX; i++) {
        if (c.object) {
            uint64_t from = c.offset + (lo - c.start);
            return add_object(db, ret, c.object, from, from + (hi - lo), 0, UINT64_MAX);
        }
        ODB_TRY(add_private(ret, space, lo, hi, 0, t_hi, at));
        if (!c.moved || c.src_space == space || !c.t_start)
            return NULL;
        const struct db_content *next;
        lo = c.src + (lo - c.start);
        hi = c.src + (hi - c.start);
        space = c.src_space;
        t_hi = c.t_start - 1;
        ODB_TRY(db_find_content(db, space, t_hi, lo, &next));
        if (!next || next->end <= hi)
            return odb_err("corrupt index: memory copied from nowhere");
        c = *next;
    }
    return odb_err("memory at 0x%llx was copied too often to follow", (unsigned long long)lo);
}

struct odb_err *db_target_at(struct odb_db *db, uint32_t space, gaddr addr, uint64_t n_bytes, uint64_t t,
                             struct db_target *ret)
{
    gaddr last = last_byte(addr, n_bytes), lo = addr;
    for (bool more = true; more;) {
        const struct db_content *c;
        const struct db_space *sp;
        ODB_TRY(db_find_content(db, space, t, lo, &c));
        ODB_TRY(get_space(db, space, &sp));
        size_t next = starting_below(sp, lo); /* a gap goes at most to there */
        gaddr hi = c ? c->end - 1 : next < sp->n ? sp->contents[next].start - 1 : last;
        if (hi >= last) {
            hi = last;
            more = false;
        }
        if (c)
            ODB_TRY(follow_content(db, ret, space, *c, lo, hi, lo - addr));
        else /* not mapped: what was written there before */
            ODB_TRY(add_private(ret, space, lo, hi, 0, UINT64_MAX, lo - addr));
        lo = hi + 1;
    }
    sort_views(ret);
    return NULL;
}

struct shown {
    uint32_t object;
    uint64_t lo, hi;
};

/* Objects that showed at lo..hi in states from..to. */
static struct odb_err *add_objects(struct odb_db *db, struct db_target *ret, uint32_t space, gaddr lo,
                                   gaddr hi, uint64_t from, uint64_t to)
{
    const struct db_space *sp;
    _cleanup_free_ struct shown *seen = NULL;
    size_t n_seen = 0;
    ODB_TRY(get_space(db, space, &sp));
    for (size_t i = starting_below(sp, hi); i-- && sp->reach[i] > lo;) {
        const struct db_content *c = &sp->contents[i];
        if (!c->object || c->end <= lo || c->t_end <= from || c->t_start > to)
            continue;
        gaddr a = c->start > lo ? c->start : lo, b = c->end - 1 < hi ? c->end - 1 : hi;
        struct shown x = {c->object, c->offset + (a - c->start), c->offset + (b - c->start)};
        bool known = false;
        for (size_t k = 0; k < n_seen; k++)
            known |= seen[k].object == x.object && seen[k].lo == x.lo && seen[k].hi == x.hi;
        if (known)
            continue;
        struct shown *v = reallocarray(seen, n_seen + 1, sizeof(*v));
        if (!v)
            return odb_err("out of memory");
        seen = v;
        seen[n_seen++] = x;
        ODB_TRY(add_object(db, ret, x.object, x.lo, x.hi, 0, UINT64_MAX));
    }
    return NULL;
}

struct odb_err *db_target_history(struct odb_db *db, uint32_t space, gaddr addr, uint64_t n_bytes,
                                  uint64_t from, uint64_t to, struct db_target *ret)
{
    gaddr last = last_byte(addr, n_bytes);
    uint64_t t_hi = UINT64_MAX;
    ODB_TRY(add_objects(db, ret, space, addr, last, from, to));
    for (int i = 0; i < FORKS_MAX; i++) {
        bool copy;
        uint32_t origin = 0;
        uint64_t birth = 0;
        ODB_TRY(add_private(ret, space, addr, last, 0, t_hi, 0));
        ODB_TRY(find_birth(db, space, &copy, &origin, &birth));
        if (!copy || birth > t_hi || birth - 1 <= from)
            break;
        space = origin;
        t_hi = birth - 1;
    }
    sort_views(ret);
    return NULL;
}
