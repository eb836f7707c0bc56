/* What the recording of calls offers to task.c and others. Record mode only. */
#ifndef ODB_PRELOAD_SYS_RECORD_H
#define ODB_PRELOAD_SYS_RECORD_H

#include "model/model.h"

/* SYSCALL event at ctx, with the inputs taken before and these outputs as MEM events. */
void record_call(const struct model_call *c, const struct model_range *out, uint32_t n_out, uint32_t file_id);
/* The same for a call that is not done: ODB_SYSCALL_AGAIN. */
void record_call_again(const struct model_call *c, const struct model_range *out, uint32_t n_out);
/* Does the kernel perhaps write to the program's memory right now, for a call of another thread? */
bool record_call_writes_now(void);
/* In the child of a fork: those are the parent's. */
void record_forked(void);
/* Ends the recording: odb prints the text and fails. */
_Noreturn void sys_refuse(const char *name, const char *reason);

#endif
