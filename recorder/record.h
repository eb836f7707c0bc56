/* Recording one run of a program. Hosted; the only interface of recorder/ that cli/ needs. */
#ifndef ODB_RECORDER_RECORD_H
#define ODB_RECORDER_RECORD_H

#include <stdbool.h>

#include "common/err.h"
#include "trace/format.h"

enum odb_preload_start {
    ODB_PRELOAD_AUTO = 0, /* ptrace; LD_PRELOAD where ptrace is forbidden */
    ODB_PRELOAD_NEVER,
    ODB_PRELOAD_ALWAYS,
};

struct odb_record_options {
    char *const *argv;   /* program and arguments, NULL-terminated; searched in PATH as a shell does */
    const char *dir;     /* where to: exists and is empty. Ignored when bare */
    uint32_t cpu_policy; /* enum odb_cpu_policy */
    enum odb_preload_start preload;
    uint32_t slice_us;                    /* how long a task runs while others wait; 0: default */
    uint64_t chaos_seed;                  /* not 0: random slices and order, out of this seed */
    uint64_t timeout_ms;                  /* then the program is ended; 0: never */
    int cpu_core;                         /* processor to run on; -1: odb chooses */
    bool check;                           /* dense CHECK events */
    bool bare;                            /* run under the engine, record nothing: tests and benchmarks */
    bool no_vector_ticks, no_superblocks; /* tests of the engine */
    bool stats;                           /* print the engine's counters to stderr at the end */
};

/* Runs the program, and every process that it makes, to the end of the last. *ret_wait_status is the first process's,
 * as waitpid gives it; 124 << 8 when timeout_ms ended it.
 *
 * Errors: the program could not be started (*ret_wait_status is then 127 << 8 when it was not found and
 * 126 << 8 when it could not be executed, else 1 << 8), something in it is not supported (the text
 * names it; the recording up to there is kept), or the recording could not be written (ENOSPC; what was
 * written is kept and the program killed).
 *
 * While it runs, SIGINT and SIGQUIT are left to the program, SIGTERM and SIGHUP are passed on to its first process; when
 * that is gone, all of them go to what it left behind. Call it from the main thread. The processes of the program die
 * when the calling process dies. */
struct odb_err *odb_record(const struct odb_record_options *opt, int *ret_wait_status) ODB_MUST_CHECK;

#endif
