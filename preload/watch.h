/* Translated code that notices accesses to watched ranges (watch.c). */
#ifndef ODB_PRELOAD_WATCH_H
#define ODB_PRELOAD_WATCH_H

#include "preload/core.h"

/* Ranges as watch_check.S knows them; `kind` as in struct access. */
struct watch_range {
    gaddr start, end;
    uint64_t kind;
};
#define WATCH_MAX_RANGES 16
/* Hits that were only counted, at full speed: the last, and the one of another instruction before it. */
struct watch_counted {
    uint64_t n;
    gaddr rip;
    uint64_t tick;
    const struct watch_range *range;
    gaddr before_rip;
    uint64_t before_tick;
    const struct watch_range *before_range;
    uint64_t same; /* so many of n are of the last one's instruction */
};
extern struct watch_counted watch_counted;
extern uint32_t watch_counting;

/* The world's ranges, for translated code. */
void watch_set(void);
/* Those of the process that runs now; counting: translated code counts hits by itself, if it can tell them exactly. */
void watch_choose(uint32_t pid, bool counting);
/* Emits at p, before the fast translation of the instruction `in`, which is the first of n up to the end of its block, what
 * leaves by EXIT_WATCH when it touches a watched range. Returns the next free byte. */
uint8_t *watch_emit(uint8_t *p, const struct insn *in, int n, gaddr at);

#endif
