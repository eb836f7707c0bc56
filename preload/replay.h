/* Replay inside the engine: the parts of the vessel, and what they offer each other. Freestanding.
 *
 *   vessel.c         first instruction of a vessel; the host's commands; forks
 *   replay_cursor.c  the event stream, as a sliding window
 *   replay_image.c   builds a recorded program image (EXEC)
 *   replay_live.c    files mapped shared
 *   replay_maps.c    calls that change the memory map, done again at the recorded addresses
 *   replay_output.c  which descriptors are the program's stdout and stderr; repeating what it wrote
 *   sys_replay.c     the services of sys.h: compares with the recording, puts outputs back, ends
 *
 * Where replay may stop. Every stop is made in C, on the engine stack, with ctx complete and the program's
 * vector state in the registers; vessel_stop() reports it and obeys commands until the host says RUN.
 * That includes FORK, so a checkpoint can be taken at any stop, and the copy continues from the same place. */
#ifndef ODB_PRELOAD_REPLAY_H
#define ODB_PRELOAD_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "model/model.h"
#include "preload/engine.h"

/* ---- replay_cursor.c ---- */
struct cursor {
    uint64_t offset; /* stream offset of the next event */
    uint64_t base;   /* stream offset of the window's first byte */
    uint64_t limit;  /* events that begin below it are in the window as a whole */
};
extern struct cursor cursor;
const struct odb_event *cursor_slow(void);
void cursor_init(void);
/* The next event, NULL at the end of the stream. Waits for the host. The window may move when a main
 * event is peeked at, never within CURSOR_FOLLOWERS_BYTES behind it: pointers into one main event and its
 * followers stay good that far. */
static inline const struct odb_event *cursor_peek(void)
{
    if (__builtin_expect(cursor.offset < cursor.limit, 1))
        return (const struct odb_event *)(ODB_EVENTS_ADDR + (cursor.offset - cursor.base));
    return cursor_slow();
}
/* Goes over the event that cursor_peek() returned. */
static inline void cursor_take(const struct odb_event *ev) { cursor.offset += ev->size_bytes; }
/* The next event, which must be a MEM that follows the one taken last; a bad recording ends here. */
const struct odb_ev_mem *cursor_mem(void);

/* ---- replay_image.c ---- */
/* The event at the cursor is an EXEC: makes the program's memory and ctx what it says. */
void image_build(void);
/* Remembers the name of a captured file (FILE event); the name of a file id, "" when unknown. */
void image_note_file(const struct odb_ev_file *ev);
const char *image_file_name(uint32_t file_id);
/* What the recording says of a captured file; NULL: there is no such file. */
struct file_identity {
    uint64_t dev, ino, size_bytes;
};
const struct file_identity *image_file_identity(uint32_t file_id);
/* Opens files/<file_id> for reading; the kernel's value. */
long image_open_file(uint32_t file_id);
/* mmap of a captured file at a fixed address: of files/<file_id>, private, or of its live copy
 * (replay_live.c) when it is, or by `flags` becomes, mapped shared. The kernel's value. */
long image_map_file(uint32_t file_id, gaddr addr, uint64_t len_bytes, uint32_t prot, uint32_t flags,
                    uint64_t offset);
/* Copies into the program's memory, over guarded code pages too. False: not writable memory. */
bool replay_poke(gaddr addr, const void *from, uint64_t len_bytes);
/* Is [addr, addr+len) program memory that a recording may name: canonical, page-aligned if asked, not ours? */
bool replay_range_ok(gaddr addr, uint64_t len_bytes, bool aligned);

/* ---- replay_live.c ---- */
/* True: the mapping was made of a live copy (or failed), *ret is the kernel's value. False: the file is not live. */
bool live_map(uint32_t file_id, gaddr addr, uint64_t len_bytes, uint32_t prot, uint32_t flags,
              uint64_t offset, long *ret);
bool live_is(uint32_t file_id);
/* The file behind m was found to reach up to address end. False: it is not live. */
bool live_extend(const struct engine_map *m, gaddr end);
/* In the child of a fork: live copies of its own. */
long live_forked(void);

/* ---- replay_maps.c ---- */
/* Does a MODEL_REEXEC call again; the recorded result is c->result. NULL: as recorded. Else what failed. */
const char *replay_maps_call(const struct model_call *c, uint32_t file_id);
void replay_maps_set_brk(gaddr brk);

/* ---- replay_output.c ---- */
void output_init(void);
/* 1: descends from the program's stdout, 2: from its stderr, 0: something else. */
int output_origin(uint64_t fd);
/* After a call: repeats what it sent, follows descriptors. */
void output_after_call(const struct model_syscall *m, const struct model_call *c);

/* ---- vessel.c ---- */
extern uint64_t replay_ordinal; /* of the next SYSCALL, INSN, FAULT or SIGNAL event, from 0 */
/* Fills in what all stops share, reports, and obeys commands until RUN. */
void vessel_stop(uint32_t reason, int32_t status);
/* The same, for ever: nothing can run on from here. */
_Noreturn void vessel_stay(uint32_t reason, int32_t status);
/* ODB_STOP_ERROR with text, for ever. */
_Noreturn void replay_error(const char *fmt, ...);
/* Text of the coming stop. */
void vessel_text(const char *fmt, ...);
/* Index: the registers as they are now (ODB_LOG_START): at the beginning, and after a signal changed them. */
void vessel_log_start(void);
/* Index: the log is (nearly) full; returns when the host has consumed it. hook.c starts anew. */
void vessel_log_full(void);
/* An engine panic in a vessel: tells the host, ends the process. */
_Noreturn void vessel_panic(const char *text);

/* ---- sys_replay.c ---- */
/* The first events are behind us, ctx is the program's first state: look at what comes. */
void replay_begin(void);
/* A RUN command came: where to stop. NULL, or why it cannot be. *ret_at_once: the wanted position is here. */
const char *replay_set_run(const struct odb_run *run, bool *ret_at_once);

#endif
