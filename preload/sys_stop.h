/* SIGSTOP and SIGKILL sent by the program; record only. See sys_stop.c. */
#ifndef ODB_PRELOAD_SYS_STOP_H
#define ODB_PRELOAD_SYS_STOP_H

#include "model/model.h"

/* False: it is not that. Else done, with c->result. */
bool sys_stop(struct model_call *c);

#endif
