/* The children of odb's main thread, as the kernel lists them. */
#ifndef ODB_RECORDER_CHILDREN_H
#define ODB_RECORDER_CHILDREN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Those that odb has before it starts anything (a shell that executed odb leaves it its own) are not of the program: they are
 * never listed. Returns whether there are any. Call both from the main thread. */
bool children_note_foreign(void);
/* The others; also dead ones that nobody has waited for. The number, at most max. */
size_t children_list(pid_t *to, size_t max);

#endif
