/* Descriptors of pipes and stream socket pairs: what goes in and out by them (indexer/pipes.h).
 *
 * A process's descriptors are followed by the calls that make, copy and close them, through fork and exec. A socket pair
 * has two channels. Not followed: named pipes, sockets that were connected by name, descriptors that were sent through
 * a socket, processes that share a table (CLONE_FILES without CLONE_THREAD). */
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "common/cleanup.h"
#include "indexer/builder_impl.h"

#define FD_MAX (1 << 20)

struct builder_fd {
    uint32_t in, out; /* channel that a read takes from, a write puts into; 0: none */
    bool cloexec;
};

void fds_deinit(struct builder_fds *f)
{
    free(f->v);
    *f = (struct builder_fds){0};
}

struct odb_err *fds_copy(const struct builder_fds *from, struct builder_fds *to)
{
    to->v = malloc(from->n * sizeof(*to->v) + 1);
    if (!to->v)
        return odb_err("index: out of memory");
    if (from->n)
        memcpy(to->v, from->v, from->n * sizeof(*to->v));
    to->n = from->n;
    return NULL;
}

void fds_exec(struct builder_fds *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->v[i].cloexec)
            f->v[i] = (struct builder_fd){0};
}

static struct builder_fd get(const struct index_builder *b, uint64_t fd)
{
    const struct builder_fds *f = &b->cur->proc->fds;
    return (uint32_t)fd < f->n ? f->v[(uint32_t)fd] : (struct builder_fd){0};
}

static struct odb_err *set(struct index_builder *b, uint64_t number, struct builder_fd fd)
{
    struct builder_fds *f = &b->cur->proc->fds;
    uint32_t i = (uint32_t)number;
    if (i >= f->n && !fd.in && !fd.out)
        return NULL;
    if (i >= FD_MAX)
        return NULL;
    if (i >= f->n) {
        size_t n = (i + 16) & ~15u;
        struct builder_fd *v = reallocarray(f->v, n, sizeof(*v));
        if (!v)
            return odb_err("index: out of memory");
        memset(v + f->n, 0, (n - f->n) * sizeof(*v));
        f->v = v;
        f->n = n;
    }
    f->v[i] = fd;
    return NULL;
}

/* ---- calls that change descriptors ---- */

static struct odb_err *on_pair(struct index_builder *b, gaddr addr, bool sockets, bool cloexec)
{
    uint32_t fds[2], there = 0, back = 0;
    if (shadow_read(&b->shadow, builder_space(b), addr, fds, sizeof(fds)) != sizeof(fds))
        return NULL;
    const char *kind = sockets ? "socketpair" : "pipe";
    ODB_TRY(pipes_new(&b->pipes, kind, b->call_t, &there));
    if (sockets)
        ODB_TRY(pipes_new(&b->pipes, kind, b->call_t, &back));
    ODB_TRY(set(b, fds[0], (struct builder_fd){.in = there, .out = back, .cloexec = cloexec}));
    return set(b, fds[1], (struct builder_fd){.in = back, .out = there, .cloexec = cloexec});
}

static struct odb_err *on_dup(struct index_builder *b, uint64_t from, uint64_t to, bool cloexec)
{
    struct builder_fd fd = get(b, from);
    fd.cloexec = cloexec;
    return set(b, to, fd);
}

static void on_close_range(struct index_builder *b, uint64_t first, uint64_t last, uint64_t flags)
{
    struct builder_fds *f = &b->cur->proc->fds;
    for (uint64_t i = (uint32_t)first; i < f->n && i <= (uint32_t)last; i++) {
        if (flags & CLOSE_RANGE_CLOEXEC)
            f->v[i].cloexec = true;
        else
            f->v[i] = (struct builder_fd){0};
    }
}

static struct odb_err *on_fcntl(struct index_builder *b, const uint64_t *a, uint64_t result)
{
    if (a[1] == F_DUPFD || a[1] == F_DUPFD_CLOEXEC)
        return on_dup(b, a[0], result, a[1] == F_DUPFD_CLOEXEC);
    struct builder_fd fd = get(b, a[0]);
    fd.cloexec = a[2] & FD_CLOEXEC;
    return a[1] == F_SETFD ? set(b, a[0], fd) : NULL;
}

/* ---- calls that move bytes ---- */

struct odb_err *fds_output(struct index_builder *b, uint64_t fd, const void *data, uint64_t n_bytes,
                           uint32_t *ret_channel)
{
    *ret_channel = get(b, fd).out;
    return pipes_write(&b->pipes, *ret_channel, builder_latest_t(b), builder_pid(b), b->cur->tid, data,
                       n_bytes);
}

/* Bytes that are not, or not known to be, in the program's memory. */
static struct odb_err *move_bytes(struct index_builder *b, uint32_t in, uint32_t out, uint64_t n)
{
    ODB_TRY(pipes_read(&b->pipes, in, b->call_t, builder_pid(b), b->cur->tid, NULL, n));
    return pipes_write(&b->pipes, out, b->call_t, builder_pid(b), b->cur->tid, NULL, n);
}

/* n bytes were read into these buffers. */
static struct odb_err *take(struct index_builder *b, uint64_t fd, const struct iovec *iov, uint64_t n_iov,
                            uint64_t n_bytes)
{
    uint32_t id = get(b, fd).in;
    if (!id || !n_bytes || n_bytes > UINT32_MAX)
        return NULL;
    _cleanup_free_ uint8_t *data = malloc(n_bytes);
    uint64_t done = 0;
    if (!data)
        return odb_err("index: out of memory");
    for (uint64_t i = 0; i < n_iov && done < n_bytes; i++) {
        uint64_t n = iov[i].iov_len < n_bytes - done ? iov[i].iov_len : n_bytes - done;
        if (shadow_read(&b->shadow, builder_space(b), (gaddr)iov[i].iov_base, data + done, n) != n)
            break;
        done += n;
    }
    return pipes_read(&b->pipes, id, b->call_t, builder_pid(b), b->cur->tid, done == n_bytes ? data : NULL,
                      n_bytes);
}

static struct odb_err *take_vector(struct index_builder *b, uint64_t fd, gaddr addr, uint64_t n_iov,
                                   uint64_t n)
{
    struct iovec iov[64];
    if (!get(b, fd).in)
        return NULL;
    if (n_iov > 64)
        n_iov = 64;
    n_iov = shadow_read(&b->shadow, builder_space(b), addr, iov, n_iov * sizeof(*iov)) / sizeof(*iov);
    return take(b, fd, iov, n_iov, n);
}

static struct odb_err *take_message(struct index_builder *b, uint64_t fd, gaddr addr, uint64_t n)
{
    struct msghdr m = {0};
    if (get(b, fd).in)
        shadow_read(&b->shadow, builder_space(b), addr, &m, sizeof(m));
    return take_vector(b, fd, (gaddr)m.msg_iov, m.msg_iovlen, n);
}

struct odb_err *fds_call(struct index_builder *b, const struct odb_log_syscall *c)
{
    const uint64_t *a = c->args, n = (uint64_t)c->result;
    const struct iovec buffer = {(void *)(uintptr_t)a[1], n};
    if (c->result < 0)
        return NULL;
    switch (c->nr) {
    case SYS_pipe: return on_pair(b, a[0], false, false);
    case SYS_pipe2: return on_pair(b, a[0], false, a[1] & O_CLOEXEC);
    case SYS_socketpair:
        return (a[1] & 0xf) == SOCK_STREAM ? on_pair(b, a[3], true, a[1] & SOCK_CLOEXEC) : NULL;
    case SYS_dup: return on_dup(b, a[0], n, false);
    case SYS_dup2: return a[0] == a[1] ? NULL : on_dup(b, a[0], a[1], false);
    case SYS_dup3: return on_dup(b, a[0], a[1], a[2] & O_CLOEXEC);
    case SYS_fcntl: return on_fcntl(b, a, n);
    case SYS_close: return set(b, a[0], (struct builder_fd){0});
    case SYS_close_range: on_close_range(b, a[0], a[1], a[2]); return NULL;
    case SYS_read: return take(b, a[0], &buffer, 1, n);
    case SYS_readv: return take_vector(b, a[0], a[1], a[2], n);
    case SYS_recvfrom: return a[3] & MSG_PEEK ? NULL : take(b, a[0], &buffer, 1, n);
    case SYS_recvmsg: return a[2] & MSG_PEEK ? NULL : take_message(b, a[0], a[1], n);
    case SYS_splice: return move_bytes(b, get(b, a[0]).in, get(b, a[2]).out, n);
    case SYS_tee: return move_bytes(b, 0, get(b, a[1]).out, n);
    case SYS_sendfile: return move_bytes(b, 0, get(b, a[0]).out, n);
    default: return NULL;
    }
}
