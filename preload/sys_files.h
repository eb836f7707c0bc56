/* Files that the program both maps and writes: record only. */
#ifndef ODB_PRELOAD_SYS_FILES_H
#define ODB_PRELOAD_SYS_FILES_H

#include "model/model.h"

/* A mapping of this file (identity as fstat gives it) was made. */
void sys_files_mapped(uint64_t dev, uint64_t ino, uint32_t file_id);
/* What the descriptor was is no longer known: closed, duplicated onto, newly made. -1: all of them. */
void sys_files_forget(int fd);
/* A call is done. If it wrote to a file through a descriptor, appends the ranges of mappings that lie on the written
 * part. Returns the new number of ranges. (Stores through shared mappings need nothing: replay_live.c.) */
int sys_files_written(const struct model_call *c, struct model_range *ranges, int n, int max);

#endif
