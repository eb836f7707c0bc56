/* The `ring` file of a recording (struct odb_control and the ring, preload/control.h), on the host side. */
#ifndef ODB_RECORDER_RING_H
#define ODB_RECORDER_RING_H

#include <stdint.h>

#include "common/err.h"
#include "preload/control.h"
#include "preload/shared.h"

struct ring {
    int fd;                      /* owned */
    struct odb_control *control; /* mapped; owned */
    uint8_t *bytes;              /* ODB_RING_BYTES, mapped twice in a row; owned. NULL without ring */
    struct odb_shared *shared;   /* mapped; owned. NULL without ring */
};

/* Creates dir/ring; dir NULL: memory only, control without ring (bare runs). */
struct odb_err *ring_init(struct ring *r, const char *dir) ODB_MUST_CHECK;
void ring_deinit(struct ring *r);

/* futex(2) on shared words. */
void ring_wake(_Atomic uint32_t *word);
/* Sleeps while *word == seen, at most timeout_ms. */
void ring_sleep(_Atomic uint32_t *word, uint32_t seen, int timeout_ms);

#endif
