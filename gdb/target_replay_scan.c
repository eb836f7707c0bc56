/* One pass over the event stream: files, execs, who made whom. */
#include <stdlib.h>
#include <string.h>

#include "gdb/target_replay.h"
#include "trace/trace.h"

void scan_deinit(struct scan *s)
{
    free(s->execs);
    free(s->tasks);
    target_files_deinit(&s->files);
    *s = (struct scan){0};
}

static void *grown(void *array, size_t n, size_t *cap, size_t each)
{
    if (n < *cap)
        return array;
    size_t more = *cap ? *cap * 2 : 64;
    void *p = reallocarray(array, more, each);
    if (p)
        *cap = more;
    return p;
}

static struct odb_err *add_exec(struct scan *s, const struct odb_ev_exec *ev, uint64_t offset)
{
    struct scan_exec *a = grown(s->execs, s->n_execs, &s->cap_execs, sizeof(*a));
    if (!a)
        return odb_err("out of memory");
    s->execs = a;
    a[s->n_execs++] = (struct scan_exec){
        .offset = offset,
        .pid = ev->ev.pid,
        .auxv = ev->auxv,
        .rsp = ev->regs.gpr[ODB_RSP],
        .brk_start = ev->brk_start,
    };
    return NULL;
}

static struct odb_err *add_task(struct scan *s, const struct odb_ev_task *ev, uint64_t offset)
{
    struct scan_task *a = grown(s->tasks, s->n_tasks, &s->cap_tasks, sizeof(*a));
    if (!a)
        return odb_err("out of memory");
    s->tasks = a;
    a[s->n_tasks++] = (struct scan_task){
        .offset = offset, .tid = ev->ev.tid, .pid = ev->ev.pid, .parent_tid = ev->parent_tid};
    return NULL;
}

static struct odb_err *add_file(struct scan *s, const struct odb_ev_file *ev)
{
    char *path = (char *)(uintptr_t)trace_file_path(ev); /* copied */
    const struct target_file f = {.id = ev->file_id,
                                  .path = path,
                                  .size = ev->size_bytes,
                                  .mtime_ns = ev->mtime_ns,
                                  .dev = ev->dev,
                                  .ino = ev->ino};
    return target_files_add(&s->files, &f);
}

/* The program is what is mapped first with a name of a file. */
static void name_exec(struct scan *s, const struct odb_ev_map *ev)
{
    struct scan_exec *x = s->n_execs ? &s->execs[s->n_execs - 1] : NULL;
    const char *path = trace_map_name(ev), *slash = strrchr(path, '/');
    if (x && !x->name[0] && ev->file_id && slash)
        memcpy(x->name, slash + 1, strnlen(slash + 1, sizeof(x->name) - 1));
}

static struct odb_err *read_all(struct trace_reader *r, struct scan *s)
{
    for (;;) {
        const struct odb_event *ev;
        uint64_t offset;
        ODB_TRY(trace_reader_next(r, &ev, &offset));
        if (!ev)
            return NULL;
        switch (ev->type) {
        case ODB_EV_FILE: ODB_TRY(add_file(s, (const struct odb_ev_file *)ev)); break;
        case ODB_EV_EXEC: ODB_TRY(add_exec(s, (const struct odb_ev_exec *)ev, offset)); break;
        case ODB_EV_MAP: name_exec(s, (const struct odb_ev_map *)ev); break;
        case ODB_EV_TASK: ODB_TRY(add_task(s, (const struct odb_ev_task *)ev, offset)); break;
        case ODB_EV_SYSCALL:
        case ODB_EV_INSN:
        case ODB_EV_FAULT:
        case ODB_EV_SIGNAL: s->n_positions++; break;
        default: break;
        }
    }
}

struct odb_err *scan_read(const char *dir, struct scan *ret)
{
    struct trace_reader *r;
    ODB_TRY(trace_reader_open(dir, &r));
    struct odb_err *e = read_all(r, ret);
    trace_reader_close(r);
    ret->done = !e;
    if (e)
        scan_deinit(ret);
    return e;
}

static const struct scan_task *task_of(const struct scan *s, uint32_t tid)
{
    for (size_t i = s->n_tasks; i-- > 0;)
        if (s->tasks[i].tid == tid)
            return &s->tasks[i];
    return NULL;
}

const struct scan_exec *scan_exec_of(const struct scan *s, uint32_t pid, uint64_t offset)
{
    for (size_t depth = 0; depth <= s->n_tasks; depth++) {
        for (size_t i = s->n_execs; i-- > 0;)
            if (s->execs[i].pid == pid && (s->execs[i].offset < offset || !s->execs[i].offset))
                return &s->execs[i];
        const struct scan_task *t = task_of(s, pid); /* its first thread */
        if (!t)
            break;
        const struct scan_task *parent = task_of(s, t->parent_tid);
        offset = t->offset < offset ? t->offset : offset;
        pid = parent ? parent->pid : t->parent_tid;
    }
    return s->n_execs ? &s->execs[0] : NULL;
}
