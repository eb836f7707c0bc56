/* The processes of one recording: known, watched, and told of in the stream when they die without a word. */
#ifndef ODB_RECORDER_TREE_H
#define ODB_RECORDER_TREE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"
#include "preload/shared.h"
#include "recorder/ring.h"

struct watched;

enum tree_end {
    TREE_RUNS = 0,
    TREE_REFUSED,  /* the engine of one process met what odb does not record: control->stop.text */
    TREE_TIMEOUT,  /* options.timeout_ms is over */
    TREE_UNWRITTEN /* the recording cannot be written any more */
};

struct tree {
    struct ring *ring; /* borrowed */
    pid_t first;
    uint64_t timeout_ms; /* 0: none */
    pid_t watchdog;      /* 0: none */

    /* results, when tree_run is back */
    int first_status; /* as waitpid gives it */
    enum tree_end end;
    uint32_t n_processes, n_killed;

    /* private */
    int epoll_fd, wake_fd;
    struct watched *watched; /* owned */
    size_t n_watched, cap_watched;
    uint32_t seen[ODB_MAX_TASKS]; /* the pid that slot had when it was looked at last */
    bool first_is_gone;
    uint64_t started_ms, kill_at_ms, looked_ms;
    uint32_t looked_word;
    unsigned n_interrupts;
    pthread_t poker;
    _Atomic bool stop, unwritten;
    pthread_mutex_t lock; /* of the next two: deaths that the exec service saw */
    pid_t traced_pid;
    int traced_status, first_traced_status;
    bool has_first_traced;
};

/* From now on orphans of the program become children of the calling process. Before the program is started. */
void tree_adopt_orphans(bool on);

struct odb_err *tree_init(struct tree *t, struct ring *ring, pid_t first) ODB_MUST_CHECK;
void tree_deinit(struct tree *t);
/* Until no process is left. Signals to odb (SIGTERM, SIGHUP, and SIGINT when the first process is gone) are passed on
 * meanwhile. Call it from the thread that forked the first process. */
void tree_run(struct tree *t);

/* From other threads: the exec service saw a death; the drain cannot write any more. */
void tree_note_death(struct tree *t, pid_t pid, int wait_status);
void tree_note_unwritten(struct tree *t);

#endif
