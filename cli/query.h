/* Inside `odb query`: query.c has the table of questions, and answers those about the database itself; query_args.c reads the
 * command line; query_out.c is how answers look; query_sql.c is SQL. cli_query() itself is declared in cli.h.
 *
 * To add a question: its row in query.c, its function declared below, query_help in main.c, man/odb.1, tests/db/query.sh.
 * An option: value_options in query_args.c. */
#ifndef ODB_CLI_QUERY_H
#define ODB_CLI_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/err.h"
#include "db/db.h"

struct sqlite3_stmt;
struct symbols;
struct view_db;

#define QUERY_MAX_ARGS 4

/* The command line, not looked at further. Borrowed from argv. */
struct query_args {
    const char *dir;      /* NULL: the latest recording */
    const char *question; /* name, or SQL */
    bool sql;
    const char *args[QUERY_MAX_ARGS];
    int n_args;
    const char *at, *before, *from, *to, *frame, *max, *depth, *pid, *tid; /* NULL: not given */
    bool json;
    bool follow, calls; /* TAKES_HISTORY */
};
struct odb_err *query_parse(int argc, char **argv, struct query_args *ret) ODB_MUST_CHECK;

struct query;
enum query_takes {
    TAKES_AT = 1,
    TAKES_BEFORE = 2,
    TAKES_FROM = 4,
    TAKES_TO = 8,
    TAKES_FRAME = 16,
    TAKES_MAX = 32,
    TAKES_DEPTH = 64,
    TAKES_HISTORY = 128, /* --follow, --calls */
};
/* A row of the table of questions. */
struct question {
    const char *name, *usage;
    int min_args, max_args;
    unsigned takes; /* options, of enum query_takes */
    struct odb_err *(*answer)(struct query *q);
};
const struct question *query_find(const char *name);

/* A question being answered. */
struct query {
    const struct query_args *a;
    struct odb_db *db;
    bool json;
    uint32_t pid, tid; /* --pid and --tid; 0: not given. For a state: query_task() completes them */
    bool many;         /* the recording has more than one thread */
    /* mappings, to name addresses: those of maps_pid at maps_t */
    struct db_map *maps; /* owned */
    size_t n_maps;
    uint64_t maps_t;
    uint32_t maps_pid;
    bool have_maps;
    const char *dir;         /* the recording's folder */
    struct view_db *view;    /* owned; NULL: not needed yet (query_symbols.h) */
    struct symbols *symbols; /* owned; likewise */
};

/* ---- answers in files of their own: they are in the table of query.c ---- */

struct odb_err *answer_backtrace(struct query *q) ODB_MUST_CHECK; /* query_stack.c */
struct odb_err *answer_print(struct query *q) ODB_MUST_CHECK;     /* query_symbols.c */
struct odb_err *answer_locals(struct query *q) ODB_MUST_CHECK;    /* query_symbols.c */
struct odb_err *answer_source(struct query *q) ODB_MUST_CHECK;    /* query_symbols.c */
struct odb_err *answer_history(struct query *q) ODB_MUST_CHECK;   /* query_history.c */
struct odb_err *answer_line(struct query *q) ODB_MUST_CHECK;      /* query_line.c */
struct odb_err *answer_calls(struct query *q) ODB_MUST_CHECK;     /* query_calls.c */
struct odb_err *answer_why(struct query *q) ODB_MUST_CHECK;       /* query_why.c */

/* ---- query_args.c ---- */

/* A number, `start`, `end`, or `N%`. NULL text: the last state of the task that is asked for. option: for the message. */
struct odb_err *query_parse_t(const struct query *q, const char *option, const char *text, uint64_t *ret)
    ODB_MUST_CHECK;
/* Where something lies: NUMBER or REGISTER, then +NUMBER or -NUMBER; or a C expression: with ret_len the memory that it
 * names (a variable, *pointer), else its value (a pointer, &variable, a function). With ret_len, ,LENGTH may follow;
 * without, *ret_len is the expression's size, or stays. */
struct odb_err *query_parse_addr(struct query *q, uint64_t t, const char *text, gaddr *ret, uint64_t *ret_len)
    ODB_MUST_CHECK;
/* A number from 1 to max. what: for the message. */
struct odb_err *query_parse_count(const char *what, const char *text, uint64_t max, uint64_t *ret)
    ODB_MUST_CHECK;
/* A number from 0 to max; NULL text leaves *ret. */
struct odb_err *query_parse_index(const char *what, const char *text, uint64_t max, uint64_t *ret)
    ODB_MUST_CHECK;
/* Completes q->pid (and q->tid): the process and thread that a question about the state at t means: those given, or
 * those that run at t. */
struct odb_err *query_task(struct query *q, uint64_t t) ODB_MUST_CHECK;
/* The same, and q->tid is never 0: whose registers are meant. */
struct odb_err *query_thread(struct query *q, uint64_t t) ODB_MUST_CHECK;

/* ---- query_out.c ---- */

/* "[PID/TID] " where there is more than one thread, else nothing. */
void print_task(const struct query *q, uint32_t pid, uint32_t tid);
/* "libc.so.6+0x2740a", "[stack]", "" for an address of a process at t. */
struct odb_err *query_place(struct query *q, uint64_t t, uint32_t pid, gaddr addr, char *buf, size_t n_bytes)
    ODB_MUST_CHECK;
void json_string(FILE *f, const void *text, size_t n_bytes);
void json_hex(FILE *f, const uint8_t *p, size_t n_bytes);
/* Text in double quotes, with C escapes. */
void print_quoted(FILE *f, const void *text, size_t n_bytes);
/* Up to 8 bytes as one number, more byte by byte. */
void print_value(FILE *f, const uint8_t *p, size_t n_bytes);
struct odb_err *show_registers(struct query *q, uint64_t t, const struct db_regs *r) ODB_MUST_CHECK;
struct odb_err *show_memory(struct query *q, uint64_t t, gaddr addr, const uint8_t *p, const bool *valid,
                            size_t n) ODB_MUST_CHECK;
/* One write; in JSON an object that the caller closes. */
struct odb_err *show_write(struct query *q, const struct db_write *w) ODB_MUST_CHECK;
void show_map(struct query *q, const struct db_map *m);
struct odb_err *show_code(struct query *q, uint64_t t, gaddr addr, unsigned n_insns) ODB_MUST_CHECK;

typedef void (*query_row_fn)(struct query *q, struct sqlite3_stmt *st);
/* Rows of a statement of our own. Its parameters: ?1 arg (NULL: none), ?2 --pid and ?3 --tid (NULL: not given). */
#define QUERY_OF_TASK "(?2 IS NULL OR pid=?2) AND (?3 IS NULL OR tid=?3)"
struct odb_err *query_each_row(struct query *q, const char *sql, const char *arg, query_row_fn row,
                               uint64_t *ret_n) ODB_MUST_CHECK;
void json_field(struct sqlite3_stmt *st, int i, const char *before);
const char *row_text(struct sqlite3_stmt *st, int i, const char *otherwise);
/* The fields as an object; keys are NUL-terminated, n of them. */
void json_row(struct sqlite3_stmt *st, const char *const *keys, int n);

/* ---- query_sql.c ---- */

/* Runs the statements and prints their rows. Text shows columns named addr, rip, ... in hexadecimal. */
struct odb_err *query_sql(struct query *q, const char *sql) ODB_MUST_CHECK;

/* ---- query_sql_symbols.c ---- */

/* Adds what only `odb query` has, as it needs symbols/: the function typed(expr, t [, tid]) and the table backtrace(t [, tid]).
 * They live as long as the connection; q must, too. */
struct odb_err *query_sql_symbols(struct query *q) ODB_MUST_CHECK;

#endif
