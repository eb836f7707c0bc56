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

#define MOVES_MAX 10000 /* mremaps and forks followed for one byte */

/* ---- one page's part ---- */

/* Bytes [addr, addr + n) within one page; known[i]: byte i is resolved. */
struct part {
    uint32_t space; /* of an object: addr is an offset */
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

/* What the scan's row wrote through this view. */
static void apply_row(struct part *p, const struct db_scan *s, const struct db_view *v)
{
    const struct chunk_mems *m = &s->col->mems;
    uint64_t t = db_scan_t(s);
    gaddr a = m->addr[s->i], end = a + m->size[s->i];
    gaddr lo = a > v->lo ? a : v->lo, hi = end <= v->hi ? end : v->hi + 1;
    if (t < v->t_lo || t >= v->t_hi)
        return;
    for (gaddr x = lo; x < hi; x++)
        resolve(p, (size_t)(v->at + (x - v->lo) - p->addr), m->new_[m->off[s->i] + (x - a)]);
}

/* Writes with from <= t' < t, newest first. */
static struct odb_err *apply_writes(struct odb_db *db, struct part *p, uint64_t from, uint64_t t)
{
    if (from >= t)
        return NULL;
    _cleanup_target_ struct db_target target = {0};
    ODB_TRY(db_target_bytes(db, p->space, p->addr, p->addr + (p->n - 1), from, t, &target));
    _cleanup_scan_ struct db_scan s = {
        .kind = SCAN_MEM, .desc = true, .t_lo = from, .t_hi = t - 1, .target = &target, .reg = -1};
    ODB_TRY(db_scan_begin(&s, db));
    while (p->n_open) {
        bool found;
        ODB_TRY(db_scan_next(&s, &found));
        if (!found)
            return NULL;
        for (size_t i = 0; i < s.n_views; i++)
            apply_row(p, &s, &s.views[i]);
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
        const struct db_content *found;
        ODB_TRY(db_find_content(db, p->space, t, p->addr, &found));
        if (!found)
            return moves ? odb_err("corrupt index: memory from nowhere") : NULL;
        const struct db_content c = *found;
        *ret_mapped = true;
        if (moves == MOVES_MAX)
            return odb_err("memory at 0x%llx was moved too often to follow", (unsigned long long)p->addr);
        if (c.object) {
            p->space = ODB_SPACE_OBJECT + c.object;
            p->addr = c.offset + (p->addr - c.start);
            continue;
        }
        bool have_image;
        uint64_t image_t = 0;
        ODB_TRY(
            find_image(db, odb_place(p->space, p->addr / ODB_PAGE_BYTES), t, image, &have_image, &image_t));
        have_image = have_image && image_t >= c.t_start;
        /* contents of state t_start were made by instruction t_start - 1, whose own writes come on top */
        ODB_TRY(apply_writes(db, p, have_image ? image_t : c.t_start ? c.t_start - 1 : 0, t));
        if (have_image) {
            for (size_t i = 0; i < p->n; i++)
                resolve(p, i, image[p->addr % ODB_PAGE_BYTES + i]);
        } else if (!c.moved) {
            if (c.file_id)
                return apply_file(db, p, c.file_id, c.offset + (p->addr - c.start));
            for (size_t i = 0; i < p->n; i++)
                resolve(p, i, 0);
        } else {
            if (!c.t_start)
                return odb_err("corrupt index: memory moved before the start");
            p->space = c.src_space;
            p->addr = c.src + (p->addr - c.start);
            t = c.t_start - 1;
        }
    }
    return NULL;
}

struct odb_err *db_find_bytes(struct odb_db *db, uint32_t space, uint64_t t, gaddr addr, size_t n_bytes,
                              uint8_t *to, bool *ret_mapped)
{
    struct part p = {.space = space, .addr = addr, .to = to, .n = n_bytes, .n_open = n_bytes};
    return fill_part(db, t, &p, ret_mapped);
}

struct odb_err *db_memory(struct odb_db *db, uint64_t t, uint32_t pid, gaddr addr, size_t n_bytes,
                          uint8_t *buf, bool *valid, size_t *ret_valid)
{
    size_t n_valid = 0;
    uint32_t space = 0;
    ODB_TRY(db_load(db));
    if (t > db->end)
        return odb_err("t %llu is behind the end: the last state is %llu", (unsigned long long)t,
                       (unsigned long long)db->end);
    if (n_bytes && addr + (n_bytes - 1) < addr)
        return odb_err("0x%llx and %zu bytes leave the address space", (unsigned long long)addr, n_bytes);
    ODB_TRY(db_space_of(db, pid, t, false, &space));
    memset(buf, 0, n_bytes);
    for (size_t done = 0; done < n_bytes;) {
        size_t n = ODB_PAGE_BYTES - (addr + done) % ODB_PAGE_BYTES;
        n = n < n_bytes - done ? n : n_bytes - done;
        bool mapped = false;
        if (n_bytes <= DB_KEPT_BYTES_MAX)
            ODB_TRY(db_page_read(db, space, t, addr + done, n, buf + done, &mapped));
        else
            ODB_TRY(db_find_bytes(db, space, t, addr + done, n, buf + done, &mapped));
        if (valid)
            memset(valid + done, mapped, n);
        n_valid += mapped ? n : 0;
        done += n;
    }
    *ret_valid = n_valid;
    return NULL;
}
