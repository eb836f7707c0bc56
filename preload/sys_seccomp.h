/* The program's own seccomp filters, interpreted in process. Record only: on replay the results are in the stream. */
#ifndef ODB_PRELOAD_SYS_SECCOMP_H
#define ODB_PRELOAD_SYS_SECCOMP_H

#include "model/model.h"
#include "preload/thread.h"

/* odb_task.filters: the number of the newest filter of the task in its process's table, and two bits. A new task
 * has its parent's; fork copies the table. */
#define SECCOMP_HEAD 0x00ffffffu
#define SECCOMP_STRICT (1u << 30) /* SECCOMP_MODE_STRICT */
#define SECCOMP_NO_NEW_PRIVS \
    (1u << 31) /* as the program set it; the kernel's may be set because of odb's guard */

/* seccomp(), prctl() about seccomp and no_new_privs. False: not one of them, or the kernel may answer it. */
bool sys_seccomp_call(struct model_call *c);

enum seccomp_verdict {
    SECCOMP_GO,     /* allowed */
    SECCOMP_ANSWER, /* c->result is what the program gets; the call is not made (ODB_SYSCALL_ANSWERED) */
    SECCOMP_TRAP, /* SIGSYS was delivered: FAULT and SIGNAL are written, ctx is in the handler; no SYSCALL event */
};
/* What the filters say to the call at ctx. May end the process. */
enum seccomp_verdict sys_seccomp_check(struct model_call *c);
static inline bool sys_seccomp_active(void)
{
    return SHARED->tasks[self->task].filters & (SECCOMP_HEAD | SECCOMP_STRICT);
}

/* The first process begins: before the guard is installed. */
void sys_seccomp_start(void);
/* Around execve: the filters go through files/filters.TASK. `before` right before the call, `failed` when it came back,
 * `after` in the new engine. */
void sys_seccomp_before_exec(void);
void sys_seccomp_exec_failed(void);
void sys_seccomp_after_exec(void);

/* For /proc/self/status: SECCOMP_MODE_*, the number of filters. */
int sys_seccomp_mode(void);
uint32_t sys_seccomp_count(void);
bool sys_seccomp_no_new_privs(void);

#endif
