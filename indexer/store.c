/* Writing index.db: see store.h.
 *
 * The file is made as index.db.tmp, without a journal: whatever interrupts us leaves no index.db, and the
 * next run starts over. A flock on the file keeps two indexers apart. */
#include "indexer/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "common/cleanup.h"
#include "common/fs.h"
#include "indexer/schema.h"

struct store {
    char *dir, *tmp; /* owned */
    int lock_fd;
    sqlite3 *db;
    sqlite3_stmt *stmt[STORE_N];
};

static const char tables_sql[] =
    "PRAGMA page_size=4096; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-65536;"
    "BEGIN;"
    "CREATE TABLE odb_meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE odb_chunks(id INTEGER PRIMARY KEY, t_start INTEGER NOT NULL, n INTEGER NOT NULL, pid "
    "INTEGER,"
    " tid INTEGER, space INTEGER, n_reg INTEGER, n_mem INTEGER, regs_lo INTEGER, regs_hi INTEGER);"
    "CREATE TABLE odb_insns(chunk INTEGER PRIMARY KEY, data BLOB);"
    "CREATE TABLE odb_regs(chunk INTEGER PRIMARY KEY, data BLOB);"
    "CREATE TABLE odb_mems(chunk INTEGER PRIMARY KEY, data BLOB);"
    "CREATE TABLE odb_snapshots(tid INTEGER, chunk INTEGER, data BLOB, PRIMARY KEY(tid, chunk)) WITHOUT "
    "ROWID;"
    "CREATE TABLE odb_postings(kind INTEGER, page INTEGER, grp INTEGER, data BLOB, PRIMARY KEY(kind, page, "
    "grp))"
    " WITHOUT ROWID;"
    "CREATE TABLE odb_images(page INTEGER, t INTEGER, data BLOB, PRIMARY KEY(page, t)) WITHOUT ROWID;"
    "CREATE TABLE odb_contents(space INTEGER, t_start INTEGER, t_end INTEGER, start INTEGER, end INTEGER,"
    " file_id INTEGER, offset INTEGER, src INTEGER, src_space INTEGER, object INTEGER);"
    "CREATE TABLE odb_stays(pid INTEGER, space INTEGER, from_space INTEGER, t_start INTEGER, t_end INTEGER);"
    "CREATE TABLE odb_objects(id INTEGER PRIMARY KEY, file_id INTEGER, t_start INTEGER);"
    "CREATE TABLE odb_pieces(file_id INTEGER, piece INTEGER, data BLOB, PRIMARY KEY(file_id, piece)) WITHOUT "
    "ROWID;"
    "CREATE TABLE odb_maps(space INTEGER, t_start INTEGER, t_end INTEGER, pid INTEGER, start INTEGER, end "
    "INTEGER, prot "
    "INTEGER,"
    " flags INTEGER, offset INTEGER, file_id INTEGER, name TEXT);"
    "CREATE TABLE files(id INTEGER PRIMARY KEY, path TEXT, size INTEGER, mtime INTEGER, dev INTEGER, ino "
    "INTEGER);"
    "CREATE TABLE threads(pid INTEGER, tid INTEGER, t_start INTEGER, t_end INTEGER, name TEXT);"
    "CREATE TABLE processes(pid INTEGER, exe TEXT, args TEXT, t_start INTEGER, t_end INTEGER, status "
    "INTEGER, parent INTEGER);"
    "CREATE TABLE execs(t INTEGER, pid INTEGER, exe TEXT, args TEXT);"
    "CREATE TABLE syscalls(t INTEGER, pid INTEGER, tid INTEGER, nr INTEGER, name TEXT, args TEXT, result "
    "INTEGER,"
    " result_text TEXT, arg0 INTEGER, arg1 INTEGER, arg2 INTEGER, arg3 INTEGER, arg4 INTEGER, arg5 INTEGER,"
    " event INTEGER);"
    "CREATE TABLE signals(t INTEGER, pid INTEGER, tid INTEGER, signo INTEGER, name TEXT, code INTEGER, addr "
    "INTEGER,"
    " fatal INTEGER, rip INTEGER);"
    "CREATE TABLE output(t INTEGER, pid INTEGER, tid INTEGER, fd INTEGER, stream TEXT, text,"
    " channel INTEGER);"
    "CREATE TABLE channels(id INTEGER PRIMARY KEY, kind TEXT, t INTEGER);"
    "CREATE TABLE transfers(channel INTEGER, size INTEGER, w_t INTEGER, w_pid INTEGER, w_tid INTEGER, w_at "
    "INTEGER,"
    " r_t INTEGER, r_pid INTEGER, r_tid INTEGER, r_at INTEGER);"
    "CREATE TABLE events(t INTEGER, pid INTEGER, tid INTEGER, type TEXT, text TEXT);"
    "CREATE TABLE positions(t INTEGER PRIMARY KEY, pid INTEGER, tid INTEGER, run INTEGER, event INTEGER, "
    "tick INTEGER,"
    " rip INTEGER);"
    "CREATE TABLE odb_sources(id INTEGER PRIMARY KEY, path TEXT UNIQUE);"
    "CREATE TABLE odb_functions(file INTEGER, offset INTEGER, size INTEGER, name TEXT, linkage TEXT, source "
    "INTEGER, line INTEGER, alias INTEGER, PRIMARY KEY(file, offset, name)) WITHOUT ROWID;"
    "CREATE TABLE odb_lines(file INTEGER, source INTEGER, data BLOB, PRIMARY KEY(file, source)) WITHOUT "
    "ROWID;";

static const char indices_sql[] =
    "CREATE INDEX odb_chunks_t ON odb_chunks(t_start);"
    "CREATE INDEX odb_contents_space ON odb_contents(space, start);"
    "CREATE INDEX odb_contents_object ON odb_contents(object) WHERE object IS NOT NULL;"
    "CREATE INDEX odb_stays_pid ON odb_stays(pid, t_start); CREATE INDEX odb_stays_space ON odb_stays(space);"
    "CREATE INDEX odb_chunks_pid ON odb_chunks(pid, id); CREATE INDEX odb_chunks_tid ON odb_chunks(tid, id);"
    "CREATE INDEX odb_maps_space ON odb_maps(space);"
    "CREATE INDEX threads_tid ON threads(tid); CREATE INDEX processes_pid ON processes(pid);"
    "CREATE INDEX syscalls_t ON syscalls(t); CREATE INDEX syscalls_name ON syscalls(name);"
    "CREATE INDEX signals_t ON signals(t); CREATE INDEX output_t ON output(t);"
    "CREATE INDEX transfers_w ON transfers(w_t); CREATE INDEX transfers_r ON transfers(r_t);"
    "CREATE VIEW maps AS SELECT m.t_start, m.t_end, m.pid, m.start, m.end,"
    " substr('-r', 1 + (m.prot & 1 <> 0), 1) || substr('-w', 1 + (m.prot & 2 <> 0), 1) ||"
    " substr('-x', 1 + (m.prot & 4 <> 0), 1) AS prot,"
    " CASE WHEN m.flags & 3 = 1 THEN 'shared' WHEN m.flags & 3 = 3 THEN 'shared' ELSE 'private' END AS flags,"
    " m.offset, nullif(m.file_id, 0) AS file, coalesce(nullif(m.name, ''), f.path) AS name"
    " FROM odb_maps m LEFT JOIN files f ON f.id = m.file_id;"
    "CREATE VIEW switches AS SELECT c.t_start AS t, c.pid, c.tid, p.pid AS from_pid, p.tid AS from_tid"
    " FROM odb_chunks c JOIN odb_chunks p ON p.id = c.id - 1 WHERE c.tid <> p.tid OR c.pid <> p.pid;"
    "CREATE VIEW objects AS SELECT o.id, o.file_id AS file, o.t_start, f.path AS name"
    " FROM odb_objects o LEFT JOIN files f ON f.id = o.file_id;"
    "CREATE INDEX odb_lines_source ON odb_lines(source);"
    "CREATE VIEW functions AS SELECT m.pid, m.start + f.offset - m.offset AS start,"
    " m.start + f.offset - m.offset + f.size AS end, f.name, f.linkage, f.alias, s.path AS source, f.line,"
    " m.name AS module, m.file, m.t_start, m.t_end FROM odb_functions f JOIN maps m ON m.file = f.file AND"
    " f.offset >= m.offset AND f.offset < m.offset + m.end - m.start AND substr(m.prot, 3) = 'x'"
    " LEFT JOIN odb_sources s ON s.id = f.source;"
    "CREATE VIEW lines AS SELECT m.pid, m.start + r.offset - m.offset AS start,"
    " m.start + r.offset - m.offset + r.size AS end, s.path AS source, r.line, r.column, r.is_stmt,"
    " m.name AS module, m.file, m.t_start, m.t_end FROM odb_sources s JOIN odb_line_rows r ON r.source = s.id"
    " JOIN maps m ON m.file = r.file AND r.offset >= m.offset AND r.offset < m.offset + m.end - m.start"
    " AND substr(m.prot, 3) = 'x';"
    "COMMIT;";

static const char *const insert_sql[STORE_N] = {
    [STORE_META] = "INSERT OR REPLACE INTO odb_meta VALUES(?,?)",
    [STORE_CHUNK] = "INSERT INTO odb_chunks VALUES(?,?,?,?,?,?,?,?,?,?)",
    [STORE_INSNS] = "INSERT INTO odb_insns VALUES(?,?)",
    [STORE_REGS] = "INSERT INTO odb_regs VALUES(?,?)",
    [STORE_MEMS] = "INSERT INTO odb_mems VALUES(?,?)",
    [STORE_SNAPSHOT] = "INSERT OR REPLACE INTO odb_snapshots VALUES(?,?,?)",
    [STORE_POSTING] = "INSERT INTO odb_postings VALUES(?,?,?,?)",
    [STORE_IMAGE] = "INSERT OR REPLACE INTO odb_images VALUES(?,?,?)",
    [STORE_CONTENT] = "INSERT INTO odb_contents VALUES(?,?,?,?,?,?,?,?,?,?)",
    [STORE_STAY] = "INSERT INTO odb_stays VALUES(?,?,?,?,?)",
    [STORE_OBJECT] = "INSERT INTO odb_objects VALUES(?,?,?)",
    [STORE_PIECE] = "INSERT OR REPLACE INTO odb_pieces VALUES(?,?,?)",
    [STORE_MAP] = "INSERT INTO odb_maps VALUES(?,?,?,?,?,?,?,?,?,?,?)",
    [STORE_FILE] = "INSERT OR REPLACE INTO files VALUES(?,?,?,?,?,?)",
    [STORE_THREAD] = "INSERT INTO threads VALUES(?,?,?,?,?)",
    [STORE_PROCESS] = "INSERT INTO processes VALUES(?,?,?,?,?,?,?)",
    [STORE_EXEC] = "INSERT INTO execs VALUES(?,?,?,?)",
    [STORE_SYSCALL] = "INSERT INTO syscalls VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [STORE_SIGNAL] = "INSERT INTO signals VALUES(?,?,?,?,?,?,?,?,?)",
    [STORE_OUTPUT] = "INSERT INTO output VALUES(?,?,?,?,?,?,?)",
    [STORE_CHANNEL] = "INSERT INTO channels VALUES(?,?,?)",
    [STORE_TRANSFER] = "INSERT INTO transfers VALUES(?,?,?,?,?,?,?,?,?,?)",
    [STORE_EVENT] = "INSERT INTO events VALUES(?,?,?,?,?)",
    [STORE_POSITION] = "INSERT OR REPLACE INTO positions VALUES(?,?,?,?,?,?,?)",
};

static struct odb_err *sql_err(struct store *s) { return odb_err("%s: %s", s->tmp, sqlite3_errmsg(s->db)); }

static struct odb_err *run_sql(struct store *s, const char *sql)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? NULL : sql_err(s);
}

static void store_free(struct store *s)
{
    for (int i = 0; i < STORE_N; i++)
        sqlite3_finalize(s->stmt[i]);
    sqlite3_close(s->db);
    odb_closep(&s->lock_fd);
    free(s->dir);
    free(s->tmp);
    free(s);
}

static struct odb_err *lock_and_clear(struct store *s)
{
    s->lock_fd = open(s->tmp, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (s->lock_fd < 0)
        return odb_err_errno(errno, "cannot create %s", s->tmp);
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB))
        return odb_err("%s: another odb index is at work on this recording; wait for it", s->tmp);
    if (ftruncate(s->lock_fd, 0))
        return odb_err_errno(errno, "%s", s->tmp);
    return NULL;
}

static struct odb_err *open_tables(struct store *s)
{
    if (sqlite3_open_v2(s->tmp, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, NULL) != SQLITE_OK)
        return sql_err(s);
    ODB_TRY(run_sql(s, tables_sql));
    for (int i = 0; i < STORE_N; i++)
        if (sqlite3_prepare_v3(s->db, insert_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->stmt[i], NULL) !=
            SQLITE_OK)
            return sql_err(s);
    return NULL;
}

struct odb_err *store_create(const char *dir, struct store **ret)
{
    struct store *s = calloc(1, sizeof(*s));
    if (!s)
        return odb_err("index: out of memory");
    s->lock_fd = -1;
    struct odb_err *e = NULL;
    s->dir = strdup(dir);
    if (!s->dir)
        e = odb_err("index: out of memory");
    if (!e)
        e = fs_join(dir, "index.db.tmp", &s->tmp);
    if (!e)
        e = lock_and_clear(s);
    if (e) { /* the file may be another indexer's */
        store_free(s);
        return e;
    }
    e = open_tables(s);
    if (e) {
        store_discard(s);
        return e;
    }
    *ret = s;
    return NULL;
}

/* UTF-8 without NUL, as SQLite text must be. */
static bool is_text(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n;) {
        unsigned c = p[i++], more = c < 0x80                ? 0
                                    : c >= 0xc2 && c < 0xe0 ? 1
                                    : c >= 0xe0 && c < 0xf0 ? 2
                                    : c >= 0xf0 && c < 0xf5 ? 3
                                                            : 9;
        if (!c || more > n - i)
            return false;
        if (more && c == 0xe0 && p[i] < 0xa0)
            return false;
        if (more && c == 0xed && p[i] > 0x9f)
            return false;
        if (more && ((c == 0xf0 && p[i] < 0x90) || (c == 0xf4 && p[i] > 0x8f)))
            return false;
        for (; more; more--)
            if ((p[i++] & 0xc0) != 0x80)
                return false;
    }
    return true;
}

static int bind(sqlite3_stmt *st, int i, char shape, va_list *ap)
{
    if (shape == 'i')
        return sqlite3_bind_int64(st, i, (int64_t)va_arg(*ap, uint64_t));
    if (shape == 'N') {
        (void)va_arg(*ap, uint64_t);
        return sqlite3_bind_null(st, i);
    }
    if (shape == 't') {
        const char *text = va_arg(*ap, const char *);
        return text ? sqlite3_bind_text(st, i, text, -1, SQLITE_STATIC) : sqlite3_bind_null(st, i);
    }
    const void *p = va_arg(*ap, const void *);
    size_t n = va_arg(*ap, size_t);
    if (shape == 's' && is_text(p, n))
        return sqlite3_bind_text64(st, i, p ? p : "", n, SQLITE_STATIC, SQLITE_UTF8);
    return sqlite3_bind_blob64(st, i, p ? p : "", n, SQLITE_STATIC);
}

struct odb_err *store_put(struct store *s, enum store_table table, const char *shape, ...)
{
    sqlite3_stmt *st = s->stmt[table];
    va_list ap;
    va_start(ap, shape);
    int rc = SQLITE_OK;
    for (int i = 1; shape[i - 1] && rc == SQLITE_OK; i++)
        rc = bind(st, i, shape[i - 1], &ap);
    va_end(ap);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    struct odb_err *e = rc == SQLITE_DONE || rc == SQLITE_OK ? NULL : sql_err(s);
    sqlite3_reset(st);
    return e;
}

static struct odb_err *finish_file(struct store *s, const struct store_guest *guest)
{
    for (int i = 0; i < STORE_N; i++) {
        sqlite3_finalize(s->stmt[i]);
        s->stmt[i] = NULL;
    }
    char pragmas[128];
    snprintf(pragmas, sizeof(pragmas), "PRAGMA application_id=%d; PRAGMA user_version=%d;",
             ODB_APPLICATION_ID, ODB_SCHEMA_VERSION);
    ODB_TRY(run_sql(s, pragmas));
    ODB_TRY(run_sql(s, indices_sql));
    if (guest && guest->add)
        ODB_TRY(guest->add(guest->ctx, s->db));
    ODB_TRY(run_sql(s, "CREATE INDEX odb_functions_name ON odb_functions(name);"));
    if (sqlite3_close(s->db) != SQLITE_OK)
        return sql_err(s);
    s->db = NULL;
    if (fsync(s->lock_fd))
        return odb_err_errno(errno, "%s", s->tmp);
    _cleanup_free_ char *path = NULL;
    ODB_TRY(fs_join(s->dir, "index.db", &path));
    if (rename(s->tmp, path))
        return odb_err_errno(errno, "cannot rename %s to index.db", s->tmp);
    return NULL;
}

struct odb_err *store_commit(struct store *s, const struct store_guest *guest)
{
    struct odb_err *e = finish_file(s, guest);
    if (e)
        store_discard(s);
    else
        store_free(s);
    return e;
}

void store_discard(struct store *s)
{
    if (!s)
        return;
    unlink(s->tmp);
    store_free(s);
}
