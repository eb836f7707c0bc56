/* Files of /proc that would show the engine. */
#ifndef ODB_PRELOAD_SYS_PROC_H
#define ODB_PRELOAD_SYS_PROC_H

#include "model/model.h"

/* A call has perhaps made a descriptor: if it is the maps or smaps of any process, or the program's own status, the
 * descriptor is replaced by a memory file with the same text, without the engine's mappings, signals, guard and CPU. It is a
 * snapshot of the moment of opening, unlike the kernel's, which is made while it is read. */
void sys_proc_opened(const struct model_call *c);

/* getdents64 is done: entries of /proc/PID/fd that are the engine's descriptors are hidden in its result. */
void sys_proc_listed(const struct model_call *c);

#endif
