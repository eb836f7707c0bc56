/* What a debugger wants of a world: it is written into the world's tables while its vessels wait, where all of them see it
 * (preload/world.h); preload/replay_debug.c does the rest. */
#include "replayer/debug.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "replayer/handle.h"

/* ---- stops ---- */

static int compare_breaks(const void *a, const void *b)
{
    const struct odb_world_break *x = a, *y = b;
    if (x->addr != y->addr)
        return x->addr < y->addr ? -1 : 1;
    return (x->pid > y->pid) - (x->pid < y->pid);
}

struct odb_err *replay_set_stops(struct replay *r, const struct replay_stops *stops)
{
    struct odb_world *w = r->world;
    if (stops->n_breaks > WORLD_MAX_BREAKS)
        return odb_err("too many breakpoints (at most %d)", WORLD_MAX_BREAKS);
    if (stops->n_watches > WORLD_MAX_WATCHES)
        return odb_err("too many watched ranges (at most %d)", WORLD_MAX_WATCHES);
    for (size_t i = 0; i < stops->n_breaks; i++)
        w->breaks[i] = (struct odb_world_break){.addr = stops->breaks[i].addr, .pid = stops->breaks[i].pid};
    qsort(w->breaks, stops->n_breaks, sizeof(w->breaks[0]), compare_breaks);
    w->n_breaks = (uint32_t)stops->n_breaks;
    w->n_watches = 0;
    for (size_t i = 0; i < stops->n_watches; i++) {
        const struct replay_watch *x = &stops->watches[i];
        if (x->n_bytes)
            w->watches[w->n_watches++] = (struct odb_world_watch){
                .addr = x->addr, .n_bytes = x->n_bytes, .pid = x->pid, .kind = x->kind};
    }
    w->catch_ = stops->catch_;
    w->pass_signals = stops->pass_signals;
    for (int i = 0; i < 8; i++)
        w->catch_syscalls[i] = stops->syscalls ? stops->syscalls[i] : UINT64_MAX;
    w->stops_version++;
    return NULL;
}

const struct odb_stop *replay_last_hit(const struct replay *r, uint64_t *ret_n)
{
    *ret_n = r->control->n_hits;
    return &r->control->last_hit;
}

void replay_interrupt(struct replay *r) { atomic_store(&r->control->interrupt, 1); }

/* ---- looking ---- */

struct odb_err *replay_tasks(struct replay *r, struct replay_task **ret, size_t *ret_n)
{
    const struct odb_world *w = r->world;
    struct replay_task *list = calloc(w->n_tasks ? w->n_tasks : 1, sizeof(*list));
    if (!list)
        return odb_err("out of memory");
    for (uint32_t i = 0; i < w->n_tasks; i++) {
        list[i] = (struct replay_task){.tid = w->tasks[i].tid, .pid = w->tasks[i].pid};
        if (list[i].tid != r->stop.tid)
            continue;
        struct replay_task first = list[i];
        memmove(list + 1, list, i * sizeof(*list));
        list[0] = first;
    }
    *ret = list;
    *ret_n = w->n_tasks;
    return NULL;
}

int replay_process_pid(const struct replay *r, uint32_t pid)
{
    const struct odb_world *w = r->world;
    for (uint32_t i = 0; i < w->n_tasks; i++)
        if (w->tasks[i].pid == pid)
            return (int)atomic_load(&w->vessels[w->tasks[i].vessel].pid);
    return 0;
}
