/* A recorded process at a moment, out of an index.db: the sym_view and sym_files that symbols.h asks for.
 *
 *     struct view_db *v;
 *     ODB_TRY(view_db_create(db, "/path/of/recording", &v));
 *     ODB_TRY(symbols_create(view_db_files(v), &symbols));
 *     const struct sym_view *view;
 *     ODB_TRY(view_db_at(v, t, pid, tid, &view));
 *     ODB_TRY(symbols_set_view(symbols, view));
 *     ...
 *     symbols_destroy(symbols);      // before the view
 *     view_db_destroy(v);
 *
 * Memory is read by pages, which are kept while neither t nor the process changes. Not thread-safe, as db is not. */
#ifndef ODB_SYMBOLS_VIEW_DB_H
#define ODB_SYMBOLS_VIEW_DB_H

#include "db/db.h"
#include "symbols/symbols.h"

struct view_db;

/* db is borrowed. dir: the recording's folder, copied; NULL: only files of the machine, where they did not change. */
struct odb_err *view_db_create(struct odb_db *db, const char *dir, struct view_db **ret) ODB_MUST_CHECK;
/* NULL is fine. */
void view_db_destroy(struct view_db *v);

/* The state at t. tid 0: of the thread that runs then, or of pid's last thread. pid 0: tid's process. *ret is valid until the
 * next call; its maps keep their address while the mappings stay the same. rip of a thread that executes nothing more is
 * that of the system call that it waits in, else 0. */
struct odb_err *view_db_at(struct view_db *v, uint64_t t, uint32_t pid, uint32_t tid,
                           const struct sym_view **ret) ODB_MUST_CHECK;
/* The memory and mappings of process pid at t, where registers do not matter: cheaper. Registers are those of the last
 * view_db_at(). *ret as above. */
struct odb_err *view_db_memory_at(struct view_db *v, uint64_t t, uint32_t pid, const struct sym_view **ret)
    ODB_MUST_CHECK;
/* Who and when the view is of now. */
void view_db_position(const struct view_db *v, uint64_t *ret_t, uint32_t *ret_pid, uint32_t *ret_tid);

/* Files of the recording: its own copy; where that has holes, the original, if it is still the same file (size and
 * mtime). Valid as long as v. */
const struct sym_files *view_db_files(struct view_db *v);

#endif
