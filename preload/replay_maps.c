/* Calls that change the memory map, done again so that the vessel's map becomes what the recording's was.
 *
 * The recorded result says where; nothing is left to the kernel's choice. Shared memory is in the world's memory file
 * (replay_live.c). A call that failed in the recording is not done, except mprotect, which can fail half way.
 *
 * Only the map itself is changed here; the shadow map follows in sys_effect(). */
#include <linux/mman.h>
#include <stddef.h>

#include "preload/core.h"
#include "preload/raw.h"
#include "preload/replay.h"
#include "preload/sys_shm.h"

#define MADV_DONTNEED_LOCKED_ 24

static gaddr brk_now;

void replay_maps_set_brk(gaddr brk) { brk_now = brk; }

gaddr replay_maps_brk(void) { return brk_now; }

static uint64_t page_up(uint64_t v) { return (v + ODB_PAGE_BYTES - 1) & ~(uint64_t)(ODB_PAGE_BYTES - 1); }

static bool failed(int64_t result) { return result < 0 && result >= -4095; }

static const char *do_mmap(const struct model_call *c, uint32_t file_id)
{
    gaddr addr = (gaddr)c->result;
    uint64_t len = page_up(c->args[1]);
    if (!len || !replay_range_ok(addr, len, true))
        return "mmap: impossible address in the recording";
    uint32_t prot = (uint32_t)c->args[2] & 7;
    long r = file_id ? image_map_file(file_id, addr, len, prot, (uint32_t)c->args[3], c->args[5])
                     : image_map_anonymous(addr, len, prot, (uint32_t)c->args[3]);
    return r < 0 ? "mmap failed" : NULL;
}

static const char *do_brk(const struct model_call *c)
{
    gaddr want = (gaddr)c->result;
    gaddr old_end = page_up(brk_now), new_end = page_up(want);
    if (want == brk_now)
        return NULL;
    if (!replay_range_ok(old_end < new_end ? old_end : new_end,
                         old_end < new_end ? new_end - old_end : old_end - new_end, true))
        return "brk: impossible address in the recording";
    long r = 0;
    if (new_end > old_end)
        r = image_map_anonymous(old_end, new_end - old_end, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    else if (new_end < old_end)
        r = raw2(__NR_munmap, new_end, old_end - new_end);
    brk_now = want;
    return r < 0 ? "brk failed" : NULL;
}

/* Growth in place, where the kernel would not merge what it merged in the recording. */
static long extend(gaddr old, uint64_t old_len, uint64_t new_len)
{
    const struct engine_map *m = maps_find(old + old_len - 1);
    if (!m)
        return -14;
    gaddr at = old + old_len;
    if (m->file_id)
        return image_map_file(m->file_id, at, new_len - old_len, m->prot, m->flags,
                              m->offset + (at - m->start));
    return image_map_anonymous(at, new_len - old_len, m->prot, m->flags);
}

static const char *do_mremap(const struct model_call *c)
{
    gaddr old = c->args[0], to = (gaddr)c->result;
    uint64_t old_len = page_up(c->args[1]), new_len = page_up(c->args[2]);
    if (!new_len || !replay_range_ok(old, old_len, true) || !replay_range_ok(to, new_len, true))
        return "mremap: impossible address in the recording";
    long r;
    if (to != old) {
        core_unprotect_all(); /* a guarded page would stay read-only at its new place */
        r = raw5(__NR_mremap, old, old_len, new_len,
                 MREMAP_MAYMOVE | MREMAP_FIXED | (c->args[3] & MREMAP_DONTUNMAP), to);
    } else if (new_len <= old_len) {
        r = new_len < old_len ? raw2(__NR_munmap, old + new_len, old_len - new_len) : 0;
    } else {
        r = raw4(__NR_mremap, old, old_len, new_len, 0);
        if (r < 0)
            r = extend(old, old_len, new_len);
    }
    return r < 0 ? "mremap failed" : NULL;
}

/* Each mapping in the range: a private one drops its pages, a shared one kept them in the recording. */
static const char *drop_pages(gaddr start, uint64_t len, bool shared)
{
    gaddr end = start + len;
    for (gaddr at = start; at < end;) {
        const struct engine_map *m = maps_find(at);
        if (!m) {
            at += ODB_PAGE_BYTES;
            continue;
        }
        gaddr stop = m->end < end ? m->end : end;
        int advice = shared ? MADV_REMOVE : MADV_DONTNEED;
        if (shared == ((m->flags & MAP_SHARED) != 0) && raw3(__NR_madvise, at, stop - at, advice) < 0)
            return "madvise failed";
        at = stop;
    }
    return NULL;
}

/* ---- what a fork does not copy ---- */

/* Never told to the kernel, because a checkpoint is a fork, too. */
#define MAX_RULES 512
static struct fork_rule {
    gaddr start, end;
    bool wipe; /* else: not mapped in the child */
} rules[MAX_RULES];
static int n_rules;

static void rule_add(gaddr start, gaddr end, bool wipe)
{
    if (start < end && n_rules < MAX_RULES)
        rules[n_rules++] = (struct fork_rule){start, end, wipe};
}

/* [start, end) is ordinary memory again: takes it out of the rules of this kind, or of all. */
static void rules_cut(gaddr start, gaddr end, bool all, bool wipe)
{
    for (int i = n_rules; i-- > 0;) {
        struct fork_rule r = rules[i];
        if (r.end <= start || r.start >= end || (!all && r.wipe != wipe))
            continue;
        rules[i] = rules[--n_rules];
        rule_add(r.start, start, r.wipe);
        rule_add(end, r.end, r.wipe);
    }
}

static void rule_change(gaddr start, uint64_t len, int advice)
{
    bool wipe = advice == MADV_WIPEONFORK || advice == MADV_KEEPONFORK;
    rules_cut(start, start + len, false, wipe);
    if (advice == MADV_WIPEONFORK || advice == MADV_DONTFORK)
        rule_add(start, start + len, wipe);
}

void replay_maps_forked(void)
{
    for (int i = 0; i < n_rules; i++) {
        if (rules[i].wipe)
            raw3(__NR_madvise, rules[i].start, rules[i].end - rules[i].start, MADV_DONTNEED);
        else
            raw2(__NR_munmap, rules[i].start, rules[i].end - rules[i].start);
    }
    rules_cut(0, UINT64_MAX, false, false);
}

static const char *do_madvise(const struct model_call *c)
{
    gaddr addr = c->args[0];
    uint64_t len = page_up(c->args[1]);
    switch ((int)c->args[2]) {
    case MADV_DONTFORK:
    case MADV_DOFORK:
    case MADV_WIPEONFORK:
    case MADV_KEEPONFORK:
        if (replay_range_ok(addr, len, true))
            rule_change(addr, len, (int)c->args[2]);
        return NULL;
    case MADV_DONTNEED:
    case MADV_DONTNEED_LOCKED_:
    case MADV_FREE: /* done as MADV_DONTNEED while recording, too: sys_record.c */
    case MADV_REMOVE: break;
    default: return NULL; /* no effect on contents */
    }
    if (!replay_range_ok(addr, len, true))
        return "madvise: impossible address in the recording";
    return drop_pages(addr, len, (int)c->args[2] == MADV_REMOVE);
}

static const char *do_range(const struct model_call *c)
{
    if (engine_owns(c->args[0], c->args[1]))
        return NULL; /* refused or cut while recording, too: sys_own.c */
    long r;
    if (c->nr == __NR_munmap)
        r = raw2(__NR_munmap, c->args[0], c->args[1]);
    else
        r = raw3(__NR_mprotect, c->args[0], c->args[1], c->args[2]);
    if (r < 0 && !failed(c->result))
        return c->nr == __NR_munmap ? "munmap failed" : "mprotect failed";
    return NULL;
}

const char *replay_maps_call(const struct model_call *c, uint32_t file_id)
{
    if (failed(c->result) && c->nr != __NR_mprotect && c->nr != __NR_pkey_mprotect)
        return NULL;
    if (n_rules && (c->nr == __NR_mmap || c->nr == __NR_munmap))
        rules_cut(c->nr == __NR_mmap ? (gaddr)c->result : c->args[0],
                  (c->nr == __NR_mmap ? (gaddr)c->result : c->args[0]) + page_up(c->args[1]), true, false);
    switch (c->nr) {
    case __NR_shmat:
    case __NR_shmdt: return sys_shm_replay(c, file_id);
    case __NR_mmap: return do_mmap(c, file_id);
    case __NR_brk: return do_brk(c);
    case __NR_mremap: return do_mremap(c);
    case __NR_munmap:
    case __NR_mprotect:
    case __NR_pkey_mprotect: return do_range(c);
    case __NR_madvise: return do_madvise(c);
    default: return "call cannot be repeated";
    }
}
