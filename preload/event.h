/* Writing events into the ring (protocol: preload/control.h). Record mode only. Freestanding.
 *
 * The ring is mapped twice in a row, so a reserved event is always one flat piece of memory:
 *
 *     struct odb_ev_insn *e = event_begin(ODB_EV_INSN, 0, sizeof(*e));   // waits for space
 *     e->... = ...;                                                     // every field
 *     event_commit();                                                   // it exists from here
 */
#ifndef ODB_PRELOAD_EVENT_H
#define ODB_PRELOAD_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/engine.h"

/* Room for one event of size_bytes (rounded up to 8; at most ODB_EVENT_MAX_BYTES) with its header
 * filled in. The last 8 bytes are zero, so that padding is. */
void *event_begin(uint16_t type, uint16_t flags, uint32_t size_bytes);
void event_commit(void);
/* The event under construction is smaller than was asked for: size_bytes, a multiple of 8. */
void event_shrink(uint32_t size_bytes);
/* MEM events for [addr, addr + len), in pieces of ODB_MEM_MAX_BYTES. */
void event_mem(gaddr addr, uint64_t len_bytes, uint16_t flags);
/* How many MEM events that makes. */
static inline uint32_t event_mem_count(uint64_t len_bytes)
{
    return (uint32_t)((len_bytes + ODB_MEM_MAX_BYTES - 1) / ODB_MEM_MAX_BYTES);
}
/* NOTE with text, at ctx.rip and the current tick. */
void event_note(uint32_t kind, const char *text);
/* May events be written (record mode, ring mapped)? */
bool event_ready(void);
/* The baton is ours again: others have written. */
void event_follow(void);

#endif
