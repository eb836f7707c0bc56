/* Beginning of a recording; called by entry.S on the engine's stack. */
#ifndef ODB_PRELOAD_START_H
#define ODB_PRELOAD_START_H

#include "preload/shared.h"

extern struct odb_boot engine_boot; /* written by the recorder */

/* At the program's first instruction. */
_Noreturn void start_record(void);
/* From the LD_PRELOAD constructor; ctx holds the state in which the program continues. */
_Noreturn void start_preload(int fd);

#endif
