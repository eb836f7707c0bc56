/* One client's bytes. See connection.h.
 *
 * The reader thread takes packets out of the stream into a queue; the thread that serves takes them out of it. An interrupt
 * (0x03, vCtrlC) is meant for the packet before it, if that is a resume and is not done: it is noted with the packet while that waits,
 * told to the stub while that is served, and over, under the same lock, when the server asks for the next one. So an interrupt that
 * crosses the end of its resume hits nothing, not even a resume that is queued by then.
 *
 * What a client can make us keep is bounded: the reader stops reading while QUEUE_MAX_BYTES wait. */
#include "gdb/connection.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fs.h"

enum { QUEUE_MAX_BYTES = 1 << 20, ITEM_OVERHEAD = 64, READ_BYTES = 65536 };

struct queued {
    struct connection_item item;
    bool is_resume, interrupted;
    struct queued *next;
};

struct connection {
    int in_fd, out_fd; /* borrowed */
    int wake_fd;       /* owned: ends the reader */
    pthread_t reader;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* the queue, or closing */
    /* under lock: */
    struct queued *first, *last;
    size_t n_bytes; /* in the queue, with overhead */
    struct stub *stub;
    bool resuming; /* a resume is being served */
    bool closing;

    atomic_bool gone;
};

/* ---- the reader ---- */

static void push(struct connection *c, enum packet_item kind, const struct packet_parser *p)
{
    struct queued *q = calloc(1, sizeof(*q));
    if (q && kind == PACKET_DATA) {
        q->item.data = malloc(p->n_bytes + 1);
        if (q->item.data) {
            memcpy(q->item.data, p->data, p->n_bytes + 1);
            q->item.n_bytes = p->n_bytes;
        }
    }
    if (!q || (kind == PACKET_DATA && !q->item.data)) { /* as if it had been lost on the way */
        free(q);
        return;
    }
    q->item.kind = kind;
    q->is_resume = kind == PACKET_DATA && stub_is_resume(q->item.data, q->item.n_bytes);
    pthread_mutex_lock(&c->lock);
    while (c->n_bytes > QUEUE_MAX_BYTES && !c->closing)
        pthread_cond_wait(&c->changed, &c->lock);
    if (c->last)
        c->last->next = q;
    else
        c->first = q;
    c->last = q;
    c->n_bytes += q->item.n_bytes + ITEM_OVERHEAD;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

static void interrupt(struct connection *c)
{
    pthread_mutex_lock(&c->lock);
    if (c->last)
        c->last->interrupted = c->last->is_resume;
    else if (c->resuming && c->stub)
        stub_interrupt(c->stub);
    pthread_mutex_unlock(&c->lock);
}

static void take(struct connection *c, struct packet_parser *p, const uint8_t *bytes, size_t n_bytes)
{
    for (size_t used = 0; used < n_bytes;) {
        enum packet_item item;
        used += packet_feed(p, bytes + used, n_bytes - used, &item);
        if (item == PACKET_INTERRUPT)
            interrupt(c);
        else if (item == PACKET_DATA && p->n_bytes == 6 && memcmp(p->data, "vCtrlC", 6) == 0)
            interrupt(c);
        if (item != PACKET_NONE && item != PACKET_INTERRUPT)
            push(c, item, p);
    }
}

static void read_all(struct connection *c, struct packet_parser *p, uint8_t *bytes)
{
    struct pollfd fds[2] = {{.fd = c->in_fd, .events = POLLIN}, {.fd = c->wake_fd, .events = POLLIN}};
    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return;
        if (fds[1].revents)
            return;
        if (!fds[0].revents)
            continue;
        ssize_t n = read(c->in_fd, bytes, READ_BYTES);
        if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
            return;
        if (n > 0)
            take(c, p, bytes, (size_t)n);
    }
}

static void *reader_main(void *ctx)
{
    struct connection *c = ctx;
    struct packet_parser p = {0};
    uint8_t *bytes = malloc(READ_BYTES);
    if (bytes && packet_parser_init(&p))
        read_all(c, &p, bytes);
    free(bytes);
    packet_parser_deinit(&p);
    atomic_store(&c->gone, true);
    pthread_mutex_lock(&c->lock);
    if (c->stub)
        stub_interrupt(c->stub);
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

/* ---- the server's side ---- */

struct odb_err *connection_open(int in_fd, int out_fd, struct connection **ret)
{
    struct connection *c = calloc(1, sizeof(*c));
    if (!c)
        return odb_err("out of memory");
    c->in_fd = in_fd;
    c->out_fd = out_fd;
    c->wake_fd = eventfd(0, EFD_CLOEXEC);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, NULL);
    int err = c->wake_fd < 0 ? errno : pthread_create(&c->reader, NULL, reader_main, c);
    if (err) {
        if (c->wake_fd >= 0)
            close(c->wake_fd);
        free(c);
        return odb_err_errno(err, "cannot serve a gdb client");
    }
    *ret = c;
    return NULL;
}

void connection_close(struct connection *c)
{
    pthread_mutex_lock(&c->lock);
    c->closing = true;
    c->stub = NULL;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    odb_err_free(fs_write_all(c->wake_fd, &(uint64_t){1}, sizeof(uint64_t)));
    pthread_join(c->reader, NULL);
    while (c->first) {
        struct queued *q = c->first;
        c->first = q->next;
        free(q->item.data);
        free(q);
    }
    close(c->wake_fd);
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->changed);
    free(c);
}

void connection_set_stub(struct connection *c, struct stub *s)
{
    pthread_mutex_lock(&c->lock);
    c->stub = s;
    pthread_mutex_unlock(&c->lock);
}

void connection_next(struct connection *c, struct connection_item *ret)
{
    *ret = (struct connection_item){.kind = PACKET_NONE};
    pthread_mutex_lock(&c->lock);
    c->resuming = false;
    if (c->stub && !atomic_load(&c->gone))
        stub_interrupt_over(c->stub);
    while (!c->first && !atomic_load(&c->gone))
        pthread_cond_wait(&c->changed, &c->lock);
    struct queued *q = c->first;
    if (q) {
        *ret = q->item;
        c->resuming = q->is_resume;
        if (q->interrupted && c->stub)
            stub_interrupt(c->stub);
        c->first = q->next;
        if (!c->first)
            c->last = NULL;
        c->n_bytes -= q->item.n_bytes + ITEM_OVERHEAD;
        free(q);
        pthread_cond_broadcast(&c->changed);
    }
    pthread_mutex_unlock(&c->lock);
}

void connection_send(void *ctx, const uint8_t *bytes, size_t n_bytes)
{
    struct connection *c = ctx;
    if (atomic_load(&c->gone))
        return;
    _cleanup_err_ struct odb_err *e = fs_write_all(c->out_fd, bytes, n_bytes);
    if (e)
        atomic_store(&c->gone, true);
}

bool connection_gone(void *ctx)
{
    struct connection *c = ctx;
    return atomic_load(&c->gone);
}
