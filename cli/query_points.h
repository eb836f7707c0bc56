/* Places of the source as points of the database: which addresses, in which processes (query_points.c). */
#ifndef ODB_CLI_QUERY_POINTS_H
#define ODB_CLI_QUERY_POINTS_H

#include "cli/query_symbols.h"

struct query_points {
    struct db_point *points; /* owned, by address and process */
    size_t n, cap;
};
void query_points_deinit(struct query_points *p);
#define _cleanup_points_ __attribute__((cleanup(query_points_deinit)))
/* Kept in order; one that is there already is left. */
struct odb_err *query_points_add(struct query_points *p, gaddr addr, uint32_t pid) ODB_MUST_CHECK;

/* The function's entries in every program that was ever mapped (of --pid, where that is given). An error where there is none. */
struct odb_err *query_find_function(struct query *q, const char *name, struct query_points *ret)
    ODB_MUST_CHECK;
/* "FILE:LINE": the beginnings of its statements; *ret_line: the line that was found, the next that has code. */
struct odb_err *query_find_line(struct query *q, const char *where, struct query_points *ret, int *ret_line)
    ODB_MUST_CHECK;

/* --from, --to and --max. */
struct query_range {
    uint64_t from, to; /* from <= t < to */
    uint64_t max;
};
#define QUERY_MAX_ROWS 100000
struct odb_err *query_range(struct query *q, struct query_range *ret) ODB_MUST_CHECK;

/* "main (crash.c:17)", "memcpy", "" of an address. inside: it is the return address of a call: look one byte before. */
struct odb_err *query_spot(struct symbols *s, gaddr addr, bool inside, char *buf, size_t n_bytes)
    ODB_MUST_CHECK;

#endif
