/* The engine's image, as embedded in this program, ready to be mapped into others. */
#ifndef ODB_RECORDER_IMAGE_H
#define ODB_RECORDER_IMAGE_H

#include <stddef.h>

#include "common/err.h"
#include "preload/control.h"

/* A memfd with the flat image (file offset 0 is ODB_IMAGE_ADDR), and a copy of its header. */
struct odb_err *image_create(int *ret_fd, struct odb_image_header *ret_header) ODB_MUST_CHECK;
/* A memfd with the LD_PRELOAD loader, not close-on-exec. */
struct odb_err *image_preload_so(int *ret_fd) ODB_MUST_CHECK;

#endif
