/* Starting the first vessel of a session. Inside replayer/ only. */
#ifndef ODB_REPLAYER_SPAWN_H
#define ODB_REPLAYER_SPAWN_H

#include <sys/types.h>

#include "replayer/session.h"

/* Fills slot 0's control page from the recording's first events and the options: mode, CPU, cpuid. */
struct odb_err *spawn_prepare(struct session *s, uint32_t mode, uint32_t options, const int out_fd[3])
    ODB_MUST_CHECK;
/* Executes the engine in a new process, in slot 0, with out_fd[1] and [2] as its outputs (-1: none). */
struct odb_err *spawn_vessel(struct session *s, const int out_fd[3], pid_t *ret_pid) ODB_MUST_CHECK;

#endif
