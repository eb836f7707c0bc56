/* SIGSTOP and SIGKILL sent by the program. They cannot be caught.
 *
 * A process must not be stopped while it has the baton: nobody could send the SIGCONT then.
 *
 *   - To others: the sender keeps the baton until the kernel has stopped them, so that none of them can have it.
 *   - To itself, perhaps among others: the baton is given up around the call, and no thread of this process takes it
 *     before the call has returned.
 * The other stop signals are caught (signal.c).
 *
 * The kernel marks the robust futexes of whom it kills, in memory that others may share with the dead: the sender waits
 * until that is done, and the words are outputs of its call. */
#include <linux/signal.h>

#include "preload/raw.h"
#include "preload/sys.h"
#include "preload/sys_robust.h"
#include "preload/sys_stop.h"
#include "preload/thread.h"

#define WAIT_STEPS 500
#define WAIT_STEP_NS 100000

/* The signal that the call sends; 0: it is no such call. *ret_pid: to whom, as kill(2) takes it. */
static int sent_signal(const struct model_call *c, int64_t *ret_pid)
{
    *ret_pid = (int32_t)c->args[0];
    switch (c->nr) {
    case __NR_kill:
    case __NR_tkill:
    case __NR_rt_sigqueueinfo: return (int)c->args[1];
    case __NR_tgkill:
    case __NR_rt_tgsigqueueinfo: return (int)c->args[2];
    default: return 0;
    }
}

static bool is_member(int64_t pid, uint32_t ns_pid)
{
    if (pid > 0)
        return ns_pid == (uint32_t)pid;
    if (pid == -1)
        return ns_pid != 1;
    return raw1(__NR_getpgid, ns_pid) == (pid ? -pid : raw1(__NR_getpgid, 0));
}

/* Runs program code no more: gone, or stopped where that is enough. */
static bool is_quiet(const struct odb_task *k, bool stopped_will_do)
{
    char path[64], text[256];
    engine_format(path, sizeof(path), "%u/task/%u/stat", k->pid, k->tid);
    long fd = raw4(__NR_openat, proc_fd, path, 0, 0);
    if (fd < 0)
        return true;
    long n = raw3(__NR_read, fd, text, sizeof(text));
    raw1(__NR_close, fd);
    long i = n - 1;
    while (i > 0 && text[i] != ')')
        i--;
    char state = i + 2 < n ? text[i + 2] : 'X';
    return (stopped_will_do && state == 'T') || state == 'Z' || state == 'X';
}

static void wait_until_quiet(int64_t pid, bool stopped_will_do)
{
    const int64_t step[2] = {0, WAIT_STEP_NS};
    int left = WAIT_STEPS;
    for (uint32_t i = 0; i < odb_n_slots(SHARED); i++) {
        const struct odb_task *k = &SHARED->tasks[i];
        if (atomic_load(&k->state) != ODB_TASK_ALIVE || k->pid == ctx.pid)
            continue;
        if (!is_member(pid, k->ns_pid ? k->ns_pid : k->pid))
            continue;
        while (left-- > 0 && !is_quiet(k, stopped_will_do))
            raw2(__NR_nanosleep, step, 0);
    }
}

bool sys_stop(struct model_call *c)
{
    int64_t pid;
    struct thread *t = self;
    int signo = baton_alone() ? 0 : sent_signal(c, &pid);
    if (signo != SIGSTOP && (signo != SIGKILL || !maps_any_shared()))
        return false;
    bool others = !is_member(pid, t->process->ns_pid) && !(c->nr == __NR_tkill && (uint32_t)pid == t->ns_tid);
    if (others) {
        c->result = sys_call_run(c);
        if (c->result == 0)
            wait_until_quiet(pid, signo == SIGSTOP);
        if (c->result == 0 && signo == SIGKILL)
            robust_look_again();
        return true;
    }
    if (signo == SIGKILL)
        return false;
    atomic_fetch_add(&t->process->stopping, 1);
    baton_call_begin(t, c, true);
    int64_t result = sys_call_run(c);
    atomic_fetch_sub(&t->process->stopping, 1);
    raw3(__NR_futex, &t->process->stopping, 1 /* FUTEX_WAKE */, 1 << 30);
    baton_call_end(t);
    c->result = result;
    return true;
}
