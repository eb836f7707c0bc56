/* Ends the recorded processes when the recorder is killed: they would go on with nobody to record them. */
#ifndef ODB_RECORDER_WATCHDOG_H
#define ODB_RECORDER_WATCHDOG_H

#include <sys/types.h>

#include "preload/shared.h"

struct watchdog {
    pid_t pid; /* 0: none */
    int fd;    /* owned; it is closed when the recorder dies */
};

/* Without it (no memory for a process) recording goes on. */
void watchdog_start(struct watchdog *w, struct odb_shared *shared);
/* The recording is over, nobody is to be killed. */
void watchdog_stop(struct watchdog *w);

#endif
