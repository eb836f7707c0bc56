/* Starting a program with the engine inside. */
#ifndef ODB_RECORDER_LAUNCH_H
#define ODB_RECORDER_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/err.h"
#include "preload/control.h"
#include "recorder/record.h"

struct launch {
    char *const *argv;
    enum odb_preload_start preload;
    int image_fd, ring_fd, recdir_fd; /* borrowed; recdir_fd -1 when bare */
    const struct odb_image_header *image;
    struct odb_control *control; /* recdir_fd and boot are filled in */
    /* results */
    pid_t pid;
    bool by_preload;
    int exec_errno; /* why it could not be executed; 0: another reason */
};

/* On return without error the program is about to run (or, by_preload, runs up to the constructor)
 * under the engine, and nothing traces it. */
struct odb_err *launch_start(struct launch *l) ODB_MUST_CHECK;

/* ---- inject.c ---- */
/* The program has stopped at its first instruction: maps the engine, points it there, lets go. */
struct odb_err *inject_engine(pid_t pid, int image_fd_there, int ring_fd_there,
                              const struct odb_image_header *image, struct odb_control *control)
    ODB_MUST_CHECK;
/* Refuses 32-bit programs and what else odb cannot run, by name. */
struct odb_err *inject_check(pid_t pid) ODB_MUST_CHECK;

#endif
