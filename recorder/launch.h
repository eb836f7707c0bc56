/* Starting a program with the engine inside. */
#ifndef ODB_RECORDER_LAUNCH_H
#define ODB_RECORDER_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/err.h"
#include "preload/control.h"
#include "recorder/inject.h"
#include "recorder/record.h"
#include "recorder/ring.h"

struct launch {
    char *const *argv;
    enum odb_preload_start preload;
    int recdir_fd;                    /* borrowed; -1 when bare */
    struct ring *ring;                /* borrowed; control.recdir_fd and tasks[0] are filled in */
    const struct inject_image *image; /* borrowed */
    /* results */
    pid_t pid;
    bool by_preload;
    int exec_errno; /* why it could not be executed; 0: another reason */
};

/* On return without error the program is about to run (or, by_preload, runs up to the constructor)
 * under the engine, and nothing traces it. */
struct odb_err *launch_start(struct launch *l) ODB_MUST_CHECK;

#endif
