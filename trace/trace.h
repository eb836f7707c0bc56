/* Writing and reading a recording's event stream (trace/format.h). Hosted.
 *
 * A reader trusts nothing: every block is checksummed and every event validated (sizes, counts, types,
 * strings terminated) before anyone sees it. A recording cut off at any byte opens up to its last
 * complete event; trace_reader_damage() then says what was lost. */
#ifndef ODB_TRACE_TRACE_H
#define ODB_TRACE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "trace/format.h"

struct trace_writer;

/* Creates `dir`/events (dir exists). Compression level zstd 1. */
struct odb_err *trace_writer_create(const char *dir, struct trace_writer **ret) ODB_MUST_CHECK;
/* Appends whole events (n_bytes may hold several). Buffered: written as a block when 4 MiB are together. */
struct odb_err *trace_writer_append(struct trace_writer *w, const void *events, size_t n_bytes)
    ODB_MUST_CHECK;
/* Writes what is complete: an event whose followers (n_mem, n_maps) are still to come stays in the buffer,
 * as long as it fits. If END comes instead of them (the program was killed), that event is dropped. */
struct odb_err *trace_writer_flush(struct trace_writer *w) ODB_MUST_CHECK;
/* Stream bytes appended so far; and those already written to disk as blocks. */
uint64_t trace_writer_offset(const struct trace_writer *w);
uint64_t trace_writer_flushed(const struct trace_writer *w);
/* Flushes, closes, frees; w is gone even on error. */
struct odb_err *trace_writer_close(struct trace_writer *w) ODB_MUST_CHECK;

struct trace_reader;

/* Opens `dir`; continues in `dir`/ring after the last block when that exists. */
struct odb_err *trace_reader_open(const char *dir, struct trace_reader **ret) ODB_MUST_CHECK;
void trace_reader_close(struct trace_reader *r);
/* Next run of whole, validated events, with all their n_mem/n_maps followers checked but possibly in the
 * next run; *ret_len 0 at the end. Data valid until the next call. *ret_offset: stream offset. */
struct odb_err *trace_reader_next_block(struct trace_reader *r, const uint8_t **ret_data, size_t *ret_len,
                                        uint64_t *ret_offset) ODB_MUST_CHECK;
/* Next event; *ret NULL at the end. Stops before an event whose followers are incomplete. */
struct odb_err *trace_reader_next(struct trace_reader *r, const struct odb_event **ret, uint64_t *ret_offset)
    ODB_MUST_CHECK;
void trace_reader_rewind(struct trace_reader *r);
/* NULL: the recording is whole (ends in END). Else one line: cut off or corrupt, where, how much is usable.
 * Meaningful after the end was reached. */
const char *trace_reader_damage(const struct trace_reader *r);

/* Checks one event's own structure within n_bytes. NULL: good; else what is wrong (static text). */
const char *trace_validate(const struct odb_event *ev, size_t n_bytes);

/* Body accessors: pointers into the event, NULL-safe by validation. */
const void *trace_mem_data(const struct odb_ev_mem *ev);
const char *trace_file_path(const struct odb_ev_file *ev);
const char *trace_map_name(const struct odb_ev_map *ev);
const char *trace_note_text(const struct odb_ev_note *ev);
/* START strings: i = 0 exe, 1 cwd, 2 host, then argv, then envp. */
const char *trace_start_string(const struct odb_ev_start *ev, uint32_t i);

/* Full registers at each SYSCALL event, which carry only differences: one per thread, zeroed first. */
struct trace_gprs {
    uint64_t gpr[ODB_N_GPR];
};
void trace_syscall_gprs(const struct odb_ev_syscall *ev, struct trace_gprs *inout);

/* One line of text per event, for `odb dump` (trace/dump.c). */
struct trace_dump;
struct odb_err *trace_dump_all(const char *dir, void *file /* FILE * */) ODB_MUST_CHECK;

/* One process of the recorded tree. */
struct trace_process {
    uint32_t pid, parent_pid; /* parent 0: the first */
    uint32_t n_threads;       /* ever, with the first one */
    uint32_t n_execs;
    char exe[64]; /* of its last execve, or its parent's: the name's last part */
    bool ended, killed;
    int32_t status; /* as EXIT has it */
};

/* What `odb ls` and `odb info` show. */
struct trace_summary {
    char exe[4096], cwd[4096];
    char **argv; /* owned */
    uint32_t n_argv;
    uint64_t time_ns, duration_ns; /* duration 0: unknown */
    uint64_t n_events, n_syscalls, n_faults, n_insn_values, stream_bytes, disk_bytes;
    uint64_t n_of_type[ODB_N_EV];
    uint64_t last_tick;              /* of any thread */
    struct trace_process *processes; /* owned; in order of their beginning, parents before children */
    uint32_t n_processes, cap_processes;
    uint64_t n_threads;
    bool complete;
    int wait_status; /* valid if complete, or ended (EXIT seen) */
    bool ended;
    uint32_t cpu_policy;
    char damage[256];
};
struct odb_err *trace_summarize(const char *dir, struct trace_summary *ret) ODB_MUST_CHECK;
void trace_summary_deinit(struct trace_summary *s);

#endif
