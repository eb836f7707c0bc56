/* What `odb ls` and `odb info` show: one pass over the whole stream, counting. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "common/fs.h"
#include "trace/trace.h"

#define N_THREAD_SLOTS 4096

/* Which process a thread belongs to: needed only for the parent of a new process, and good enough if threads
 * whose numbers fall on one slot hide each other. */
struct thread_slot {
    uint32_t tid, pid;
};

struct summing {
    struct trace_summary *summary;
    uint32_t exec_pid; /* an EXEC's MAP events are being read */
    struct thread_slot threads[N_THREAD_SLOTS];
};

void trace_summary_deinit(struct trace_summary *s)
{
    for (uint32_t i = 0; i < s->n_argv; i++)
        free(s->argv[i]);
    free(s->argv);
    s->argv = NULL;
    s->n_argv = 0;
    free(s->processes);
    s->processes = NULL;
    s->n_processes = s->cap_processes = 0;
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

/* ---- the tree ---- */

/* The newest with this number. */
static struct trace_process *find_process(struct trace_summary *s, uint32_t pid)
{
    for (uint32_t i = s->n_processes; i-- > 0;)
        if (s->processes[i].pid == pid)
            return &s->processes[i];
    return NULL;
}

static struct odb_err *add_process(struct trace_summary *s, uint32_t pid, uint32_t parent_pid)
{
    if (s->n_processes == s->cap_processes) {
        uint32_t cap = s->cap_processes ? s->cap_processes * 2 : 16;
        struct trace_process *grown = reallocarray(s->processes, cap, sizeof *grown);
        if (!grown)
            return odb_err("out of memory");
        s->processes = grown;
        s->cap_processes = cap;
    }
    struct trace_process *p = &s->processes[s->n_processes++];
    *p = (struct trace_process){.pid = pid, .parent_pid = parent_pid, .n_threads = 1};
    s->n_threads++;
    return NULL;
}

/* The process of a thread: where the number is not a process's, it is the one of which it was made. */
static uint32_t thread_pid(const struct summing *m, uint32_t tid)
{
    const struct thread_slot *t = &m->threads[tid % N_THREAD_SLOTS];
    return t->tid == tid ? t->pid : tid;
}

static void note_thread(struct summing *m, uint32_t tid, uint32_t pid)
{
    m->threads[tid % N_THREAD_SLOTS] = (struct thread_slot){tid, pid};
}

static struct odb_err *add_child(struct trace_summary *s, uint32_t pid, uint32_t parent_pid)
{
    ODB_TRY(add_process(s, pid, parent_pid));
    const struct trace_process *parent = find_process(s, parent_pid);
    if (parent && parent->pid != pid)
        memcpy(s->processes[s->n_processes - 1].exe, parent->exe, sizeof parent->exe);
    return NULL;
}

static struct odb_err *take_task(struct summing *m, const struct odb_ev_task *e)
{
    struct trace_summary *s = m->summary;
    note_thread(m, e->ev.tid, e->ev.pid);
    if (e->ev.tid != e->ev.pid) {
        struct trace_process *p = find_process(s, e->ev.pid);
        s->n_threads++;
        if (p)
            p->n_threads++;
        return NULL;
    }
    return add_child(s, e->ev.pid, thread_pid(m, e->parent_tid));
}

static struct odb_err *take_exec(struct summing *m, const struct odb_event *ev)
{
    struct trace_process *p = find_process(m->summary, ev->pid);
    if (!p) {
        ODB_TRY(add_process(m->summary, ev->pid, 0));
        p = find_process(m->summary, ev->pid);
    }
    p->n_execs++;
    m->exec_pid = ev->pid;
    return NULL;
}

/* The lowest file mapping of a new image is the program's. */
static void take_map(struct summing *m, const struct odb_ev_map *e)
{
    const char *name = trace_map_name(e);
    if (!m->exec_pid || !e->file_id || !*name)
        return;
    struct trace_process *p = find_process(m->summary, m->exec_pid);
    const char *slash = strrchr(name, '/');
    if (p)
        snprintf(p->exe, sizeof p->exe, "%s", slash ? slash + 1 : name);
    m->exec_pid = 0;
}

/* A call that made a task: should that be killed before its own first event, this is its parent. */
static void take_syscall(struct summing *m, const struct odb_ev_syscall *e)
{
    m->summary->n_syscalls++;
    take_tick(m->summary, e->tick);
    if (e->file_id && e->result == e->file_id &&
        (e->nr == SYS_clone || e->nr == SYS_clone3 || e->nr == SYS_fork || e->nr == SYS_vfork))
        note_thread(m, e->file_id, e->ev.pid);
}

static struct odb_err *take_exit(struct summing *m, const struct odb_ev_exit *e)
{
    struct trace_summary *s = m->summary;
    struct trace_process *p = find_process(s, e->ev.pid);
    uint32_t parent_pid = thread_pid(m, e->ev.pid);
    if ((!p || p->ended) && e->ev.flags & ODB_EXIT_KILLED && parent_pid != e->ev.pid) {
        ODB_TRY(add_child(s, e->ev.pid, parent_pid));
        p = find_process(s, e->ev.pid);
    }
    if (p) {
        p->ended = true;
        p->killed = e->ev.flags & ODB_EXIT_KILLED;
        p->status = e->status;
    }
    take_tick(s, e->tick);
    if (s->n_processes && e->ev.pid != s->processes[0].pid)
        return NULL;
    s->ended = true;
    /* as waitpid would have given it */
    s->wait_status = e->status >= 0 ? (e->status & 0xff) << 8 : (int)(-(int64_t)e->status & 0x7f);
    return NULL;
}

/* ---- events ---- */

static struct odb_err *take_event(struct summing *m, const struct odb_event *ev)
{
    struct trace_summary *s = m->summary;
    const void *body = ev;
    s->n_events++;
    s->n_of_type[ev->type]++;
    switch (ev->type) {
    case ODB_EV_START: return take_start(s, body);
    case ODB_EV_SYSCALL: take_syscall(m, body); break;
    case ODB_EV_INSN:
        s->n_insn_values++;
        take_tick(s, ((const struct odb_ev_insn *)body)->tick);
        break;
    case ODB_EV_FAULT:
        s->n_faults++;
        take_tick(s, ((const struct odb_ev_fault *)body)->tick);
        break;
    case ODB_EV_SIGNAL: take_tick(s, ((const struct odb_ev_signal *)body)->tick); break;
    case ODB_EV_EXIT: return take_exit(m, body);
    case ODB_EV_EXEC: return take_exec(m, ev);
    case ODB_EV_MAP: take_map(m, body); break;
    case ODB_EV_TASK: return take_task(m, body);
    case ODB_EV_SWITCH: take_tick(s, ((const struct odb_ev_switch *)body)->tick); break;
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
    struct summing m = {.summary = s};
    for (;;) {
        const struct odb_event *ev;
        uint64_t offset;
        ODB_TRY(trace_reader_next(r, &ev, &offset));
        if (!ev)
            break;
        ODB_TRY(take_event(&m, ev));
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
