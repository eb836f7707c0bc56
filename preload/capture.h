/* Copies of mapped files into the recording's files/N. Record mode only. Freestanding. */
#ifndef ODB_PRELOAD_CAPTURE_H
#define ODB_PRELOAD_CAPTURE_H

#include <stdint.h>

#include "preload/engine.h"

#define CAPTURE_NAME_BYTES 512

/* Makes sure that bytes [offset, offset + len) of the file behind fd are in the recording. Writes the
 * FILE event when the file is new. Returns its id (> 0); 0 when the mapping is to be treated as
 * anonymous (/dev/zero); negative errno otherwise (-ENODEV: a device, not supported).
 * ret_name: path as /proc/self/fd shows it. */
long capture_file(int fd, uint64_t offset, uint64_t len_bytes, char ret_name[CAPTURE_NAME_BYTES]);

/* The same for memory that is shared between processes without a file that can be opened (SysV): [addr, addr + len),
 * mapped and readable, is the object `ino` of the made-up device `dev`. Its contents are taken the first time only. */
long capture_memory(uint64_t dev, uint64_t ino, gaddr addr, uint64_t len_bytes, const char *name);

#endif
