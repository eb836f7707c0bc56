/* Pages of memory, kept from one state to the next: see internal.h.
 *
 * Finding bytes as they were at t costs a walk through the chunks before t. Who reads at t reads near t next, so lines that
 * were found are kept, and moved along with t: going forwards, writes in between are applied; backwards, undone with the
 * bytes that they replaced. Only private memory is kept (shared memory is written through other spaces, too), and only
 * while the space's mappings do not change and no system call is done. */
#include <stdlib.h>
#include <string.h>

#include "common/layout.h"
#include "db/internal.h"

#define N_PAGES 128
#define MOVE_MAX 16384 /* instructions */
#define LINES_PER_PAGE (ODB_PAGE_BYTES / ODB_LINE_BYTES)

struct page {
    bool valid;
    uint32_t space;
    uint64_t page, used;
    uint64_t known; /* bit: line */
    uint8_t bytes[ODB_PAGE_BYTES];
};
struct db_pages {
    uint64_t t;
    uint64_t n_valid;
    uint64_t filter; /* of the valid pages' numbers */
    struct page v[N_PAGES];
};

void db_pages_free(struct odb_db *db)
{
    free(db->pages);
    db->pages = NULL;
}

static uint64_t filter_bit(uint64_t page) { return 1ull << (page * 0x9e3779b97f4a7c15ull >> 58); }

static void drop_all(struct db_pages *p)
{
    for (int i = 0; i < N_PAGES && p->n_valid; i++)
        p->v[i].valid = false;
    p->n_valid = 0;
    p->filter = 0;
}

static struct page *find_page(struct db_pages *p, uint32_t space, uint64_t page)
{
    if (!(p->filter & filter_bit(page)))
        return NULL;
    for (int i = 0; i < N_PAGES; i++)
        if (p->v[i].page == page && p->v[i].valid && p->v[i].space == space)
            return &p->v[i];
    return NULL;
}

static struct page *new_page(struct db_pages *p, uint32_t space, uint64_t page)
{
    struct page *best = &p->v[0];
    for (int i = 0; i < N_PAGES && best->valid; i++)
        if (!p->v[i].valid || p->v[i].used < best->used)
            best = &p->v[i];
    p->n_valid += !best->valid;
    best->valid = true;
    best->space = space;
    best->page = page;
    best->known = 0;
    p->filter |= filter_bit(page);
    return best;
}

/* ---- moving ---- */

struct move {
    struct db_pages *pages;
    bool back;
};

static struct odb_err *move_write(void *ctx, const struct db_write *w)
{
    struct move *m = ctx;
    const uint8_t *from = m->back ? w->old : w->new_;
    gaddr addr = w->addr;
    for (uint64_t left = w->n_bytes; left;) {
        uint64_t at = addr % ODB_PAGE_BYTES, n = ODB_PAGE_BYTES - at < left ? ODB_PAGE_BYTES - at : left;
        struct page *p = find_page(m->pages, w->space, addr / ODB_PAGE_BYTES);
        if (p)
            memcpy(p->bytes + at, from, n); /* into lines that are not known, too: no harm */
        addr += n;
        from += n;
        left -= n;
    }
    return NULL;
}

/* Was a system call done by an instruction lo <= t < hi? It may have changed memory by more than writes (exec). */
static struct odb_err *has_call(struct odb_db *db, uint64_t lo, uint64_t hi, bool *ret)
{
    _cleanup_reset_ sqlite3_stmt *st = NULL;
    ODB_TRY(db_prepare(db, DB_SYSCALL_BETWEEN, &st));
    sqlite3_bind_int64(st, 1, (int64_t)lo);
    sqlite3_bind_int64(st, 2, (int64_t)hi);
    return db_step(db, st, ret);
}

/* Forgets the pages of spaces whose mappings change between the two states. */
static struct odb_err *drop_changed(struct odb_db *db, uint64_t lo, uint64_t hi)
{
    uint32_t last = UINT32_MAX;
    bool changes = false;
    for (int i = 0; i < N_PAGES; i++) {
        struct page *p = &db->pages->v[i];
        if (!p->valid)
            continue;
        if (p->space != last)
            ODB_TRY(db_space_changes(db, p->space, lo, hi, &changes));
        last = p->space;
        if (changes) {
            p->valid = false;
            db->pages->n_valid--;
        }
    }
    return NULL;
}

static struct odb_err *move_to(struct odb_db *db, uint64_t t)
{
    struct db_pages *p = db->pages;
    struct move m = {p, t < p->t};
    uint64_t lo = m.back ? t : p->t, hi = m.back ? p->t : t;
    if (lo == hi)
        return NULL;
    if (hi - lo > MOVE_MAX || (m.back && db->n_mismatches))
        drop_all(p);
    bool call = false;
    struct odb_err *e = p->n_valid ? has_call(db, lo, hi, &call) : NULL;
    if (call)
        drop_all(p);
    if (!e && p->n_valid)
        e = drop_changed(db, lo, hi);
    if (!e && p->n_valid)
        e = db_each_write(db, lo, hi, m.back, move_write, &m);
    if (e)
        drop_all(p);
    p->t = t;
    return e;
}

/* ---- reading ---- */

static uint64_t lines_mask(uint64_t at, uint64_t n)
{
    unsigned lo = (unsigned)(at / ODB_LINE_BYTES), hi = (unsigned)((at + n - 1) / ODB_LINE_BYTES);
    return UINT64_MAX >> (63 - hi) & UINT64_MAX << lo;
}

/* Fills the lines that are wanted and not known, run by run. */
static struct odb_err *fill_lines(struct odb_db *db, struct page *p, uint64_t t, uint64_t wanted)
{
    for (uint64_t open = wanted & ~p->known; open;) {
        unsigned lo = (unsigned)__builtin_ctzll(open);
        uint64_t rest = ~(open >> lo);
        unsigned n = rest ? (unsigned)__builtin_ctzll(rest) : 64;
        bool mapped = false;
        ODB_TRY(db_find_bytes(db, p->space, t, p->page * ODB_PAGE_BYTES + lo * ODB_LINE_BYTES,
                              n * ODB_LINE_BYTES, p->bytes + lo * ODB_LINE_BYTES, &mapped));
        uint64_t done = (n == 64 ? UINT64_MAX : ((1ull << n) - 1)) << lo;
        p->known |= done;
        open &= ~done;
    }
    return NULL;
}

struct odb_err *db_page_read(struct odb_db *db, uint32_t space, uint64_t t, gaddr addr, size_t n_bytes,
                             uint8_t *to, bool *ret_mapped)
{
    const struct db_content *c;
    if (!db->pages)
        db->pages = calloc(1, sizeof(*db->pages));
    if (!db->pages)
        return odb_err("out of memory");
    ODB_TRY(move_to(db, t));
    struct page *p = find_page(db->pages, space, addr / ODB_PAGE_BYTES);
    if (!p) {
        ODB_TRY(db_find_content(db, space, t, addr, &c));
        *ret_mapped = c != NULL;
        if (!c)
            return NULL;
        if (c->object)
            return db_find_bytes(db, space, t, addr, n_bytes, to, ret_mapped);
        p = new_page(db->pages, space, addr / ODB_PAGE_BYTES);
    }
    p->used = ++db->clock;
    struct odb_err *e = fill_lines(db, p, t, lines_mask(addr % ODB_PAGE_BYTES, n_bytes));
    if (e) {
        drop_all(db->pages);
        return e;
    }
    memcpy(to, p->bytes + addr % ODB_PAGE_BYTES, n_bytes);
    *ret_mapped = true;
    return NULL;
}
