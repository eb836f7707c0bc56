/* The virtual tables. For users: docs/schema.md. To add one: docs/howto-add-a-virtual-table.md. */
#ifndef ODB_DB_VTAB_H
#define ODB_DB_VTAB_H

#include "db/internal.h"

/* Register the modules: mem_writes, reg_writes, executions; and registers. */
int vtab_writes_register(struct odb_db *db);
int vtab_registers_register(struct odb_db *db);
int vtab_lines_register(struct odb_db *db); /* odb_line_rows, for view lines */
/* The function symbol() (symbol.c). */
int symbol_register(struct odb_db *db);

/* Every table's sqlite3_vtab. */
struct vtab {
    sqlite3_vtab base;
    struct odb_db *db; /* borrowed; used until disconnected */
};

/* Declares the table and makes its sqlite3_vtab, n_bytes long, starting with a struct vtab. */
int vtab_connect(sqlite3 *sq, struct odb_db *db, const char *declaration, size_t n_bytes, sqlite3_vtab **ret,
                 char **ret_err);
int vtab_disconnect(sqlite3_vtab *vt);
/* Turns e into the table's error message. */
int vtab_fail(sqlite3_vtab *vt, struct odb_err *e);
/* A cursor, n_bytes long and zeroed but for its base. xClose gives it to sqlite3_free(). */
int vtab_open(size_t n_bytes, sqlite3_vtab_cursor **ret);
/* xBestIndex of a table-valued function NAME(t [, tid]) of one state, whose hidden columns t_column and t_column + 1 are t and
 * tid: argv[0] is t, argv[1], if it is there, tid. */
int vtab_best_state(sqlite3_vtab *vt, sqlite3_index_info *info, int t_column, const char *name);

/* A constraint `column op value` as bounds: lo..hi is narrowed. Values that are not numbers are left to
 * SQLite, which checks every row again. false: no row can match. */
bool vtab_narrow(int64_t *lo, int64_t *hi, int op, sqlite3_value *v);

#endif
