/* The entry point of the loadable extension odb_db.so. */
#ifndef ODB_DB_EXT_H
#define ODB_DB_EXT_H

#ifdef ODB_LOADABLE
#include <sqlite3ext.h>
int sqlite3_odbdb_init(sqlite3 *sq, char **ret_err, const sqlite3_api_routines *api);
#endif

#endif
