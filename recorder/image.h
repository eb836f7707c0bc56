/* The engine as one flat image (ODB_IMAGE_ADDR), and the LD_PRELOAD loader: both are embedded in odb. */
#ifndef ODB_RECORDER_IMAGE_H
#define ODB_RECORDER_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "preload/control.h"

/* Bytes of the image that are not zero, and where they belong. */
struct image_piece {
    const uint8_t *bytes; /* borrowed from odb itself */
    size_t n_bytes;
    uint64_t addr;
};
#define IMAGE_MAX_PIECES 6

void image_header(struct odb_image_header *ret);
/* Fills `to`; the number of pieces. */
unsigned image_pieces(struct image_piece to[IMAGE_MAX_PIECES]);

/* Text and constants, the first piece, as System V shared memory, which needs no descriptor to be mapped: all recorded
 * processes share it. shmid -1: there is none, or not here; the bytes have to be copied. */
struct image_share {
    int shmid;
    void *here; /* keeps it alive; owned */
};
void image_share_init(struct image_share *s);
void image_share_deinit(struct image_share *s);

/* A memfd with the flat image; *ret_fd is the caller's. */
struct odb_err *image_create(int *ret_fd) ODB_MUST_CHECK;
/* A memfd with the loader's shared object; *ret_fd is the caller's. */
struct odb_err *image_preload_so(int *ret_fd) ODB_MUST_CHECK;

#endif
