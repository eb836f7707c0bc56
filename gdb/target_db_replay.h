/* Between target_db_branch.c and target_db_reads.c: the replay beside an index. See target_db.h. */
#ifndef ODB_GDB_TARGET_DB_REPLAY_H
#define ODB_GDB_TARGET_DB_REPLAY_H

#include "gdb/target_db.h"
#include "gdb/target_replay.h"

/* The world before instruction t, for the caller to close. tdb_open_replay() comes first. */
struct odb_err *tdb_world_at(struct target_db *g, uint64_t t, struct replay **ret) ODB_MUST_CHECK;

#endif
