/* The exec service: one thread that obeys odb_shared.exec (preload/shared.h).
 *
 *     engine                              service
 *     state = ATTACH, wake           ->   PTRACE_SEIZE with PTRACE_O_TRACEEXEC; state = ATTACHED, wake
 *     execve                              waits for a stop
 *       it works: EVENT_EXEC stop    ->   engine is injected (inject.c); state = IDLE; PTRACE_DETACH
 *       it fails: state = FAILED, int3 -> state = IDLE, wake; PTRACE_DETACH
 *       it dies                      ->   state = IDLE
 *     state = COPY, wake             ->   copies into files/N; state = COPIED, wake
 *
 * The caller holds the baton throughout, so there is one request at a time, and the service may write what belongs to
 * the baton's holder. IDLE comes before the detach: the next request may come right behind it. Should a request have come
 * already (the baton was taken from a dead process), it stays: IDLE replaces only the states of the request served.
 *
 * Only this thread traces: a tracer is a thread. It waits with __WNOTHREAD and so never takes a child's death from
 * the main thread, but for the one it traces: that is reported by `died`. */
#include "recorder/exec.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "recorder/baton.h"
#include "recorder/copy.h"
#include "recorder/inject.h"

#define IDLE_MS 1000
#define TRACE_OPTIONS (PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL)

static void set_state(struct exec_service *s, uint32_t state)
{
    struct odb_exec_request *q = &s->ring->shared->exec;
    atomic_store(&q->state, state);
    ring_wake(&q->state);
}

/* The request is done with; see the head comment. */
static void set_idle(struct exec_service *s)
{
    struct odb_exec_request *q = &s->ring->shared->exec;
    uint32_t state = atomic_load(&q->state);
    while (state == ODB_EXEC_ATTACHED || state == ODB_EXEC_FAILED)
        if (atomic_compare_exchange_weak(&q->state, &state, ODB_EXEC_IDLE)) {
            ring_wake(&q->state);
            return;
        }
}

/* The task has the baton, and is stopped. */
static void give_up(struct exec_service *s, pid_t pid, uint32_t task, const char *text)
{
    baton_write_switch(s->ring, task);
    s->ring->shared->tasks[task].in_exec = 0;
    s->refused(s->arg, pid, text);
    kill(pid, SIGKILL);
}

/* Only the caller is left of its process, and it has the process's number. */
static void forget_other_threads(struct exec_service *s, uint32_t task, uint32_t pid)
{
    struct odb_shared *shared = s->ring->shared;
    shared->tasks[task].tid = pid;
    for (uint32_t i = 0; i < odb_n_slots(shared); i++)
        if (i != task && shared->tasks[i].pid == pid)
            baton_forget_task(shared, i);
}

/* At PTRACE_EVENT_EXEC. True: the request is done with; false: it was killed, and its death is to come. */
static bool new_image(struct exec_service *s, pid_t pid, uint32_t task)
{
    struct odb_shared *shared = s->ring->shared;
    struct odb_boot boot = {
        .ring_fd = shared->tasks[task].ring_fd,
        .recdir_fd = shared->tasks[task].recdir_fd,
        .proc_fd = shared->tasks[task].proc_fd,
        .task = task,
        .is_exec = 1,
    };
    forget_other_threads(s, task, (uint32_t)pid);
    int death = 0;
    struct odb_err *e = inject_is_64_bit(pid) ? NULL : inject_check(pid);
    if (!e)
        e = inject_engine(pid, s->image, &boot, &death);
    if (!e) {
        s->n_execs++;
        set_idle(s);
        ptrace(PTRACE_DETACH, pid, NULL, NULL);
        return true;
    }
    if (death) {
        s->died(s->arg, pid, death);
        set_idle(s);
    } else {
        give_up(s, pid, task, odb_err_text(e));
    }
    odb_err_free(e);
    return death != 0;
}

static bool is_int3(pid_t pid)
{
    siginfo_t info;
    return ptrace(PTRACE_GETSIGINFO, pid, NULL, &info) == 0 && info.si_code == SI_KERNEL;
}

/* One stop of the traced task. True: the request is done with. */
static bool stopped(struct exec_service *s, pid_t pid, int status, uint32_t task)
{
    int signo = WSTOPSIG(status);
    switch (status >> 16) {
    case PTRACE_EVENT_EXEC: return new_image(s, pid, task);
    case PTRACE_EVENT_STOP:
        if (signo == SIGTRAP)
            ptrace(PTRACE_CONT, pid, NULL, NULL);
        else
            ptrace(PTRACE_LISTEN, pid, NULL, NULL); /* a group stop lasts until SIGCONT */
        return false;
    default: break;
    }
    if (signo == SIGTRAP && atomic_load(&s->ring->shared->exec.state) == ODB_EXEC_FAILED && is_int3(pid)) {
        set_idle(s);
        ptrace(PTRACE_DETACH, pid, NULL, NULL);
        return true;
    }
    if (signo == ODB_SIG_YIELD)
        signo = 0; /* the new image has no handler yet */
    ptrace(PTRACE_CONT, pid, NULL, (void *)(long)signo);
    return false;
}

/* Until the traced task has a new image, was told that execve failed, or is dead. */
static void follow(struct exec_service *s, uint32_t task)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, __WALL | __WNOTHREAD);
        if (pid < 0 && errno == EINTR)
            continue;
        if (pid > 0 && WIFSTOPPED(status)) {
            if (stopped(s, pid, status, task))
                return;
            continue;
        }
        if (pid > 0)
            s->died(s->arg, pid, status);
        set_idle(s); /* nothing left to wait for */
        return;
    }
}

static void serve(struct exec_service *s)
{
    struct odb_exec_request *q = &s->ring->shared->exec;
    uint32_t task = q->task;
    long ok = -1;
    errno = EINVAL;
    if (task < ODB_MAX_TASKS)
        ok = ptrace(PTRACE_SEIZE, (pid_t)s->ring->shared->tasks[task].tid, NULL, (void *)(long)TRACE_OPTIONS);
    if (ok < 0) {
        q->error = errno;
        set_state(s, ODB_EXEC_REFUSED);
        return;
    }
    set_state(s, ODB_EXEC_ATTACHED);
    follow(s, task);
}

static void *service_thread(void *arg)
{
    struct exec_service *s = arg;
    struct odb_exec_request *q = &s->ring->shared->exec;
    for (;;) {
        uint32_t state = atomic_load(&q->state);
        if (state == ODB_EXEC_QUIT)
            return NULL;
        if (state == ODB_EXEC_ATTACH) {
            serve(s);
        } else if (state == ODB_EXEC_COPY) {
            q->error = copy_for_process(s->dir_fd, q);
            set_state(s, ODB_EXEC_COPIED);
        } else {
            ring_sleep(&q->state, state, IDLE_MS);
        }
    }
}

/* On the processor of the tasks: while it works none of them runs, and waking another processor would cost more
 * than all the rest. */
static void stay_with_tasks(const struct exec_service *s)
{
    cpu_set_t one;
    if (s->ring->shared->affinity_bytes == 0)
        return;
    CPU_ZERO(&one);
    CPU_SET(s->ring->shared->cpu, &one);
    pthread_setaffinity_np(s->thread, sizeof(one), &one);
}

struct odb_err *exec_service_start(struct exec_service *s)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int err = pthread_create(&s->thread, NULL, service_thread, s);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (err)
        return odb_err_errno(err, "cannot start the thread that follows execve");
    stay_with_tasks(s);
    return NULL;
}

void exec_service_stop(struct exec_service *s)
{
    set_state(s, ODB_EXEC_QUIT);
    pthread_join(s->thread, NULL);
}
