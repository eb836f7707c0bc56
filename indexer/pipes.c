/* Matching reads with writes: see pipes.h.
 *
 * The first waiting read is matched with the first waiting write whose bytes it begins with, as far as both
 * reach; a write that was begun goes before others. Where none fits, the right one is not known yet: the read waits. When
 * too much waits, or at the end, the write with the longest common beginning is taken (large writes of several
 * writers mix in a pipe); without one the bytes are nobody's: their writer was killed within its call, or is not known.
 *
 * Small reads may begin a wrong write that has the same first bytes. So what was taken of a write is kept until all of it
 * is; when its next byte is wrong, another write with the same beginning and the right next byte takes its place. */
#include "indexer/pipes.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define WAITING_MAX (4u << 20) /* bytes */
#define MIXED_MIN 64           /* bytes in common that are no accident */

static struct odb_err *no_memory(void) { return odb_err("index: out of memory"); }

struct odb_err *pipes_new(struct pipes *p, const char *kind, uint64_t t, uint32_t *ret_id)
{
    struct channel *v = reallocarray(p->v, p->n + 1, sizeof(*v));
    if (!v)
        return no_memory();
    p->v = v;
    v[p->n++] = (struct channel){0};
    *ret_id = p->n;
    return store_put(p->store, STORE_CHANNEL, "iti", (uint64_t)p->n, kind, t);
}

static struct odb_err *add(struct pipe_queue *q, const struct pipe_part *part, const void *data)
{
    if (q->n == q->cap) {
        size_t cap = q->cap ? q->cap * 2 : 8;
        struct pipe_part *v = reallocarray(q->v, cap, sizeof(*v));
        if (!v)
            return no_memory();
        q->v = v;
        q->cap = cap;
    }
    struct pipe_part x = *part;
    if (data) {
        x.data = malloc(x.n + 1);
        if (!x.data)
            return no_memory();
        memcpy(x.data, data, x.n);
    }
    if (q->last_t != x.t + 1)
        q->next_at = 0;
    q->last_t = x.t + 1;
    x.at = q->next_at;
    q->next_at += x.n;
    q->v[q->n++] = x;
    q->n_bytes += x.n;
    return NULL;
}

static void drop(struct pipe_queue *q, size_t i)
{
    free(q->v[i].data);
    free(q->v[i].runs);
    memmove(q->v + i, q->v + i + 1, (q->n - i - 1) * sizeof(*q->v));
    q->n--;
}

/* How many bytes of both are the same, from where they are. */
static uint64_t common_bytes(const struct pipe_part *a, const struct pipe_part *b)
{
    uint64_t n = a->n - a->used < b->n - b->used ? a->n - a->used : b->n - b->used, i = 0;
    if (!a->data || !b->data || !memcmp(a->data + a->used, b->data + b->used, n))
        return n;
    while (a->data[a->used + i] == b->data[b->used + i])
        i++;
    return i;
}

/* The write for the read, and how many bytes. false: to be waited for. */
static bool find_write(const struct channel *c, const struct pipe_part *r, bool force, size_t *ret,
                       uint64_t *ret_n)
{
    const struct pipe_queue *q = &c->writes;
    uint64_t best = 0;
    for (int begun = 1; begun >= 0; begun--) {
        for (size_t i = 0; i < q->n; i++) {
            const struct pipe_part *w = &q->v[i];
            uint64_t left = w->n - w->used < r->n - r->used ? w->n - w->used : r->n - r->used;
            uint64_t n = (w->used != 0) == begun ? common_bytes(w, r) : 0;
            if (n == left) {
                *ret = i;
                *ret_n = n;
                return true;
            }
            if (n > best) {
                best = n;
                *ret = i;
            }
        }
        for (size_t i = 0; begun && !force && i < q->n; i++)
            if (q->v[i].used && q->v[i].n <= PIPE_BUF)
                return false; /* nothing comes into the middle of it */
    }
    if (!force || best < MIXED_MIN)
        return false;
    *ret_n = best;
    return true;
}

/* Another write in the place of one that was begun by mistake? */
static bool find_swap(const struct channel *c, const struct pipe_part *r, size_t *ret_wrong,
                      size_t *ret_right)
{
    const struct pipe_queue *q = &c->writes;
    for (size_t i = 0; i < q->n; i++)
        for (size_t k = 0; k < q->n; k++) {
            const struct pipe_part *wrong = &q->v[i];
            struct pipe_part right = q->v[k];
            if (!wrong->used || right.used || right.n <= wrong->used || !wrong->data || !right.data ||
                memcmp(wrong->data, right.data, wrong->used) != 0)
                continue;
            right.used = wrong->used;
            uint64_t left = right.n - right.used < r->n - r->used ? right.n - right.used : r->n - r->used;
            if (common_bytes(&right, r) == left) {
                *ret_wrong = i;
                *ret_right = k;
                return true;
            }
        }
    return false;
}

static void swap(struct pipe_part *wrong, struct pipe_part *right)
{
    right->used = wrong->used;
    right->runs = wrong->runs;
    right->n_runs = wrong->n_runs;
    wrong->used = 0;
    wrong->runs = NULL;
    wrong->n_runs = 0;
}

static struct odb_err *add_run(struct pipe_part *w, const struct pipe_part *r, uint64_t n)
{
    struct pipe_run *v = reallocarray(w->runs, w->n_runs + 1, sizeof(*v));
    if (!v)
        return no_memory();
    w->runs = v;
    v[w->n_runs++] = (struct pipe_run){
        .w_used = w->used, .n = n, .r_t = r->t, .r_at = r->at + r->used, .r_pid = r->pid, .r_tid = r->tid};
    return NULL;
}

/* A write is done with. */
static struct odb_err *put_runs(struct pipes *p, uint32_t id, const struct pipe_part *w)
{
    for (size_t i = 0; i < w->n_runs; i++) {
        const struct pipe_run *x = &w->runs[i];
        ODB_TRY(store_put(p->store, STORE_TRANSFER, "iiiiiiiiii", (uint64_t)id, x->n, w->t, (uint64_t)w->pid,
                          (uint64_t)w->tid, w->at + x->w_used, x->r_t, (uint64_t)x->r_pid, (uint64_t)x->r_tid,
                          x->r_at));
    }
    return NULL;
}

static struct odb_err *match(struct pipes *p, uint32_t id, bool force)
{
    struct channel *c = &p->v[id - 1];
    while (c->reads.n && (c->writes.n || force)) {
        struct pipe_part *r = &c->reads.v[0];
        bool full = c->reads.n_bytes + c->writes.n_bytes > WAITING_MAX;
        size_t i = 0;
        uint64_t n = 0;
        size_t wrong = 0;
        if (!find_write(c, r, false, &i, &n) && find_swap(c, r, &wrong, &i)) {
            swap(&c->writes.v[wrong], &c->writes.v[i]);
            n = common_bytes(&c->writes.v[i], r);
        } else if (!n && !find_write(c, r, force || full, &i, &n)) {
            if (!force && !full)
                return NULL;
            c->reads.n_bytes -= r->n - r->used;
            drop(&c->reads, 0);
            continue;
        }
        struct pipe_part *w = &c->writes.v[i];
        ODB_TRY(add_run(w, r, n));
        r->used += n;
        w->used += n;
        c->reads.n_bytes -= n;
        c->writes.n_bytes -= n;
        if (w->used == w->n) {
            ODB_TRY(put_runs(p, id, w));
            drop(&c->writes, i);
        }
        if (r->used == r->n)
            drop(&c->reads, 0);
    }
    return NULL;
}

struct odb_err *pipes_write(struct pipes *p, uint32_t id, uint64_t t, uint32_t pid, uint32_t tid,
                            const void *data, uint64_t n_bytes)
{
    const struct pipe_part w = {.t = t, .pid = pid, .tid = tid, .n = n_bytes};
    if (!id || id > p->n || !n_bytes)
        return NULL;
    ODB_TRY(add(&p->v[id - 1].writes, &w, data));
    return match(p, id, false);
}

struct odb_err *pipes_read(struct pipes *p, uint32_t id, uint64_t t, uint32_t pid, uint32_t tid,
                           const void *data, uint64_t n_bytes)
{
    const struct pipe_part r = {.t = t, .pid = pid, .tid = tid, .n = n_bytes};
    if (!id || id > p->n || !n_bytes)
        return NULL;
    ODB_TRY(add(&p->v[id - 1].reads, &r, data));
    return match(p, id, false);
}

struct odb_err *pipes_finish(struct pipes *p)
{
    for (uint32_t id = 1; id <= p->n; id++) {
        ODB_TRY(match(p, id, true));
        const struct pipe_queue *q = &p->v[id - 1].writes;
        for (size_t i = 0; i < q->n; i++)
            ODB_TRY(put_runs(p, id, &q->v[i]));
    }
    return NULL;
}

void pipes_deinit(struct pipes *p)
{
    for (uint32_t i = 0; i < p->n; i++) {
        struct channel *c = &p->v[i];
        while (c->writes.n)
            drop(&c->writes, c->writes.n - 1);
        while (c->reads.n)
            drop(&c->reads, c->reads.n - 1);
        free(c->writes.v);
        free(c->reads.v);
    }
    free(p->v);
    *p = (struct pipes){0};
}
