/* One client's bytes, taken by a thread of its own, so that an interrupt is seen while a resume is under way. */
#ifndef ODB_GDB_CONNECTION_H
#define ODB_GDB_CONNECTION_H

#include "gdb/packet.h"
#include "gdb/stub.h"

struct connection;

struct connection_item {
    enum packet_item kind; /* DATA, BAD, NAK; NONE: the client has gone */
    uint8_t *data;         /* owned: free; data[n_bytes] is 0 */
    size_t n_bytes;
};

/* Begins to read. s must live until connection_close(). */
struct odb_err *connection_open(int in_fd, int out_fd, struct connection **ret) ODB_MUST_CHECK;
void connection_close(struct connection *c);
/* Whom interrupts are for; before the first connection_next(). */
void connection_set_stub(struct connection *c, struct stub *s);
/* Waits for the next item. The one before it is done with. */
void connection_next(struct connection *c, struct connection_item *ret);
/* As in struct stub_io; ctx is the connection. */
void connection_send(void *ctx, const uint8_t *bytes, size_t n_bytes);
bool connection_gone(void *ctx);

#endif
