/* Replaying a recording: the host's side. Hosted.
 *
 *     struct replay *r;
 *     ODB_TRY(replay_open(dir, &(struct replay_options){.out_fd = {-1, 1, 2}}, &r));   // program loaded, nothing run
 *     ODB_TRY(replay_run(r, &(struct odb_run){.flags = ODB_RUN_TO_EVENT, .event = 10}, &stop));
 *     ODB_TRY(replay_checkpoint(r, &copy));      // an independent copy at the same place
 *     ...
 *     replay_close(copy); replay_close(r);
 *
 * A struct replay is one world: all processes of the recording at one position, each in a vessel, a process of its own in
 * which the engine runs the program. Worlds made by replay_checkpoint() share the decompressed event stream with their
 * origin and are otherwise independent; any of them may be closed first. Stops and divergences are answers, not errors; an
 * error is a recording that cannot be read, or a vessel that died, after which only replay_close() makes sense.
 *
 * Threads: one world is used by one thread at a time. Vessels die with the thread that called replay_open(). */
#ifndef ODB_REPLAYER_REPLAY_H
#define ODB_REPLAYER_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "preload/control.h"

struct replay;

struct replay_options {
    int out_fd
        [3]; /* [1], [2]: where the program's output goes again; -1: nowhere; [0] unused. Borrowed until open returns */
    bool check;                           /* verify CHECK events */
    bool index;                           /* ODB_MODE_INDEX: everything is logged, see replay_log() */
    bool hook;                            /* instruction by instruction without a log: tests */
    bool no_vector_ticks, no_superblocks; /* tests of the engine */
    bool
        keeps_stream; /* a checkpoint stays near the start, so that all of the event stream is kept: on disk, not in memory */
};

/* Starts a vessel and loads the program (in index mode: with the first run). */
struct odb_err *replay_open(const char *dir, const struct replay_options *opt, struct replay **ret)
    ODB_MUST_CHECK;
/* Ends the vessel. NULL is fine. */
void replay_close(struct replay *r);

/* Runs until `run` says (run NULL: to the end). *ret points to the stop, valid until the next call on r. */
struct odb_err *replay_run(struct replay *r, const struct odb_run *run, const struct odb_stop **ret)
    ODB_MUST_CHECK;
/* Where r is: the last stop. */
const struct odb_stop *replay_where(const struct replay *r);
/* General registers are in the stop; this is the xsave image. Valid until the next call on r. */
struct odb_err *replay_vectors(struct replay *r, const struct odb_xstate **ret) ODB_MUST_CHECK;
/* Reads the program's memory; *ret_bytes < n_bytes where it ends. */
struct odb_err *replay_read(struct replay *r, gaddr addr, void *to, size_t n_bytes, size_t *ret_bytes)
    ODB_MUST_CHECK;
/* The same of any thread that lives (tid 0: of the one that runs), with its regs and tick, both valid until the next call on
 * r; and memory of any process that lives (pid 0: of the one that runs). ret_stop may be NULL. */
struct odb_err *replay_registers(struct replay *r, uint32_t tid, const struct odb_stop **ret_stop,
                                 const struct odb_xstate **ret) ODB_MUST_CHECK;
struct odb_err *replay_read_process(struct replay *r, uint32_t pid, gaddr addr, void *to, size_t n_bytes,
                                    size_t *ret_bytes) ODB_MUST_CHECK;
/* A copy of r at the same place, by fork. */
struct odb_err *replay_checkpoint(struct replay *r, struct replay **ret) ODB_MUST_CHECK;
/* A checkpoint of `from` in index mode from here on (ODB_RUN_HOOK or not). */
struct odb_err *replay_checkpoint_index(struct replay *from, struct replay **ret) ODB_MUST_CHECK;

/* Index mode, after a run stopped (LOG_FULL or otherwise): the log since the run began. The next
 * replay_run() starts it anew. */
const void *replay_log(struct replay *r, size_t *ret_bytes);

/* What a stop of reason ODB_STOP_DIVERGED says: event, tick, place, what differs. Allocated, one or more lines
 * without a newline at the end. NULL only when memory is out. */
char *replay_divergence_text(const struct odb_stop *stop);
/* NULL, or what is missing or damaged in the recording; meaningful after the end. Valid until close. */
const char *replay_damage(const struct replay *r);
/* The process of the vessel whose turn it is, for tools that look into it. */
int replay_pid(const struct replay *r);
/* CPU time used by all vessels so far, user and system, in ns. 0: unknown. */
uint64_t replay_cpu_ns(const struct replay *r);

#endif
