/* Capturing a file or memory for a recorded process that may not write into the recording itself. */
#ifndef ODB_RECORDER_COPY_H
#define ODB_RECORDER_COPY_H

#include "preload/shared.h"

/* As the request says; dir_fd: the recording's folder. Returns 0 or errno. Called for any request: it comes from shared
 * memory, so nothing in it is trusted. */
int copy_for_process(int dir_fd, const struct odb_exec_request *request);

/* At the end of a recording: where only the mapped parts of an ELF file were copied, the rest of it (symbols, lines), if
 * the file is still what it was. What fails is left as it is: no symbols, nothing else. */
void copy_complete(int dir_fd, const struct odb_shared *shared);

#endif
