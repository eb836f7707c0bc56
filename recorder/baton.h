/* The recorder's part in the baton of the recorded tasks (preload/shared.h), and events of its own in their stream. */
#ifndef ODB_RECORDER_BATON_H
#define ODB_RECORDER_BATON_H

#include <stdbool.h>
#include <stdint.h>

#include "recorder/ring.h"

/* Takes the baton: from nobody, from a task in a system call, from any task of the dead process `dead_pid` (0: none). Waits
 * for another that runs, and asks it to yield; false: it did not within timeout_ms. */
bool baton_take(struct ring *r, uint32_t dead_pid, int timeout_ms);
/* From one who is known to be gone, if the word is still his. */
bool baton_seize(struct ring *r, uint32_t word);
void baton_release(struct ring *r);

/* The holder, if it runs (and is not in a call): index, else ODB_MAX_TASKS. */
uint32_t baton_holder(const struct odb_shared *s);
/* Sends the request to yield. */
void baton_ask_to_yield(struct odb_shared *s, uint32_t task);

/* The task does not exist any more: its slot is free, and it does not count as waiting. With the baton, or for a task
 * of a process that is gone. */
void baton_forget_task(struct odb_shared *s, uint32_t task);

/* Events, by the holder of the baton only. False: no room in the ring, nobody empties it. */
bool baton_write_killed(struct ring *r, uint32_t pid, int32_t status);
/* That the task is in the system call of call_*. */
void baton_write_switch(struct ring *r, uint32_t task);
bool baton_write_note(struct ring *r, uint32_t pid, uint32_t kind, const char *text);

#endif
