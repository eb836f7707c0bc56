/* What `odb ls` and `odb info` show: one pass over the whole stream, counting. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "trace/trace.h"

void trace_summary_deinit(struct trace_summary *s)
{
    for (uint32_t i = 0; i < s->n_argv; i++)
        free(s->argv[i]);
    free(s->argv);
    s->argv = NULL;
    s->n_argv = 0;
}

static struct odb_err *take_start(struct trace_summary *s, const struct odb_ev_start *e)
{
    trace_summary_deinit(s); /* a damaged recording may have two */
    const char *text = trace_start_string(e, 0);
    snprintf(s->exe, sizeof s->exe, "%s", text);
    snprintf(s->cwd, sizeof s->cwd, "%s", trace_start_string(e, 1));
    s->time_ns = e->time_ns;
    s->cpu_policy = e->cpu_policy;
    s->argv = calloc((size_t)e->n_argv + 1, sizeof *s->argv);
    if (!s->argv)
        return odb_err("out of memory");
    const char *arg = trace_start_string(e, 2);
    for (uint32_t i = 0; i < e->n_argv; i++) {
        arg += strlen(arg) + 1;
        s->argv[i] = strdup(arg);
        if (!s->argv[i])
            return odb_err("out of memory");
        s->n_argv = i + 1;
    }
    return NULL;
}

static void take_tick(struct trace_summary *s, uint64_t tick)
{
    if (tick > s->last_tick)
        s->last_tick = tick;
}

static struct odb_err *take_event(struct trace_summary *s, const struct odb_event *ev)
{
    const void *body = ev;
    s->n_events++;
    switch (ev->type) {
    case ODB_EV_START: return take_start(s, body);
    case ODB_EV_SYSCALL:
        s->n_syscalls++;
        take_tick(s, ((const struct odb_ev_syscall *)body)->tick);
        break;
    case ODB_EV_INSN:
        s->n_insn_values++;
        take_tick(s, ((const struct odb_ev_insn *)body)->tick);
        break;
    case ODB_EV_FAULT:
        s->n_faults++;
        take_tick(s, ((const struct odb_ev_fault *)body)->tick);
        break;
    case ODB_EV_SIGNAL: take_tick(s, ((const struct odb_ev_signal *)body)->tick); break;
    case ODB_EV_EXIT: {
        const struct odb_ev_exit *e = body;
        take_tick(s, e->tick);
        s->ended = true;
        /* as waitpid would have given it */
        s->wait_status = e->status >= 0 ? (e->status & 0xff) << 8 : (int)(-(int64_t)e->status & 0x7f);
        break;
    }
    case ODB_EV_END: {
        const struct odb_ev_end *e = body;
        s->complete = true;
        s->wait_status = e->wait_status;
        s->duration_ns = e->time_ns > s->time_ns ? e->time_ns - s->time_ns : 0;
        break;
    }
    default: break;
    }
    return NULL;
}

static struct odb_err *summarize(struct trace_reader *r, struct trace_summary *s)
{
    for (;;) {
        const struct odb_event *ev;
        uint64_t offset;
        ODB_TRY(trace_reader_next(r, &ev, &offset));
        if (!ev)
            break;
        ODB_TRY(take_event(s, ev));
        s->stream_bytes = offset + ev->size_bytes;
    }
    const char *damage = trace_reader_damage(r);
    if (damage)
        snprintf(s->damage, sizeof s->damage, "%s", damage);
    return NULL;
}

struct odb_err *trace_summarize(const char *dir, struct trace_summary *ret)
{
    struct trace_reader *r;
    ODB_TRY(trace_reader_open(dir, &r));
    struct trace_summary s = {.disk_bytes = fs_tree_disk_bytes(dir)};
    struct odb_err *e = summarize(r, &s);
    trace_reader_close(r);
    if (e) {
        trace_summary_deinit(&s);
        return e;
    }
    *ret = s;
    return NULL;
}
