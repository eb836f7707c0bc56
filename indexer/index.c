/* One replay in index mode, its log into the builder: see index.h.
 *
 * The replay stops whenever its log is full. The log is then copied, the replay goes on at once, and a second
 * thread feeds the copy to the builder. N_BUFFERS copies are in flight at most.
 *
 *   buffer   EMPTY -> (this thread copies, FULL) -> (builder thread feeds, EMPTY)
 *
 * After the builder met an error, its thread only empties buffers; the error is seen after the next stop. */
#include "indexer/index.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "indexer/builder.h"
#include "replayer/replay.h"
#include "trace/trace.h"

#define N_BUFFERS 2

struct pipe_buffer {
    uint8_t *p; /* owned */
    size_t n, cap;
    bool full;
};

struct pipeline {
    struct index_builder *builder; /* the builder thread's while it runs */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct pipe_buffer buffers[N_BUFFERS];
    unsigned next_in, next_out; /* buffer to fill, to feed */
    bool ended;
    struct odb_err *error; /* owned */
    pthread_t thread;
};

static void *feed_loop(void *arg)
{
    struct pipeline *p = arg;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        struct pipe_buffer *b = &p->buffers[p->next_out % N_BUFFERS];
        while (!b->full && !p->ended)
            pthread_cond_wait(&p->changed, &p->lock);
        if (!b->full)
            break;
        bool failed = p->error != NULL;
        pthread_mutex_unlock(&p->lock);
        struct odb_err *e = failed ? NULL : index_builder_feed(p->builder, b->p, b->n);
        pthread_mutex_lock(&p->lock);
        if (e)
            p->error = e;
        b->full = false;
        p->next_out++;
        pthread_cond_broadcast(&p->changed);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static struct odb_err *pipeline_start(struct pipeline *p)
{
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
    int err = pthread_create(&p->thread, NULL, feed_loop, p);
    return err ? odb_err_errno(err, "index: cannot start a thread") : NULL;
}

/* Copies the log for the builder. false: it failed, no use to go on. */
static struct odb_err *pipeline_push(struct pipeline *p, const void *log, size_t n, bool *ret_go_on)
{
    struct pipe_buffer *b = &p->buffers[p->next_in % N_BUFFERS];
    pthread_mutex_lock(&p->lock);
    while (b->full)
        pthread_cond_wait(&p->changed, &p->lock);
    *ret_go_on = p->error == NULL;
    pthread_mutex_unlock(&p->lock);
    if (n > b->cap) {
        free(b->p);
        b->cap = 0;
        b->p = malloc(n);
        if (!b->p)
            return odb_err("index: out of memory");
        b->cap = n;
    }
    if (n)
        memcpy(b->p, log, n);
    b->n = n;
    pthread_mutex_lock(&p->lock);
    b->full = true;
    p->next_in++;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* Waits until everything is fed. */
static struct odb_err *pipeline_end(struct pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    p->ended = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    for (int i = 0; i < N_BUFFERS; i++)
        free(p->buffers[i].p);
    return take_ptr(p->error);
}

/* What the last stop says about the index: damage (allocated) where it does not cover everything. */
static struct odb_err *judge(struct replay *r, const struct odb_stop *stop, struct index_end *end,
                             char **ret_damage)
{
    const char *why = NULL;
    _cleanup_free_ char *text = NULL;
    switch (stop->reason) {
    case ODB_STOP_END:
        why = replay_damage(r);
        if (!why && stop->text[0])
            why = stop->text;
        if (!why) {
            end->have_status = true;
            end->status = stop->status;
        }
        break;
    case ODB_STOP_DIVERGED:
        text = replay_divergence_text(stop);
        why = text ? text : "replay differs from the recording";
        break;
    default: why = stop->text[0] ? stop->text : "the recording cannot be replayed"; break;
    }
    if (why) {
        *ret_damage = strdup(why);
        if (!*ret_damage)
            return odb_err("index: out of memory");
        for (char *nl = *ret_damage; (nl = strchr(nl, '\n'));)
            *nl = ' ';
    }
    end->rip = stop->regs.rip;
    return NULL;
}

static struct odb_err *run(struct replay *r, struct pipeline *p, const struct odb_index_options *opt,
                           uint64_t total, const struct odb_stop **ret_stop)
{
    for (;;) {
        bool go_on;
        size_t n;
        ODB_TRY(replay_run(r, NULL, ret_stop));
        const void *log = replay_log(r, &n);
        ODB_TRY(pipeline_push(p, log, n, &go_on));
        if ((*ret_stop)->reason != ODB_STOP_LOG_FULL || !go_on)
            return NULL;
        if (opt && opt->progress)
            opt->progress(opt->ctx, (*ret_stop)->tick, total);
    }
}

/* The recording's START event tells what was run. */
static struct odb_err *give_start(const char *dir, struct index_builder *b)
{
    struct trace_reader *reader;
    const struct odb_event *ev;
    uint64_t offset;
    ODB_TRY(trace_reader_open(dir, &reader));
    struct odb_err *e = trace_reader_next(reader, &ev, &offset);
    if (!e && ev && ev->type == ODB_EV_START)
        e = index_builder_event(b, ev);
    trace_reader_close(reader);
    return e;
}

static struct odb_err *fill(const char *dir, struct index_builder *b, const struct odb_index_options *opt,
                            struct index_end *end, char **ret_damage)
{
    uint64_t total = 0;
    if (opt && opt->progress) {
        struct trace_summary sum;
        ODB_TRY(trace_summarize(dir, &sum));
        total = sum.last_tick;
        trace_summary_deinit(&sum);
    }
    ODB_TRY(give_start(dir, b));
    struct replay *r;
    ODB_TRY(replay_open(dir, &(struct replay_options){.out_fd = {-1, -1, -1}, .index = true}, &r));
    struct pipeline p = {.builder = b};
    struct odb_err *e = pipeline_start(&p);
    if (!e) {
        const struct odb_stop *stop = NULL;
        e = run(r, &p, opt, total, &stop);
        struct odb_err *feed_error = pipeline_end(&p);
        if (feed_error) {
            odb_err_free(e);
            e = feed_error;
        }
        if (!e)
            e = judge(r, stop, end, ret_damage);
    }
    replay_close(r);
    return e;
}

struct odb_err *odb_index(const char *dir, const struct odb_index_options *opt, struct odb_index_result *ret)
{
    struct index_builder *b;
    struct index_end end = {0};
    _cleanup_free_ char *damage = NULL;
    ODB_TRY(index_builder_create(dir, &b));
    struct odb_err *e = fill(dir, b, opt, &end, &damage);
    uint64_t insns = index_builder_insns(b);
    if (!e && damage && !insns)
        e = odb_err("nothing to index: %s", damage);
    if (e) {
        index_builder_discard(b);
        return e;
    }
    end.damage = damage;
    if (opt)
        end.guest = opt->guest;
    ODB_TRY(index_builder_finish(b, &end));
    if (ret)
        *ret = (struct odb_index_result){.insns = insns, .damage = take_ptr(damage)};
    return NULL;
}

void odb_index_result_deinit(struct odb_index_result *r)
{
    free(r->damage);
    r->damage = NULL;
}
