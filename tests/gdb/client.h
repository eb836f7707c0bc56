/* A client of the stub inside a test: sends packets, takes replies apart. */
#ifndef ODB_TESTS_GDB_CLIENT_H
#define ODB_TESTS_GDB_CLIENT_H

#include "gdb/stub.h"

struct client;

/* note: lines that the stub tells the user go to client_console(); else to O packets, which are there, too. */
struct client *client_create(bool note);
void client_destroy(struct client *c);
struct stub *client_stub(struct client *c);
/* Sends one packet (bytes, not framed); the reply, as a string: escapes and run lengths resolved. Valid until the next call. */
const char *client_ask(struct client *c, const char *packet);
const char *client_ask_bytes(struct client *c, const void *packet, size_t n_bytes, size_t *ret_n);
/* What came as O packets and notes since the last call. */
const char *client_console(struct client *c);
/* Is the session still on? */
bool client_alive(const struct client *c);

#endif
