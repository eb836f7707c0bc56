/* Translated code that notices accesses to watched ranges (watch.c). */
#ifndef ODB_PRELOAD_WATCH_H
#define ODB_PRELOAD_WATCH_H

#include "preload/core.h"

/* The world's ranges, for translated code. */
void watch_set(void);
/* Emits at p, before the fast translation of the instruction, what leaves by EXIT_WATCH when it may touch a watched range.
 * Returns the next free byte. */
uint8_t *watch_emit(uint8_t *p, const struct insn *in, gaddr at);

#endif
