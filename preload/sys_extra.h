/* What a call writes elsewhere than in the caller's memory: shared files, other processes. Record only. */
#ifndef ODB_PRELOAD_SYS_EXTRA_H
#define ODB_PRELOAD_SYS_EXTRA_H

#include "model/model.h"

/* The call is done. Finds out what more it wrote; returns how many MEM events that takes. */
uint32_t sys_extra_find(const struct model_syscall *m, const struct model_call *c);
/* The recorded process that the caller names so: its pid as the recorder sees it. 0: none, or the caller's own. */
uint32_t sys_other_process(uint64_t pid_arg);
/* Writes them. */
void sys_extra_write(void);

#endif
