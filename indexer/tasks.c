/* Processes, threads and address spaces in the index log: see builder_impl.h.
 *
 * A task that dies is only marked; tasks_reap writes its rows when another thread goes on, because the
 * instruction that ended it may not be counted yet. The state at which it died is still a state of its: its
 * memory's rows end one state later. What lives at the end of the recording has rows that end with NULL. */
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "indexer/builder_impl.h"

static struct odb_err *no_memory(void) { return odb_err("index: out of memory"); }

/* Appends p to a list of owned pointers; false: out of memory. */
#define APPEND(list, n, p)                                              \
    ({                                                                  \
        __typeof__(list) v_ = reallocarray(list, (n) + 1, sizeof(*v_)); \
        if (v_) {                                                       \
            (list) = v_;                                                \
            v_[(n)++] = p;                                              \
        }                                                               \
        v_ != NULL;                                                     \
    })

/* ---- address spaces ---- */

static void free_vm(struct index_builder *b, struct builder_vm *vm)
{
    if (!vm)
        return;
    shadow_space_free(&b->shadow, vm->space);
    regions_deinit(&vm->maps);
    free(vm->rules);
    free(vm);
}

/* A space, empty or a copy of from's. */
static struct odb_err *new_vm(struct index_builder *b, uint32_t number, uint32_t pid,
                              const struct builder_vm *from, struct builder_vm **ret)
{
    if (b->n_spaces == ODB_SPACE_OBJECT)
        return odb_err("index: too many address spaces");
    struct builder_vm *vm = calloc(1, sizeof(*vm));
    if (!vm)
        return no_memory();
    *vm = (struct builder_vm){.number = number, .pid = pid};
    struct odb_err *e = from ? shadow_space_fork(&b->shadow, from->space, b->n_spaces, b->count, &vm->space)
                             : shadow_space_create(&b->shadow, b->n_spaces, &vm->space);
    if (!e && from)
        e = story_forked(b, from, vm);
    if (!e && !APPEND(b->vms, b->n_vms, vm))
        e = no_memory();
    if (e) {
        free_vm(b, vm);
        return e;
    }
    b->n_spaces++;
    *ret = vm;
    return NULL;
}

static struct builder_vm *find_vm(const struct index_builder *b, uint32_t number)
{
    for (size_t i = b->n_vms; i--;)
        if (b->vms[i]->number == number)
            return b->vms[i];
    return NULL;
}

/* The process leaves its space: with the last one, the space's rows end with state t (UINT64_MAX: never). */
static struct odb_err *leave_vm(struct index_builder *b, struct builder_proc *p, uint64_t t)
{
    struct builder_vm *vm = take_ptr(p->vm);
    char shape[] = "iiiii";
    if (p->from_space < 0)
        shape[2] = 'N';
    if (t == UINT64_MAX)
        shape[4] = 'N';
    struct odb_err *e = store_put(b->store, STORE_STAY, shape, (uint64_t)p->pid, (uint64_t)vm->space->number,
                                  (uint64_t)p->from_space, p->stay_t, t);
    if (--vm->refs)
        return e;
    if (!e)
        e = story_end_maps(b, vm, t);
    if (!e)
        e = shadow_space_end(&b->shadow, vm->space, t);
    for (size_t i = 0; i < b->n_vms; i++)
        if (b->vms[i] == vm)
            b->vms[i] = b->vms[--b->n_vms];
    free_vm(b, vm);
    return e;
}

static void enter_vm(struct index_builder *b, struct builder_proc *p, struct builder_vm *vm, int64_t from)
{
    p->vm = vm;
    p->stay_t = b->count;
    p->from_space = from;
    vm->refs++;
}

/* ---- processes and threads ---- */

struct builder_proc *tasks_find_proc(const struct index_builder *b, uint32_t pid)
{
    for (size_t i = b->n_procs; i--;)
        if (b->procs[i]->pid == pid && !b->procs[i]->dead)
            return b->procs[i];
    return NULL;
}

static struct builder_thread *find_thread(const struct index_builder *b, uint32_t tid)
{
    if (b->cur && b->cur->tid == tid && !b->cur->dead)
        return b->cur;
    for (size_t i = b->n_threads; i--;)
        if (b->threads[i]->tid == tid && !b->threads[i]->dead)
            return b->threads[i];
    return NULL;
}

static void free_proc(struct builder_proc *p)
{
    free(p->exe);
    free(p->args);
    fds_deinit(&p->fds);
    free(p);
}

static struct odb_err *new_proc(struct index_builder *b, uint32_t pid, const struct builder_proc *parent,
                                struct builder_proc **ret)
{
    struct builder_proc *p = calloc(1, sizeof(*p));
    if (!p)
        return no_memory();
    *p = (struct builder_proc){.pid = pid, .parent = parent ? parent->pid : 0, .t_start = b->count};
    if (parent && parent->exe)
        p->exe = strdup(parent->exe);
    if (parent && parent->args)
        p->args = strdup(parent->args);
    if (!APPEND(b->procs, b->n_procs, p)) {
        free_proc(p);
        return no_memory();
    }
    *ret = p;
    return NULL;
}

static struct odb_err *new_thread(struct index_builder *b, uint32_t tid, struct builder_proc *p,
                                  struct builder_thread **ret)
{
    struct builder_thread *th = calloc(1, sizeof(*th));
    if (!th)
        return no_memory();
    th->tid = tid;
    th->proc = p;
    th->t_start = b->count;
    if (b->cur)
        memcpy(th->name, b->cur->name, sizeof(th->name));
    if (!APPEND(b->threads, b->n_threads, th)) {
        free(th);
        return no_memory();
    }
    if (ret)
        *ret = th;
    return NULL;
}

struct odb_err *tasks_init(struct index_builder *b)
{
    struct builder_proc *p;
    struct builder_vm *vm;
    ODB_TRY(new_proc(b, 0, NULL, &p));
    ODB_TRY(new_vm(b, 1, 0, NULL, &vm));
    enter_vm(b, p, vm, -1);
    return new_thread(b, 0, p, &b->cur);
}

void tasks_deinit(struct index_builder *b)
{
    for (size_t i = 0; i < b->n_threads; i++)
        free(b->threads[i]);
    for (size_t i = 0; i < b->n_procs; i++)
        free_proc(b->procs[i]);
    for (size_t i = 0; i < b->n_vms; i++)
        free_vm(b, b->vms[i]);
    free(b->threads);
    free(b->procs);
    free(b->vms);
}

void tasks_name_first(struct index_builder *b, uint32_t pid)
{
    if (b->first_pid || !pid)
        return;
    b->first_pid = pid;
    b->procs[0]->pid = b->procs[0]->vm->pid = pid;
}

struct odb_err *tasks_run(struct index_builder *b, uint32_t tid, uint32_t pid)
{
    struct builder_thread *th = b->cur;
    if (!th->tid) { /* the first there is */
        tasks_name_first(b, pid ? pid : tid);
        th->tid = tid;
        return NULL;
    }
    th = find_thread(b, tid);
    if (!th) {
        struct builder_proc *p = tasks_find_proc(b, pid ? pid : b->first_pid);
        if (!p)
            return odb_err("index log: START of thread %u of process %u, which does not live", tid, pid);
        ODB_TRY(new_thread(b, tid, p, &th));
    }
    b->cur = th;
    return NULL;
}

/* ---- ends ---- */

static struct odb_err *put_thread(struct index_builder *b, const struct builder_thread *th)
{
    return store_put(b->store, STORE_THREAD, "iiiit", (uint64_t)th->proc->pid, (uint64_t)th->tid, th->t_start,
                     b->count, *th->name ? th->name : NULL);
}

static struct odb_err *put_proc(struct index_builder *b, const struct builder_proc *p)
{
    char shape[] = "ittiiii";
    if (!p->have_status)
        shape[5] = 'N';
    if (!p->parent)
        shape[6] = 'N';
    return store_put(b->store, STORE_PROCESS, shape, (uint64_t)p->pid, p->exe, p->args, p->t_start, b->count,
                     (uint64_t)p->status, (uint64_t)p->parent);
}

/* Ends threads: of p (NULL: any) that are dead. */
static struct odb_err *reap_threads(struct index_builder *b)
{
    for (size_t i = 0; i < b->n_threads;) {
        struct builder_thread *th = b->threads[i];
        if (!th->dead) {
            i++;
            continue;
        }
        ODB_TRY(put_thread(b, th));
        b->threads[i] = b->threads[--b->n_threads];
        free(th);
    }
    return NULL;
}

struct odb_err *tasks_reap(struct index_builder *b)
{
    if (!b->any_dead || b->cur->dead || b->cur->proc->dead)
        return NULL;
    ODB_TRY(reap_threads(b));
    for (size_t i = 0; i < b->n_procs;) {
        struct builder_proc *p = b->procs[i];
        if (!p->dead) {
            i++;
            continue;
        }
        ODB_TRY(put_proc(b, p));
        ODB_TRY(leave_vm(b, p, b->count + 1));
        b->procs[i] = b->procs[--b->n_procs];
        free_proc(p);
    }
    b->any_dead = false;
    return NULL;
}

struct odb_err *tasks_finish(struct index_builder *b)
{
    for (size_t i = 0; i < b->n_threads; i++)
        ODB_TRY(put_thread(b, b->threads[i]));
    for (size_t i = 0; i < b->n_procs; i++) {
        ODB_TRY(put_proc(b, b->procs[i]));
        ODB_TRY(leave_vm(b, b->procs[i], UINT64_MAX));
    }
    return NULL;
}

static struct odb_err *on_gone(struct index_builder *b, const struct odb_log_task *k)
{
    b->any_dead = true;
    if (k->tid) {
        struct builder_thread *th = find_thread(b, k->tid);
        if (th)
            th->dead = true;
        return NULL;
    }
    struct builder_proc *p = tasks_find_proc(b, k->pid);
    if (!p)
        return NULL;
    p->dead = p->have_status = true;
    p->status = k->status;
    for (size_t i = 0; i < b->n_threads; i++)
        b->threads[i]->dead |= b->threads[i]->proc == p;
    return NULL;
}

/* ---- new ones ---- */

static struct odb_err *check_new(struct index_builder *b, uint32_t tid, uint32_t pid, bool process)
{
    if (!tid || !pid || find_thread(b, tid) || (process && tasks_find_proc(b, pid)))
        return odb_err("index log: TASK for thread %u of process %u, which lives already", tid, pid);
    return NULL;
}

static struct odb_err *on_fork(struct index_builder *b, const struct odb_log_task *k)
{
    struct builder_proc *p, *parent = tasks_find_proc(b, k->parent_pid);
    struct builder_vm *from = find_vm(b, k->vm_from), *vm = from;
    ODB_TRY(check_new(b, k->tid, k->pid, true));
    if (!from && parent)
        vm = from = parent->vm;
    if (!from)
        return odb_err("index log: process %u begins in memory %u, which is none", k->pid, k->vm_from);
    if (k->op == ODB_LOG_TASK_FORK)
        ODB_TRY(new_vm(b, k->vm, k->pid, from, &vm));
    int64_t from_space = from->space->number;
    ODB_TRY(new_proc(b, k->pid, parent, &p));
    p->parent = k->parent_pid;
    if (parent)
        ODB_TRY(fds_copy(&parent->fds, &p->fds));
    enter_vm(b, p, vm, vm == from ? -1 : from_space);
    return new_thread(b, k->tid, p, NULL);
}

static struct odb_err *on_exec(struct index_builder *b, const struct odb_log_task *k)
{
    struct builder_proc *p = tasks_find_proc(b, k->pid);
    struct builder_thread *th = NULL;
    struct builder_vm *vm;
    if (!p || (b->cur->tid && b->cur->proc != p))
        return odb_err("index log: exec of process %u, which does not run", k->pid);
    ODB_TRY(story_call_of_registers(b, b->count ? b->count - 1 : 0, false));
    ODB_TRY(builder_end_chunk(b));
    for (size_t i = 0; i < b->n_threads; i++)
        if (b->threads[i]->proc == p) {
            b->threads[i]->dead = b->threads[i]->tid != p->pid;
            th = b->threads[i]->dead ? th : b->threads[i];
        }
    if (!th)
        ODB_TRY(new_thread(b, p->pid, p, &th));
    if (th != b->cur)
        th->regs = b->cur->regs;
    b->cur = th;
    th->stored = false;
    ODB_TRY(reap_threads(b));
    ODB_TRY(new_vm(b, k->vm, p->pid, NULL, &vm));
    ODB_TRY(leave_vm(b, p, b->count));
    enter_vm(b, p, vm, -1);
    fds_exec(&p->fds);
    p->new_image = b->in_exec = true;
    return NULL;
}

struct odb_err *tasks_record(struct index_builder *b, const uint8_t *body, uint32_t n)
{
    struct odb_log_task k;
    if (n < sizeof(k))
        return odb_err("index log: TASK of %u bytes is too short", n);
    memcpy(&k, body, sizeof(k));
    if (!b->cur->tid && k.op != ODB_LOG_TASK_EXIT) { /* the first process presents itself */
        tasks_name_first(b, k.pid);
        b->cur->tid = k.tid;
        builder_vm(b)->number = k.vm;
        return NULL;
    }
    switch (k.op) {
    case ODB_LOG_TASK_THREAD: {
        struct builder_proc *p = tasks_find_proc(b, k.pid);
        ODB_TRY(check_new(b, k.tid, k.pid, false));
        return p ? new_thread(b, k.tid, p, NULL)
                 : odb_err("index log: a thread of process %u, which is none", k.pid);
    }
    case ODB_LOG_TASK_FORK:
    case ODB_LOG_TASK_SHARE: return on_fork(b, &k);
    case ODB_LOG_TASK_EXEC: return on_exec(b, &k);
    case ODB_LOG_TASK_EXIT: return on_gone(b, &k);
    default: return odb_err("index log: TASK %u is unknown", k.op);
    }
}
