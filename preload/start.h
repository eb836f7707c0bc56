/* Beginning of a recording; called by entry.S on the engine's stack. */
#ifndef ODB_PRELOAD_START_H
#define ODB_PRELOAD_START_H

/* At the program's first instruction. ring_fd: the recording's `ring`; closed here. */
_Noreturn void start_record(int ring_fd);
/* From the LD_PRELOAD constructor; ctx holds the state in which the program continues. */
_Noreturn void start_preload(int ring_fd);

#endif
