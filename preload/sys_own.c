/* What belongs to the engine inside the program: one descriptor (the recording's directory) and its
 * address ranges. Calls of the program that name them see what they would see without the engine: a
 * closed descriptor, or unmapped addresses. */
#include <linux/fcntl.h>
#include <linux/mman.h>

#include "preload/raw.h"
#include "preload/sys.h"

#define E_BADF 9
#define E_NOMEM 12

/* The program wants our number for itself: we move. */
static void move_away(void)
{
    long fd = raw3(__NR_fcntl, recdir_fd, F_DUPFD,
                   recdir_fd - 64 > 64 ? recdir_fd - 64 : 64);
    if (fd < 0)
        return;
    raw1(__NR_close, recdir_fd);
    recdir_fd = (int32_t)fd;
}

/* close_range without our descriptor in the middle. */
static int64_t close_range_around(const struct model_call *c)
{
    uint64_t own = (uint64_t)recdir_fd;
    int64_t result = 0;
    if (c->args[0] < own)
        result = raw3(__NR_close_range, c->args[0], own - 1, c->args[2]);
    if (!result && c->args[1] > own)
        result = raw3(__NR_close_range, own + 1, c->args[1], c->args[2]);
    return result;
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

/* Any argument that is a descriptor by the table. Most calls are through after six comparisons. */
static bool names_own_descriptor(struct model_call *c)
{
    uint32_t own = (uint32_t)recdir_fd;
    bool any = false;
    for (int i = 0; i < MODEL_MAX_ARGS; i++)
        any |= (uint32_t)c->args[i] == own;
    if (!any || recdir_fd < 0)
        return false;
    const struct model_syscall *m = model_lookup(c->nr);
    for (int i = 0; m && i < m->n_args; i++) {
        if ((uint32_t)c->args[i] != own || (m->args[i].type != MT_FD && m->args[i].type != MT_DIRFD))
            continue;
        if (c->nr == __NR_mmap && (c->args[3] & MAP_ANONYMOUS))
            continue;
        c->result = -E_BADF;
        return true;
    }
    return false;
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
    case __NR_close_range:
        if (c->args[0] > (uint64_t)recdir_fd || c->args[1] < (uint64_t)recdir_fd)
            return false;
        c->result = close_range_around(c);
        return true;
    case __NR_dup2:
    case __NR_dup3:
        if ((int32_t)c->args[1] == recdir_fd)
            move_away();
        break;
    default: break;
    }
    return names_own_descriptor(c);
}
