/* What belongs to the engine inside the program: three descriptors (the recording's directory, /proc, the ring) and its
 * address ranges. Calls of the program that name them see what they would see without the engine: a
 * closed descriptor, or unmapped addresses. */
#include <linux/fcntl.h>
#include <linux/ipc.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/sem.h>

#include "preload/raw.h"
#include "preload/sys.h"
#include "preload/sys_extra.h"
#include "preload/sys_sched.h"
#include "preload/sys_seccomp.h"

#define E_BADF 9
#define E_NOMEM 12
#define E_INVAL 22

/* -1: not there. */
static int *const own_fds[] = {&recdir_fd, &proc_fd, &ring_fd};
#define N_OWN (int)(sizeof(own_fds) / sizeof(*own_fds))

bool sys_own_descriptor(uint64_t fd)
{
    uint32_t n = (uint32_t)fd; /* -1 is no descriptor that a call can name */
    return (n == (uint32_t)recdir_fd || n == (uint32_t)proc_fd || n == (uint32_t)ring_fd) && n <= INT32_MAX;
}

/* The program wants one of our numbers for itself: we move. */
static void move_away(int *own)
{
    static const int tries[] = {64, 16, 3};
    long fd = raw3(__NR_fcntl, *own, F_DUPFD, *own - 64 > 64 ? *own - 64 : 64);
    for (int i = 0; i < 3 && fd < 0; i++)
        fd = raw3(__NR_fcntl, *own, F_DUPFD, tries[i]);
    if (fd < 0)
        return;
    raw1(__NR_close, *own);
    *own = (int32_t)fd;
}

/* The lowest of our descriptors in [first, last]; UINT64_MAX: none. */
static uint64_t lowest_own(uint64_t first, uint64_t last)
{
    uint64_t lowest = UINT64_MAX;
    for (int i = 0; i < N_OWN; i++) {
        uint64_t fd = (uint64_t)(int64_t)*own_fds[i];
        if (*own_fds[i] >= 0 && fd >= first && fd <= last && fd < lowest)
            lowest = fd;
    }
    return lowest;
}

/* close_range without our descriptors in the middle. */
static int64_t close_range_around(const struct model_call *c)
{
    uint64_t from = (uint32_t)c->args[0], last = (uint32_t)c->args[1], own;
    int64_t result = 0;
    while (!result && (own = lowest_own(from, last)) != UINT64_MAX) {
        if (from < own)
            result = raw3(__NR_close_range, from, own - 1, c->args[2]);
        from = own + 1;
    }
    return !result && from <= last ? raw3(__NR_close_range, from, last, c->args[2]) : result;
}

static bool own_memory(struct model_call *c)
{
    if (!engine_owns(c->args[0], c->args[1] ? c->args[1] : 1))
        return false;
    switch (c->nr) {
    case __NR_mmap:
        if (!(c->args[3] & (MAP_FIXED | MAP_FIXED_NOREPLACE)))
            return false;
        c->result = -E_NOMEM;
        return true;
    case __NR_munmap: {
        c->result = 0;
        gaddr end = c->args[0] + c->args[1];
        if (c->args[0] < ODB_ENGINE_BASE && end > c->args[0])
            c->result = raw2(__NR_munmap, c->args[0], ODB_ENGINE_BASE - c->args[0]);
        return true;
    }
    default: /* mprotect, madvise, mremap, msync: nothing is mapped there */
        c->result = -E_NOMEM;
        return true;
    }
}

/* Any argument that is a descriptor by the table. Most calls are through after a few comparisons. */
static bool names_own_descriptor(struct model_call *c)
{
    bool any = false;
    for (int i = 0; i < MODEL_MAX_ARGS; i++)
        any |= sys_own_descriptor(c->args[i]);
    if (!any)
        return false;
    const struct model_syscall *m = model_lookup(c->nr);
    for (int i = 0; m && i < m->n_args; i++) {
        if (!sys_own_descriptor(c->args[i]) || (m->args[i].type != MT_FD && m->args[i].type != MT_DIRFD))
            continue;
        if (c->nr == __NR_mmap && (c->args[3] & MAP_ANONYMOUS))
            continue;
        c->result = -E_BADF;
        return true;
    }
    return false;
}

/* A process that may not be dumped could not be traced at its execve: the kernel is not told. */
static bool own_dumpable(struct model_call *c)
{
    static bool off;
    if ((uint32_t)c->args[0] == PR_GET_DUMPABLE && off) {
        c->result = 0;
        return true;
    }
    if ((uint32_t)c->args[0] != PR_SET_DUMPABLE || c->args[1] > 1)
        return false;
    off = !c->args[1];
    c->result = 0;
    return true;
}

/* How much GETALL writes, only the kernel knows: asked, and left for the model. */
static void count_semaphores(struct model_call *c)
{
    struct semid64_ds ds;
    bool all = (uint32_t)c->args[2] == GETALL;
    c->before[6] = all && raw4(__NR_semctl, c->args[0], 0, IPC_STAT, &ds) == 0 ? ds.sem_nsems : 0;
}

/* Calls about state that the engine keeps for the program while recording. */
static bool own_state(struct model_call *c)
{
    switch (c->nr) {
    case __NR_seccomp: return sys_seccomp_call(c);
    case __NR_prctl: return sys_seccomp_call(c) || own_dumpable(c);
    case __NR_process_vm_writev:
        core_unprotect_all(); /* guarded code pages of its own */
        c->before[7] = sys_other_process(c->args[0]);
        return false;
    case __NR_semctl: count_semaphores(c); return false;
    case __NR_sched_setaffinity:
    case __NR_sched_getaffinity:
    case __NR_sched_setscheduler:
    case __NR_sched_setattr:
    case __NR_sched_setparam:
    case __NR_sched_getscheduler:
    case __NR_sched_getparam:
    case __NR_sched_getattr:
    case __NR_getcpu: return sys_sched(c);
    default: return false;
    }
}

bool sys_own_resource(struct model_call *c)
{
    switch (c->nr) {
    case __NR_mmap:
    case __NR_munmap:
    case __NR_mprotect:
    case __NR_madvise:
    case __NR_mremap:
    case __NR_msync:
    case __NR_mlock:
    case __NR_pkey_mprotect:
        if (own_memory(c))
            return true;
        break;
    case __NR_shmat:
        if (c->args[1] && engine_owns(c->args[1], 1)) {
            c->result = -E_INVAL;
            return true;
        }
        break;
    case __NR_close_range:
        if (lowest_own((uint32_t)c->args[0], (uint32_t)c->args[1]) == UINT64_MAX)
            return false;
        c->result = close_range_around(c);
        return true;
    case __NR_dup2:
    case __NR_dup3:
        for (int i = 0; i < N_OWN; i++)
            if (*own_fds[i] >= 0 && (int32_t)c->args[1] == *own_fds[i])
                move_away(own_fds[i]);
        break;
    default: break;
    }
    return (CONTROL->mode == ODB_MODE_RECORD && own_state(c)) || names_own_descriptor(c);
}
