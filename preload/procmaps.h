/* Reading /proc; above all the program's own maps: at the start, and for the filtered copy that programs get to see. */
#ifndef ODB_PRELOAD_PROCMAPS_H
#define ODB_PRELOAD_PROCMAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/engine.h"

#define PROCMAPS_NAME_BYTES 512

struct procmap {
    gaddr start, end;
    uint32_t prot; /* PROT_* */
    bool is_shared;
    uint64_t offset, ino;
    uint32_t dev_major, dev_minor;
    char name[PROCMAPS_NAME_BYTES]; /* path, "[stack]", ...; "" if anonymous; cut if longer */
};

/* Calls fn for every mapping, lowest first, until it returns a negative errno. `line` is the text with its
 * newline. fd: an open maps file, read from its current position. Returns 0 or the negative errno. */
long procmaps_each(int fd, long (*fn)(const struct procmap *m, const char *line, size_t n_bytes, void *arg),
                   void *arg);
/* Opens /proc/<name> as the recorder sees /proc: the program may have another root, another /proc, or none. Own files:
 * "thread-self/..." ("self/..." is empty when the first thread has ended). The kernel's value. */
long proc_open(const char *name, long flags);
/* The link /proc/<name>, with a NUL behind it; "" on errors. Returns its length or negative errno. */
long proc_readlink(const char *name, char *to, size_t n_bytes);
/* Is it a range of the engine's, which the program must not see? Our vDSO is not: it is shown. */
bool procmaps_hidden(const struct procmap *m);

#endif
