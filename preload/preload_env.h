/* Between recorder/preload.c and preload_so.c. */
#ifndef ODB_PRELOAD_PRELOAD_ENV_H
#define ODB_PRELOAD_PRELOAD_ENV_H

/* "LOADER,IMAGE,RING": descriptors, decimal. LD_PRELOAD begins with /proc/self/fd/LOADER; what follows
 * the colon behind that is the user's own LD_PRELOAD. Both are set back before the program runs. */
#define PRELOAD_ENV "ODB_PRELOAD_FDS"

#endif
