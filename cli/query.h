/* Inside `odb query`: query.c reads the command line and answers; query_out.c is how answers look;
 * query_sql.c is SQL. cli_query() itself is declared in cli.h.
 *
 * To add a question: its row and function in query.c, query_help in main.c, man/odb.1, tests/db/query.sh. */
#ifndef ODB_CLI_QUERY_H
#define ODB_CLI_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/err.h"
#include "db/db.h"

#define QUERY_MAX_ARGS 4

/* The command line, not looked at further. Borrowed from argv. */
struct query_args {
    const char *dir;      /* NULL: the latest recording */
    const char *question; /* name, or SQL */
    bool sql;
    const char *args[QUERY_MAX_ARGS];
    int n_args;
    const char *at, *before, *from, *to, *pid, *tid; /* NULL: not given */
    bool json;
};
struct odb_err *query_parse(int argc, char **argv, struct query_args *ret) ODB_MUST_CHECK;

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
};

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

/* ---- query_sql.c ---- */

/* Runs the statements and prints their rows. Text shows columns named addr, rip, ... in hexadecimal. */
struct odb_err *query_sql(struct query *q, const char *sql) ODB_MUST_CHECK;

#endif
