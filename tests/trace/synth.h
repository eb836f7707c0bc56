/* Synthetic event streams for the tests of trace/: every event type, many shapes, from a seed. */
#ifndef ODB_TESTS_TRACE_SYNTH_H
#define ODB_TESTS_TRACE_SYNTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/trace.h"

/* Growing bytes. */
struct synth {
    uint8_t *data; /* owned */
    size_t len, cap;
    uint64_t random; /* state */
    uint64_t tick;
};

void synth_init(struct synth *s, uint64_t seed);
void synth_deinit(struct synth *s);
uint64_t synth_random(struct synth *s, uint64_t below);

/* Each appends one whole event (or group). */
void synth_start(struct synth *s);
void synth_cpu(struct synth *s, uint32_t n_entries);
void synth_file(struct synth *s, uint32_t id, const char *path);
void synth_exec(struct synth *s, uint32_t n_maps, uint32_t n_mem);
void synth_mem(struct synth *s, uint64_t addr, uint32_t len, bool is_in);
void synth_syscall(struct synth *s, uint16_t gpr_mask, uint16_t n_mem, uint32_t max_mem);
/* The event alone: its followers are the caller's. */
void synth_syscall_head(struct synth *s, uint32_t nr, uint16_t gpr_mask, const uint64_t *gprs, uint16_t n_mem,
                        int64_t result);
void synth_insn(struct synth *s);
void synth_fault(struct synth *s, bool is_fatal);
void synth_signal(struct synth *s);
void synth_check(struct synth *s, uint32_t n_pages);
void synth_exit(struct synth *s);
void synth_killed(struct synth *s); /* EXIT of a process that was killed */
void synth_switch(struct synth *s, uint32_t kind);
void synth_task(struct synth *s, uint32_t tid, uint32_t pid, uint32_t n_mem);
void synth_end(struct synth *s);
void synth_note(struct synth *s, uint32_t tid, const char *text);
/* START, CPU, FILE, EXEC, then n random events of every kind, EXIT, END. */
void synth_recording(struct synth *s, unsigned n_events);

/* Puts the stream's bytes [from, to) into dir/events as one writer does; a new temporary directory. */
char *synth_temp_dir(void);
void synth_remove_dir(char *dir); /* frees it too */
void synth_write(const char *dir, const uint8_t *data, size_t len);
/* dir/ring: head and tail in ring offsets, contents = stream[base .. base + head). */
void synth_ring(const char *dir, const uint8_t *stream, uint64_t base, uint64_t tail, uint64_t head);

#endif
