/* odb query: questions to a recording's index. See query.h. */
#include "cli/query.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/cli.h"
#include "common/cleanup.h"
#include "common/fs.h"
#include "indexer/schema.h"

#define MEM_MAX_BYTES (16u << 20)
#define DISASM_MAX 100000

enum { TAKES_AT = 1, TAKES_BEFORE = 2, TAKES_FROM = 4, TAKES_TO = 8 };

struct question {
    const char *name, *usage;
    int min_args, max_args;
    unsigned takes;
    struct odb_err *(*answer)(struct query *q);
};

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
};
enum { N_QUESTIONS = sizeof(questions) / sizeof(questions[0]) };

/* ---- the command line ---- */

static const struct question *find_question(const char *name)
{
    for (size_t i = 0; i < N_QUESTIONS; i++)
        if (!strcmp(questions[i].name, name))
            return &questions[i];
    return NULL;
}

static bool looks_like_sql(const char *text)
{
    static const char *const words[] = {"select", "with", "values", "explain", "pragma"};
    text += strspn(text, " \t\n(");
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        size_t n = strlen(words[i]);
        if (!strncasecmp(text, words[i], n) && (!text[n] || strchr(" \t\n(*'\"-", text[n])))
            return true;
    }
    return false;
}

static bool is_question(const char *arg) { return find_question(arg) || looks_like_sql(arg); }

static struct odb_err *check_options(const struct query_args *a)
{
    const struct question *what = a->sql ? NULL : find_question(a->question);
    unsigned takes = what ? what->takes : 0;
    const char *name = what ? what->name : "SQL";
    if (a->at && !(takes & TAKES_AT))
        return cli_usage("query: %s takes no --at", name);
    if (a->before && !(takes & TAKES_BEFORE))
        return cli_usage("query: %s takes no --before", name);
    if (a->from && !(takes & TAKES_FROM))
        return cli_usage("query: %s takes no --from", name);
    if (a->to && !(takes & TAKES_TO))
        return cli_usage("query: %s takes no --to", name);
    if ((a->pid || a->tid) && !what)
        return cli_usage("query: SQL takes no --pid and --tid: put them into the statement");
    if (what && (a->n_args < what->min_args || a->n_args > what->max_args))
        return cli_usage("query: odb query [DIR] %s", what->usage);
    if (!what && a->n_args)
        return cli_usage("query: '%s' after the SQL: put the whole statement into one argument", a->args[0]);
    return NULL;
}

struct odb_err *query_parse(int argc, char **argv, struct query_args *ret)
{
    struct query_args a = {0};
    const struct cli_option options[] = {
        {"json", 0, &a.json, NULL}, {"at", 0, NULL, &a.at}, {"before", 0, NULL, &a.before},
        {"from", 0, NULL, &a.from}, {"to", 0, NULL, &a.to}, {"pid", 0, NULL, &a.pid},
        {"tid", 0, NULL, &a.tid},
    };
    ODB_TRY(
        cli_parse_options(options, sizeof(options) / sizeof(*options), CLI_OPTIONS_ANYWHERE, &argc, argv));
    int i = 1;
    if (argc > 1 &&
        (!is_question(argv[1]) || (argc > 2 && is_question(argv[2]) && cli_is_recording(argv[1]))))
        a.dir = argv[i++];
    if (i >= argc) {
        if (a.dir && !cli_is_recording(a.dir))
            return cli_usage("query: '%s' is neither a question nor a recording: see 'odb help query'",
                             a.dir);
        return cli_usage("query: what is the question? See 'odb help query'");
    }
    a.question = argv[i++];
    a.sql = !find_question(a.question);
    if (a.sql && !looks_like_sql(a.question))
        return cli_usage("query: '%s' is no question: see 'odb help query'", a.question);
    for (; i < argc; i++) {
        if (a.n_args == QUERY_MAX_ARGS)
            return cli_usage("query: too many arguments from '%s' on", argv[i]);
        a.args[a.n_args++] = argv[i];
    }
    ODB_TRY(check_options(&a));
    *ret = a;
    return NULL;
}

static bool parse_number(const char *text, char **ret_end, uint64_t *ret)
{
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    *ret = strtoull(text, ret_end, hex ? 16 : 10);
    return !errno;
}

/* The last state: of the thread or process that is asked for, else of the recording. */
static uint64_t last_state(const struct query *q)
{
    uint64_t end = db_end_t(q->db);
    sqlite3_stmt *st;
    if ((!q->pid && !q->tid) || sqlite3_prepare_v2(db_sqlite(q->db),
                                                   q->tid ? "SELECT max(t_end) FROM threads WHERE tid=?1"
                                                          : "SELECT max(t_end) FROM processes WHERE pid=?1",
                                                   -1, &st, NULL) != SQLITE_OK)
        return end;
    sqlite3_bind_int64(st, 1, q->tid ? q->tid : q->pid);
    if (sqlite3_step(st) == SQLITE_ROW && sqlite3_column_type(st, 0) == SQLITE_INTEGER &&
        (uint64_t)sqlite3_column_int64(st, 0) < end)
        end = (uint64_t)sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return end;
}

/* A number, `start`, `end`, or `N%`. NULL text: the end. */
static struct odb_err *parse_t(const struct query *q, const char *option, const char *text, uint64_t *ret)
{
    uint64_t end = db_end_t(q->db), t;
    char *rest;
    if (!text) {
        *ret = last_state(q);
        return NULL;
    }
    if (!strcmp(text, "end")) {
        *ret = end;
        return NULL;
    }
    if (!strcmp(text, "start")) {
        *ret = 0;
        return NULL;
    }
    if (text[strlen(text) - (*text != 0)] == '%') {
        double percent = strtod(text, &rest);
        if (rest == text || strcmp(rest, "%") != 0 || !(percent >= 0 && percent <= 100))
            return cli_usage("query: %s %s: a percentage is from 0%% to 100%%", option, text);
        t = (uint64_t)((double)end * percent / 100);
        *ret = t < end ? t : end;
        return NULL;
    }
    if (!parse_number(text, &rest, &t) || *rest)
        return cli_usage("query: %s %s: T is a number, 'start', 'end', or 'N%%'", option, text);
    if (t > end)
        return odb_err("%s %s is behind the end: the last state is %llu", option, text,
                       (unsigned long long)end);
    *ret = t;
    return NULL;
}

/* The process and thread that a question about the state at t means: those given, or those that run at t. */
static struct odb_err *query_task(struct query *q, uint64_t t)
{
    if (q->tid) {
        uint32_t pid = 0;
        ODB_TRY(db_process_of(q->db, t, q->tid, &pid));
        if (q->pid && q->pid != pid)
            return odb_err("thread %u is not of process %u but of %u", q->tid, q->pid, pid);
        q->pid = pid;
        return NULL;
    }
    return q->pid ? NULL : db_running(q->db, t, &q->pid, &q->tid);
}

/* The thread whose registers are meant. */
static struct odb_err *query_thread(struct query *q, uint64_t t)
{
    ODB_TRY(query_task(q, t));
    return q->tid ? NULL : db_last_thread(q->db, t, q->pid, &q->tid);
}

/* A register's value at t. */
static struct odb_err *register_value(struct query *q, uint64_t t, const char *name, uint64_t *ret)
{
    int reg = db_reg_number(name);
    struct db_regs r;
    if (reg < 0 || regfile_wide((unsigned)reg) >= 0)
        return cli_usage("query: '%s' is not an address: give a number (0x... for hexadecimal) or a register",
                         name);
    ODB_TRY(query_thread(q, t));
    ODB_TRY(db_registers(q->db, t, q->tid, &r));
    *ret = r.regs.scalar[reg];
    return NULL;
}

/* NUMBER or REGISTER, then +NUMBER or -NUMBER, then (if ret_len) ,NUMBER. */
static struct odb_err *parse_addr(struct query *q, uint64_t t, const char *text, gaddr *ret,
                                  uint64_t *ret_len)
{
    char *rest, name[16];
    uint64_t addr = 0, offset = 0;
    size_t n = strcspn(text, "+-,");
    if (!parse_number(text, &rest, &addr)) {
        if (n >= sizeof(name))
            return cli_usage(
                "query: '%s' is not an address: give a number (0x... for hexadecimal) or a register", text);
        memcpy(name, text, n);
        name[n] = 0;
        ODB_TRY(register_value(q, t, name, &addr));
        rest = (char *)(uintptr_t)text + n;
    }
    if (*rest == '+' || *rest == '-') {
        char sign = *rest;
        if (!parse_number(rest + 1, &rest, &offset))
            return cli_usage("query: '%s': a number must follow the %c", text, sign);
        addr = sign == '+' ? addr + offset : addr - offset;
    }
    if (*rest == ',' && ret_len) {
        if (!parse_number(rest + 1, &rest, ret_len) || !*ret_len)
            return cli_usage("query: '%s': a length of at least 1 must follow the comma", text);
    }
    if (*rest)
        return cli_usage("query: '%s': '%s' is not understood", text, rest);
    *ret = addr;
    return NULL;
}

static struct odb_err *parse_count(const char *what, const char *text, uint64_t max, uint64_t *ret)
{
    char *rest;
    if (!parse_number(text, &rest, ret) || *rest || !*ret || *ret > max)
        return cli_usage("query: %s '%s': a number from 1 to %llu", what, text, (unsigned long long)max);
    return NULL;
}

/* ---- answers ---- */

static struct odb_err *answer_regs(struct query *q)
{
    uint64_t t = 0;
    struct db_regs r;
    ODB_TRY(parse_t(q, "--at", q->a->at, &t));
    ODB_TRY(query_thread(q, t));
    ODB_TRY(db_registers(q->db, t, q->tid, &r));
    return show_registers(q, t, &r);
}

static struct odb_err *answer_mem(struct query *q)
{
    uint64_t t = 0, n = 0;
    gaddr addr = 0;
    size_t n_valid;
    ODB_TRY(parse_t(q, "--at", q->a->at, &t));
    ODB_TRY(query_task(q, t));
    ODB_TRY(parse_addr(q, t, q->a->args[0], &addr, NULL));
    ODB_TRY(parse_count("LEN", q->a->args[1], MEM_MAX_BYTES, &n));
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
    ODB_TRY(parse_t(q, "--before", q->a->before, &t));
    ODB_TRY(query_task(q, t));
    ODB_TRY(parse_addr(q, t, q->a->args[0], &addr, &n));
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
    ODB_TRY(parse_t(q, "--from", q->a->from ? q->a->from : "start", &t));
    ODB_TRY(query_task(q, t));
    ODB_TRY(parse_addr(q, t, q->a->args[0], &addr, &n));
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
    ODB_TRY(parse_t(q, "--from", q->a->from ? q->a->from : "start", &from));
    ODB_TRY(parse_t(q, "--to", q->a->to, &to));
    ODB_TRY(query_task(q, to));
    ODB_TRY(parse_addr(q, to, q->a->args[0], &addr, &n));
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

typedef void (*row_fn)(struct query *q, sqlite3_stmt *st);

/* Rows of a statement of our own. Its parameters: ?1 arg (NULL: none), ?2 --pid and ?3 --tid (NULL: not given). */
static struct odb_err *each_row(struct query *q, const char *sql, const char *arg, row_fn row,
                                uint64_t *ret_n)
{
    sqlite3 *sq = db_sqlite(q->db);
    sqlite3_stmt *st;
    if (sqlite3_prepare_v2(sq, sql, -1, &st, NULL) != SQLITE_OK)
        return odb_err("index: %s", sqlite3_errmsg(sq));
    if (arg)
        sqlite3_bind_text(st, 1, arg, -1, SQLITE_STATIC);
    if (q->pid)
        sqlite3_bind_int64(st, 2, q->pid);
    if (q->tid)
        sqlite3_bind_int64(st, 3, q->tid);
    int rc;
    uint64_t n = 0;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        if (q->json)
            fputs(n ? ",\n " : "[", stdout);
        row(q, st);
        n++;
    }
    struct odb_err *e = rc == SQLITE_DONE ? NULL : odb_err("index: %s", sqlite3_errmsg(sq));
    sqlite3_finalize(st);
    if (!e && q->json)
        fputs(n ? "]\n" : "[]\n", stdout);
    *ret_n = n;
    return e;
}
#define OF_TASK "(?2 IS NULL OR pid=?2) AND (?3 IS NULL OR tid=?3)"

static void json_field(sqlite3_stmt *st, int i, const char *before)
{
    fputs(before, stdout);
    if (sqlite3_column_type(st, i) == SQLITE_NULL) {
        fputs("null", stdout);
        return;
    }
    if (sqlite3_column_type(st, i) == SQLITE_INTEGER) {
        printf("%lld", (long long)sqlite3_column_int64(st, i));
        return;
    }
    const void *p = sqlite3_column_blob(st, i);
    json_string(stdout, p, (size_t)sqlite3_column_bytes(st, i));
}

static const char *text_or(sqlite3_stmt *st, int i, const char *otherwise)
{
    const char *text = (const char *)sqlite3_column_text(st, i);
    return text ? text : otherwise;
}

/* The fields as an object; keys are NUL-terminated, n of them. */
static void json_row(sqlite3_stmt *st, const char *const *keys, int n)
{
    for (int i = 0; i < n; i++) {
        fputs(i ? "," : "{", stdout);
        json_string(stdout, keys[i], strlen(keys[i]));
        json_field(st, i, ":");
    }
    putchar('}');
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
    printf("%s(%s)", text_or(st, 3, "syscall ?"), text_or(st, 4, ""));
    if (sqlite3_column_type(st, 5) != SQLITE_NULL)
        printf(" = %s", text_or(st, 6, "?"));
    putchar('\n');
}

static struct odb_err *answer_syscalls(struct query *q)
{
    const char *name = q->a->n_args ? q->a->args[0] : NULL;
    uint64_t n;
    ODB_TRY(each_row(q,
                     "SELECT t, tid, nr, name, args, result, result_text, pid FROM syscalls"
                     " WHERE (?1 IS NULL OR name=?1) AND " OF_TASK " ORDER BY t",
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
    printf("%s  ", text_or(st, 2, "?"));
    const void *p = sqlite3_column_blob(st, 3);
    print_quoted(stdout, p, (size_t)sqlite3_column_bytes(st, 3));
    putchar('\n');
}

static struct odb_err *answer_output(struct query *q)
{
    uint64_t n;
    ODB_TRY(each_row(q,
                     "SELECT t, fd, stream, text, pid, tid FROM output WHERE stream IS NOT NULL AND " OF_TASK
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
    puts(text_or(st, 7, ""));
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
    return each_row(q, sql, NULL, process_row, &n);
}

static struct odb_err *answer_maps(struct query *q)
{
    uint64_t t = 0;
    struct db_map *maps;
    size_t n;
    ODB_TRY(parse_t(q, "--at", q->a->at, &t));
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
    ODB_TRY(parse_t(q, "--at", q->a->at, &t));
    ODB_TRY(query_task(q, t));
    ODB_TRY(parse_addr(q, t, q->a->args[0], &addr, NULL));
    if (q->a->n_args > 1)
        ODB_TRY(parse_count("N", q->a->args[1], DISASM_MAX, &n));
    return show_code(q, t, addr, (unsigned)n);
}

/* ---- the command ---- */

static struct odb_err *open_index(const char *arg, struct odb_db **ret)
{
    _cleanup_free_ char *dir = NULL, *path = NULL;
    ODB_TRY(cli_find_recording(arg, &dir));
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
            ODB_TRY(parse_count(options[i].name, options[i].text, UINT32_MAX, &v));
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
    struct query q = {.a = &a, .json = a.json};
    ODB_TRY(open_index(a.dir, &q.db));
    struct odb_err *e = read_task(&q);
    if (!e)
        e = a.sql ? query_sql(&q, a.question) : find_question(a.question)->answer(&q);
    db_maps_free(q.maps, q.n_maps);
    db_close(q.db);
    if (!e && (fflush(stdout) || ferror(stdout)))
        e = odb_err("cannot write the answer to stdout");
    return e;
}
