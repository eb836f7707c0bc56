/* What forked children translated is translated by their parents, too (learn.c). */
#ifndef ODB_PRELOAD_LEARN_H
#define ODB_PRELOAD_LEARN_H

#include <stdint.h>

/* In a forked child, before it runs: of process `parent`, in the recorder's PID namespace. */
void learn_forked(uint32_t parent);
/* The process ends, or is about to execute another program; with the baton. */
void learn_teach(void);
/* About to fork; with the baton. */
void learn(void);

#endif
