/* Calls that odb does not record: the program is told an error that it would get on some other kernel, and odb says so
 * once, by name. Record only. */
#ifndef ODB_PRELOAD_SYS_DENY_H
#define ODB_PRELOAD_SYS_DENY_H

#include "model/model.h"

/* Is the call, with these arguments, not recorded? Then c->result is the error. Asked before anything is done. */
bool sys_deny(const struct model_syscall *m, struct model_call *c);

/* The first process begins: remembers what its stderr is. */
void sys_deny_start(void);

enum deny_what { DENY_DEVICE_MAP = 27, DENY_LISTENER, DENY_SETUID, DENY_REQUEUE_PI };
/* The same for what only the call's place knows: says it, once in a recording. */
void sys_deny_say(enum deny_what bit, const char *text);
/* The file behind fd is about to be executed: says so when its privileges will not be gained because of odb. */
void sys_deny_setuid(int fd);

#endif
