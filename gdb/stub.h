/* A gdb remote protocol session over a target: packets in, packets out. Transport is the caller's (server.h).
 *
 *     struct stub *s;
 *     ODB_TRY(stub_create(g, &io, &s));
 *     while (stub_packet(s, payload, n_bytes)) ...
 *     stub_destroy(s);
 *
 * What the client gets to see:
 *   - The processes it is attached to: at first the one that runs at the position; fork and vfork events attach the child
 *     (gdb detaches the one it does not follow). What happens to others is passed over.
 *   - The start and the end of the history are `replaylog` stops. A process that exits while others are attached is an
 *     exit event; the last one stays at its last instruction, which then is the end of its history.
 *   - Writing memory or registers begins a branch (target.h). A resume forwards with a program counter or stack pointer
 *     other than the recording's runs in the branch: that is how gdb calls functions. Any other resume leaves it first, and
 *     what was written is gone. A branch also ends where its program dies or exits.
 *
 * One thread calls all of it, but for stub_interrupt(). */
#ifndef ODB_GDB_STUB_H
#define ODB_GDB_STUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gdb/target.h"

struct stub;

struct stub_io {
    void *ctx;
    void (*send)(void *ctx, const uint8_t *bytes, size_t n_bytes);
    /* Something to tell the user now. NULL: such lines go out as console output with the next resume. */
    void (*note)(void *ctx, const char *line);
    /* Has the client gone? Ends long work. NULL: never. */
    bool (*stop_work)(void *ctx);
};

/* g is borrowed, io copied. */
struct odb_err *stub_create(struct target *g, const struct stub_io *io, struct stub **ret) ODB_MUST_CHECK;
/* NULL is fine. */
void stub_destroy(struct stub *s);

/* Handles one packet. data is changed; data[n_bytes] must be writable (packet.h's payloads are so). false: the session is
 * over. */
bool stub_packet(struct stub *s, uint8_t *data, size_t n_bytes);
/* A packet came that was damaged; the client wants the last one again. */
void stub_bad_packet(struct stub *s);
void stub_repeat(struct stub *s);

/* Is this packet one that may take long, so that an interrupt behind it is meant for it? */
bool stub_is_resume(const uint8_t *data, size_t n_bytes);
/* From any thread: ends the resume, or other long work, that is under way or about to begin. */
void stub_interrupt(struct stub *s);
/* When the packet that it was meant for is done and no more can come. */
void stub_interrupt_over(struct stub *s);

/* How many kinds of packets there are, and their names, for tests and documentation. */
size_t stub_n_rows(void);
const char *stub_row_name(size_t i);

#endif
