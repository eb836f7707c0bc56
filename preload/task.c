/* Making and ending threads and processes, while recording.
 *
 * clone in three forms:
 *   - a thread, or anything else that shares our memory (CLONE_VM): the kernel's new thread begins at thread_begin on
 *     its own slot's stack, waits for the baton, and enters program code with a copy of the parent's registers;
 *   - a process with its own memory: the child returns from the kernel's call here, as a copy of the parent, engine and
 *     all, and waits for the baton;
 *   - CLONE_VFORK: the parent hands the baton over to the child, because the kernel lets it sleep until the child
 *     has executed another program or is gone. The child writes the parent's SWITCH event.
 *
 * What the kernel would write (parent_tid, child_tid, the word cleared at exit, robust futexes) the engine writes
 * itself, under the baton, so that nobody sees it at a moment that replay does not know. */
#include <linux/errno.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <linux/signal.h>

#include "preload/event.h"
#include "preload/learn.h"
#include "preload/raw.h"
#include "preload/sys.h"
#include "preload/sys_deny.h"
#include "preload/sys_record.h"
#include "preload/sys_seccomp.h"
#include "preload/sys_robust.h"
#include "preload/sys_sched.h"
#include "preload/thread.h"

/* Flags whose effect is the engine's. */
#define OWN_FLAGS (CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID)

struct cloning {
    uint64_t flags; /* without the exit signal */
    uint64_t exit_signal;
    gaddr stack, parent_tid, child_tid, tls, pidfd;
    uint32_t tid; /* of the child, as events name it */
    bool is_clone3;
    struct clone_args args; /* clone3 */
    uint64_t args_bytes;
};

/* ---- reading the call ---- */

static int64_t read_clone3(const struct model_call *c, struct cloning *k)
{
    uint64_t n = c->args[1];
    memset(&k->args, 0, sizeof(k->args));
    if (n < CLONE_ARGS_SIZE_VER0)
        return -EINVAL;
    if (n > sizeof(k->args)) /* longer ones must be zero behind what we know */
        n = sizeof(k->args);
    if (!engine_peek(c->args[0], &k->args, n))
        return -EFAULT;
    k->args_bytes = n;
    k->is_clone3 = true;
    k->flags = k->args.flags;
    k->exit_signal = k->args.exit_signal;
    k->stack = k->args.stack ? k->args.stack + k->args.stack_size : 0;
    k->parent_tid = k->args.parent_tid;
    k->child_tid = k->args.child_tid;
    k->tls = k->args.tls;
    k->pidfd = k->args.pidfd;
    return 0;
}

static int64_t read_call(const struct model_call *c, struct cloning *k)
{
    memset(k, 0, sizeof(*k));
    switch (c->nr) {
    case __NR_clone3: return read_clone3(c, k);
    case __NR_fork: k->exit_signal = SIGCHLD; return 0;
    case __NR_vfork:
        k->exit_signal = SIGCHLD;
        k->flags = CLONE_VM | CLONE_VFORK;
        return 0;
    default: break;
    }
    k->flags = (uint32_t)c->args[0] & ~(uint64_t)CSIGNAL;
    k->exit_signal = c->args[0] & CSIGNAL;
    k->stack = c->args[1];
    k->parent_tid = c->args[2];
    k->child_tid = c->args[3];
    k->tls = c->args[4];
    k->pidfd = k->flags & CLONE_PIDFD ? c->args[2] : 0;
    return 0;
}

/* ---- the child's first state ---- */

static uint32_t task_slot(void)
{
    for (uint32_t i = 0; i < ODB_MAX_TASKS; i++)
        if (atomic_load(&SHARED->tasks[i].state) == ODB_TASK_FREE)
            return i;
    return ODB_MAX_TASKS;
}

/* The registers of the child: those of the parent behind the call. */
static void child_registers(struct engine_ctx *to, const struct cloning *k)
{
    *to = ctx;
    to->rip += 2;
    to->gpr[ODB_RAX] = 0;
    to->gpr[ODB_RCX] = to->rip;
    to->gpr[ODB_R11] = to->rflags;
    if (k->stack)
        to->gpr[ODB_RSP] = k->stack;
}

static uint32_t task_make(const struct cloning *k)
{
    uint32_t i = task_slot();
    if (i == ODB_MAX_TASKS)
        return i;
    struct odb_task *t = &SHARED->tasks[i];
    memset((void *)t, 0, sizeof(*t));
    t->parent = self->task;
    t->clone_flags = k->flags;
    t->filters = SHARED->tasks[self->task].filters;
    sched_task_made(t, &SHARED->tasks[self->task]);
    if (i >= atomic_load(&SHARED->n_slots))
        atomic_store(&SHARED->n_slots, i + 1);
    atomic_store(&t->state, ODB_TASK_NEW);
    atomic_fetch_add(&SHARED->n_tasks, 1);
    return i;
}

static void task_unmake(uint32_t i)
{
    atomic_store(&SHARED->tasks[i].state, ODB_TASK_FREE);
    atomic_fetch_sub(&SHARED->n_tasks, 1);
}

static void task_ids(uint32_t i, uint32_t pid, uint32_t tid)
{
    struct odb_task *t = &SHARED->tasks[i];
    t->pid = pid;
    t->tid = tid;
    atomic_store(&t->state, ODB_TASK_ALIVE);
    atomic_fetch_add(&SHARED->tasks_changed, 1);
    if (!(t->clone_flags & CLONE_THREAD))
        raw3(__NR_futex, &SHARED->tasks_changed, FUTEX_WAKE, 1);
}

/* Children may see other ids than the recorder, which is in an outer PID namespace: then /proc, as the recorder sees
 * it, tells theirs. */
static bool ids_differ;

void record_namespace_changed(void) { ids_differ = true; }

static uint32_t outer_tid(void)
{
    char link[64]; /* PID/task/TID */
    uint32_t tid = 0;
    long n = ids_differ ? raw4(__NR_readlinkat, proc_fd, "thread-self", link, sizeof(link)) : 0;
    for (long i = 0; i < n; i++)
        tid = link[i] == '/'                     ? 0
              : link[i] >= '0' && link[i] <= '9' ? tid * 10 + (uint32_t)(link[i] - '0')
                                                 : 0;
    return tid ? tid : (uint32_t)raw0(__NR_gettid);
}

/* The child tells its numbers before it waits for the baton; its parent, who has it, waits for that. */
static void announce(struct thread *t)
{
    uint32_t task = t->task;
    SHARED->tasks[task].ns_pid = (uint32_t)raw0(__NR_getpid);
    SHARED->tasks[task].ns_tid = t->ns_tid;
    if (ids_differ)
        atomic_store((_Atomic uint32_t *)&SHARED->tasks[task].tid, outer_tid());
}

static uint32_t child_tid(uint32_t task, int64_t result)
{
    _Atomic uint32_t *tid = (_Atomic uint32_t *)&SHARED->tasks[task].tid;
    if (!ids_differ)
        return (uint32_t)result;
    while (!atomic_load(tid))
        raw0(__NR_sched_yield);
    return atomic_load(tid);
}

/* A slot for the child, in our memory. NULL: no room. */
static struct thread *child_slot(const struct cloning *k, uint32_t task)
{
    struct thread *t = thread_new();
    if (!t)
        return NULL;
    thread_save(self);
    t->state = self->state;
    child_registers(&t->state.ctx, k);
    memset(t->state.gpr_base, 0, sizeof(t->state.gpr_base));
    if (!(k->flags & CLONE_VFORK))
        memset(t->state.sig_altstack, 0, sizeof(t->state.sig_altstack));
    t->state.sig_mask_is_temporary = false;
    t->process = k->flags & CLONE_THREAD ? process_share(self->process) : process_new();
    t->sighand = k->flags & CLONE_SIGHAND ? sighand_share(self->sighand) : sighand_new();
    if (!t->process || !t->sighand)
        engine_panic("engine: too many vfork children at once");
    if (k->flags & CLONE_THREAD) {
        t->process->n_threads++;
    } else {
        t->process->n_threads = 1;
        t->process->recdir_fd = recdir_fd;
        t->process->proc_fd = proc_fd;
        t->process->ring_fd = ring_fd;
    }
    t->task = task;
    t->clone_flags = k->flags;
    t->parent_tid = ctx.tid;
    t->clear_tid = k->flags & CLONE_CHILD_CLEARTID ? k->child_tid : 0;
    t->set_tid = k->flags & CLONE_CHILD_SETTID ? k->child_tid : 0;
    t->first_run = true;
    t->owns_baton_at_start = k->flags & CLONE_VFORK;
    atomic_store(&t->gone, 1);
    return t;
}

static void slot_unmake(struct thread *t, const struct cloning *k)
{
    if (k->flags & CLONE_THREAD)
        t->process->n_threads--;
    atomic_store(&t->gone, 0);
    thread_free(t);
}

/* ---- the kernel's call ---- */

/* t: slot of the child when it shares our memory, else NULL. */
static int64_t real_clone(const struct cloning *k, struct thread *t)
{
    uint64_t flags = (k->flags & ~(uint64_t)OWN_FLAGS) | (t ? CLONE_CHILD_CLEARTID : 0);
    uint64_t stack = 0, stack_bytes = 0;
    if (t) {
        uint64_t *top = (uint64_t *)(thread_stack_top(t) - 64);
        *top = (uint64_t)thread_begin; /* where the stub's ret goes */
        stack = (uint64_t)top - 4096;
        stack_bytes = 4096;
    }
    if (k->is_clone3) {
        struct clone_args a = k->args;
        a.flags = flags;
        a.stack = stack;
        a.stack_size = stack_bytes;
        a.child_tid = (uint64_t)(t ? &t->gone : 0);
        a.parent_tid = 0;
        return raw2(__NR_clone3, &a, k->args_bytes);
    }
    return raw5(__NR_clone, flags | k->exit_signal, stack + stack_bytes, k->pidfd, t ? &t->gone : 0, k->tls);
}

/* ---- in the child ---- */

static void write_task(struct thread *t, gaddr written)
{
    struct odb_ev_task *ev = event_begin(ODB_EV_TASK, 0, sizeof(*ev));
    ev->parent_tid = t->parent_tid;
    ev->n_mem = written ? 1 : 0;
    ev->ns_pid = t->process->ns_pid;
    ev->ns_tid = t->ns_tid;
    ev->clone_flags = t->clone_flags;
    event_commit();
    if (written)
        event_mem(written, 4, 0);
}

/* The child has the baton for the first time. */
static void first_events(struct thread *t)
{
    struct odb_task *k = &SHARED->tasks[t->task];
    k->ns_pid = t->process->ns_pid;
    k->ns_tid = t->ns_tid;
    uint32_t tid = t->ns_tid;
    write_task(t, t->set_tid && engine_poke(t->set_tid, &tid, 4) ? t->set_tid : 0);
}

/* A vfork child has the baton from its parent, whose place it tells. */
static void take_over_from_parent(struct thread *t)
{
    const struct odb_task *parent = &SHARED->tasks[SHARED->tasks[t->task].parent];
    t->state.ctx.tid = t->state.ctx.pid = outer_tid();
    t->process->pid = t->state.ctx.pid;
    task_ids(t->task, t->process->pid, t->state.ctx.tid);
    event_follow();
    thread_load(t);
    baton_write_switch(parent, ODB_SWITCH_CALL, parent->call_tick, parent->call_rip, parent->call_nr);
}

_Noreturn void thread_main(uint64_t sp);

_Noreturn void thread_main(uint64_t sp)
{
    struct thread *t = thread_at(sp - 1);
    thread_set_altstack(t);
    t->ns_tid = (uint32_t)raw0(__NR_gettid);
    if (t->owns_baton_at_start) {
        take_over_from_parent(t);
    } else {
        announce(t);
        baton_take(t);
    }
    t->process->ns_pid = (uint32_t)raw0(__NR_getpid);
    first_events(t);
    core_enter();
}

/* The child of a fork, on its copy of the parent's stack. */
static void forked(struct thread *t, const struct cloning *k, uint32_t task)
{
    uint32_t parent_tid = ctx.tid;
    t->task = task;
    t->ns_tid = (uint32_t)raw0(__NR_gettid);
    child_registers(&ctx, k);
    ctx.tid = ctx.pid = outer_tid();
    memset(gpr_base, 0, sizeof(gpr_base));
    threads_forked(t);
    learn_forked(t->process->pid);
    record_forked();
    t->process = process_new();
    t->process->pid = ctx.pid;
    t->process->ns_pid = t->ns_tid;
    t->process->n_threads = 1;
    t->process->recdir_fd = recdir_fd;
    t->process->proc_fd = proc_fd;
    t->process->ring_fd = ring_fd;
    t->n_queued = 0;
    t->interrupts = 0;
    t->robust_head = 0;
    t->clear_tid = k->flags & CLONE_CHILD_CLEARTID ? k->child_tid : 0;
    t->set_tid = k->flags & CLONE_CHILD_SETTID ? k->child_tid : 0;
    t->clone_flags = k->flags;
    t->parent_tid = parent_tid;
    atomic_store(&t->gone, 1);
    raw1(__NR_set_tid_address, &t->gone);
    thread_save(t);
    if (k->flags & CLONE_VFORK) {
        take_over_from_parent(t);
    } else {
        announce(t);
        baton_take(t);
    }
    first_events(t);
}

/* ---- the call ---- */

static uint32_t parent_outputs(const struct cloning *k, int64_t result, struct model_range ret[2])
{
    uint32_t n = 0, tid = (uint32_t)result;
    if (result <= 0)
        return 0;
    if (k->flags & CLONE_PARENT_SETTID && engine_poke(k->parent_tid, &tid, 4))
        ret[n++] = (struct model_range){k->parent_tid, 4};
    if (k->flags & CLONE_PIDFD)
        ret[n++] = (struct model_range){k->pidfd, 4};
    return n;
}

/* What cannot be recorded, or the kernel would refuse. */
static int64_t check_flags(const struct cloning *k)
{
    if (k->flags & CLONE_VM && !(k->flags & CLONE_THREAD) && !(k->flags & CLONE_VFORK) &&
        k->flags & CLONE_SIGHAND && !k->stack)
        return -EINVAL; /* two processes on one stack */
    if (k->flags & CLONE_SIGHAND && !(k->flags & CLONE_VM))
        return -EINVAL;
    if (k->flags & CLONE_THREAD && !(k->flags & CLONE_SIGHAND))
        return -EINVAL;
    return 0;
}

/* The parent, and with it everything it holds, sleeps until a vfork child lets it go on. */
static void before_clone(const struct model_call *c, const struct cloning *k, uint32_t task)
{
    struct odb_task *own = &SHARED->tasks[self->task];
    thread_save(self);
    if (!(k->flags & CLONE_VFORK))
        return;
    own->call_tick = core_tick();
    own->call_rip = ctx.rip;
    own->call_nr = (uint32_t)c->nr;
    atomic_store(&SHARED->baton.word, ODB_BATON_OF(task));
}

static void after_clone(struct thread *own, const struct cloning *k, uint32_t task, int64_t result)
{
    if (result < 0)
        task_unmake(task);
    if (k->flags & CLONE_VFORK) {
        if (result > 0)
            baton_take(own);
        else
            atomic_store(&SHARED->baton.word, ODB_BATON_OF(own->task));
    } else if (result > 0) {
        uint32_t tid = child_tid(task, result);
        task_ids(task, k->flags & CLONE_THREAD ? ctx.pid : tid, tid);
    }
}

static int64_t do_clone(struct model_call *c, struct cloning *k, bool *ret_is_child)
{
    struct thread *own = self, *t = NULL;
    int64_t err = read_call(c, k);
    *ret_is_child = false;
    if (!err)
        err = check_flags(k);
    if (err)
        return err;
    uint32_t task = task_make(k);
    if (task == ODB_MAX_TASKS)
        return -EAGAIN;
    if (k->flags & CLONE_VM && !(t = child_slot(k, task))) {
        task_unmake(task);
        return -EAGAIN;
    }
    ids_differ |= (k->flags & CLONE_NEWPID) != 0;
    if (!(k->flags & CLONE_VM))
        learn();
    before_clone(c, k, task);
    int64_t result = real_clone(k, t);
    if (result == 0) {
        forked(own, k, task);
        *ret_is_child = true;
        return 0;
    }
    after_clone(own, k, task, result);
    k->tid = result > 0 && !(k->flags & CLONE_VFORK) ? SHARED->tasks[task].tid : 0;
    if (t && result > 0 && !(k->flags & CLONE_VFORK)) { /* it waits for the baton: nobody reads these yet */
        t->state.ctx.tid = SHARED->tasks[task].tid;
        t->state.ctx.pid = SHARED->tasks[task].pid;
        t->process->pid = t->state.ctx.pid;
    } else if (t && result > 0 && t->in_use) {
        thread_free(t); /* the vfork child went on in another program */
    }
    if (t && result < 0)
        slot_unmake(t, k);
    return result;
}

void record_clone(struct model_call *c)
{
    struct cloning k;
    bool is_child;
    struct model_range out[2];
    c->result = do_clone(c, &k, &is_child);
    if (is_child)
        return;
    uint32_t n = parent_outputs(&k, c->result, out);
    record_call(c, out, n, c->result > 0 ? k.tid : 0);
    sys_call_finish(c->result);
}

/* ---- exit ---- */

static struct model_range exit_ranges[64];

/* What the kernel does at a thread's end. Returns the number of ranges written. */
static uint32_t thread_farewell(struct thread *t)
{
    uint32_t n = 0, zero = 0;
    if (t->robust_head)
        n = (uint32_t)robust_exit(t->robust_head, t->robust_len, exit_ranges, 60);
    bool shared = t->process->n_threads > 1 || t->clone_flags & CLONE_VM;
    if (t->clear_tid && shared && engine_poke(t->clear_tid, &zero, 4)) {
        exit_ranges[n++] = (struct model_range){t->clear_tid, 4};
        raw3(__NR_futex, t->clear_tid, FUTEX_WAKE, 1);
    }
    t->robust_head = t->clear_tid = 0;
    return n;
}

static void write_exit_call(struct model_call *c, uint32_t n) { record_call(c, exit_ranges, n, 0); }

/* The kernel's thread lives on for a moment: signals to the process are for the others, those it has got already, too. */
static void hand_signals_on(struct thread *t)
{
    uint64_t all = ~0ULL;
    raw4(__NR_rt_sigprocmask, SIG_SETMASK, &all, 0, 8);
    for (uint32_t i = 0; i < t->n_queued; i++)
        if (t->queued[i].code != -6 /* SI_TKILL: for this thread alone */)
            raw3(__NR_rt_sigqueueinfo, t->process->ns_pid, t->queued[i].signo, &t->queued[i]);
    t->n_queued = 0;
}

_Noreturn void record_thread_exit(int status)
{
    struct thread *t = self;
    struct model_call c;
    sys_call_load(&c);
    c.result = 0;
    if (t->process->n_threads == 1)
        sys_end(t->process->leader_status ? t->process->leader_status - 1 : status);
    hand_signals_on(t);
    write_exit_call(&c, thread_farewell(t));
    if (ctx.tid == t->process->pid)
        t->process->leader_status = status + 1;
    t->process->n_threads--;
    struct odb_task *k = &SHARED->tasks[t->task];
    atomic_fetch_sub(&SHARED->n_tasks, 1);
    atomic_store(&k->state, ODB_TASK_FREE);
    thread_free(t); /* taken again only when the kernel has cleared t->gone */
    baton_drop();
    for (;;)
        raw1(__NR_exit, status);
}

void record_process_ends(void)
{
    struct model_call c;
    sys_call_load(&c);
    c.result = 0;
    if (c.nr == __NR_exit || c.nr == __NR_exit_group) {
        uint32_t n = thread_farewell(self);
        if (n)
            write_exit_call(&c, n);
    }
    learn_teach();
    self->process->exiting = true;
}

void record_process_gone(void)
{
    for (uint32_t i = 0; i < odb_n_slots(SHARED); i++) {
        struct odb_task *k = &SHARED->tasks[i];
        if (atomic_load(&k->state) == ODB_TASK_FREE || atomic_load(&k->state) == ODB_TASK_EXITED ||
            k->pid != ctx.pid)
            continue;
        atomic_store(&k->state, ODB_TASK_EXITED);
        atomic_fetch_sub(&SHARED->n_tasks, 1);
    }
    if (self->clone_flags & CLONE_VM && !(self->clone_flags & CLONE_THREAD))
        thread_free(self); /* a vfork child leaves its parent's memory */
    baton_drop();
}

/* ---- exec ---- */

/* Errors that need no help of the recorder: the shell's search of PATH is mostly these. */
static int64_t exec_precheck(const struct model_call *c)
{
    bool at = c->nr == __NR_execveat;
    long dir = at ? (long)(int32_t)c->args[0] : -100 /* AT_FDCWD */;
    long flags = 0x200000 /* O_PATH */ | 0x80000 /* O_CLOEXEC */;
    if (at && c->args[4] & 0x1000 /* AT_EMPTY_PATH */)
        return 0;
    if (at && c->args[4] & 0x100 /* AT_SYMLINK_NOFOLLOW */)
        return 0;
    long fd = raw4(__NR_openat, dir, c->args[at ? 1 : 0], flags, 0);
    if (fd == -EMFILE || fd == -ENFILE) /* the kernel needs none */
        return 0;
    if (fd < 0)
        return fd;
    sys_deny_setuid((int)fd);
    long r = raw4(__NR_faccessat2, fd, "", 1 /* X_OK */, 0x1000 | 0x200 /* AT_EMPTY_PATH | AT_EACCESS */);
    raw1(__NR_close, fd);
    return r == -EACCES ? r : 0;
}

static void exec_state_wait(uint32_t while_state)
{
    struct odb_exec_request *q = &SHARED->exec;
    while (atomic_load(&q->state) == while_state)
        raw4(__NR_futex, &q->state, FUTEX_WAIT, while_state, 0);
}

static void exec_state_set(uint32_t state)
{
    atomic_store(&SHARED->exec.state, state);
    raw3(__NR_futex, &SHARED->exec.state, FUTEX_WAKE, 1);
}

/* Robust futexes are let go by execve. The baton is ours until the new image runs, or the call has failed. */
static void let_go_of_robust(struct model_call *c)
{
    int n = self->robust_head ? robust_exit(self->robust_head, self->robust_len, exit_ranges, 60) : 0;
    c->result = 0;
    if (n)
        record_call_again(c, exit_ranges, (uint32_t)n);
}

void record_exec(struct model_call *c)
{
    c->result = exec_precheck(c);
    if (c->result < 0)
        return;
    struct odb_exec_request *q = &SHARED->exec;
    struct odb_task *k = &SHARED->tasks[self->task];
    k->recdir_fd = recdir_fd;
    k->proc_fd = proc_fd;
    k->ring_fd = ring_fd;
    k->call_tick = core_tick();
    k->call_rip = ctx.rip;
    k->call_nr = (uint32_t)c->nr;
    k->in_exec = 1; /* should it be killed in there, the recorder says where */
    let_go_of_robust(c);
    learn_teach();
    sys_seccomp_before_exec();
    q->task = self->task;
    q->error = 0;
    exec_state_set(ODB_EXEC_ATTACH);
    exec_state_wait(ODB_EXEC_ATTACH);
    if (atomic_load(&q->state) == ODB_EXEC_REFUSED) {
        atomic_store(&q->state, ODB_EXEC_IDLE);
        sys_refuse("execve", "the recorder cannot trace this process");
    }
    /* A signal must not meet an image that has no handler yet, nor one that has none any more. */
    uint64_t all = ~0ULL;
    uint64_t ignore[4] = {1, 0, 0, 0};
    if (self->process->n_threads > 1) { /* EXEC bears the number of the process: who makes the call? */
        k->in_exec = 0;
        baton_write_switch(k, ODB_SWITCH_CALL, core_tick(), ctx.rip, (uint32_t)c->nr);
    }
    k->exec_mask = sig_mask;
    if (sig_actions[ODB_SIG_YIELD].handler == 1) /* is inherited */
        raw4(__NR_rt_sigaction, ODB_SIG_YIELD, ignore, 0, 8);
    raw4(__NR_rt_sigprocmask, SIG_SETMASK, &all, 0, 8);
    c->result = sys_call_run(c);
    k->in_exec = 0;
    signal_init_defaults();
    signal_tell_mask();
    sys_seccomp_exec_failed();
    exec_state_set(ODB_EXEC_FAILED);
    exec_failed_trap();
    exec_state_wait(ODB_EXEC_FAILED);
}

/* ---- small calls ---- */

bool record_task_call(struct model_call *c)
{
    switch (c->nr) {
    case __NR_set_tid_address:
        self->clear_tid = c->args[0];
        c->result = (int64_t)self->ns_tid;
        return true;
    case __NR_set_robust_list:
        c->result = c->args[1] == 24 ? 0 : -EINVAL;
        if (!c->result) {
            self->robust_head = c->args[0];
            self->robust_len = c->args[1];
            /* The kernel, too, for a death by SIGKILL; at any other end our walk leaves it nothing. */
            raw2(__NR_set_robust_list, c->args[0], c->args[1]);
        }
        return true;
    case __NR_get_robust_list: {
        uint64_t len = 24;
        if (c->args[0] != 0 && (uint32_t)c->args[0] != self->ns_tid)
            return false;
        bool ok = engine_poke(c->args[2], &len, 8) && engine_poke(c->args[1], &self->robust_head, 8);
        c->result = ok ? 0 : -EFAULT;
        return true;
    }
    default: return false;
    }
}
