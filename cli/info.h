/* Words about a recording, for `odb info` and `odb ls`. All write at most n_bytes with the NUL. */
#ifndef ODB_CLI_INFO_H
#define ODB_CLI_INFO_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "trace/trace.h"

/* "exit 0", "SIGSEGV", "cut off" (nobody saw the end). */
void info_status(const struct trace_summary *s, char *buf, size_t n_bytes);
/* Local time of a unix time in nanoseconds. */
void info_time(uint64_t time_ns, char *buf, size_t n_bytes);
/* "3.1 MiB" */
void info_bytes(uint64_t n, char *buf, size_t n_bytes);
/* Text that came out of a recording, with control characters made visible. */
void info_print_text(FILE *to, const char *text);

#endif
