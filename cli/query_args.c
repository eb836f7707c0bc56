/* odb query's command line: options, T, ADDR, and which process and thread are meant. */
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/cli.h"
#include "cli/query_symbols.h"
#include "common/cleanup.h"

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

static bool is_question(const char *arg) { return query_find(arg) || looks_like_sql(arg); }

/* Options that take an argument. To add one: its field in struct query_args, its bit in enum query_takes. */
#define FIELD(name) offsetof(struct query_args, name)
static const struct option {
    const char *name;
    unsigned takes; /* 0: every question, but not SQL */
    size_t field;
} value_options[] = {
    {"at", TAKES_AT, FIELD(at)},
    {"before", TAKES_BEFORE, FIELD(before)},
    {"from", TAKES_FROM, FIELD(from)},
    {"to", TAKES_TO, FIELD(to)},
    {"frame", TAKES_FRAME, FIELD(frame)},
    {"max", TAKES_MAX, FIELD(max)},
    {"depth", TAKES_DEPTH, FIELD(depth)},
    {"pid", 0, FIELD(pid)},
    {"tid", 0, FIELD(tid)},
};
enum { N_VALUE_OPTIONS = sizeof(value_options) / sizeof(value_options[0]) };

static const char **option_field(struct query_args *a, const struct option *o)
{
    return (const char **)((char *)a + o->field);
}

static struct odb_err *check_options(struct query_args *a)
{
    const struct question *what = a->sql ? NULL : query_find(a->question);
    for (size_t i = 0; i < N_VALUE_OPTIONS; i++) {
        const struct option *o = &value_options[i];
        if (!*option_field(a, o))
            continue;
        if (!what && !o->takes)
            return cli_usage("query: SQL takes no --pid and --tid: put them into the statement");
        if (o->takes && !(what && what->takes & o->takes))
            return cli_usage("query: %s takes no --%s", what ? what->name : "SQL", o->name);
    }
    if ((a->follow || a->calls) && !(what && what->takes & TAKES_HISTORY))
        return cli_usage("query: %s takes no --%s", what ? what->name : "SQL",
                         a->follow ? "follow" : "calls");
    if (what && (a->n_args < what->min_args || a->n_args > what->max_args))
        return cli_usage("query: odb query [DIR] %s", what->usage);
    if (!what && a->n_args)
        return cli_usage("query: '%s' after the SQL: put the whole statement into one argument", a->args[0]);
    return NULL;
}

struct odb_err *query_parse(int argc, char **argv, struct query_args *ret)
{
    struct query_args a = {0};
    enum { N_FLAGS = 3 };
    struct cli_option options[N_FLAGS + N_VALUE_OPTIONS] = {
        {"json", 0, &a.json, NULL}, {"follow", 0, &a.follow, NULL}, {"calls", 0, &a.calls, NULL}};
    for (size_t i = 0; i < N_VALUE_OPTIONS; i++)
        options[N_FLAGS + i] =
            (struct cli_option){.name = value_options[i].name, .value = option_field(&a, &value_options[i])};
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
    a.sql = !query_find(a.question);
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
struct odb_err *query_parse_t(const struct query *q, const char *option, const char *text, uint64_t *ret)
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
struct odb_err *query_task(struct query *q, uint64_t t)
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
struct odb_err *query_thread(struct query *q, uint64_t t)
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
        return cli_usage("query: '%s' is not an address: give a number, a general register, or an expression",
                         name);
    ODB_TRY(query_thread(q, t));
    ODB_TRY(db_registers(q->db, t, q->tid, &r));
    *ret = r.regs.scalar[reg];
    return NULL;
}

/* NUMBER or REGISTER, then +NUMBER or -NUMBER, then ,NUMBER (if ret_len). false: something else. */
static bool plain_addr(const char *text, uint64_t *ret, char ret_register[16], uint64_t *ret_len)
{
    char *rest;
    uint64_t addr = 0, offset = 0, n_bytes = 0;
    ret_register[0] = 0;
    if (!parse_number(text, &rest, &addr)) {
        size_t n = strcspn(text, "+-,");
        if (n >= 16)
            return false;
        memcpy(ret_register, text, n);
        ret_register[n] = 0;
        if (db_reg_number(ret_register) < 0)
            return false;
        rest = (char *)(uintptr_t)text + n;
    }
    if (*rest == '+' || *rest == '-') {
        char sign = *rest;
        if (!parse_number(rest + 1, &rest, &offset))
            return false;
        addr = sign == '+' ? addr + offset : addr - offset;
    }
    if (*rest == ',' && ret_len && (!parse_number(rest + 1, &rest, &n_bytes) || !n_bytes))
        return false;
    if (*rest)
        return false;
    if (n_bytes)
        *ret_len = n_bytes;
    *ret = addr;
    return true;
}

/* EXPR[,LEN]: the memory that it names. */
static struct odb_err *variable_range(struct query *q, uint64_t t, const char *text, gaddr *ret,
                                      uint64_t *ret_len)
{
    _cleanup_free_ char *expr = strdup(text);
    char *comma = expr ? strrchr(expr, ',') : NULL, *rest = NULL;
    uint64_t n_bytes = 0;
    if (!expr)
        return odb_err("out of memory");
    if (comma && parse_number(comma + 1, &rest, &n_bytes) && !*rest) {
        if (!n_bytes)
            return cli_usage("query: '%s': a length of at least 1 must follow the comma", text);
        *comma = 0;
    }
    ODB_TRY(query_lvalue(q, t, expr, ret, ret_len));
    if (n_bytes)
        *ret_len = n_bytes;
    return NULL;
}

struct odb_err *query_parse_addr(struct query *q, uint64_t t, const char *text, gaddr *ret, uint64_t *ret_len)
{
    char name[16];
    uint64_t addr = 0, value = 0;
    if (!plain_addr(text, &addr, name, ret_len))
        return ret_len ? variable_range(q, t, text, ret, ret_len) : query_number(q, t, text, ret);
    if (*name)
        ODB_TRY(register_value(q, t, name, &value));
    *ret = value + addr;
    return NULL;
}

struct odb_err *query_parse_count(const char *what, const char *text, uint64_t max, uint64_t *ret)
{
    char *rest;
    if (!parse_number(text, &rest, ret) || *rest || !*ret || *ret > max)
        return cli_usage("query: %s '%s': a number from 1 to %llu", what, text, (unsigned long long)max);
    return NULL;
}

struct odb_err *query_parse_index(const char *what, const char *text, uint64_t max, uint64_t *ret)
{
    char *rest;
    uint64_t n;
    if (!text)
        return NULL;
    if (!parse_number(text, &rest, &n) || *rest || n > max)
        return cli_usage("query: %s '%s': a number from 0 to %llu", what, text, (unsigned long long)max);
    *ret = n;
    return NULL;
}
