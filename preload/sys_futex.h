/* Priority-inheritance futexes, done by the engine. Record only; see sys_futex.c. */
#ifndef ODB_PRELOAD_SYS_FUTEX_H
#define ODB_PRELOAD_SYS_FUTEX_H

#include "model/model.h"

enum futex_pi {
    FUTEX_PI_NOT,   /* not such an operation: the kernel's */
    FUTEX_PI_DONE,  /* c->result is set, the word is written */
    FUTEX_PI_AGAIN, /* the word was marked: an event says so (ODB_SYSCALL_AGAIN), then ask again */
    FUTEX_PI_WAIT,  /* run *wait without the baton, then ask again */
};
enum futex_pi sys_futex_pi(struct model_call *c, struct model_call *wait);

#endif
