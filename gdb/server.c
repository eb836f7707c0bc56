/* odb gdbserver. See server.h.
 *
 * A listening server forks a process for each client, which opens the recording for itself. So a client that hangs, floods
 * or crashes its process is its own problem; at most MAX_CLIENTS are served at a time. */
#include "gdb/server.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "gdb/connection.h"
#include "gdb/stub.h"

enum { MAX_CLIENTS = 64, BACKLOG = 16, SEND_TIMEOUT_S = 60 };

/* ---- one client ---- */

/* io.ctx is one pointer for all three calls. */
struct session {
    const struct server_options *o;
    struct connection *c;
};
static void session_send(void *ctx, const uint8_t *bytes, size_t n_bytes)
{
    connection_send(((struct session *)ctx)->c, bytes, n_bytes);
}
static bool session_gone(void *ctx) { return connection_gone(((struct session *)ctx)->c); }
static void session_note(void *ctx, const char *line) { ((struct session *)ctx)->o->note(line); }

static void serve_packets(struct connection *c, struct stub *s)
{
    for (;;) {
        struct connection_item item;
        bool more = true;
        connection_next(c, &item);
        switch (item.kind) {
        case PACKET_DATA: more = stub_packet(s, item.data, item.n_bytes); break;
        case PACKET_BAD: stub_bad_packet(s); break;
        case PACKET_NAK: stub_repeat(s); break;
        default: more = false;
        }
        free(item.data);
        if (!more)
            return;
    }
}

struct odb_err *server_serve(const struct server_options *o, int in_fd, int out_fd)
{
    struct session q = {.o = o};
    struct stub_io io = {.ctx = &q, .send = session_send, .stop_work = session_gone};
    struct target *g;
    struct stub *s;
    if (o->note && (o->once || strcmp(o->listen, "-") == 0)) /* started by whoever is the client */
        io.note = session_note;
    signal(SIGPIPE, SIG_IGN);
    ODB_TRY(target_open(o->dir, &o->target, &g));
    struct odb_err *e = stub_create(g, &io, &s);
    if (e) {
        target_close(g);
        return e;
    }
    e = connection_open(in_fd, out_fd, &q.c);
    if (!e) {
        connection_set_stub(q.c, s);
        serve_packets(q.c, s);
        connection_close(q.c);
    }
    stub_destroy(s);
    target_close(g);
    return e;
}

/* ---- sockets ---- */

static struct odb_err *listen_unix(const char *path, int *ret)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct stat st;
    if (strlen(path) >= sizeof(addr.sun_path))
        return odb_err("the path '%s' is too long for a socket", path);
    memcpy(addr.sun_path, path, strlen(path));
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return odb_err_errno(errno, "cannot make a socket");
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (probe >= 0 && connect(probe, (struct sockaddr *)&addr, sizeof(addr)) < 0 && errno == ECONNREFUSED)
            unlink(path); /* left over: nobody listens there */
        if (probe >= 0)
            close(probe);
    }
    if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, BACKLOG) < 0)
        return odb_err_errno(errno, "cannot listen at %s", path);
    *ret = take_fd(fd);
    return NULL;
}

/* "HOST:PORT", ":PORT", "PORT", "[HOST]:PORT": host is cut to n_bytes. */
static struct odb_err *split_address(const char *text, char *host, size_t n_bytes, const char **ret_port)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    const char *from = text;
    *ret_port = colon ? colon + 1 : text;
    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        from++;
        len -= 2;
    }
    if (len >= n_bytes || !**ret_port)
        return odb_err("'%s' is no HOST:PORT", text);
    memcpy(host, from, len);
    host[len] = 0;
    return NULL;
}

static struct odb_err *listen_tcp(const char *text, int *ret, char *where, size_t n_where)
{
    char host[256];
    const char *port;
    ODB_TRY(split_address(text, host, sizeof(host), &port));
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found;
    int rc = getaddrinfo(*host ? host : "127.0.0.1", port, &hints, &found);
    if (rc)
        return odb_err("cannot listen at %s: %s", text, gai_strerror(rc));
    int fd = -1, err = 0;
    for (struct addrinfo *a = found; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (fd >= 0)
            setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
        if (fd < 0 || bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
            err = errno;
            if (fd >= 0)
                close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    if (fd < 0)
        return odb_err_errno(err, "cannot listen at %s", text);
    struct sockaddr_storage name;
    socklen_t len = sizeof(name);
    char port_text[32] = "?";
    if (getsockname(fd, (struct sockaddr *)&name, &len) == 0)
        getnameinfo((struct sockaddr *)&name, len, NULL, 0, port_text, sizeof(port_text), NI_NUMERICSERV);
    snprintf(where, n_where, "%s:%s", *host ? host : "127.0.0.1", port_text);
    *ret = fd;
    return NULL;
}

/* ---- clients ---- */

/* The process of a client; does not return. */
static _Noreturn void client_main(const struct server_options *o, int fd)
{
    signal(SIGCHLD, SIG_DFL);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){.tv_sec = SEND_TIMEOUT_S},
               sizeof(struct timeval));
    struct odb_err *e = server_serve(o, fd, fd);
    if (e && o->note)
        o->note(odb_err_text(e));
    _exit(e ? 1 : 0);
}

static void reap(int *n_clients, bool wait)
{
    while (*n_clients > 0 && waitpid(-1, NULL, wait ? 0 : WNOHANG) > 0)
        (*n_clients)--;
}

static struct odb_err *accept_clients(const struct server_options *o, int fd)
{
    int n_clients = 0;
    for (;;) {
        int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        reap(&n_clients, false);
        if (client < 0) {
            if (errno == EINTR || errno == ECONNABORTED || errno == EAGAIN)
                continue;
            if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
                usleep(100000); /* until some client goes */
                continue;
            }
            return odb_err_errno(errno, "cannot take clients");
        }
        pid_t pid = n_clients < MAX_CLIENTS ? fork() : -1;
        if (pid == 0) {
            close(fd);
            client_main(o, client);
        }
        close(client);
        n_clients += pid > 0;
        if (o->once && pid > 0) {
            reap(&n_clients, true);
            return NULL;
        }
    }
}

struct odb_err *server_run(const struct server_options *o)
{
    char where[300];
    int fd;
    if (strcmp(o->listen, "-") == 0) {
        signal(SIGINT, SIG_IGN); /* Ctrl-C at gdb's terminal is gdb's */
        return server_serve(o, STDIN_FILENO, STDOUT_FILENO);
    }
    if (strchr(o->listen, '/')) {
        ODB_TRY(listen_unix(o->listen, &fd));
        snprintf(where, sizeof(where), "%s", o->listen);
    } else {
        ODB_TRY(listen_tcp(o->listen, &fd, where, sizeof(where)));
    }
    if (o->ready)
        o->ready(where);
    struct odb_err *e = accept_clients(o, fd);
    close(fd);
    return e;
}
