/* Calls about CPUs and scheduling, as if the recorded tasks were not all on one CPU. Record only; see sys_sched.c. */
#ifndef ODB_PRELOAD_SYS_SCHED_H
#define ODB_PRELOAD_SYS_SCHED_H

#include "model/model.h"
#include "preload/shared.h"

/* SCHED_RESET_ON_FORK, as it lies in odb_task.real_time. */
#define SCHED_RESET 0x80000000u
/* sched_setaffinity, sched_getaffinity, getcpu, and the calls about real-time policies. False: run it. */
bool sys_sched(struct model_call *c);
/* A new task begins with its parent's mask and policy. */
static inline void sched_task_made(struct odb_task *child, const struct odb_task *parent)
{
    for (unsigned i = 0; i < sizeof(child->affinity) / sizeof(*child->affinity); i++)
        child->affinity[i] = parent->affinity[i];
    child->real_time = parent->real_time & SCHED_RESET ? 0 : parent->real_time;
}
/* The mask that the task believes to have: SCHED_MASK_WORDS words. */
#define SCHED_MASK_WORDS 16
void sched_mask(const struct odb_task *t, uint64_t ret[SCHED_MASK_WORDS]);

#endif
