/* Answers about one state, and about writes: see db.h. Memory is in memory.c. */
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "db/scan.h"

struct odb_err *db_position(struct odb_db *db, uint64_t t, gaddr *ret_rip, uint32_t *ret_tid)
{
    struct db_chunk c;
    ODB_TRY(db_load(db));
    ODB_TRY(db_chunk_at(db, t, &c));
    gaddr rip = db->end_rip;
    if (t < db->end) {
        _cleanup_column_ struct db_column *col = NULL;
        ODB_TRY(db_column_get(db, CHUNK_INSNS, &c, &col));
        rip = col->insns.rip[t - c.t_start];
    }
    *ret_rip = rip;
    *ret_tid = c.tid;
    return NULL;
}

static struct odb_err *read_place(struct odb_db *db, sqlite3_stmt *st, bool *ret_found, struct db_place *ret)
{
    ODB_TRY(db_step(db, st, ret_found));
    if (*ret_found)
        *ret = (struct db_place){.t = (uint64_t)sqlite3_column_int64(st, 0),
                                 .pid = (uint32_t)sqlite3_column_int64(st, 1),
                                 .tid = (uint32_t)sqlite3_column_int64(st, 2),
                                 .run_number = (uint64_t)sqlite3_column_int64(st, 3),
                                 .event = (uint64_t)sqlite3_column_int64(st, 4),
                                 .tick = (uint64_t)sqlite3_column_int64(st, 5),
                                 .rip = (gaddr)sqlite3_column_int64(st, 6)};
    return NULL;
}

struct odb_err *db_place_before(struct odb_db *db, uint64_t t, bool *ret_found, struct db_place *ret)
{
    _cleanup_reset_ sqlite3_stmt *st = NULL;
    ODB_TRY(db_load(db));
    ODB_TRY(db_prepare(db, DB_PLACE, &st));
    sqlite3_bind_int64(st, 1, (int64_t)t);
    return read_place(db, st, ret_found, ret);
}

struct odb_err *db_place_before_position(struct odb_db *db, uint64_t run_number, uint64_t tick, gaddr rip,
                                         bool *ret_found, struct db_place *ret)
{
    _cleanup_reset_ sqlite3_stmt *st = NULL;
    ODB_TRY(db_load(db));
    ODB_TRY(db_prepare(db, DB_PLACE_OF, &st));
    sqlite3_bind_int64(st, 1, (int64_t)run_number);
    sqlite3_bind_int64(st, 2, (int64_t)tick);
    sqlite3_bind_int64(st, 3, (int64_t)rip);
    return read_place(db, st, ret_found, ret);
}

struct odb_err *db_running(struct odb_db *db, uint64_t t, uint32_t *ret_pid, uint32_t *ret_tid)
{
    struct db_chunk c;
    ODB_TRY(db_load(db));
    ODB_TRY(db_chunk_at(db, t, &c));
    *ret_pid = c.pid;
    *ret_tid = c.tid;
    return NULL;
}

struct odb_err *db_last_thread(struct odb_db *db, uint64_t t, uint32_t pid, uint32_t *ret_tid)
{
    struct db_chunk c;
    bool found;
    ODB_TRY(db_load(db));
    ODB_TRY(db_chunk_at(db, t, &c));
    ODB_TRY(db_chunk_seek(db, c.id, true, &(struct db_chunk_wish){.reg = -1, .pid = pid}, &found, &c));
    if (!found)
        return odb_err("process %u has not run yet at t %llu", pid, (unsigned long long)t);
    *ret_tid = c.tid;
    return NULL;
}

struct odb_err *db_process_of(struct odb_db *db, uint64_t t, uint32_t tid, uint32_t *ret_pid)
{
    _cleanup_reset_ sqlite3_stmt *st = NULL;
    bool row = false;
    ODB_TRY(db_load(db));
    ODB_TRY(db_prepare(db, DB_THREAD, &st));
    sqlite3_bind_int64(st, 1, tid);
    sqlite3_bind_int64(st, 2, (int64_t)t);
    ODB_TRY(db_step(db, st, &row));
    if (!row)
        return odb_err("thread %u does not live at t %llu", tid, (unsigned long long)t);
    *ret_pid = (uint32_t)sqlite3_column_int64(st, 0);
    return NULL;
}

struct odb_err *db_write_of(struct odb_db *db, const struct db_chunk *c, const struct db_column *mems,
                            uint32_t row, bool with_rip, struct db_write *ret)
{
    const struct chunk_mems *m = &mems->mems;
    struct db_write w = {
        .t = c->t_start + m->at[row] - 1,
        .pid = c->pid,
        .tid = c->tid,
        .addr = m->addr[row],
        .space = c->space,
        .by_descriptor = c->space > ODB_SPACE_OBJECT,
        .n_bytes = m->size[row],
        .flags = m->flags[row],
        .of_frame = (m->flags[row] & ODB_MEM_SIGNAL) != 0,
        .new_ = m->new_ + m->off[row],
        .old = m->old + m->off[row],
    };
    if (with_rip && m->at[row]) {
        _cleanup_column_ struct db_column *col = NULL;
        ODB_TRY(db_column_get(db, CHUNK_INSNS, c, &col));
        w.rip = col->insns.rip[m->at[row] - 1];
    } else if (with_rip && c->t_start) { /* of the instruction before the chunk */
        uint32_t tid = 0;
        gaddr rip;
        ODB_TRY(db_position(db, c->t_start - 1, &rip, &tid));
        w.rip = tid == c->tid ? rip : 0;
    }
    *ret = w;
    return NULL;
}

struct odb_err *db_nearest_write(struct odb_db *db, const struct db_target *target, uint64_t from,
                                 uint64_t to, bool desc, bool *ret_found, struct db_write *ret)
{
    _cleanup_scan_ struct db_scan s = {
        .kind = SCAN_MEM, .desc = desc, .t_lo = from, .t_hi = to - 1, .target = target, .reg = -1};
    bool found;
    *ret_found = false;
    if (from >= to)
        return NULL;
    ODB_TRY(db_scan_begin(&s, db));
    ODB_TRY(db_scan_next(&s, &found));
    if (found)
        ODB_TRY(db_write_of(db, &s.chunk, s.col, s.i, true, ret));
    *ret_found = found;
    return NULL; /* the column stays in the cache: ret's bytes live until the next call */
}

struct odb_err *db_last_write(struct odb_db *db, uint32_t pid, gaddr addr, uint64_t n_bytes,
                              uint64_t before_t, bool *ret_found, struct db_write *ret)
{
    _cleanup_target_ struct db_target target = {0};
    uint32_t space;
    *ret_found = false;
    if (!n_bytes || !before_t)
        return NULL;
    ODB_TRY(db_space_of(db, pid, before_t, true, &space));
    ODB_TRY(db_target_at(db, space, addr, n_bytes, before_t, &target));
    return db_nearest_write(db, &target, 0, before_t, true, ret_found, ret);
}

struct odb_err *db_next_write(struct odb_db *db, uint32_t pid, gaddr addr, uint64_t n_bytes, uint64_t from_t,
                              bool *ret_found, struct db_write *ret)
{
    _cleanup_target_ struct db_target target = {0};
    uint32_t space;
    *ret_found = false;
    if (!n_bytes || from_t >= db_end_t(db))
        return NULL;
    ODB_TRY(db_space_of(db, pid, from_t, true, &space));
    ODB_TRY(db_target_at(db, space, addr, n_bytes, from_t, &target));
    return db_nearest_write(db, &target, from_t, UINT64_MAX, false, ret_found, ret);
}

struct odb_err *db_writes(struct odb_db *db, uint32_t pid, gaddr addr, uint64_t n_bytes, uint64_t from,
                          uint64_t to, db_write_fn fn, void *ctx)
{
    _cleanup_target_ struct db_target target = {0};
    uint32_t space;
    if (!n_bytes || from >= to)
        return NULL;
    uint64_t end = db_end_t(db);
    ODB_TRY(db_space_of(db, pid, to < end ? to : end, true, &space));
    ODB_TRY(db_target_history(db, space, addr, n_bytes, from, to, &target));
    _cleanup_scan_ struct db_scan s = {
        .kind = SCAN_MEM, .t_lo = from, .t_hi = to - 1, .target = &target, .reg = -1};
    ODB_TRY(db_scan_begin(&s, db));
    for (;;) {
        bool found;
        struct db_write w;
        ODB_TRY(db_scan_next(&s, &found));
        if (!found)
            return NULL;
        ODB_TRY(db_write_of(db, &s.chunk, s.col, s.i, true, &w));
        ODB_TRY(fn(ctx, &w));
    }
}

struct odb_err *db_syscall_name(struct odb_db *db, uint64_t t, uint32_t tid, bool *ret_found, char *buf,
                                size_t n_bytes)
{
    _cleanup_reset_ sqlite3_stmt *st = NULL;
    bool row = false;
    ODB_TRY(db_prepare(db, DB_SYSCALL_AT, &st));
    sqlite3_bind_int64(st, 1, (int64_t)t);
    sqlite3_bind_int64(st, 2, tid);
    ODB_TRY(db_step(db, st, &row));
    const char *name = row ? (const char *)sqlite3_column_text(st, 0) : NULL;
    *ret_found = name != NULL;
    if (name)
        snprintf(buf, n_bytes, "%s", name);
    return NULL;
}

/* ---- mappings ---- */

void db_maps_free(struct db_map *maps, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(maps[i].name);
    free(maps);
}

static struct odb_err *read_maps(struct odb_db *db, sqlite3_stmt *st, struct db_map **maps, size_t *n)
{
    for (size_t cap = 0;;) {
        bool row = false;
        ODB_TRY(db_step(db, st, &row));
        if (!row)
            return NULL;
        ODB_TRY(db_grow((void **)maps, &cap, *n, sizeof(**maps)));
        const char *name = (const char *)sqlite3_column_text(st, 8);
        (*maps)[*n] = (struct db_map){
            .start = (gaddr)sqlite3_column_int64(st, 0),
            .end = (gaddr)sqlite3_column_int64(st, 1),
            .t_start = (uint64_t)sqlite3_column_int64(st, 2),
            .t_end = sqlite3_column_type(st, 3) == SQLITE_NULL ? UINT64_MAX
                                                               : (uint64_t)sqlite3_column_int64(st, 3),
            .prot = (uint32_t)sqlite3_column_int64(st, 4),
            .flags = (uint32_t)sqlite3_column_int64(st, 5),
            .file_id = (uint32_t)sqlite3_column_int64(st, 6),
            .offset = (uint64_t)sqlite3_column_int64(st, 7),
            .name = strdup(name ? name : ""),
        };
        if (!(*maps)[(*n)++].name)
            return odb_err("out of memory");
    }
}

struct odb_err *db_maps(struct odb_db *db, uint64_t t, uint32_t pid, struct db_map **ret, size_t *ret_n)
{
    _cleanup_reset_ sqlite3_stmt *st = NULL;
    struct db_map *maps = NULL;
    size_t n = 0;
    uint32_t space = 0;
    ODB_TRY(db_load(db));
    if (t > db->end)
        return odb_err("t %llu is behind the end: the last state is %llu", (unsigned long long)t,
                       (unsigned long long)db->end);
    ODB_TRY(db_space_of(db, pid, t, false, &space));
    ODB_TRY(db_prepare(db, DB_MAPS, &st));
    sqlite3_bind_int64(st, 1, (int64_t)t);
    sqlite3_bind_int64(st, 2, space);
    struct odb_err *e = read_maps(db, st, &maps, &n);
    if (e) {
        db_maps_free(maps, n);
        return e;
    }
    *ret = maps;
    *ret_n = n;
    return NULL;
}
