/* Between timeline.c (worlds, marks, getting to a place), timeline_search.c (stops) and timeline_pacer.c. */
#ifndef ODB_REPLAYER_TIMELINE_IMPL_H
#define ODB_REPLAYER_TIMELINE_IMPL_H

#include <stdatomic.h>

#include "replayer/timeline.h"

/* ---- the pacer: a thread that interrupts a run which lasts ---- */

struct pacer;
struct odb_err *pacer_create(struct timeline *tl, struct pacer **ret) ODB_MUST_CHECK;
void pacer_destroy(struct pacer *p);
/* Around each run of r. It is interrupted when the user wants it, and every TIMELINE_PACE_NS. */
void pacer_begin(struct pacer *p, struct replay *r);
void pacer_end(struct pacer *p);

#define TIMELINE_PACE_NS 250000000ull
#define TIMELINE_LADDER_NS 2000000ull /* distance between marks on the way to a place that is sought */
#define TIMELINE_MAX_MARKS 40
#define TIMELINE_MAX_VESSELS 400 /* of all marks together */

/* A world and where it is. ns: CPU time of the replay from the start to here, about. */
struct world {
    struct replay *r; /* owned */
    struct place at;
    uint64_t base_ns; /* of the moment it was copied */
};

struct mark {
    struct world w;
    uint64_t ns;
    uint32_t stops_gen;
};

/* The places of one thread's instructions, one after the other, up to where it was collected. */
struct trail {
    struct place *places; /* owned */
    size_t n, cap;
    uint32_t tid;
};

struct timeline {
    char *dir;          /* owned */
    struct world now;   /* now.r NULL: lost by an error; see timeline_recover() */
    struct mark *marks; /* owned; by place */
    size_t n_marks, cap_marks;
    struct pacer *pacer;
    _Atomic bool interrupted; /* the user's wish, until it is told */
    _Atomic uint32_t deaf;    /* > 0: on the way to somewhere, where it does not matter */

    struct replay_stops stops; /* owned arrays */
    uint32_t stops_gen;        /* of stops; now_gen: what the current world has */
    uint32_t now_gen;

    bool
        open; /* the last answer was a stop behind what another thread did: what is before the next instruction is open */
    bool told; /* a SIGNAL stop at the current place was the last answer */
    bool end_known;
    struct place end;
    int32_t status;

    struct odb_stop last; /* of a run with ODB_RUN_LAST: its last hit */
    uint64_t n_hits;
    struct trail trail;
    struct timeline_figures figures;
};

static inline bool timeline_is_interrupted(const struct timeline *tl)
{
    return atomic_load(&tl->interrupted) && !atomic_load(&tl->deaf);
}

void world_deinit(struct world *w);
uint64_t world_ns(const struct world *w);
struct odb_err *world_copy(struct timeline *tl, const struct world *from, struct world *ret) ODB_MUST_CHECK;

/* The last mark before (or, if `at`, at) a place. NULL: there is none. Valid until a mark is made. */
struct mark *timeline_mark_before(struct timeline *tl, const struct place *p, bool at);
/* A mark here, if the nearest before is at least min_ns away. */
struct odb_err *timeline_mark_here(struct timeline *tl, uint64_t min_ns) ODB_MUST_CHECK;
/* Replaces the current world by a copy of the mark's. */
struct odb_err *timeline_take_mark(struct timeline *tl, const struct mark *m) ODB_MUST_CHECK;

/* Runs the current world; interruptions that nobody asked for are passed over. A divergence is an error. *ret is
 * valid until the world is used again. */
struct odb_err *timeline_run(struct timeline *tl, const struct odb_run *run, const struct odb_stop **ret)
    ODB_MUST_CHECK;
/* Legs of runs with `flags` until `to` (*ret_there), or something else stops it: *ret_stop. near: with marks on the way. */
struct odb_err *timeline_go(struct timeline *tl, const struct place *to, uint32_t flags, bool near,
                            const struct odb_stop **ret_stop, bool *ret_there) ODB_MUST_CHECK;
/* The current world came to the end: puts it where it was before. */
struct odb_err *timeline_note_end(struct timeline *tl) ODB_MUST_CHECK;

#endif
