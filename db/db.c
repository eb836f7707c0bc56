/* An open index: statements, chunks, decoded columns. See db.h and internal.h. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "db/internal.h"

/* A register is wished for (else ?5 is 1): the chunk writes it. */
#define HAS_REG "(?5 OR (regs_lo & ?3) | (regs_hi & ?4))"
#define CHUNK_COLUMNS "SELECT id, t_start, n, pid, tid, space, n_reg, n_mem FROM main.odb_chunks "

static const char *const stmt_sql[DB_N_STMT] = {
    [DB_CHUNK_BY_ID] = CHUNK_COLUMNS "WHERE id=?1",
    [DB_CHUNK_BY_T] = CHUNK_COLUMNS "WHERE t_start<=?1 ORDER BY t_start DESC, id DESC LIMIT 1",
    [DB_CHUNK_NEXT] = CHUNK_COLUMNS "WHERE id>=?1 ORDER BY id LIMIT 1",
    [DB_CHUNK_PREV] = CHUNK_COLUMNS "WHERE id<=?1 ORDER BY id DESC LIMIT 1",
    [DB_CHUNK_NEXT_REG] =
        CHUNK_COLUMNS "WHERE id>=?1 AND ((regs_lo & ?2) | (regs_hi & ?3)) ORDER BY id LIMIT 1",
    [DB_CHUNK_PREV_REG] =
        CHUNK_COLUMNS "WHERE id<=?1 AND ((regs_lo & ?2) | (regs_hi & ?3)) ORDER BY id DESC LIMIT 1",
    [DB_CHUNK_NEXT_PID] = CHUNK_COLUMNS "WHERE id>=?1 AND pid=?2 AND " HAS_REG " ORDER BY id LIMIT 1",
    [DB_CHUNK_PREV_PID] = CHUNK_COLUMNS "WHERE id<=?1 AND pid=?2 AND " HAS_REG " ORDER BY id DESC LIMIT 1",
    [DB_CHUNK_NEXT_TID] = CHUNK_COLUMNS "WHERE id>=?1 AND tid=?2 AND " HAS_REG " ORDER BY id LIMIT 1",
    [DB_CHUNK_PREV_TID] = CHUNK_COLUMNS "WHERE id<=?1 AND tid=?2 AND " HAS_REG " ORDER BY id DESC LIMIT 1",
    [DB_INSNS] = "SELECT data FROM main.odb_insns WHERE chunk=?1",
    [DB_REGS] = "SELECT data FROM main.odb_regs WHERE chunk=?1",
    [DB_MEMS] = "SELECT data FROM main.odb_mems WHERE chunk=?1",
    [DB_SNAPSHOT] =
        "SELECT chunk, data FROM main.odb_snapshots WHERE tid=?1 AND chunk<=?2 ORDER BY chunk DESC LIMIT 1",
    [DB_SNAPSHOT_NEXT] =
        "SELECT chunk, data FROM main.odb_snapshots WHERE tid=?1 AND chunk>?2 ORDER BY chunk LIMIT 1",
    [DB_POST_NEXT] =
        "SELECT grp, data FROM main.odb_postings WHERE kind=?1 AND page=?2 AND grp>=?3 ORDER BY grp LIMIT 1",
    [DB_POST_PREV] = "SELECT grp, data FROM main.odb_postings WHERE kind=?1 AND page=?2 AND grp<=?3 ORDER BY "
                     "grp DESC LIMIT 1",
    [DB_POST_WORDS] = "SELECT data FROM main.odb_postings WHERE kind=?1 AND page=?2 AND grp=?3",
    [DB_IMAGE] = "SELECT t, data FROM main.odb_images WHERE page=?1 AND t<=?2 ORDER BY t DESC LIMIT 1",
    [DB_PIECE] = "SELECT data FROM main.odb_pieces WHERE file_id=?1 AND piece=?2",
    [DB_SYSCALL_AT] = "SELECT name FROM main.syscalls WHERE t=?1 AND tid=?2 LIMIT 1",
    [DB_SYSCALL_BETWEEN] = "SELECT 1 FROM main.syscalls WHERE t>=?1 AND t<?2 LIMIT 1",
    [DB_CONTENTS] = "SELECT t_start, t_end, start, end, file_id, offset, src, src_space, object FROM "
                    "main.odb_contents WHERE space=?1 ORDER BY start",
    [DB_VIEWS] = "SELECT space, t_start, t_end, start, end, offset FROM main.odb_contents WHERE object=?1",
    [DB_STAY] = "SELECT space, t_end, t_start FROM main.odb_stays WHERE pid=?1 AND t_start<=?2 ORDER BY "
                "t_start DESC LIMIT 1",
    [DB_BIRTH] = "SELECT from_space, t_start FROM main.odb_stays WHERE space=?1 ORDER BY t_start LIMIT 1",
    [DB_THREAD] = "SELECT pid FROM main.threads WHERE tid=?1 AND t_start<=?2 AND t_end>=?2 LIMIT 1",
    [DB_MAPS] = "SELECT m.start, m.end, m.t_start, m.t_end, m.prot, m.flags, m.file_id, m.offset,"
                " coalesce(nullif(m.name, ''), f.path, '') FROM main.odb_maps m LEFT JOIN main.files f ON "
                "f.id=m.file_id"
                " WHERE m.space=?2 AND m.t_start<=?1 AND (m.t_end IS NULL OR m.t_end>?1) ORDER BY m.start",
    [DB_PLACE] =
        "SELECT t, pid, tid, run, event, tick, rip FROM main.positions WHERE t<=?1 ORDER BY t DESC LIMIT 1",
    [DB_PLACE_OF] = "SELECT t, pid, tid, run, event, tick, rip FROM main.positions WHERE run<?1 OR "
                    "(run=?1 AND (tick<?2 OR (tick=?2 AND rip<=?3))) ORDER BY t DESC LIMIT 1",
};

struct odb_err *db_sql_err(struct odb_db *db)
{
    int rc = sqlite3_errcode(db->sq);
    if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB)
        return odb_err("corrupt index: %s; make it anew with `odb index`", sqlite3_errmsg(db->sq));
    return odb_err("index: %s", sqlite3_errmsg(db->sq));
}

struct odb_err *db_prepare(struct odb_db *db, enum db_stmt which, sqlite3_stmt **ret)
{
    if (!db->stmt[which] && sqlite3_prepare_v3(db->sq, stmt_sql[which], -1, SQLITE_PREPARE_PERSISTENT,
                                               &db->stmt[which], NULL) != SQLITE_OK)
        return db_sql_err(db);
    *ret = db->stmt[which];
    return NULL;
}

struct odb_err *db_grow(void **v, size_t *cap, size_t n, size_t size)
{
    if (n < *cap)
        return NULL;
    size_t more = *cap ? *cap * 2 : 64;
    void *bigger = reallocarray(*v, more, size);
    if (!bigger)
        return odb_err("out of memory");
    *v = bigger;
    *cap = more;
    return NULL;
}

struct odb_err *db_step(struct odb_db *db, sqlite3_stmt *st, bool *ret_row)
{
    if (db->interrupt && *db->interrupt)
        return odb_err("interrupted");
    int rc = sqlite3_step(st);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return db_sql_err(db);
    *ret_row = rc == SQLITE_ROW;
    return NULL;
}

/* ---- opening and closing ---- */

struct odb_db *db_borrow(sqlite3 *sq)
{
    struct odb_db *db = calloc(1, sizeof(*db));
    if (db)
        db->sq = sq;
    return db;
}

static void finalize_all(struct odb_db *db)
{
    for (int i = 0; i < DB_N_STMT; i++) {
        sqlite3_finalize(db->stmt[i]);
        db->stmt[i] = NULL;
    }
}

static void free_column(struct db_column *col)
{
    chunk_insns_deinit(&col->insns);
    chunk_regs_deinit(&col->regs);
    chunk_mems_deinit(&col->mems);
    free(col);
}

void db_free(struct odb_db *db)
{
    if (!db)
        return;
    for (int i = 0; i < DB_CACHE_COLUMNS; i++)
        if (db->cache[i])
            free_column(db->cache[i]);
    free(db->damage);
    db_spaces_free(db);
    db_regs_tracks_free(db);
    db_pages_free(db);
    free(db);
}

void db_use(struct odb_db *db) { db->uses++; }

void db_unuse(struct odb_db *db)
{
    if (--db->uses == 0)
        finalize_all(db);
}

void db_close(struct odb_db *db)
{
    if (!db)
        return;
    sqlite3 *sq = db->owned ? db->sq : NULL;
    finalize_all(db);
    sqlite3_close_v2(sq); /* disconnects the tables, which still use db */
    db_free(db);
}

static struct odb_err *load_rows(struct odb_db *db, sqlite3_stmt *st, uint64_t *ret_version)
{
    const struct {
        const char *key;
        uint64_t *to;
    } numbers[] = {
        {"schema_version", ret_version},
        {"end", &db->end},
        {"end_rip", &db->end_rip},
        {"n_reg", &db->n_reg},
        {"n_mem", &db->n_mem},
        {"n_chunks", &db->n_chunks},
        {"shadow_mismatches", &db->n_mismatches},
    };
    bool row = false;
    for (;;) {
        ODB_TRY(db_step(db, st, &row));
        if (!row)
            return NULL;
        const char *key = (const char *)sqlite3_column_text(st, 0);
        if (!key)
            continue;
        for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
            if (!strcmp(key, numbers[i].key))
                *numbers[i].to = (uint64_t)sqlite3_column_int64(st, 1);
        if (!strcmp(key, "vector_bytes"))
            db->vector_bytes = sqlite3_column_int64(st, 1) == 64 ? 64 : 32;
        const char *text = (const char *)sqlite3_column_text(st, 1);
        if (!strcmp(key, "damage") && text && !db->damage)
            db->damage = strdup(text);
    }
}

struct odb_err *db_load(struct odb_db *db)
{
    if (db->loaded)
        return NULL;
    sqlite3_stmt *st;
    int rc = sqlite3_prepare_v2(db->sq, "SELECT key, value FROM main.odb_meta", -1, &st, NULL);
    if (rc == SQLITE_ERROR)
        return odb_err("this database is not an index made by odb");
    if (rc != SQLITE_OK)
        return db_sql_err(db);
    uint64_t version = 0;
    db->vector_bytes = 32;
    struct odb_err *e = load_rows(db, st, &version);
    sqlite3_finalize(st);
    if (e)
        return e;
    if (version != ODB_SCHEMA_VERSION)
        return odb_err(
            "the index has schema version %llu, this odb reads version %d; make it anew with `odb index`",
            (unsigned long long)version, ODB_SCHEMA_VERSION);
    if (db->end > INT64_MAX)
        return odb_err("corrupt index: end");
    db->loaded = true;
    return NULL;
}

static struct odb_err *open_file(struct odb_db *db, const char *path)
{
    if (sqlite3_open_v2(path, &db->sq, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return odb_err("%s", db->sq ? sqlite3_errmsg(db->sq) : "out of memory");
    sqlite3_db_config(db->sq, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->sq, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_exec(db->sq, "PRAGMA cell_size_check=ON", NULL, NULL, NULL);
    ODB_TRY(db_load(db));
    return db_register(db, false) == SQLITE_OK ? NULL : db_sql_err(db);
}

struct odb_err *db_open(const char *path, struct odb_db **ret)
{
    struct odb_db *db = db_borrow(NULL);
    if (!db)
        return odb_err("out of memory");
    db->owned = true;
    struct odb_err *e = open_file(db, path);
    if (e) {
        db_close(db);
        return odb_err_context(e, "%s", path);
    }
    *ret = db;
    return NULL;
}

struct sqlite3 *db_sqlite(struct odb_db *db) { return db->sq; }
uint64_t db_end_t(const struct odb_db *db) { return db->end; }
void db_set_interrupt(struct odb_db *db, const _Atomic bool *flag) { db->interrupt = flag; }
const char *db_damage(const struct odb_db *db) { return db->damage; }

/* ---- chunks ---- */

static struct odb_err *read_chunk(struct odb_db *db, sqlite3_stmt *st, bool *ret_found, struct db_chunk *ret)
{
    bool row = false;
    ODB_TRY(db_step(db, st, &row));
    *ret_found = row;
    if (!row)
        return NULL;
    int64_t v[8];
    for (int i = 0; i < 8; i++)
        v[i] = sqlite3_column_int64(st, i);
    if (v[0] < 0 || v[1] < 0 || v[2] < 0 || v[2] > ODB_CHUNK_INSNS || v[1] > (int64_t)db->end - v[2] ||
        v[5] < 0 || v[5] > UINT32_MAX || v[6] < 0 || v[7] < 0 || v[6] > UINT32_MAX || v[7] > UINT32_MAX)
        return odb_err("corrupt index: chunk %lld", (long long)v[0]);
    *ret = (struct db_chunk){
        .id = (uint64_t)v[0],
        .t_start = (uint64_t)v[1],
        .n = (uint32_t)v[2],
        .pid = (uint32_t)v[3],
        .tid = (uint32_t)v[4],
        .space = (uint32_t)v[5],
        .n_reg = (uint32_t)v[6],
        .n_mem = (uint32_t)v[7],
    };
    db->last = db->recent[ret->id % DB_RECENT_CHUNKS] = *ret;
    return NULL;
}

/* Ids have no gaps. */
static bool recent_chunk(const struct odb_db *db, uint64_t id, struct db_chunk *ret)
{
    const struct db_chunk *c = &db->recent[id % DB_RECENT_CHUNKS];
    if (c->id != id || !(c->n || c->n_mem || c->n_reg))
        return false;
    *ret = *c;
    return true;
}

struct odb_err *db_chunk_at(struct odb_db *db, uint64_t t, struct db_chunk *ret)
{
    if (t > db->end)
        return odb_err("t %llu is behind the end: the last state is %llu", (unsigned long long)t,
                       (unsigned long long)db->end);
    uint64_t key = t == db->end && t ? t - 1 : t;
    if (db->last.n && key >= db->last.t_start && key - db->last.t_start < db->last.n) {
        *ret = db->last;
        return NULL;
    }
    for (uint64_t i = 0; i < 2; i++) /* or one of its neighbours */
        if (db->last.n && (i || db->last.id) &&
            recent_chunk(db, i ? db->last.id + 1 : db->last.id - 1, ret) && key >= ret->t_start &&
            key - ret->t_start < ret->n) {
            db->last = *ret;
            return NULL;
        }
    _cleanup_reset_ sqlite3_stmt *st = NULL;
    bool found;
    ODB_TRY(db_prepare(db, DB_CHUNK_BY_T, &st));
    sqlite3_bind_int64(st, 1, (int64_t)key);
    ODB_TRY(read_chunk(db, st, &found, ret));
    if (!found)
        return db->end ? odb_err("corrupt index: no chunk for t %llu", (unsigned long long)t)
                       : odb_err("the index has no instructions");
    if (key - ret->t_start >= ret->n)
        return odb_err("corrupt index: t %llu is between chunks", (unsigned long long)t);
    return NULL;
}

struct odb_err *db_chunk_by_id(struct odb_db *db, uint64_t id, bool *ret_found, struct db_chunk *ret)
{
    _cleanup_reset_ sqlite3_stmt *st = NULL;
    *ret_found = recent_chunk(db, id, ret);
    if (*ret_found)
        return NULL;
    ODB_TRY(db_prepare(db, DB_CHUNK_BY_ID, &st));
    sqlite3_bind_int64(st, 1, (int64_t)id);
    return read_chunk(db, st, ret_found, ret);
}

struct odb_err *db_chunk_seek(struct odb_db *db, uint64_t from, bool desc, const struct db_chunk_wish *wish,
                              bool *ret_found, struct db_chunk *ret)
{
    _cleanup_reset_ sqlite3_stmt *st = NULL;
    bool by_reg = wish && wish->reg >= 0, by_tid = wish && wish->tid, by_pid = wish && wish->pid;
    *ret_found = !by_reg && recent_chunk(db, from, ret) && (!by_tid || ret->tid == wish->tid) &&
                 (!by_pid || ret->pid == wish->pid);
    if (*ret_found)
        return NULL;
    enum db_stmt which = by_tid   ? DB_CHUNK_NEXT_TID
                         : by_pid ? DB_CHUNK_NEXT_PID
                         : by_reg ? DB_CHUNK_NEXT_REG
                                  : DB_CHUNK_NEXT;
    ODB_TRY(db_prepare(db, desc ? which + 1 : which, &st)); /* PREV is behind NEXT */
    sqlite3_bind_int64(st, 1, (int64_t)from);
    int64_t lo = by_reg && wish->reg < 64 ? (int64_t)(1ull << wish->reg) : 0,
            hi = by_reg && wish->reg >= 64 ? (int64_t)(1ull << (wish->reg - 64)) : 0;
    if (by_tid || by_pid) {
        sqlite3_bind_int64(st, 2, by_tid ? wish->tid : wish->pid);
        sqlite3_bind_int64(st, 3, lo);
        sqlite3_bind_int64(st, 4, hi);
        sqlite3_bind_int(st, 5, !by_reg);
    } else if (by_reg) {
        sqlite3_bind_int64(st, 2, lo);
        sqlite3_bind_int64(st, 3, hi);
    }
    return read_chunk(db, st, ret_found, ret);
}

/* ---- columns ---- */

static struct odb_err *decode(enum chunk_column kind, const void *p, size_t n, const struct db_chunk *c,
                              struct db_column *col)
{
    switch (kind) {
    case CHUNK_INSNS: return chunk_insns_decode(p, n, c->n, &col->insns);
    case CHUNK_REGS: return chunk_regs_decode(p, n, c->n, &col->regs);
    default: return chunk_mems_decode(p, n, c->n, &col->mems);
    }
}

static struct odb_err *load_column(struct odb_db *db, enum chunk_column kind, const struct db_chunk *c,
                                   struct db_column *col)
{
    if ((kind == CHUNK_INSNS && !c->n) || (kind == CHUNK_REGS && !c->n_reg) ||
        (kind == CHUNK_MEMS && !c->n_mem))
        return NULL; /* nothing written, no row */
    _cleanup_reset_ sqlite3_stmt *st = NULL;
    bool row = false;
    ODB_TRY(db_prepare(db, kind == CHUNK_INSNS ? DB_INSNS : kind == CHUNK_REGS ? DB_REGS : DB_MEMS, &st));
    sqlite3_bind_int64(st, 1, (int64_t)c->id);
    ODB_TRY(db_step(db, st, &row));
    if (!row)
        return odb_err("corrupt index: a column of chunk %llu is missing", (unsigned long long)c->id);
    const void *p = sqlite3_column_blob(st, 0);
    return odb_err_context(decode(kind, p, (size_t)sqlite3_column_bytes(st, 0), c, col), "chunk %llu",
                           (unsigned long long)c->id);
}

/* A slot of the cache to use: empty, or the longest unused that nobody holds; NULL: all are held. */
static struct db_column **cache_slot(struct odb_db *db)
{
    struct db_column **best = NULL;
    for (int i = 0; i < DB_CACHE_COLUMNS; i++) {
        struct db_column **s = &db->cache[i];
        if (!*s)
            return s;
        if (!(*s)->refs && (!best || (*s)->used < (*best)->used))
            best = s;
    }
    if (best) {
        free_column(*best);
        *best = NULL;
    }
    return best;
}

bool db_column_is_there(const struct odb_db *db, enum chunk_column kind, const struct db_chunk *c)
{
    for (int i = 0; i < DB_CACHE_COLUMNS; i++)
        if (db->cache[i] && db->cache[i]->chunk == c->id && db->cache[i]->kind == kind)
            return true;
    return false;
}

struct odb_err *db_column_get(struct odb_db *db, enum chunk_column kind, const struct db_chunk *c,
                              struct db_column **ret)
{
    for (int i = 0; i < DB_CACHE_COLUMNS; i++) {
        struct db_column *have = db->cache[i];
        if (have && have->chunk == c->id && have->kind == kind) {
            have->refs++;
            have->used = ++db->clock;
            *ret = have;
            return NULL;
        }
    }
    struct db_column *col = calloc(1, sizeof(*col));
    if (!col)
        return odb_err("out of memory");
    col->kind = kind;
    col->chunk = c->id;
    struct odb_err *e = load_column(db, kind, c, col);
    struct db_column **slot = e ? NULL : cache_slot(db);
    if (!e && !slot)
        e = odb_err("too many chunks in use at once");
    if (e) {
        free_column(col);
        return e;
    }
    col->refs = 1;
    col->used = ++db->clock;
    *slot = col;
    *ret = col;
    return NULL;
}

void db_column_put(struct db_column *col) { col->refs--; }
