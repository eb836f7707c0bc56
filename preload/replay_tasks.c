/* Threads and processes begin and end, as trace/format.h ("Tasks") has it.
 *
 * A child in the same memory is one more context in this vessel. A child with memory of its own is a fork of this vessel,
 * made where the kernel copied the memory: before the call's outputs are written. The same holds for a program that leaves
 * the memory of its vfork parent by execve: the vessel forks, and the copy becomes the new image.
 *
 * The index learns of all that by TASK records, written by the vessel that has the turn. */
#include <linux/sched.h>

#include "preload/core.h"
#include "preload/debug.h"
#include "preload/replay.h"
#include "preload/sys.h"

#define MAX_BASE (1ULL << 47)

struct child {
    uint64_t flags; /* without the exit signal */
    gaddr stack;    /* 0: the parent's */
    uint64_t tls;
};

static uint32_t vm = 1; /* the memory of this vessel, as the index names it */

bool task_is_clone(uint64_t nr)
{
    return nr == __NR_clone || nr == __NR_clone3 || nr == __NR_fork || nr == __NR_vfork;
}

/* ---- the index log ---- */

static void log_task(const struct odb_log_task *body)
{
    struct odb_log head = {.kind = ODB_LOG_TASK, .n = sizeof(*body)};
    if (log_active())
        log_record(&head, body, sizeof(*body));
}

static void log_child(const struct replay_thread *t, const struct replay_thread *parent, uint32_t op,
                      uint32_t child_vm)
{
    log_task(&(struct odb_log_task){
        .op = op,
        .tid = t->tid,
        .pid = t->pid,
        .parent_tid = parent->tid,
        .parent_pid = parent->pid,
        .vm = child_vm,
        .vm_from = vm,
    });
}

static void log_exit(uint32_t tid, uint32_t pid, int32_t status)
{
    log_task(
        &(struct odb_log_task){.op = ODB_LOG_TASK_EXIT, .tid = tid, .pid = pid, .vm = vm, .status = status});
}

/* ---- beginning ---- */

/* What the call of a thread in state `s` asks for. */
static struct child read_call(const struct engine_ctx *s)
{
    struct child k = {0};
    struct clone_args a;
    switch (s->gpr[ODB_RAX]) {
    case __NR_clone:
        k.flags = (uint32_t)s->gpr[ODB_RDI] & ~(uint64_t)CSIGNAL;
        k.stack = s->gpr[ODB_RSI];
        k.tls = s->gpr[ODB_R8];
        break;
    case __NR_clone3:
        memset(&a, 0, sizeof(a));
        if (!engine_peek(s->gpr[ODB_RDI], &a, CLONE_ARGS_SIZE_VER0))
            replay_error("bad recording: clone3 without arguments");
        k.flags = a.flags;
        k.stack = a.stack ? a.stack + a.stack_size : 0;
        k.tls = a.tls;
        break;
    case __NR_vfork: k.flags = CLONE_VM | CLONE_VFORK; break;
    default: break;
    }
    return k;
}

uint64_t task_clone_flags(const struct model_call *c)
{
    struct engine_ctx s = ctx;
    s.gpr[ODB_RAX] = c->nr;
    s.gpr[ODB_RDI] = c->args[0];
    s.gpr[ODB_RSI] = c->args[1];
    s.gpr[ODB_R8] = c->args[4];
    return read_call(&s).flags;
}

/* The child behind the call, as a context of this vessel. */
static struct replay_thread *make_child(const struct replay_thread *parent, const struct child *k,
                                        uint32_t tid, uint64_t rflags)
{
    struct replay_thread *t = thread_copy(parent, k->flags);
    if (!t)
        replay_error("more than %u threads at once", WORLD_MAX_TASKS);
    struct engine_ctx *c = &t->state.ctx;
    t->tid = tid;
    t->pid = k->flags & CLONE_THREAD ? parent->pid : tid;
    c->rip += 2;
    c->gpr[ODB_RAX] = 0;
    c->gpr[ODB_RCX] = c->rip;
    c->gpr[ODB_R11] = rflags;
    if (k->stack)
        c->gpr[ODB_RSP] = k->stack;
    if (k->flags & CLONE_SETTLS) {
        if (k->tls >= MAX_BASE)
            replay_error("bad recording: segment base 0x%lx", k->tls);
        t->fs_base = k->tls;
    }
    return t;
}

/* In its own vessel from here on. In the child it does not return. */
static void fork_child(const struct replay_thread *parent, struct replay_thread *t)
{
    uint32_t child_vm = WORLD->next_vm++;
    log_child(t, parent, ODB_LOG_TASK_FORK, child_vm);
    world_task_add(t);
    int vessel = world_fork(false);
    if (vessel < 0) {
        vm = child_vm;
        thread_remove_process(t->pid, true, NULL);
        replay_maps_forked();
        replay_sleep();
    }
    world_task(t->tid)->vessel = (uint32_t)vessel;
    thread_remove(t);
}

static void add_child(const struct replay_thread *parent, const struct child *k, uint32_t tid,
                      uint64_t rflags)
{
    struct replay_thread *t = make_child(parent, k, tid, rflags);
    if (!(k->flags & CLONE_VM)) {
        fork_child(parent, t);
        return;
    }
    world_task_add(t);
    log_child(t, parent, k->flags & CLONE_THREAD ? ODB_LOG_TASK_THREAD : ODB_LOG_TASK_SHARE, vm);
}

void task_cloned(const struct model_call *c, const struct odb_ev_syscall *ev)
{
    uint32_t tid = ev->file_id;
    uint64_t rflags = ev->rflags;
    (void)c;
    if (!tid)
        return; /* CLONE_VFORK: made already */
    struct child k = read_call(&ctx);
    thread_sync();
    add_child(replay_current, &k, tid, rflags);
}

void task_vforked(const struct odb_ev_task *ev)
{
    const struct replay_thread *parent = thread_find(ev->parent_tid);
    if (!parent || parent->is_new)
        replay_error("bad recording: task %u without a parent", ev->ev.tid);
    thread_sync();
    if (!task_is_clone(parent->state.ctx.gpr[ODB_RAX]))
        replay_error("bad recording: task %u, whose parent does not make one", ev->ev.tid);
    struct child k = read_call(&parent->state.ctx);
    add_child(parent, &k, ev->ev.tid, parent->state.ctx.rflags);
}

/* In execve, by a SWITCH CALL; else the one that nothing keeps from running into it. */
const struct replay_thread *task_in_exec(uint32_t pid)
{
    const struct replay_thread *found = NULL, *t;
    thread_sync();
    for (uint32_t i = 0; (t = thread_each(i)); i++) {
        bool in_call = t->call.rip == t->state.ctx.rip && t->call.tick == t->tick;
        uint64_t nr = t->state.ctx.gpr[ODB_RAX];
        if (t->pid != pid)
            continue;
        if (in_call && (nr == __NR_execve || nr == __NR_execveat))
            return t;
        if (!in_call && !t->is_new)
            found = t;
    }
    return found;
}

void task_begin(void)
{
    const struct odb_event *next = replay_main_event();
    if (!next || next->type != ODB_EV_TASK || next->tid != replay_current->tid)
        replay_diverged(ODB_DIV_BAD_EVENT, 0, ODB_EV_TASK, next ? next->type : 0, 0,
                        "a task begins without its TASK event");
    const struct odb_ev_task *ev = (const struct odb_ev_task *)next;
    uint32_t n_mem = ev->n_mem;
    ctx.tid = ev->ns_tid;
    ctx.pid = ev->ns_pid;
    replay_current->is_new = false;
    uint32_t parent_tid = ev->parent_tid;
    bool vforked = ev->clone_flags & CLONE_VFORK;
    cursor_take(next);
    replay_take_memory(n_mem);
    if (vforked)
        debug_vforked(parent_tid);
}

/* ---- end ---- */

static void process_is_gone(uint32_t pid, int32_t status)
{
    log_exit(0, pid, status);
    debug_task_ended(0, pid, status);
    if (pid == WORLD->first_pid)
        WORLD->first_status = status, WORLD->first_ended = 1;
    world_process_remove(pid);
    thread_remove_process(pid, false, NULL);
}

_Noreturn void task_process_ends(const struct odb_ev_exit *ev)
{
    uint32_t pid = ev->ev.pid;
    int32_t status = ev->status;
    replay_log_event(ODB_LOG_EVENT, &ev->ev);
    cursor_take(&ev->ev);
    process_is_gone(pid, status);
    replay_switch();
}

static _Noreturn void thread_ends(void)
{
    uint32_t tid = replay_current->tid;
    log_exit(tid, replay_current->pid, 0);
    debug_task_ended(tid, replay_current->pid, 0);
    world_task_remove(tid);
    thread_remove(replay_current);
    replay_switch();
}

static bool ends_process(const struct odb_event *ev)
{
    return ev && ev->type == ODB_EV_EXIT && ev->pid == replay_current->pid &&
           (ev->tid == replay_current->tid || ev->flags & ODB_EXIT_KILLED);
}

static void check_exit(const struct odb_ev_exit *ev, const struct model_call *c)
{
    if (ev->ev.flags & ODB_EXIT_KILLED)
        return;
    replay_compare_position(ev->tick, ev->rip, "position of the end");
    int status = (int)c->args[0] & 255;
    if (c->nr == __NR_exit_group && status != ev->status)
        replay_diverged(ODB_DIV_RESULT, 0, (uint64_t)(int64_t)ev->status, (uint64_t)status, 0, "exit status");
}

bool task_leaves(const struct model_call *c)
{
    const struct odb_event *ev = replay_main_event();
    if (c->nr == __NR_execve || c->nr == __NR_execveat) {
        if (!ev || ev->type != ODB_EV_EXEC || ev->pid != replay_current->pid)
            return false;
        hook_announce();
        hook_cancel();
        task_exec();
        return true;
    }
    if (c->nr != __NR_exit && c->nr != __NR_exit_group)
        return false;
    if (ev && ev->type == ODB_EV_SYSCALL && ev->flags & ODB_SYSCALL_ANSWERED)
        return false;
    if (ev && ev->type == ODB_EV_SYSCALL && ev->tid == replay_current->tid) {
        /* compared like any other call; what follows it is the end, or somebody else */
        ev = sys_replay_exit_call();
        if (c->nr == __NR_exit && !ends_process(ev))
            thread_ends();
    }
    if (!ends_process(ev))
        return false;
    hook_announce();
    hook_cancel();
    check_exit((const struct odb_ev_exit *)ev, c);
    task_process_ends((const struct odb_ev_exit *)ev);
}

/* ---- execve ---- */

/* Others stay in this memory (a vfork parent): the new image is made in a copy of the vessel. In that it returns. */
static void leave_memory(void)
{
    uint32_t pid = replay_current->pid;
    if (world_fork(true) >= 0) {
        thread_remove_process(pid, false, NULL);
        replay_sleep();
    }
    cursor_seek(WORLD->offset);
    thread_remove_process(pid, true, NULL);
}

void task_exec(void)
{
    const struct odb_event *ev = cursor_peek();
    uint32_t tid = ev->tid, pid = ev->pid;
    struct replay_thread *old = replay_current;
    bool first = !old;
    if (!first) {
        if (thread_has_others(pid))
            leave_memory();
        world_process_remove(pid);
        thread_remove_process(pid, false, old);
        vm = WORLD->next_vm++;
        log_task(&(struct odb_log_task){.op = ODB_LOG_TASK_EXEC,
                                        .tid = tid,
                                        .pid = pid,
                                        .parent_tid = old->tid,
                                        .parent_pid = pid,
                                        .vm = vm,
                                        .vm_from = vm});
    } else {
        WORLD->first_pid = pid;
    }
    image_build();
    struct replay_thread *t = thread_first(first ? NULL : old->fds);
    t->tid = tid;
    t->pid = pid;
    if (!first)
        thread_remove(old);
    core_set_tick(0);
    memset(gpr_base, 0, sizeof(gpr_base));
    world_task_add(t);
    if (!first)
        WORLD->log_begun = 0;
    replay_log_begin();
    if (!first)
        core_set_hook(WORLD->hook || debug_wants_hook());
    replay_new_run();
    debug_run_begins(true);
    replay_look_ahead(true);
}
