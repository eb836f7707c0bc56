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

struct odb_err *replay_maps(struct replay *r, uint32_t pid, struct odb_log_map **ret, size_t *ret_n)
{
    struct odb_log_map *list = NULL;
    size_t n = 0, got;
    do {
        r->control->cmd.pid = pid;
        r->control->cmd.addr = n;
        struct odb_err *e = replay_command_done(r, ODB_CMD_MAPS);
        if (e) {
            free(list);
            return e;
        }
        got = r->control->stop.status > 0 ? (size_t)r->control->stop.status : 0;
        if (got > ODB_DATA_BYTES / sizeof(*list))
            got = ODB_DATA_BYTES / sizeof(*list);
        struct odb_log_map *grown = realloc(list, (n + got + 1) * sizeof(*list));
        if (!grown) {
            free(list);
            return odb_err("out of memory");
        }
        list = grown;
        memcpy(list + n, r->control->data, got * sizeof(*list));
        n += got;
    } while (got);
    for (size_t i = 0; i < n; i++)
        list[i].name[sizeof(list[i].name) - 1] = 0;
    *ret = list;
    *ret_n = n;
    return NULL;
}

/* ---- branches ---- */

struct odb_err *replay_branch(struct replay *r)
{
    uint32_t reason = r->stop.reason;
    if (reason == ODB_STOP_END || reason == ODB_STOP_DIVERGED || reason == ODB_STOP_ERROR)
        return odb_err("nothing can run on from the end of a replay");
    r->world->branch = 1;
    return NULL;
}

struct odb_err *replay_write(struct replay *r, uint32_t pid, gaddr addr, const void *from, size_t n_bytes)
{
    for (size_t done = 0; done < n_bytes;) {
        size_t n = n_bytes - done < ODB_DATA_BYTES ? n_bytes - done : ODB_DATA_BYTES;
        r->control->cmd.pid = pid;
        r->control->cmd.addr = addr + done;
        r->control->cmd.len_bytes = n;
        memcpy(r->control->data, (const uint8_t *)from + done, n);
        ODB_TRY(replay_command_done(r, ODB_CMD_WRITE));
        if (r->control->stop.status < 0 || (size_t)r->control->stop.status < n)
            return odb_err("no memory that can be written at 0x%llx", (unsigned long long)(addr + done));
        done += n;
    }
    return NULL;
}

struct odb_err *replay_set_registers(struct replay *r, uint32_t tid, const struct odb_regs *regs,
                                     const struct odb_xstate *x)
{
    static const struct odb_xstate as_it_is;
    r->control->cmd.tid = tid;
    memcpy(r->control->data, regs, sizeof(*regs));
    memcpy(r->control->data + sizeof(*regs), x ? x : &as_it_is, sizeof(*x));
    ODB_TRY(replay_command_done(r, ODB_CMD_SET_REGS));
    if (!tid || tid == r->stop.tid)
        r->stop.regs = *regs;
    return NULL;
}
