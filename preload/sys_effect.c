/* What a finished call changes inside the engine, the same in bare, record, replay and index mode: the
 * shadow map, translations of code that is gone, and the map records of the index log.
 *
 * Only successful calls get here with an effect; a failed munmap or mremap changes nothing (the kernel
 * checks first), with one exception: mprotect may fail half way (ENOMEM on a hole), after having changed
 * the ranges before it. That is done here in the same way. */
#include <asm/unistd_64.h>
#include <linux/mman.h>
#include <linux/shm.h>

#include "preload/sys.h"
#include "preload/sys_shm.h"

#define PROT_EXEC_BIT 4u
#define ALIGN_UP(x) (((x) + ODB_PAGE_BYTES - 1) & ~(uint64_t)(ODB_PAGE_BYTES - 1))

static gaddr brk_start, brk_end;

void sys_effect_brk(gaddr current) { brk_start = brk_end = current; }

static void name_set(char to[64], const char *name)
{
    size_t n = name ? strlen(name) : 0;
    if (n > 63) { /* keep the end: it tells more */
        name += n - 63;
        n = 63;
    }
    memset(to, 0, 64);
    if (n)
        memcpy(to, name, n);
}

static void log_map(enum odb_map_op op, const struct engine_map *m, gaddr old_start)
{
    if (!log_active())
        return;
    struct odb_log_map body = {
        .start = m->start,
        .end = m->end,
        .op = op,
        .prot = m->prot,
        .map_flags = m->flags,
        .file_id = m->file_id,
        .offset = m->offset,
        .old_start = old_start,
    };
    memcpy(body.name, m->name, sizeof(body.name));
    struct odb_log head = {.kind = ODB_LOG_MAP, .n = sizeof(body), .arg = m->start};
    log_record(&head, &body, sizeof(body));
}

/* Was any of [start, end) executable? */
static bool executable(gaddr start, gaddr end)
{
    for (gaddr a = start; a < end;) {
        const struct engine_map *m = maps_find(a);
        if (!m) {
            /* holes are cheap to skip only map by map */
            int n = maps_count();
            gaddr next = end;
            int lo = 0;
            while (lo < n) {
                int mid = (lo + n) / 2;
                if (maps_get(mid)->start > a)
                    n = mid;
                else
                    lo = mid + 1;
            }
            if (maps_get(lo))
                next = maps_get(lo)->start;
            a = next;
            continue;
        }
        if (m->prot & PROT_EXEC_BIT)
            return true;
        a = m->end;
    }
    return false;
}

static void effect_remove(gaddr start, gaddr end)
{
    if (start >= end)
        return;
    bool code = executable(start, end);
    maps_remove(start, end);
    if (code)
        core_invalidate(start, end);
    struct engine_map gone = {.start = start, .end = end};
    log_map(ODB_MAP_REMOVE, &gone, 0);
}

static void effect_add(const struct engine_map *m)
{
    bool code = executable(m->start, m->end);
    maps_add(m);
    if (code)
        core_invalidate(m->start, m->end);
    log_map(ODB_MAP_ADD, m, 0);
}

static void effect_mmap(const struct model_call *c, uint32_t file_id, const char *name)
{
    struct engine_map m = {
        .start = (gaddr)c->result,
        .end = (gaddr)c->result + ALIGN_UP(c->args[1]),
        .prot = (uint32_t)c->args[2] & 7,
        .flags =
            (uint32_t)c->args[3] & (MAP_TYPE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_STACK | MAP_NORESERVE),
        .file_id = file_id,
        .offset = file_id ? c->args[5] : 0,
    };
    if ((m.flags & MAP_TYPE) == MAP_SHARED_VALIDATE)
        m.flags = (m.flags & ~(uint32_t)MAP_TYPE) | MAP_SHARED;
    if (!file_id)
        m.flags |= MAP_ANONYMOUS;
    name_set(m.name, name);
    effect_add(&m);
}

static void effect_mprotect(const struct model_call *c)
{
    gaddr start = c->args[0];
    gaddr end = start + ALIGN_UP(c->args[1]);
    uint32_t prot = (uint32_t)c->args[2] & 7;
    if (c->result == -12) { /* ENOMEM: up to the first hole */
        gaddr a = start;
        for (const struct engine_map *m; a < end && (m = maps_find(a));)
            a = m->end;
        end = a < end ? a : end;
    } else if (c->result) {
        return;
    }
    if (start >= end)
        return;
    bool code = executable(start, end);
    maps_protect(start, end, prot);
    if (code)
        core_invalidate(start, end);
    struct engine_map changed = {.start = start, .end = end, .prot = prot};
    log_map(ODB_MAP_PROTECT, &changed, 0);
}

static void effect_mremap(const struct model_call *c)
{
    gaddr old_start = c->args[0];
    gaddr old_end = old_start + ALIGN_UP(c->args[1]);
    gaddr new_start = (gaddr)c->result;
    gaddr new_end = new_start + ALIGN_UP(c->args[2]);
    const struct engine_map *found = maps_find(old_start);
    if (!found)
        return;
    struct engine_map m = *found;
    if (m.file_id)
        m.offset += old_start - m.start;
    m.start = new_start;
    m.end = new_end;
    if (new_start == old_start) {
        if (new_end < old_end)
            effect_remove(new_end, old_end);
        if (new_end > old_end) {
            maps_add(&m);
            log_map(ODB_MAP_ADD,
                    &(struct engine_map){.start = old_end,
                                         .end = new_end,
                                         .prot = m.prot,
                                         .flags = m.flags,
                                         .file_id = m.file_id,
                                         .offset = m.file_id ? m.offset + (old_end - old_start) : 0},
                    0);
        }
        return;
    }
    bool code = executable(old_start, old_end) || executable(new_start, new_end);
    if (c->args[1] && !(c->args[3] & MREMAP_DONTUNMAP))
        maps_remove(old_start, old_end);
    maps_add(&m);
    if (code) {
        core_invalidate(old_start, old_end);
        core_invalidate(new_start, new_end);
    }
    log_map(ODB_MAP_MOVE, &m, old_start);
}

static void effect_brk(const struct model_call *c)
{
    gaddr now = (gaddr)c->result;
    gaddr old_top = ALIGN_UP(brk_end);
    gaddr new_top = ALIGN_UP(now);
    if (!brk_end || now < brk_start)
        return;
    brk_end = now;
    if (new_top > old_top) {
        struct engine_map m = {.start = old_top,
                               .end = new_top,
                               .prot = PROT_READ | PROT_WRITE,
                               .flags = MAP_PRIVATE | MAP_ANONYMOUS,
                               .kind = 2,
                               .name = "[heap]"};
        effect_add(&m);
    } else {
        effect_remove(new_top, old_top);
    }
}

static void effect_madvise(const struct model_call *c)
{
    if (c->args[2] != MADV_DONTNEED && c->args[2] != MADV_DONTNEED_LOCKED && c->args[2] != MADV_FREE &&
        c->args[2] != MADV_REMOVE)
        return;
    struct engine_map m = {.start = c->args[0], .end = c->args[0] + ALIGN_UP(c->args[1])};
    if (executable(m.start, m.end))
        core_invalidate(m.start, m.end);
    log_map(ODB_MAP_ZERO, &m, 0);
}

void sys_effect(const struct model_call *c, uint32_t file_id, const char *name)
{
    bool ok = c->result >= 0 || c->result < -4095;
    if (c->nr == __NR_mprotect || c->nr == __NR_pkey_mprotect) {
        effect_mprotect(c);
        return;
    }
    if (!ok)
        return;
    switch (c->nr) {
    case __NR_mmap: effect_mmap(c, file_id, name); break;
    case __NR_munmap:
        if (!engine_owns(c->args[0], c->args[1]))
            effect_remove(c->args[0], c->args[0] + ALIGN_UP(c->args[1]));
        break;
    case __NR_mremap: effect_mremap(c); break;
    case __NR_brk: effect_brk(c); break;
    case __NR_madvise: effect_madvise(c); break;
    case __NR_shmat:
    case __NR_shmdt: sys_shm_effect(c, file_id, name, effect_add, effect_remove); break;
    default: break;
    }
}
