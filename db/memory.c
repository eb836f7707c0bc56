/* Memory at t. See db.h and indexer/schema.h.
 *
 * The bytes of a range are resolved newest first: writes in chunks before t, back to the page's latest
 * image or to the point where the range got its contents; what is left then comes from the image, the
 * mapped file, zeros, or - after an mremap - from where it was before. */
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/layout.h"
#include "db/scan.h"

#define MOVES_MAX 256 /* mremaps followed for one byte */

/* ---- contents ---- */

static struct odb_err *read_contents(struct odb_db *db, sqlite3_stmt *st, struct db_content **v, size_t *n)
{
    for (size_t cap = 0;;) {
        bool row = false;
        ODB_TRY(db_step(db, st, &row));
        if (!row)
            return NULL;
        if (*n == cap) {
            cap = cap ? cap * 2 : 256;
            struct db_content *bigger = reallocarray(*v, cap, sizeof(*bigger));
            if (!bigger)
                return odb_err("out of memory");
            *v = bigger;
        }
        struct db_content c = {
            .t_start = (uint64_t)sqlite3_column_int64(st, 0),
            .t_end = sqlite3_column_type(st, 1) == SQLITE_NULL ? UINT64_MAX
                                                               : (uint64_t)sqlite3_column_int64(st, 1),
            .start = (gaddr)sqlite3_column_int64(st, 2),
            .end = (gaddr)sqlite3_column_int64(st, 3),
            .file_id = (uint32_t)sqlite3_column_int64(st, 4),
            .offset = (uint64_t)sqlite3_column_int64(st, 5),
            .moved = sqlite3_column_type(st, 6) != SQLITE_NULL,
            .src = (gaddr)sqlite3_column_int64(st, 6),
        };
        if (c.start >= c.end || c.start % ODB_PAGE_BYTES || c.end % ODB_PAGE_BYTES || c.src % ODB_PAGE_BYTES)
            return odb_err("corrupt index: memory contents %zu", *n);
        (*v)[(*n)++] = c;
    }
}

static int by_start(const void *a, const void *b)
{
    const struct db_content *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

static struct odb_err *load_contents(struct odb_db *db)
{
    if (db->have_contents)
        return NULL;
    _cleanup_reset_ sqlite3_stmt *st = NULL;
    _cleanup_free_ struct db_content *v = NULL;
    size_t n = 0;
    ODB_TRY(db_load(db));
    ODB_TRY(db_prepare(db, DB_CONTENTS, &st));
    ODB_TRY(read_contents(db, st, &v, &n));
    if (n)
        qsort(v, n, sizeof(*v), by_start); /* as unsigned addresses */
    gaddr *reach = malloc(n * sizeof(*reach) + 1);
    if (!reach)
        return odb_err("out of memory");
    for (size_t i = 0; i < n; i++)
        reach[i] = i && reach[i - 1] > v[i].end ? reach[i - 1] : v[i].end;
    db->contents = take_ptr(v);
    db->contents_reach = reach;
    db->n_contents = n;
    db->have_contents = true;
    return NULL;
}

/* The contents in force at (t, addr), or NULL. */
static const struct db_content *find_content(const struct odb_db *db, uint64_t t, gaddr addr)
{
    size_t lo = 0, hi = db->n_contents;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (db->contents[mid].start <= addr)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (size_t i = lo; i-- && db->contents_reach[i] > addr;) {
        const struct db_content *c = &db->contents[i];
        if (c->end > addr && c->t_start <= t && t < c->t_end)
            return c;
    }
    return NULL;
}

struct odb_err *db_content(struct odb_db *db, uint64_t t, gaddr addr, bool *ret_found, struct db_content *ret)
{
    ODB_TRY(load_contents(db));
    const struct db_content *c = find_content(db, t, addr);
    *ret_found = c != NULL;
    if (c)
        *ret = *c;
    return NULL;
}

/* ---- one page's part ---- */

/* Bytes [addr, addr + n) within one page; known[i]: byte i is resolved. */
struct part {
    gaddr addr;
    size_t n, n_open;
    uint8_t *to;
    bool known[ODB_PAGE_BYTES];
};

static void resolve(struct part *p, size_t i, uint8_t value)
{
    if (!p->known[i]) {
        p->known[i] = true;
        p->to[i] = value;
        p->n_open--;
    }
}

/* Writes with from <= t' < t, newest first. */
static struct odb_err *apply_writes(struct odb_db *db, struct part *p, uint64_t from, uint64_t t)
{
    if (from >= t)
        return NULL;
    _cleanup_scan_ struct db_scan s = {
        .kind = SCAN_MEM,
        .desc = true,
        .t_lo = from,
        .t_hi = t - 1,
        .has_range = true,
        .overlap = true,
        .lo = p->addr,
        .hi = p->addr + (p->n - 1),
        .reg = -1,
    };
    ODB_TRY(db_scan_begin(&s, db));
    while (p->n_open) {
        bool found;
        ODB_TRY(db_scan_next(&s, &found));
        if (!found)
            return NULL;
        const struct chunk_mems *m = &s.col->mems;
        gaddr a = m->addr[s.i], end = a + m->size[s.i];
        gaddr lo = a > p->addr ? a : p->addr, hi = end < p->addr + p->n ? end : p->addr + p->n;
        for (gaddr x = lo; x < hi; x++)
            resolve(p, (size_t)(x - p->addr), m->new_[m->off[s.i] + (x - a)]);
    }
    return NULL;
}

static struct odb_err *find_image(struct odb_db *db, uint64_t page, uint64_t t, uint8_t image[ODB_PAGE_BYTES],
                                  bool *ret_found, uint64_t *ret_t)
{
    _cleanup_reset_ sqlite3_stmt *st = NULL;
    bool row = false;
    size_t n = 0;
    ODB_TRY(db_prepare(db, DB_IMAGE, &st));
    sqlite3_bind_int64(st, 1, (int64_t)page);
    sqlite3_bind_int64(st, 2, (int64_t)t);
    ODB_TRY(db_step(db, st, &row));
    *ret_found = row;
    if (!row)
        return NULL;
    *ret_t = (uint64_t)sqlite3_column_int64(st, 0);
    const void *p = sqlite3_column_blob(st, 1);
    ODB_TRY(piece_decode(p, (size_t)sqlite3_column_bytes(st, 1), image, ODB_PAGE_BYTES, &n));
    return n == ODB_PAGE_BYTES ? NULL : odb_err("corrupt index: an image of %zu bytes", n);
}

/* Bytes of a mapped file, where they are not resolved. */
static struct odb_err *apply_file(struct odb_db *db, struct part *p, uint32_t file_id, uint64_t offset)
{
    uint8_t raw[ODB_PIECE_BYTES];
    uint64_t loaded = UINT64_MAX;
    for (size_t i = 0; i < p->n; i++) {
        uint64_t piece = (offset + i) / ODB_PIECE_BYTES;
        if (piece != loaded) {
            _cleanup_reset_ sqlite3_stmt *st = NULL;
            bool row = false;
            size_t n = 0;
            ODB_TRY(db_prepare(db, DB_PIECE, &st));
            sqlite3_bind_int64(st, 1, file_id);
            sqlite3_bind_int64(st, 2, (int64_t)piece);
            ODB_TRY(db_step(db, st, &row));
            if (row) {
                const void *blob = sqlite3_column_blob(st, 0);
                ODB_TRY(piece_decode(blob, (size_t)sqlite3_column_bytes(st, 0), raw, sizeof(raw), &n));
            }
            memset(raw + n, 0, sizeof(raw) - n);
            loaded = piece;
        }
        resolve(p, i, raw[(offset + i) % ODB_PIECE_BYTES]);
    }
    return NULL;
}

/* Resolves the part at t, following moves. *ret_mapped: is it mapped (contents are whole pages). */
static struct odb_err *fill_part(struct odb_db *db, uint64_t t, struct part *p, bool *ret_mapped)
{
    uint8_t image[ODB_PAGE_BYTES];
    *ret_mapped = false;
    for (int moves = 0; p->n_open; moves++) {
        const struct db_content *c = find_content(db, t, p->addr);
        if (!c)
            return moves ? odb_err("corrupt index: memory moved from nowhere") : NULL;
        *ret_mapped = true;
        bool have_image;
        uint64_t image_t = 0;
        ODB_TRY(find_image(db, p->addr / ODB_PAGE_BYTES, t, image, &have_image, &image_t));
        have_image = have_image && image_t >= c->t_start;
        /* contents of state t_start were made by instruction t_start - 1, whose own writes come on top */
        uint64_t from = have_image ? image_t : c->t_start ? c->t_start - 1 : 0;
        ODB_TRY(apply_writes(db, p, from, t));
        if (have_image) {
            for (size_t i = 0; i < p->n; i++)
                resolve(p, i, image[p->addr % ODB_PAGE_BYTES + i]);
        } else if (!c->moved) {
            if (c->file_id)
                return apply_file(db, p, c->file_id, c->offset + (p->addr - c->start));
            for (size_t i = 0; i < p->n; i++)
                resolve(p, i, 0);
        } else {
            if (moves == MOVES_MAX || !c->t_start)
                return odb_err("memory at 0x%llx was moved too often to follow", (unsigned long long)p->addr);
            p->addr = c->src + (p->addr - c->start);
            t = c->t_start - 1;
        }
    }
    return NULL;
}

struct odb_err *db_memory(struct odb_db *db, uint64_t t, gaddr addr, size_t n_bytes, uint8_t *buf,
                          bool *valid, size_t *ret_valid)
{
    size_t n_valid = 0;
    ODB_TRY(load_contents(db));
    if (t > db->end)
        return odb_err("t %llu is behind the end: the last state is %llu", (unsigned long long)t,
                       (unsigned long long)db->end);
    if (n_bytes && addr + (n_bytes - 1) < addr)
        return odb_err("0x%llx and %zu bytes leave the address space", (unsigned long long)addr, n_bytes);
    memset(buf, 0, n_bytes);
    for (size_t done = 0; done < n_bytes;) {
        struct part p = {.addr = addr + done, .to = buf + done};
        p.n = ODB_PAGE_BYTES - p.addr % ODB_PAGE_BYTES;
        if (p.n > n_bytes - done)
            p.n = n_bytes - done;
        p.n_open = p.n;
        size_t n = p.n;
        bool mapped;
        ODB_TRY(fill_part(db, t, &p, &mapped));
        if (valid)
            memset(valid + done, mapped, n);
        n_valid += mapped ? n : 0;
        done += n;
    }
    *ret_valid = n_valid;
    return NULL;
}
