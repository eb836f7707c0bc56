/* Starting by LD_PRELOAD, where ptrace is forbidden. Both run in the forked child before exec. */
#ifndef ODB_RECORDER_PRELOAD_H
#define ODB_RECORDER_PRELOAD_H

#include <stdbool.h>

/* Will ld.so load a preloaded library into this program? Searched in PATH, `#!` lines followed. */
bool preload_possible(const char *program);
/* Sets LD_PRELOAD and the variable that tells preload_so.c its descriptors. */
void preload_environment(int loader_fd, int image_fd, int ring_fd);

#endif
