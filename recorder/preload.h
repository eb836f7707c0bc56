/* Starting by LD_PRELOAD, where ptrace is forbidden. Both run in the forked child before exec. */
#ifndef ODB_RECORDER_PRELOAD_H
#define ODB_RECORDER_PRELOAD_H

#include <stdbool.h>

/* Will ld.so load a preloaded library into this program? Searched in PATH, `#!` lines followed. */
bool preload_possible(const char *program);
/* Sets LD_PRELOAD, the variable that tells preload_so.c its descriptors, and under policy v3 a tunable
 * against AVX-512 in libc. */
void preload_environment(int loader_fd, int image_fd, int ring_fd, bool hide_avx512);

#endif
