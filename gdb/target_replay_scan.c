/* One pass over the event stream: files, execs, who made whom. */
#include <stdlib.h>
#include <string.h>

#include "gdb/target_replay.h"
#include "trace/trace.h"

void scan_deinit(struct scan *s)
{
    free(s->execs);
    free(s->tasks);
    free(s->names);
    free(s->deaths);
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

/* ---- names of threads ---- */

/* Registers of each thread at its last system call: events carry differences only. */
struct threads {
    struct thread {
        uint32_t tid;
        struct trace_gprs gprs;
    } * v; /* owned */
    size_t n, cap, last;
    uint32_t naming; /* the thread whose prctl(PR_SET_NAME) was the last call; 0: it was another call */
};

/* NULL: memory is out. */
static struct thread *thread_of(struct threads *t, uint32_t tid)
{
    if (t->last >= t->n || t->v[t->last].tid != tid) {
        t->last = 0;
        while (t->last < t->n && t->v[t->last].tid != tid)
            t->last++;
    }
    if (t->last == t->n) {
        struct thread *a = grown(t->v, t->n, &t->cap, sizeof(*a));
        if (!a)
            return NULL;
        t->v = a;
        a[t->n++] = (struct thread){.tid = tid};
    }
    return &t->v[t->last];
}

/* Begins, or has a new image. */
static struct odb_err *thread_new(struct threads *t, uint32_t tid)
{
    struct thread *one = thread_of(t, tid);
    if (!one)
        return odb_err("out of memory");
    one->gprs = (struct trace_gprs){0};
    return NULL;
}

static struct odb_err *note_call(struct threads *t, const struct odb_ev_syscall *ev)
{
    enum { PRCTL = 157, SET_NAME = 15 };
    struct thread *one = thread_of(t, ev->ev.tid);
    if (!one)
        return odb_err("out of memory");
    trace_syscall_gprs(ev, &one->gprs);
    bool naming = ev->nr == PRCTL && ev->result == 0 && one->gprs.gpr[ODB_RDI] == SET_NAME;
    t->naming = naming ? ev->ev.tid : 0;
    return NULL;
}

static struct odb_err *note_name(struct threads *t, struct scan *s, const struct odb_ev_mem *ev,
                                 uint64_t offset)
{
    struct scan_name n = {.offset = offset, .tid = t->naming};
    if (!n.tid || !(ev->ev.flags & ODB_MEM_IN))
        return NULL;
    struct scan_name *a = grown(s->names, s->n_names, &s->cap_names, sizeof(*a));
    if (!a)
        return odb_err("out of memory");
    size_t len = ev->len_bytes < sizeof(n.name) - 1 ? (size_t)ev->len_bytes : sizeof(n.name) - 1;
    memcpy(n.name, trace_mem_data(ev), len);
    s->names = a;
    a[s->n_names++] = n;
    t->naming = 0;
    return NULL;
}

static struct odb_err *note_thread_event(struct threads *t, struct scan *s, const struct odb_event *ev,
                                         uint64_t offset)
{
    switch (ev->type) {
    case ODB_EV_EXEC:
    case ODB_EV_TASK: return thread_new(t, ev->tid);
    case ODB_EV_SYSCALL: return note_call(t, (const struct odb_ev_syscall *)ev);
    case ODB_EV_MEM: return note_name(t, s, (const struct odb_ev_mem *)ev, offset);
    default: return NULL;
    }
}

/* ---- all events ---- */

/* The process ends; was it by the fault just before? */
static struct odb_err *add_death(struct scan *s, const struct odb_ev_exit *ev, const struct odb_ev_fault *f,
                                 uint64_t offset)
{
    if (ev->status != -f->signo || f->ev.tid != ev->ev.tid || f->tick != ev->tick || f->regs.rip != ev->rip)
        return NULL;
    struct scan_death *a = grown(s->deaths, s->n_deaths, &s->cap_deaths, sizeof(*a));
    if (!a)
        return odb_err("out of memory");
    s->deaths = a;
    a[s->n_deaths++] = (struct scan_death){
        .offset = offset, .tid = ev->ev.tid, .signo = f->signo, .code = f->code, .addr = f->addr};
    return NULL;
}

static struct odb_err *read_all(struct trace_reader *r, struct threads *threads, struct scan *s)
{
    struct odb_ev_fault fault = {0}; /* the last one */
    for (;;) {
        const struct odb_event *ev;
        uint64_t offset;
        ODB_TRY(trace_reader_next(r, &ev, &offset));
        if (!ev)
            return NULL;
        ODB_TRY(note_thread_event(threads, s, ev, offset));
        switch (ev->type) {
        case ODB_EV_FILE: ODB_TRY(add_file(s, (const struct odb_ev_file *)ev)); break;
        case ODB_EV_EXEC: ODB_TRY(add_exec(s, (const struct odb_ev_exec *)ev, offset)); break;
        case ODB_EV_MAP: name_exec(s, (const struct odb_ev_map *)ev); break;
        case ODB_EV_TASK: ODB_TRY(add_task(s, (const struct odb_ev_task *)ev, offset)); break;
        case ODB_EV_EXIT: ODB_TRY(add_death(s, (const struct odb_ev_exit *)ev, &fault, offset)); break;
        case ODB_EV_FAULT: memcpy(&fault, ev, sizeof(fault)); /* fallthrough */
        case ODB_EV_SYSCALL:
        case ODB_EV_INSN:
        case ODB_EV_SIGNAL: s->n_positions++; break;
        default: break;
        }
    }
}

struct odb_err *scan_read(const char *dir, struct scan *ret)
{
    struct trace_reader *r;
    ODB_TRY(trace_reader_open(dir, &r));
    struct threads threads = {0};
    struct odb_err *e = read_all(r, &threads, ret);
    free(threads.v);
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

const struct scan_death *scan_death_of(const struct scan *s, uint32_t tid, uint64_t offset)
{
    for (size_t i = 0; i < s->n_deaths; i++)
        if (s->deaths[i].tid == tid && s->deaths[i].offset >= offset)
            return &s->deaths[i];
    return NULL;
}

static const struct scan_name *own_name(const struct scan *s, uint32_t tid, uint64_t offset)
{
    for (size_t i = s->n_names; i-- > 0;)
        if (s->names[i].tid == tid && s->names[i].offset < offset)
            return &s->names[i];
    return NULL;
}

static const struct scan_exec *own_exec(const struct scan *s, uint32_t pid, uint64_t offset)
{
    for (size_t i = s->n_execs; i-- > 0;)
        if (s->execs[i].pid == pid && s->execs[i].offset < offset)
            return &s->execs[i];
    return NULL;
}

const char *scan_name_of(const struct scan *s, uint32_t tid, uint32_t pid, uint64_t offset)
{
    for (size_t depth = 0; depth <= s->n_tasks; depth++) {
        const struct scan_task *t = task_of(s, tid);
        const struct scan_name *n = own_name(s, tid, offset);
        const struct scan_exec *x = own_exec(s, pid, offset);
        uint64_t begin = t ? t->offset : 0, named = n ? n->offset : 0, run = x ? x->offset : 0;
        if (n && named >= begin && named > run)
            return n->name;
        if (x && (run >= begin || !t))
            return x->name;
        if (!t)
            break;
        const struct scan_task *parent = task_of(s, t->parent_tid);
        offset = t->offset < offset ? t->offset : offset;
        tid = t->parent_tid;
        pid = parent ? parent->pid : t->parent_tid;
    }
    return s->n_execs ? s->execs[0].name : "";
}
