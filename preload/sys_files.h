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

/* A file that is mapped shared by any process of the recording: what the call changed of it. */
struct file_part {
    uint32_t file_id;
    int fd;
    bool resized;        /* the size is `start` now */
    uint64_t start, end; /* written */
};
/* Says whether there is such a part. */
bool sys_files_shared_part(const struct model_call *c, struct file_part *ret);
/* A shared mapping of captured file file_id was made. */
void sys_files_map_shared(uint32_t file_id);

#endif
