/* Robust futexes of a thread that ends. Record only; see sys_robust.c. */
#ifndef ODB_PRELOAD_SYS_ROBUST_H
#define ODB_PRELOAD_SYS_ROBUST_H

#include "model/model.h"

/* The running thread ends: walks its robust list (as set_robust_list gave it; head 0: none), marks the futexes it
 * still owns, wakes a waiter of each. The caller has the baton. Returns how many words were written, with their places
 * in ret; the walk ends when max are. */
int robust_exit(gaddr head, uint64_t len, struct model_range *ret, int max);

/* Processes were killed since the last time (SHARED->killed): the kernel has then marked robust futexes of theirs in
 * shared memory. Appends the words that look so; returns the new number of ranges. */
/* Makes the next one look in any case. */
void robust_look_again(void);
int robust_after_kills(struct model_range *ranges, int n, int max);

#endif
