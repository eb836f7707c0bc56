/* The one processor on which all recorded tasks run. Only one of them runs at a time, and to hand the baton to
 * another processor costs ten times as much as to hand it over on the same. */
#ifndef ODB_RECORDER_AFFINITY_H
#define ODB_RECORDER_AFFINITY_H

#include "common/err.h"
#include "preload/shared.h"

/* Notes the program's own mask and chooses: `wanted`, or with -1 one that no other recording of this machine uses, if
 * there is one. *ret_lock_fd: a socket that tells others of the choice until it is closed; -1: none. */
struct odb_err *affinity_choose(struct odb_shared *shared, int wanted, int *ret_lock_fd) ODB_MUST_CHECK;

#endif
