/* Scans: see scan.h.
 *
 * Chunks come from the narrowest source at hand: postings of lines written (an address range of at most
 * PAGES_MAX pages), postings of lines executed (a rip), the chunks' register masks, or all one by one. */
#include "db/scan.h"

#include <string.h>

#include "common/layout.h"

#define PAGES_MAX 64
#define LINES_PER_PAGE (ODB_PAGE_BYTES / ODB_LINE_BYTES)

void db_scan_end(struct db_scan *s)
{
    if (s->col)
        db_column_put(s->col);
    if (s->insns)
        db_column_put(s->insns);
    s->col = s->insns = NULL;
    s->done = true;
}

static enum chunk_column column_of(enum scan_kind kind)
{
    return kind == SCAN_EXEC ? CHUNK_INSNS : kind == SCAN_REG ? CHUNK_REGS : CHUNK_MEMS;
}

static const uint32_t *at_of(const struct db_scan *s)
{
    return s->kind == SCAN_REG ? s->col->regs.at : s->col->mems.at;
}

uint64_t db_scan_t(const struct db_scan *s)
{
    return s->kind == SCAN_EXEC ? s->chunk.t_start + s->i : s->chunk.t_start + at_of(s)[s->i] - 1;
}

struct odb_err *db_scan_rip(struct db_scan *s, gaddr *ret)
{
    if (s->kind == SCAN_EXEC) {
        *ret = s->col->insns.rip[s->i];
        return NULL;
    }
    if (!at_of(s)[s->i]) { /* of the instruction before the chunk */
        uint32_t tid = 0;
        gaddr rip;
        if (!s->chunk.t_start)
            return odb_err("corrupt index: a write before the first instruction");
        ODB_TRY(db_position(s->db, s->chunk.t_start - 1, &rip, &tid));
        *ret = tid == s->chunk.tid ? rip : 0;
        return NULL;
    }
    if (!s->insns)
        ODB_TRY(db_column_get(s->db, CHUNK_INSNS, &s->chunk, &s->insns));
    odb_assert(s->insns);
    *ret = s->insns->insns.rip[at_of(s)[s->i] - 1];
    return NULL;
}

/* ---- which chunks ---- */

/* The nearest group from `group` on (in the scan's direction) where a page of the lines has a posting, and
 * the chunks of that group. *ret_found false: none. */
static struct odb_err *seek_group(struct db_scan *s, uint64_t group, const struct db_lines *v, size_t n_v,
                                  bool *ret_found)
{
    bool found = false;
    uint64_t best = 0, chunks = 0;
    for (size_t i = 0; i < n_v; i++) {
        for (uint64_t page = v[i].first / LINES_PER_PAGE; page <= v[i].last / LINES_PER_PAGE; page++) {
            _cleanup_reset_ sqlite3_stmt *st = NULL;
            bool row = false;
            ODB_TRY(db_prepare(s->db, s->desc ? DB_POST_PREV : DB_POST_NEXT, &st));
            sqlite3_bind_int64(st, 1, v[i].kind);
            sqlite3_bind_int64(st, 2, (int64_t)page);
            sqlite3_bind_int64(st, 3, (int64_t)group);
            ODB_TRY(db_step(s->db, st, &row));
            if (!row)
                continue;
            uint64_t g = (uint64_t)sqlite3_column_int64(st, 0), bits = 0;
            if (found && (s->desc ? g < best : g > best))
                continue;
            const void *p = sqlite3_column_blob(st, 1);
            uint16_t words[LINES_PER_PAGE] = {0};
            db_lines_words(&v[i], page, words);
            ODB_TRY(db_posting_chunks(s->db, v[i].kind, page, g, p, (size_t)sqlite3_column_bytes(st, 1),
                                      words, &bits));
            chunks = found && g == best ? chunks | bits : bits;
            best = g;
            found = true;
        }
    }
    s->have_group = found;
    s->group = best;
    s->group_chunks = chunks;
    *ret_found = found;
    return NULL;
}

/* Next chunk id from `from` on that postings allow. */
static struct odb_err *seek_posted(struct db_scan *s, uint64_t from, const struct db_lines *v, size_t n_v,
                                   bool *ret_found, uint64_t *ret)
{
    for (uint64_t group = from / ODB_GROUP_CHUNKS;;) {
        bool found = s->have_group && s->group == group;
        if (!found)
            ODB_TRY(seek_group(s, group, v, n_v, &found));
        *ret_found = found;
        if (!found)
            return NULL;
        uint64_t bits = s->group_chunks;
        if (s->group == from / ODB_GROUP_CHUNKS)
            bits &= s->desc ? UINT64_MAX >> (63 - from % ODB_GROUP_CHUNKS)
                            : UINT64_MAX << from % ODB_GROUP_CHUNKS;
        if (bits) {
            unsigned bit = s->desc ? 63 - (unsigned)__builtin_clzll(bits) : (unsigned)__builtin_ctzll(bits);
            *ret = s->group * ODB_GROUP_CHUNKS + bit;
            return NULL;
        }
        if (s->desc && !s->group) {
            *ret_found = false;
            return NULL;
        }
        group = s->desc ? s->group - 1 : s->group + 1;
    }
}

/* Lines whose postings tell the chunks; false: no such thing. */
static bool posted_lines(const struct db_scan *s, struct db_lines *one, const struct db_lines **ret,
                         size_t *ret_n)
{
    uint64_t n_pages = 0;
    *ret = one;
    *ret_n = 1;
    if (s->target) {
        *ret = s->target->lines;
        *ret_n = s->target->n_lines;
    } else if (s->has_range) {
        /* a write that starts in the range, or touches it: either touches one of its words */
        *one = db_lines_of(ODB_POST_MEM, s->lo / ODB_LINE_BYTES, s->lo % ODB_LINE_BYTES,
                           s->hi / ODB_LINE_BYTES, s->hi % ODB_LINE_BYTES);
    } else if (s->has_rip && s->rip) {
        *one = db_lines_of(ODB_POST_EXEC, s->rip / ODB_LINE_BYTES, s->rip % ODB_LINE_BYTES,
                           s->rip / ODB_LINE_BYTES, s->rip % ODB_LINE_BYTES);
    } else {
        return false;
    }
    for (size_t i = 0; i < *ret_n && n_pages <= PAGES_MAX; i++)
        n_pages += (*ret)[i].last / LINES_PER_PAGE - (*ret)[i].first / LINES_PER_PAGE + 1;
    return n_pages <= PAGES_MAX;
}

static struct odb_err *seek_chunk(struct db_scan *s, uint64_t from, bool *ret_found)
{
    const struct db_chunk_wish wish = {
        .reg = s->kind == SCAN_REG ? s->reg : -1,
        .tid = s->has_tid ? s->tid : 0,
        .pid = s->has_pid ? s->pid : 0,
    };
    uint64_t id = from;
    struct db_chunk c;
    struct db_lines one;
    const struct db_lines *lines;
    size_t n_lines;
    if (!posted_lines(s, &one, &lines, &n_lines)) {
        ODB_TRY(db_chunk_seek(s->db, from, s->desc, &wish, ret_found, &c));
        if (*ret_found)
            s->chunk = c;
        return NULL;
    }
    ODB_TRY(seek_posted(s, from, lines, n_lines, ret_found, &id));
    if (!*ret_found)
        return NULL;
    ODB_TRY(db_chunk_by_id(s->db, id, ret_found, &c));
    if (!*ret_found)
        return odb_err("corrupt index: chunk %llu is missing", (unsigned long long)id);
    s->chunk = c;
    return NULL;
}

/* ---- rows ---- */

/* How many of the chunk's instructions have t' < t. */
static uint32_t instructions_below(const struct db_chunk *c, uint64_t t)
{
    return t <= c->t_start ? 0 : t - c->t_start > c->n ? c->n : (uint32_t)(t - c->t_start);
}

/* The target's views in the chunk's space; false: there is a target, and nothing of it can be here. */
static bool find_views(struct db_scan *s)
{
    if (!s->target)
        return true;
    const struct db_view *v = s->target->views;
    size_t lo = 0, hi = s->target->n_views;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (v[mid].space < s->chunk.space)
            lo = mid + 1;
        else
            hi = mid;
    }
    s->views = v + lo;
    for (hi = lo; hi < s->target->n_views && v[hi].space == s->chunk.space; hi++)
        ;
    s->n_views = hi - lo;
    uint64_t t_lo = s->chunk.t_start ? s->chunk.t_start - 1 : 0, t_hi = s->chunk.t_start + s->chunk.n;
    for (size_t i = lo; i < hi; i++)
        if (v[i].t_lo < t_hi && t_lo < v[i].t_hi)
            return true;
    return false;
}

/* Loads s->chunk and finds its rows within t. */
static struct odb_err *enter_chunk(struct db_scan *s)
{
    struct odb_db *db = s->db;
    const struct db_chunk *c = &s->chunk;
    bool was = s->done;
    db_scan_end(s);
    s->done = was;
    s->first = s->last = s->i = 0;
    if ((s->has_tid && c->tid != s->tid) || (s->has_pid && c->pid != s->pid) || !find_views(s))
        return NULL;
    if ((s->kind == SCAN_REG && !c->n_reg) || (s->kind == SCAN_MEM && !c->n_mem))
        return NULL;
    ODB_TRY(db_column_get(db, column_of(s->kind), c, &s->col));
    odb_assert(s->col);
    if (s->kind == SCAN_EXEC) {
        s->first = instructions_below(c, s->t_lo);
        s->last = instructions_below(c, s->t_hi + 1);
    } else { /* position p is t = t_start + p - 1 */
        uint32_t n = s->kind == SCAN_REG ? s->col->regs.n : s->col->mems.n;
        s->first = db_lower(at_of(s), n, s->t_lo + 1 < c->t_start ? 0 : s->t_lo + 1 - c->t_start);
        s->last = db_lower(at_of(s), n, s->t_hi + 2 < c->t_start ? 0 : s->t_hi + 2 - c->t_start);
    }
    s->i = s->desc ? s->last : s->first - 1;
    return NULL;
}

static bool mem_matches(const struct db_scan *s)
{
    const struct chunk_mems *m = &s->col->mems;
    gaddr a = m->addr[s->i];
    if (s->target) {
        uint64_t t = db_scan_t(s), end = m->size[s->i] ? a + (m->size[s->i] - 1) : 0;
        for (size_t i = 0; i < s->n_views; i++)
            if (a <= s->views[i].hi && end >= s->views[i].lo && t >= s->views[i].t_lo && t < s->views[i].t_hi)
                return true;
        return false;
    }
    if (!s->has_range)
        return true;
    if (!s->overlap)
        return a >= s->lo && a <= s->hi;
    return a <= s->hi && m->size[s->i] && a + (m->size[s->i] - 1) >= s->lo;
}

/* Moves to the next matching row of this chunk. */
static struct odb_err *next_in_chunk(struct db_scan *s, bool *ret)
{
    *ret = false;
    for (;;) {
        if (s->desc ? s->i == s->first : s->i + 1 >= s->last)
            return NULL;
        s->i += s->desc ? UINT32_MAX : 1;
        if (s->kind == SCAN_REG && s->reg >= 0 && s->col->regs.reg[s->i] != s->reg)
            continue;
        if (s->kind == SCAN_MEM && !mem_matches(s))
            continue;
        if (s->has_rip) {
            gaddr rip;
            ODB_TRY(db_scan_rip(s, &rip));
            if (rip != s->rip)
                continue;
        }
        *ret = true;
        return NULL;
    }
}

/* Writes of t_hi, the last of chunk c, may go on in chunks behind it: moves to the last of those. */
static struct odb_err *skip_behind(struct db_scan *s, struct db_chunk *c)
{
    bool more = c->t_start + c->n == s->t_hi + 1;
    while (more) {
        struct db_chunk next;
        ODB_TRY(db_chunk_seek(s->db, c->id + 1, false, NULL, &more, &next));
        if (more) {
            more = !next.n;
            *c = next;
        }
    }
    return NULL;
}

struct odb_err *db_scan_begin(struct db_scan *s, struct odb_db *db)
{
    s->db = db;
    s->col = s->insns = NULL;
    s->have_group = false;
    s->done = true;
    s->first = s->last = s->i = 0;
    ODB_TRY(db_load(db));
    if (!db->end || s->t_lo > s->t_hi || s->t_lo >= db->end || (s->has_range && s->lo > s->hi))
        return NULL;
    if (s->t_hi >= db->end)
        s->t_hi = db->end - 1;
    struct db_chunk c;
    bool found;
    ODB_TRY(db_chunk_at(db, s->desc ? s->t_hi : s->t_lo, &c));
    if (s->desc)
        ODB_TRY(skip_behind(s, &c));
    ODB_TRY(seek_chunk(s, c.id, &found));
    if (!found)
        return NULL;
    s->done = false;
    return enter_chunk(s);
}

struct odb_err *db_scan_next(struct db_scan *s, bool *ret)
{
    *ret = false;
    while (!s->done) {
        if (s->col && s->first < s->last) {
            ODB_TRY(next_in_chunk(s, ret));
            if (*ret)
                return NULL;
        }
        bool found = false;
        bool beyond = s->desc ? s->chunk.t_start <= s->t_lo || !s->chunk.id
                              : s->chunk.t_start + s->chunk.n > s->t_hi + 1;
        if (!beyond)
            ODB_TRY(seek_chunk(s, s->desc ? s->chunk.id - 1 : s->chunk.id + 1, &found));
        if (!found) {
            db_scan_end(s);
            return NULL;
        }
        ODB_TRY(enter_chunk(s));
    }
    return NULL;
}
