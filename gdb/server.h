/* odb gdbserver: gdb clients on a recording, over a pipe or a socket. */
#ifndef ODB_GDB_SERVER_H
#define ODB_GDB_SERVER_H

#include "gdb/target.h"

struct server_options {
    const char *dir; /* the recording */
    struct target_options target;
    /* "-": one client on stdin and stdout. A path (it has a '/'): a UNIX socket. HOST:PORT, :PORT or PORT: TCP, port 0 is
     * chosen by the system; without a host: this machine only. */
    const char *listen;
    bool once; /* end when the first client has gone */
    /* Tells where it listens, and with "-" what the stub has to say to the user. */
    void (*ready)(const char *where);
    void (*note)(const char *line);
};

/* Serves until killed (once, "-": until the client has gone). Each client gets a process of its own with its own target, so that
 * clients do not disturb each other. */
struct odb_err *server_run(const struct server_options *o) ODB_MUST_CHECK;

/* One client on these descriptors, which stay open. */
struct odb_err *server_serve(const struct server_options *o, int in_fd, int out_fd) ODB_MUST_CHECK;

#endif
