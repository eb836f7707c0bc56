/* The tables of functions and lines, made with the index: docs/schema.md "functions, lines". */
#ifndef ODB_CLI_INDEX_SYMBOLS_H
#define ODB_CLI_INDEX_SYMBOLS_H

#include "common/err.h"

struct sqlite3;

/* Adds rows to odb_functions, odb_lines and odb_sources for every file that was mapped executable. ctx: the recording's folder
 * (const char *). Of a file that cannot be read there are no rows; only SQL that fails is an error. */
struct odb_err *index_symbols(void *ctx, struct sqlite3 *db) ODB_MUST_CHECK;

#endif
