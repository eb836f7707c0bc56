/* The seccomp guard: only the engine's own stub may call the kernel. */
#ifndef ODB_RECORDER_GUARD_H
#define ODB_RECORDER_GUARD_H

#include "common/err.h"
#include "preload/control.h"

/* Builds the filter for an image into control->filter; the engine installs it when it starts. */
struct odb_err *guard_fill(const struct odb_image_header *image, struct odb_control *control) ODB_MUST_CHECK;

#endif
