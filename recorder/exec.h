/* What recorded processes ask of the recorder: to be followed through execve (it traces them for that moment and puts a new
 * engine into the new image), and to copy files for them (copy.h). */
#ifndef ODB_RECORDER_EXEC_H
#define ODB_RECORDER_EXEC_H

#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"
#include "recorder/inject.h"
#include "recorder/ring.h"

struct exec_service {
    struct ring *ring;                /* borrowed */
    const struct inject_image *image; /* borrowed */
    int dir_fd;                       /* borrowed: the recording's folder */
    /* Both are called by the service's own thread. `died`: a process was seen to die, and its wait status is used up.
     * `refused`: it executed what odb cannot run, and is killed. */
    void (*died)(void *arg, pid_t pid, int wait_status);
    void (*refused)(void *arg, pid_t pid, const char *text);
    void *arg;
    uint64_t n_execs;
    pthread_t thread;
};

struct odb_err *exec_service_start(struct exec_service *s) ODB_MUST_CHECK;
/* All recorded processes are gone. */
void exec_service_stop(struct exec_service *s);

#endif
