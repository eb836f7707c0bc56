/* Carries events from the ring into the recording while the program runs. */
#ifndef ODB_RECORDER_DRAIN_H
#define ODB_RECORDER_DRAIN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "common/err.h"
#include "recorder/ring.h"
#include "trace/trace.h"

struct drain {
    struct ring *ring;           /* borrowed */
    struct trace_writer *writer; /* borrowed; only the thread uses it between start and finish */
    void (*failed)(void *arg); /* the recording cannot be written; called by the drain's thread, which ends */
    void *arg;
    uint64_t taken;        /* ring offset up to which events were given to the writer */
    struct odb_err *error; /* owned; why writing stopped */
    _Atomic int stop;
    pthread_t thread;
};

struct odb_err *drain_start(struct drain *d) ODB_MUST_CHECK;
/* The program is dead: takes what is left, ends the thread. The error of the whole drain. */
struct odb_err *drain_finish(struct drain *d) ODB_MUST_CHECK;

#endif
