/* A replay that can go anywhere, forwards and backwards: checkpoints and re-execution. Hosted.
 *
 *     struct timeline *tl;
 *     ODB_TRY(timeline_open(dir, &tl));                          // at the start
 *     ODB_TRY(timeline_set_stops(tl, &stops));
 *     ODB_TRY(timeline_forward(tl, NULL, &hit));                 // to the first stop
 *     ODB_TRY(timeline_backward(tl, NULL, &hit));                // to the last one before
 *     ODB_TRY(replay_read(timeline_world(tl), addr, buffer, n, &got));
 *     timeline_close(tl);
 *
 * A timeline owns worlds (replay.h): one that is at the current place, and checkpoints, called *marks* here. A mark never
 * runs; whoever wants to go on from it makes a copy, which takes a third of a millisecond. Marks are made where a run has
 * gone on for a while, whatever it was for, and closer and closer before a place that is sought, so that going a bit back
 * from there is cheap. When there are too many, the one that is missed least goes: the one with the smallest gap in
 * proportion to its distance from the current place. The first mark, the start, always stays.
 *
 * A *place* is a state between two instructions; `place_compare` is the recording's order.
 *
 * One thread uses a timeline at a time; timeline_interrupt() may come from anywhere. */
#ifndef ODB_REPLAYER_TIMELINE_H
#define ODB_REPLAYER_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "replayer/debug.h"

struct place {
    uint64_t run; /* ordinal of the run of a thread */
    uint64_t tick;
    gaddr rip;
    uint64_t event; /* ordinal of the next event */
    uint32_t phase; /* debug.h */
    uint32_t tid, pid;
};
/* Earlier: < 0. */
int place_compare(const struct place *a, const struct place *b);
struct place place_of(const struct odb_stop *stop);

struct timeline;

/* At the start of the recording, with one mark there. */
struct odb_err *timeline_open(const char *dir, struct timeline **ret) ODB_MUST_CHECK;
/* NULL is fine. */
void timeline_close(struct timeline *tl);

/* ---- where ---- */

struct place timeline_where(const struct timeline *tl);
/* The world at the current place, for looking; borrowed until the timeline moves. During a search, in a `here`
 * filter, it is the world at the place of the stop. */
struct replay *timeline_world(const struct timeline *tl);
/* To a place where a timeline of this recording has been. */
struct odb_err *timeline_seek(struct timeline *tl, const struct place *to) ODB_MUST_CHECK;
struct odb_err *timeline_seek_start(struct timeline *tl) ODB_MUST_CHECK;
/* The end is the state before what ended the recording: its last instruction, which did not complete. */
struct odb_err *timeline_seek_end(struct timeline *tl) ODB_MUST_CHECK;
/* Before event n; behind the last one: the end. */
struct odb_err *timeline_seek_event(struct timeline *tl, uint64_t n) ODB_MUST_CHECK;
/* To the beginning of the first run of a thread at or behind number n. *ret false: there is none, nothing changes. */
struct odb_err *timeline_seek_run(struct timeline *tl, uint64_t n, bool *ret) ODB_MUST_CHECK;
/* Is a signal delivered at the current place, or does one kill here? As the stop that it would be. */
bool timeline_signal_here(const struct timeline *tl, struct odb_stop *ret);
/* How the first process ended: exit code, -signo; INT32_MIN as long as the end was not seen. */
int32_t timeline_status(const struct timeline *tl);

/* ---- stops ---- */

/* In force for the calls below, until changed. Copied. */
struct odb_err *timeline_set_stops(struct timeline *tl, const struct replay_stops *stops) ODB_MUST_CHECK;

enum timeline_end {
    TIMELINE_HIT = 0,     /* hit.stop tells */
    TIMELINE_STEPPED,     /* the step is done */
    TIMELINE_START,       /* nothing is before */
    TIMELINE_AT_END,      /* nothing comes */
    TIMELINE_INTERRUPTED, /* forwards: where it was; backwards: as far as all was searched in vain */
};
struct timeline_hit {
    enum timeline_end end;
    struct odb_stop
        stop; /* HIT: as the engine gave it; what it says of registers is the state then, not now */
};

/* Which stops count; members may be NULL: all. */
struct timeline_want {
    bool (*kind)(void *ctx, const struct odb_stop *stop); /* decided by what the stop says alone */
    /* Decided by a look at the state at a BREAK: timeline_world() is there. */
    bool (*here)(void *ctx, struct timeline *tl, const struct odb_stop *stop);
    void *ctx;
};

/* To the next stop that counts. Where the timeline is now never counts. */
struct odb_err *timeline_forward(struct timeline *tl, const struct timeline_want *want,
                                 struct timeline_hit *ret) ODB_MUST_CHECK;
/* To the last one before. BREAK, SYSCALL_ENTRY, SYSCALL_RETURN, SIGNAL: to the same place as forwards; WATCH and TASK: before
 * the instruction that did it. */
struct odb_err *timeline_backward(struct timeline *tl, const struct timeline_want *want,
                                  struct timeline_hit *ret) ODB_MUST_CHECK;
/* Until thread tid (0: the one that runs) has executed one instruction, or another stop comes first. */
struct odb_err *timeline_step(struct timeline *tl, uint32_t tid, const struct timeline_want *want,
                              struct timeline_hit *ret) ODB_MUST_CHECK;
/* To before the last instruction that thread tid has executed; or to the last stop before that. Which of the two it is,
 * where a BREAK is at that instruction: the step. START: it had executed none, nothing changes. */
struct odb_err *timeline_step_back(struct timeline *tl, uint32_t tid, const struct timeline_want *want,
                                   struct timeline_hit *ret) ODB_MUST_CHECK;

/* Async-signal-safe. What is under way ends soon with INTERRUPTED; if nothing is, what comes next. */
void timeline_interrupt(struct timeline *tl);
/* Is there such a wish? It counts as told now. For loops over timeline_run_other(). */
bool timeline_take_interrupt(struct timeline *tl);

/* Runs a world that the caller owns, a branch say, until it stops; timeline_interrupt() stops it with INTERRUPTED. */
struct odb_err *timeline_run_other(struct timeline *tl, struct replay *r, const struct odb_run *run,
                                   const struct odb_stop **ret) ODB_MUST_CHECK;

/* For tests and benchmarks. */
struct timeline_figures {
    uint32_t n_marks;
    uint64_t n_forks, n_runs;
};
void timeline_figures(const struct timeline *tl, struct timeline_figures *ret);

#endif
