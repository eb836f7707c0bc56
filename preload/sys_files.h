/* Files that the program both maps and writes: record only. */
#ifndef ODB_PRELOAD_SYS_FILES_H
#define ODB_PRELOAD_SYS_FILES_H

#include "model/model.h"

/* A mapping of this file (identity as fstat gives it) was made. */
void sys_files_mapped(uint64_t dev, uint64_t ino, uint32_t file_id);
/* What the descriptor was is no longer known: closed, duplicated onto, newly made. -1: all of them. */
void sys_files_forget(int fd);
/* A call is done. Appends the mapped ranges that may show other bytes now than replay would have there: those on
 * the written part of a file, and a new mapping of a file that a shared mapping has changed. Returns
 * the new number of ranges. */
int sys_files_written(const struct model_call *c, struct model_range *ranges, int n, int max);

#endif
