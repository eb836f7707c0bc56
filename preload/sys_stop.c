/* SIGSTOP sent by the program. It cannot be caught, and a process must not be stopped while it has the baton: nobody could
 * send the SIGCONT then.
 *
 *   - To others: the sender keeps the baton until the kernel has stopped them, so that none of them can have it.
 *   - To itself, perhaps among others: the baton is given up around the call, and no thread of this process takes it
 *     before the call has returned.
 * The other stop signals are caught (signal.c). */
#include <linux/signal.h>

#include "preload/raw.h"
#include "preload/sys.h"
#include "preload/sys_stop.h"
#include "preload/thread.h"

#define WAIT_STEPS 500
#define WAIT_STEP_NS 100000

/* pid as kill(2) takes it; 0: not such a call. */
static bool stop_target(const struct model_call *c, int64_t *ret_pid)
{
    *ret_pid = (int32_t)c->args[0];
    switch (c->nr) {
    case __NR_kill:
    case __NR_tkill:
    case __NR_rt_sigqueueinfo: return (int)c->args[1] == SIGSTOP;
    case __NR_tgkill:
    case __NR_rt_tgsigqueueinfo: return (int)c->args[2] == SIGSTOP;
    default: return false;
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

/* Runs program code no more: stopped, or gone. */
static bool is_stopped(const struct odb_task *k)
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
    return i + 2 >= n || text[i + 2] == 'T' || text[i + 2] == 'Z' || text[i + 2] == 'X';
}

static void wait_until_stopped(int64_t pid)
{
    const int64_t step[2] = {0, WAIT_STEP_NS};
    int left = WAIT_STEPS;
    for (uint32_t i = 0; i < ODB_MAX_TASKS; i++) {
        const struct odb_task *k = &SHARED->tasks[i];
        if (atomic_load(&k->state) != ODB_TASK_ALIVE || k->pid == ctx.pid)
            continue;
        if (!is_member(pid, k->ns_pid ? k->ns_pid : k->pid))
            continue;
        while (left-- > 0 && !is_stopped(k))
            raw2(__NR_nanosleep, step, 0);
    }
}

bool sys_stop(struct model_call *c)
{
    int64_t pid;
    struct thread *t = self;
    if (baton_alone() || !stop_target(c, &pid))
        return false;
    if (!is_member(pid, t->process->ns_pid) && !(c->nr == __NR_tkill && (uint32_t)pid == t->ns_tid)) {
        c->result = sys_call_run(c);
        if (c->result == 0)
            wait_until_stopped(pid);
        return true;
    }
    atomic_fetch_add(&t->process->stopping, 1);
    baton_call_begin(t, c, true);
    int64_t result = sys_call_run(c);
    atomic_fetch_sub(&t->process->stopping, 1);
    raw3(__NR_futex, &t->process->stopping, 1 /* FUTEX_WAKE */, 1 << 30);
    baton_call_end(t);
    c->result = result;
    return true;
}
