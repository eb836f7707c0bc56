/* Registers of a thread at t: see db.h.
 *
 * They are those of the chunk's beginning (a snapshot) with the chunk's writes up to t applied. Who asks for one state asks
 * for its neighbours next: of the last few chunks the registers at the last t are kept, and marks at each MARK_INSNS
 * instructions passed on the way there, so that a step forwards applies one instruction's writes and a step backwards
 * at most MARK_INSNS'. */
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "db/internal.h"

#define MARK_INSNS 256
#define N_MARKS (ODB_CHUNK_INSNS / MARK_INSNS + 1)

struct mark {
    uint32_t row; /* the chunk's writes before this one are in */
    struct regfile regs;
};

struct db_regs_track {
    uint64_t chunk, used;
    bool valid;
    uint32_t at, row; /* writes of positions <= at are in: those of rows < row */
    struct regfile regs;
    uint32_t n_marks;            /* filled ones: mark i is behind the writes of positions < i * MARK_INSNS */
    struct mark *marks[N_MARKS]; /* owned; allocated as needed */
};

void db_regs_tracks_free(struct odb_db *db)
{
    for (int i = 0; i < DB_REGS_TRACKS; i++) {
        struct db_regs_track *k = db->tracks[i];
        for (int m = 0; k && m < N_MARKS; m++)
            free(k->marks[m]);
        free(k);
        db->tracks[i] = NULL;
    }
}

/* The thread's registers at the chunk's start; of one that has not run yet, those that it begins with. */
static struct odb_err *find_snapshot(struct odb_db *db, uint32_t tid, uint64_t chunk, struct regfile *ret)
{
    _cleanup_reset_ sqlite3_stmt *st = NULL;
    bool row = false;
    for (int i = 0; i < 2 && !row; i++) {
        db_resetp(&st);
        ODB_TRY(db_prepare(db, i ? DB_SNAPSHOT_NEXT : DB_SNAPSHOT, &st));
        sqlite3_bind_int64(st, 1, tid);
        sqlite3_bind_int64(st, 2, (int64_t)chunk);
        ODB_TRY(db_step(db, st, &row));
    }
    if (!row)
        return odb_err("thread %u has no registers yet at that t", tid);
    const void *p = sqlite3_column_blob(st, 1);
    return regfile_decode(p, (size_t)sqlite3_column_bytes(st, 1), ret);
}

/* The track of the chunk; made new in the place of the one not used for longest. */
static struct odb_err *get_track(struct odb_db *db, const struct db_chunk *c, struct db_regs_track **ret)
{
    struct db_regs_track **slot = &db->tracks[0];
    for (int i = 0; i < DB_REGS_TRACKS; i++) {
        struct db_regs_track *k = db->tracks[i];
        if (k && k->valid && k->chunk == c->id) {
            k->used = ++db->clock;
            *ret = k;
            return NULL;
        }
        if (*slot && (!k || k->used < (*slot)->used))
            slot = &db->tracks[i];
    }
    if (!*slot)
        *slot = calloc(1, sizeof(**slot));
    struct db_regs_track *k = *slot;
    if (!k)
        return odb_err("out of memory");
    k->valid = false;
    if (!k->marks[0])
        k->marks[0] = malloc(sizeof(*k->marks[0]));
    if (!k->marks[0])
        return odb_err("out of memory");
    ODB_TRY(find_snapshot(db, c->tid, c->id, &k->regs));
    k->chunk = c->id;
    k->at = k->row = 0;
    k->marks[0]->row = 0;
    k->marks[0]->regs = k->regs;
    k->n_marks = 1;
    k->used = ++db->clock;
    k->valid = true;
    *ret = k;
    return NULL;
}

/* Keeps the registers before the writes of position `at`, which begins a new stretch. */
static void set_mark(struct db_regs_track *k)
{
    struct mark **m = &k->marks[k->n_marks];
    if (!*m)
        *m = malloc(sizeof(**m));
    if (!*m)
        return; /* slower without */
    (*m)->row = k->row;
    (*m)->regs = k->regs;
    k->n_marks++;
}

static void apply(struct regfile *f, const struct chunk_regs *w, uint32_t i)
{
    int wide = regfile_wide(w->reg[i]);
    if (wide < 0 && w->len[i] == 8)
        f->scalar[w->reg[i]] = w->val[i];
    else
        regfile_set(f, w->reg[i], wide < 0 ? (const void *)&w->val[i] : w->wide + w->val[i], w->len[i]);
}

/* Brings the track to the state with the writes of positions <= at. */
static void track_to(struct db_regs_track *k, const struct chunk_regs *w, uint32_t at)
{
    if (at < k->at) {
        uint32_t m = at / MARK_INSNS < k->n_marks ? at / MARK_INSNS : k->n_marks - 1;
        k->regs = k->marks[m]->regs;
        k->row = k->marks[m]->row;
    }
    for (; k->row < w->n && w->at[k->row] <= at; k->row++) {
        while (k->n_marks < N_MARKS && w->at[k->row] >= k->n_marks * MARK_INSNS) {
            uint32_t before = k->n_marks;
            set_mark(k);
            if (k->n_marks == before)
                break;
        }
        apply(&k->regs, w, k->row);
    }
    k->at = at;
}

struct odb_err *db_registers(struct odb_db *db, uint64_t t, uint32_t tid, struct db_regs *ret)
{
    struct db_chunk c;
    struct db_regs r;
    ODB_TRY(db_load(db));
    ODB_TRY(db_chunk_at(db, t, &c));
    r.tid = tid ? tid : c.tid;
    r.vector_bytes = db->vector_bytes;
    r.runs = r.tid == c.tid;
    r.pid = c.pid;
    if (!r.runs)
        ODB_TRY(db_process_of(db, t, r.tid, &r.pid));
    if (r.runs && t < db->end) {
        struct db_regs_track *k;
        _cleanup_column_ struct db_column *col = NULL;
        ODB_TRY(db_column_get(db, CHUNK_REGS, &c, &col));
        odb_assert(col);
        ODB_TRY(get_track(db, &c, &k));
        track_to(k, &col->regs, (uint32_t)(t - c.t_start));
        r.regs = k->regs;
    } else { /* the last state has a snapshot of its own, behind the last chunk */
        ODB_TRY(find_snapshot(db, r.tid, t == db->end ? INT64_MAX : c.id, &r.regs));
    }
    uint32_t tid_there;
    if (r.runs)
        ODB_TRY(db_position(db, t, &r.regs.scalar[ODB_REG_RIP], &tid_there));
    *ret = r;
    return NULL;
}
