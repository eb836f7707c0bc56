/* monitor last-write, next-write and sql. With an index these are look-ups; without one the writer is found by going
 * there with the range watched, and back. */
#include "gdb/stub_parts.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "db/db.h"
#include "gdb/stub_symbols.h"

enum { SHOWN_BYTES = 16, MAX_ROWS = 1000 };

/* ---- by look-up ---- */

/* As one number where it is one. */
static void say_bytes(struct out *say, const uint8_t *p, size_t n)
{
    if (n == 1 || n == 2 || n == 4 || n == 8) {
        uint64_t value = 0;
        memcpy(&value, p, n);
        out_printf(say, "0x%" PRIx64, value);
        return;
    }
    out_hex(say, p, n < SHOWN_BYTES ? n : SHOWN_BYTES);
    if (n > SHOWN_BYTES)
        out_text(say, "...");
}

static struct odb_err *by_index(struct stub *s, struct odb_db *db, const struct stub_range *r, bool next,
                                struct out *say)
{
    struct target_position here;
    struct db_write w;
    bool found;
    target_where(s->g, &here);
    if (next)
        ODB_TRY(db_next_write(db, r->pid, r->addr, r->n_bytes, here.t, &found, &w));
    else
        ODB_TRY(db_last_write(db, r->pid, r->addr, r->n_bytes, here.t, &found, &w));
    if (!found) {
        out_printf(say, "not written %s here\n", next ? "from" : "before");
        return NULL;
    }
    out_printf(say, "t %" PRIu64 ", process %u, thread %u, rip 0x%" PRIx64 ": %u bytes at 0x%" PRIx64 ": ",
               w.t, w.pid, w.tid, w.rip, w.n_bytes, w.addr);
    say_bytes(say, w.old, w.n_bytes);
    out_text(say, " -> ");
    say_bytes(say, w.new_, w.n_bytes);
    char name[64];
    bool is_call = false;
    struct odb_err *e = db_syscall_name(db, w.t, w.tid, &is_call, name, sizeof(name));
    if (!e && is_call)
        out_printf(say, ", by %s()", name);
    odb_err_free(e);
    out_text(say, "\n");
    return NULL;
}

/* ---- by going there ---- */

static bool no_break(void *ctx, struct target *g, uint32_t pid, uint32_t tid, gaddr addr)
{
    (void)ctx;
    (void)g;
    (void)pid;
    (void)tid;
    (void)addr;
    return false;
}

/* Resumes until the range is written or history ends. */
static struct odb_err *find_write(struct stub *s, const struct stub_range *r, bool next,
                                  struct target_stop *ret)
{
    const struct target_resume how = {.reverse = !next, .wanted = no_break};
    const struct target_catch none = {.pass_signals = ~0ull};
    s->caught = false;
    ODB_TRY(target_set_catch(s->g, &none));
    for (;;) {
        ODB_TRY(target_resume(s->g, &how, ret));
        switch (ret->kind) {
        case TARGET_STOP_WATCH:
            if (ret->addr == r->addr)
                return NULL;
            break;
        case TARGET_STOP_START:
        case TARGET_STOP_END:
        case TARGET_STOP_INTERRUPTED: return NULL;
        default: break;
        }
    }
}

/* The first error of both; consumes them. */
static struct odb_err *first_of(struct odb_err *e, struct odb_err *other)
{
    if (!e)
        return other;
    odb_err_free(other);
    return e;
}

/* With this range watched and none of the client's that could be taken for it. */
static struct odb_err *run_to_write(struct stub *s, const struct stub_range *r, bool next,
                                    struct target_stop *ret, struct target_position *ret_there)
{
    struct odb_err *e = target_insert_watch(s->g, r->pid, TARGET_WATCH_WRITE, r->addr, r->n_bytes);
    if (e)
        return e;
    e = find_write(s, r, next, ret);
    target_where(s->g, ret_there);
    return first_of(e, target_remove_watch(s->g, r->pid, TARGET_WATCH_WRITE, r->addr, r->n_bytes));
}

static struct odb_err *by_running(struct stub *s, const struct stub_range *r, bool next, struct out *say)
{
    struct target_position here, there;
    struct target_stop stop = {.kind = TARGET_STOP_NONE};
    target_where(s->g, &here);
    ODB_TRY(stub_branch_leave(s));
    struct odb_err *e = stub_suspend_watches(s, r->pid, r->addr, true);
    if (!e)
        e = run_to_write(s, r, next, &stop, &there);
    e = first_of(e, stub_suspend_watches(s, r->pid, r->addr, false));
    ODB_TRY(first_of(e, target_seek(s->g, &here)));
    if (stop.kind == TARGET_STOP_WATCH) {
        out_text(say, next ? "written just before " : "written at ");
        monitor_say_place(s, &there, say);
        return NULL;
    }
    out_printf(say, stop.kind == TARGET_STOP_INTERRUPTED ? "interrupted\n" : "not written %s here\n",
               next ? "from" : "before");
    return NULL;
}

static struct odb_err *find_writer(struct stub *s, const char *args, bool next, struct out *say)
{
    struct stub_range r;
    struct odb_db *db = target_database(s->g);
    ODB_TRY(stub_memory_of(s, args, &r));
    return db ? by_index(s, db, &r, next, say) : by_running(s, &r, next, say);
}

struct odb_err *monitor_last_write(struct stub *s, const char *args, struct out *say)
{
    return find_writer(s, args, false, say);
}

struct odb_err *monitor_next_write(struct stub *s, const char *args, struct out *say)
{
    return find_writer(s, args, true, say);
}

/* ---- SQL ---- */

static void say_field(struct out *say, sqlite3_stmt *st, int i)
{
    switch (sqlite3_column_type(st, i)) {
    case SQLITE_NULL: out_text(say, "-"); break;
    case SQLITE_BLOB: say_bytes(say, sqlite3_column_blob(st, i), (size_t)sqlite3_column_bytes(st, i)); break;
    default: {
        const char *text = (const char *)sqlite3_column_text(st, i);
        out_text(say, text ? text : "-");
        break;
    }
    }
}

static int stop_sql(void *ctx)
{
    struct stub *s = ctx;
    return stub_stop_work(s);
}

static struct odb_err *say_rows(struct odb_db *db, sqlite3_stmt *st, struct out *say)
{
    int n = sqlite3_column_count(st), rc = SQLITE_DONE;
    for (int i = 0; i < n; i++)
        out_printf(say, "%s%s", i ? "\t" : "", sqlite3_column_name(st, i));
    out_text(say, "\n");
    for (int row = 0; row < MAX_ROWS; row++) {
        rc = sqlite3_step(st);
        if (rc != SQLITE_ROW)
            break;
        for (int i = 0; i < n; i++) {
            out_text(say, i ? "\t" : "");
            say_field(say, st, i);
        }
        out_text(say, "\n");
    }
    if (rc == SQLITE_ROW)
        out_printf(say, "only the first %d rows are shown\n", MAX_ROWS);
    else if (rc != SQLITE_DONE)
        return odb_err("%s", sqlite3_errmsg(db_sqlite(db)));
    return NULL;
}

struct odb_err *monitor_sql(struct stub *s, const char *args, struct out *say)
{
    struct odb_db *db = target_database(s->g);
    sqlite3_stmt *st = NULL;
    if (!db)
        return odb_err("there is no index: `odb index %s` makes it", target_dir(s->g));
    sqlite3 *sql = db_sqlite(db);
    if (sqlite3_prepare_v2(sql, args, -1, &st, NULL) != SQLITE_OK)
        return odb_err("%s", sqlite3_errmsg(sql));
    if (!st)
        return odb_err("sql what?");
    if (!sqlite3_stmt_readonly(st)) {
        sqlite3_finalize(st);
        return odb_err("the index is only read");
    }
    sqlite3_progress_handler(sql, 10000, stop_sql, s);
    struct odb_err *e = say_rows(db, st, say);
    sqlite3_progress_handler(sql, 0, NULL, NULL);
    sqlite3_finalize(st);
    return e;
}
