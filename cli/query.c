/* odb query: questions to a recording's index. See query.h. */
#include "cli/query.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/query_symbols.h"
#include "common/cleanup.h"
#include "common/fs.h"
#include "indexer/schema.h"

#define MEM_MAX_BYTES (16u << 20)
#define DISASM_MAX 100000

static struct odb_err *answer_regs(struct query *q);
static struct odb_err *answer_mem(struct query *q);
static struct odb_err *answer_last_write(struct query *q);
static struct odb_err *answer_next_write(struct query *q);
static struct odb_err *answer_writes(struct query *q);
static struct odb_err *answer_processes(struct query *q);
static struct odb_err *answer_syscalls(struct query *q);
static struct odb_err *answer_output(struct query *q);
static struct odb_err *answer_maps(struct query *q);
static struct odb_err *answer_disasm(struct query *q);

static const struct question questions[] = {
    {"regs", "regs --at T", 0, 0, TAKES_AT, answer_regs},
    {"mem", "mem ADDR LEN --at T", 2, 2, TAKES_AT, answer_mem},
    {"last-write", "last-write ADDR[,LEN] --before T", 1, 1, TAKES_BEFORE, answer_last_write},
    {"next-write", "next-write ADDR[,LEN] --from T", 1, 1, TAKES_FROM, answer_next_write},
    {"writes", "writes ADDR[,LEN] [--from T --to T]", 1, 1, TAKES_FROM | TAKES_TO, answer_writes},
    {"syscalls", "syscalls [NAME]", 0, 1, 0, answer_syscalls},
    {"output", "output", 0, 0, 0, answer_output},
    {"maps", "maps --at T", 0, 0, TAKES_AT, answer_maps},
    {"processes", "processes", 0, 0, 0, answer_processes},
    {"disasm", "disasm ADDR [N] --at T", 1, 2, TAKES_AT, answer_disasm},
    {"backtrace", "backtrace --at T [--max N]", 0, 0, TAKES_AT | TAKES_MAX, answer_backtrace},
    {"locals", "locals --at T [--frame N]", 0, 0, TAKES_AT | TAKES_FRAME, answer_locals},
    {"print", "print EXPR --at T [--frame N]", 1, 1, TAKES_AT | TAKES_FRAME, answer_print},
    {"source", "source --at T [--frame N]", 0, 0, TAKES_AT | TAKES_FRAME, answer_source},
    {"history", "history EXPR --at T [--frame N] [--follow] [--calls] [--from T --to T] [--max N]", 1, 1,
     TAKES_AT | TAKES_FRAME | TAKES_FROM | TAKES_TO | TAKES_MAX | TAKES_HISTORY, answer_history},
    {"line", "line FILE:LINE [--from T --to T] [--max N]", 1, 1, TAKES_FROM | TAKES_TO | TAKES_MAX,
     answer_line},
    {"calls", "calls FUNC [--from T --to T] [--max N]", 1, 1, TAKES_FROM | TAKES_TO | TAKES_MAX,
     answer_calls},
    {"why", "why EXPR --at T [--frame N] [--depth N] [--max N]", 1, 1,
     TAKES_AT | TAKES_FRAME | TAKES_DEPTH | TAKES_MAX, answer_why},
};
enum { N_QUESTIONS = sizeof(questions) / sizeof(questions[0]) };

const struct question *query_find(const char *name)
{
    for (size_t i = 0; i < N_QUESTIONS; i++)
        if (!strcmp(questions[i].name, name))
            return &questions[i];
    return NULL;
}

/* ---- answers ---- */

static struct odb_err *answer_regs(struct query *q)
{
    uint64_t t = 0;
    struct db_regs r;
    ODB_TRY(query_parse_t(q, "--at", q->a->at, &t));
    ODB_TRY(query_thread(q, t));
    ODB_TRY(db_registers(q->db, t, q->tid, &r));
    return show_registers(q, t, &r);
}

static struct odb_err *answer_mem(struct query *q)
{
    uint64_t t = 0, n = 0;
    gaddr addr = 0;
    size_t n_valid;
    ODB_TRY(query_parse_t(q, "--at", q->a->at, &t));
    ODB_TRY(query_task(q, t));
    ODB_TRY(query_parse_addr(q, t, q->a->args[0], &addr, NULL));
    ODB_TRY(query_parse_count("LEN", q->a->args[1], MEM_MAX_BYTES, &n));
    _cleanup_free_ uint8_t *p = malloc(n + 1);
    _cleanup_free_ bool *valid = malloc(n + 1);
    if (!p || !valid)
        return odb_err("out of memory");
    ODB_TRY(db_memory(q->db, t, q->pid, addr, n, p, valid, &n_valid));
    if (!n_valid)
        return odb_err("nothing is mapped at 0x%llx at t %llu: 'odb query maps --at %llu' shows what is",
                       (unsigned long long)addr, (unsigned long long)t, (unsigned long long)t);
    return show_memory(q, t, addr, p, valid, n);
}

/* Where memory came from that no instruction wrote. */
static struct odb_err *show_origin(struct query *q, gaddr addr, uint64_t t)
{
    struct db_content c;
    bool found;
    char place[128];
    ODB_TRY(db_content(q->db, t, q->pid, addr, &found, &c));
    if (q->json) {
        fputs("null\n", stdout);
        return NULL;
    }
    if (!found) {
        printf("never written before t %llu, and not mapped then\n", (unsigned long long)t);
        return NULL;
    }
    ODB_TRY(query_place(q, t, q->pid, addr, place, sizeof(place)));
    if (c.t_start)
        printf("not written since it was %s at t %llu%s%s\n", c.moved ? "moved there" : "mapped",
               (unsigned long long)c.t_start - 1, *place ? ": " : "", place);
    else
        printf("never written before t %llu: as it was at the start%s%s\n", (unsigned long long)t,
               *place ? ": " : "", place);
    return NULL;
}

/* A read from a pipe or socket pair put the byte at addr there: who wrote it into the other end. */
static struct odb_err *show_source(struct query *q, const struct db_write *w, gaddr addr)
{
    static const char sql[] = "SELECT x.w_t, x.w_pid, x.w_tid, x.w_at + ?3 - c.arg1 - x.r_at, x.channel FROM "
                              "syscalls c JOIN transfers x ON "
                              "x.r_t=c.t AND x.r_tid=c.tid WHERE c.t=?1 AND c.tid=?2 AND c.name IN ('read', "
                              "'recvfrom') AND ?3 - c.arg1 >= "
                              "x.r_at AND ?3 - c.arg1 < x.r_at + x.size";
    sqlite3 *sq = db_sqlite(q->db);
    sqlite3_stmt *st;
    if (!w->flags || addr - w->addr >= w->n_bytes)
        return NULL;
    if (sqlite3_prepare_v2(sq, sql, -1, &st, NULL) != SQLITE_OK)
        return odb_err("index: %s", sqlite3_errmsg(sq));
    sqlite3_bind_int64(st, 1, (sqlite3_int64)w->t);
    sqlite3_bind_int64(st, 2, w->tid);
    sqlite3_bind_int64(st, 3, (sqlite3_int64)addr);
    if (sqlite3_step(st) == SQLITE_ROW) {
        long long t = sqlite3_column_int64(st, 0), at = sqlite3_column_int64(st, 3);
        int pid = sqlite3_column_int(st, 1), tid = sqlite3_column_int(st, 2),
            channel = sqlite3_column_int(st, 4);
        printf(q->json ? ",\n\"source\":{\"t\":%lld,\"pid\":%d,\"tid\":%d,\"at\":%lld,\"channel\":%d}"
                       : "    from t %lld [%d/%d]: byte %lld of a write to channel %d\n",
               t, pid, tid, at, channel);
    }
    sqlite3_finalize(st);
    return NULL;
}

static struct odb_err *answer_last_write(struct query *q)
{
    uint64_t t = 0, n = 1;
    gaddr addr = 0;
    bool found, mapped;
    struct db_write w;
    struct db_content c;
    ODB_TRY(query_parse_t(q, "--before", q->a->before, &t));
    ODB_TRY(query_task(q, t));
    ODB_TRY(query_parse_addr(q, t, q->a->args[0], &addr, &n));
    ODB_TRY(db_content(q->db, t, q->pid, addr, &mapped, &c));
    ODB_TRY(db_last_write(q->db, q->pid, addr, n, t, &found, &w));
    /* a write to what was mapped there before does not count; one to shared memory may be older than its mapping */
    if (!found || (mapped && !c.object && w.t + 1 < c.t_start))
        return show_origin(q, addr, t);
    ODB_TRY(show_write(q, &w));
    ODB_TRY(show_source(q, &w, addr));
    if (q->json)
        fputs("}\n", stdout);
    return NULL;
}

static struct odb_err *answer_next_write(struct query *q)
{
    uint64_t t = 0, n = 1;
    gaddr addr = 0;
    bool found;
    struct db_write w;
    ODB_TRY(query_parse_t(q, "--from", q->a->from ? q->a->from : "start", &t));
    ODB_TRY(query_task(q, t));
    ODB_TRY(query_parse_addr(q, t, q->a->args[0], &addr, &n));
    ODB_TRY(db_next_write(q->db, q->pid, addr, n, t, &found, &w));
    if (!found) {
        puts(q->json ? "null" : "not written from there on");
        return NULL;
    }
    ODB_TRY(show_write(q, &w));
    if (q->json)
        fputs("}\n", stdout);
    return NULL;
}

struct list {
    struct query *q;
    uint64_t n;
};

static struct odb_err *list_write(void *ctx, const struct db_write *w)
{
    struct list *l = ctx;
    if (l->q->json)
        fputs(l->n ? ",\n " : "", stdout);
    l->n++;
    ODB_TRY(show_write(l->q, w));
    if (l->q->json)
        putchar('}');
    return NULL;
}

static struct odb_err *answer_writes(struct query *q)
{
    uint64_t from = 0, to = 0, n = 1;
    gaddr addr = 0;
    ODB_TRY(query_parse_t(q, "--from", q->a->from ? q->a->from : "start", &from));
    ODB_TRY(query_parse_t(q, "--to", q->a->to, &to));
    ODB_TRY(query_task(q, to));
    ODB_TRY(query_parse_addr(q, to, q->a->args[0], &addr, &n));
    struct list l = {.q = q};
    if (q->json)
        putchar('[');
    ODB_TRY(db_writes(q->db, q->pid, addr, n, from, to, list_write, &l));
    if (q->json)
        fputs("]\n", stdout);
    else if (!l.n)
        puts("no writes");
    return NULL;
}

static void syscall_row(struct query *q, sqlite3_stmt *st)
{
    static const char *const keys[] = {"t", "tid", "nr", "name", "args", "result", "result_text", "pid"};
    if (q->json) {
        json_row(st, keys, 8);
        return;
    }
    printf("%12lld  ", (long long)sqlite3_column_int64(st, 0));
    print_task(q, (uint32_t)sqlite3_column_int64(st, 7), (uint32_t)sqlite3_column_int64(st, 1));
    printf("%s(%s)", row_text(st, 3, "syscall ?"), row_text(st, 4, ""));
    if (sqlite3_column_type(st, 5) != SQLITE_NULL)
        printf(" = %s", row_text(st, 6, "?"));
    putchar('\n');
}

static struct odb_err *answer_syscalls(struct query *q)
{
    const char *name = q->a->n_args ? q->a->args[0] : NULL;
    uint64_t n;
    ODB_TRY(query_each_row(q,
                           "SELECT t, tid, nr, name, args, result, result_text, pid FROM syscalls"
                           " WHERE (?1 IS NULL OR name=?1) AND " QUERY_OF_TASK " ORDER BY t",
                           name, syscall_row, &n));
    if (!n && !q->json)
        printf(name ? "no call of %s\n" : "no system calls\n", name);
    return NULL;
}

static void output_row(struct query *q, sqlite3_stmt *st)
{
    static const char *const keys[] = {"t", "fd", "stream", "text", "pid", "tid"};
    if (q->json) {
        json_row(st, keys, 6);
        return;
    }
    printf("%12lld  ", (long long)sqlite3_column_int64(st, 0));
    print_task(q, (uint32_t)sqlite3_column_int64(st, 4), (uint32_t)sqlite3_column_int64(st, 5));
    printf("%s  ", row_text(st, 2, "?"));
    const void *p = sqlite3_column_blob(st, 3);
    print_quoted(stdout, p, (size_t)sqlite3_column_bytes(st, 3));
    putchar('\n');
}

static struct odb_err *answer_output(struct query *q)
{
    uint64_t n;
    ODB_TRY(query_each_row(
        q,
        "SELECT t, fd, stream, text, pid, tid FROM output WHERE stream IS NOT NULL AND " QUERY_OF_TASK
        " ORDER BY t",
        NULL, output_row, &n));
    if (!n && !q->json)
        puts("no output");
    return NULL;
}

/* Rows come in the order of the tree; the last column is the depth. */
static void process_row(struct query *q, sqlite3_stmt *st)
{
    static const char *const keys[] = {"pid",    "parent",  "t_start", "t_end",
                                       "status", "threads", "exe",     "args"};
    if (q->json) {
        json_row(st, keys, 8);
        return;
    }
    printf("%12lld  %12lld  %*s%lld  ", (long long)sqlite3_column_int64(st, 2),
           (long long)sqlite3_column_int64(st, 3), 2 * sqlite3_column_int(st, 8), "",
           (long long)sqlite3_column_int64(st, 0));
    if (sqlite3_column_int64(st, 5) > 1)
        printf("(%lld threads)  ", (long long)sqlite3_column_int64(st, 5));
    int64_t status = sqlite3_column_int64(st, 4);
    if (sqlite3_column_type(st, 4) == SQLITE_NULL)
        fputs("alive  ", stdout);
    else if (status < 0)
        printf("signal %lld  ", -(long long)status);
    else if (status)
        printf("exit %lld  ", (long long)status);
    puts(row_text(st, 7, ""));
}

static struct odb_err *answer_processes(struct query *q)
{
    static const char sql[] =
        "WITH RECURSIVE tree(id, depth) AS ("
        " SELECT rowid, 0 FROM processes p WHERE (?2 IS NOT NULL AND pid=?2) OR (?2 IS NULL AND NOT EXISTS"
        "  (SELECT 1 FROM processes o WHERE o.pid=p.parent AND o.t_start<=p.t_start AND o.t_end>=p.t_start"
        "   AND o.rowid<>p.rowid))"
        " UNION ALL SELECT c.rowid, tree.depth+1 FROM tree JOIN processes p ON p.rowid=tree.id"
        "  JOIN processes c ON c.parent=p.pid AND c.t_start BETWEEN p.t_start AND p.t_end AND "
        "c.rowid<>p.rowid"
        "  WHERE tree.depth<1000 ORDER BY 2 DESC, 1 LIMIT 1000000)"
        "SELECT pid, parent, t_start, t_end, status, (SELECT count(*) FROM threads t WHERE t.pid=p.pid AND"
        " t.t_start BETWEEN p.t_start AND p.t_end), exe, args, depth FROM tree JOIN processes p ON "
        "p.rowid=tree.id";
    uint64_t n;
    if (!q->json)
        printf("%12s  %12s  process\n", "t start", "t end");
    return query_each_row(q, sql, NULL, process_row, &n);
}

static struct odb_err *answer_maps(struct query *q)
{
    uint64_t t = 0;
    struct db_map *maps;
    size_t n;
    ODB_TRY(query_parse_t(q, "--at", q->a->at, &t));
    ODB_TRY(query_task(q, t));
    ODB_TRY(db_maps(q->db, t, q->pid, &maps, &n));
    if (q->json)
        putchar('[');
    for (size_t i = 0; i < n; i++) {
        if (q->json && i)
            fputs(",\n ", stdout);
        show_map(q, &maps[i]);
    }
    if (q->json)
        fputs("]\n", stdout);
    db_maps_free(maps, n);
    return NULL;
}

static struct odb_err *answer_disasm(struct query *q)
{
    uint64_t t = 0, n = 10;
    gaddr addr = 0;
    ODB_TRY(query_parse_t(q, "--at", q->a->at, &t));
    ODB_TRY(query_task(q, t));
    ODB_TRY(query_parse_addr(q, t, q->a->args[0], &addr, NULL));
    if (q->a->n_args > 1)
        ODB_TRY(query_parse_count("N", q->a->args[1], DISASM_MAX, &n));
    return show_code(q, t, addr, (unsigned)n);
}

/* ---- the command ---- */

static struct odb_err *open_index(const char *dir, struct odb_db **ret)
{
    _cleanup_free_ char *path = NULL;
    ODB_TRY(cli_ensure_index(dir));
    ODB_TRY(fs_join(dir, "index.db", &path));
    return db_open(path, ret);
}

/* --pid and --tid; and is there more than one thread? */
static struct odb_err *read_task(struct query *q)
{
    const struct {
        const char *name, *text;
        uint32_t *to;
    } options[] = {{"--pid", q->a->pid, &q->pid}, {"--tid", q->a->tid, &q->tid}};
    for (int i = 0; i < 2; i++) {
        uint64_t v = 0;
        if (options[i].text)
            ODB_TRY(query_parse_count(options[i].name, options[i].text, UINT32_MAX, &v));
        *options[i].to = (uint32_t)v;
    }
    sqlite3 *sq = db_sqlite(q->db);
    sqlite3_stmt *st;
    if (sqlite3_prepare_v2(sq, "SELECT count(*)>1 FROM (SELECT 1 FROM threads LIMIT 2)", -1, &st, NULL) !=
        SQLITE_OK)
        return odb_err("index: %s", sqlite3_errmsg(sq));
    q->many = sqlite3_step(st) == SQLITE_ROW && sqlite3_column_int(st, 0);
    sqlite3_finalize(st);
    return NULL;
}

struct odb_err *cli_query(int argc, char **argv, int *ret_status)
{
    (void)ret_status;
    struct query_args a = {0};
    ODB_TRY(query_parse(argc, argv, &a));
    _cleanup_free_ char *dir = NULL;
    ODB_TRY(cli_find_recording(a.dir, &dir));
    struct query q = {.a = &a, .json = a.json, .dir = dir};
    ODB_TRY(open_index(dir, &q.db));
    struct odb_err *e = read_task(&q);
    if (!e)
        e = a.sql ? query_sql(&q, a.question) : query_find(a.question)->answer(&q);
    query_symbols_close(&q);
    db_maps_free(q.maps, q.n_maps);
    db_close(q.db);
    if (!e && (fflush(stdout) || ferror(stdout)))
        e = odb_err("cannot write the answer to stdout");
    return e;
}
