/* System V shared memory: shmat, shmdt. */
#ifndef ODB_PRELOAD_SYS_SHM_H
#define ODB_PRELOAD_SYS_SHM_H

#include "model/model.h"
#include "preload/engine.h"

/* Record: shmat succeeded. Its contents are captured with the first attachment in the recording. Returns the file's id;
 * 0: it could not be captured. name: as /proc shows it, CAPTURE_NAME_BYTES. */
uint32_t sys_shm_attached(const struct model_call *c, char *name);
/* After a successful shmat or shmdt, in every mode: tells what sys_effect.c must add to or remove from the shadow map. */
void sys_shm_effect(const struct model_call *c, uint32_t file_id, const char *name,
                    void (*add)(const struct engine_map *m), void (*remove)(gaddr start, gaddr end));
/* Replay: makes or removes the mapping. NULL: done; else what failed. */
const char *sys_shm_replay(const struct model_call *c, uint32_t file_id);

#endif
