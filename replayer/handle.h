/* The handle of a world, and commands to it. Inside replayer/ only (replay.c, debug.c). */
#ifndef ODB_REPLAYER_HANDLE_H
#define ODB_REPLAYER_HANDLE_H

#include "replayer/replay.h"
#include "replayer/session.h"

struct replay {
    struct session *session; /* counted by the slot */
    uint32_t slot;
    struct odb_control *control; /* borrowed from session, like world */
    struct odb_world *world;
    bool lost;            /* a vessel died */
    struct odb_stop stop; /* last stop of a run */
};

/* One round trip with the vessel that has the turn: control->cmd is filled but for its kind, the answer is in
 * control->stop. */
struct odb_err *replay_command(struct replay *r, uint32_t kind) ODB_MUST_CHECK;
/* The same, where anything but DONE is an error. */
struct odb_err *replay_command_done(struct replay *r, uint32_t kind) ODB_MUST_CHECK;

#endif
