/* System V shared memory segments are files without a name: a segment is captured like a mapped file, under a made-up
 * device and an inode number out of its id and its creator, so that all processes which attach it share one
 * copy on replay. What an unrecorded process writes into a segment is not seen; the same holds for any shared file.
 *
 * shmdt takes away what is left of the attachment: every mapping of the segment that lies where the attachment put it
 * (ipc/shm.c, ksys_shmdt). */
#include "preload/sys_shm.h"

#include <asm/unistd_64.h>
#include <linux/ipc.h>
#include <linux/mman.h>
#include <linux/shm.h>

#include "preload/capture.h"
#include "preload/raw.h"
#include "preload/replay.h"
#include "preload/sys.h"
#include "preload/thread.h"

#define SYSV_DEV 0x5359535600000000ULL /* "SYSV" */

static uint64_t page_up(uint64_t v) { return (v + ODB_PAGE_BYTES - 1) & ~(uint64_t)(ODB_PAGE_BYTES - 1); }

/* Of an attachable segment; 0: this is another kind of file. */
static uint64_t segment_bytes(uint32_t file_id)
{
    if (sys_is_replay()) {
        __typeof__(image_file_identity(0)) f = image_file_identity(file_id);
        return f && f->dev == SYSV_DEV ? page_up(f->size_bytes) : 0;
    }
    if (CONTROL->mode != ODB_MODE_RECORD || !file_id)
        return 0;
    const struct odb_capture *f = &SHARED->captures[file_id - 1];
    return f->dev == SYSV_DEV ? page_up(f->size_bytes) : 0;
}

static uint32_t protection(uint64_t flags)
{
    return PROT_READ | (flags & SHM_RDONLY ? 0 : PROT_WRITE) | (flags & SHM_EXEC ? PROT_EXEC : 0);
}

uint32_t sys_shm_attached(const struct model_call *c, char *name)
{
    struct shmid64_ds ds;
    if (raw3(__NR_shmctl, c->args[0], IPC_STAT, &ds) < 0)
        return 0;
    engine_format(name, CAPTURE_NAME_BYTES, "/SYSV%x (deleted)", (uint32_t)ds.shm_perm.key);
    uint64_t ino = (uint32_t)c->args[0] | (uint64_t)(uint32_t)ds.shm_cpid << 32;
    long id = capture_memory(SYSV_DEV, ino, (gaddr)c->result, ds.shm_segsz, name);
    return id > 0 ? (uint32_t)id : 0;
}

/* The first mapping at or behind `at` that belongs to the attachment at `base`; NULL: none is left. */
static const struct engine_map *part(gaddr base, gaddr at, uint32_t file_id, gaddr end)
{
    for (int i = 0; i < maps_count(); i++) {
        const struct engine_map *m = maps_get(i);
        if (m->start >= at && m->start < end && m->file_id == file_id && m->start - m->offset == base)
            return m;
    }
    return NULL;
}

static uint32_t attachment(gaddr base, gaddr *ret_end)
{
    const struct engine_map *m = NULL;
    for (int i = 0; i < maps_count() && !m; i++) {
        const struct engine_map *k = maps_get(i);
        if (k->start >= base && k->file_id && k->start - k->offset == base && segment_bytes(k->file_id))
            m = k;
    }
    *ret_end = m ? base + segment_bytes(m->file_id) : 0;
    return m ? m->file_id : 0;
}

void sys_shm_effect(const struct model_call *c, uint32_t file_id, const char *name,
                    void (*add)(const struct engine_map *m), void (*remove)(gaddr start, gaddr end))
{
    if (c->nr == __NR_shmat) {
        struct engine_map m = {.start = (gaddr)c->result,
                               .end = (gaddr)c->result + segment_bytes(file_id),
                               .prot = protection(c->args[2]),
                               .flags = MAP_SHARED,
                               .file_id = file_id};
        size_t n = name ? strlen(name) : 0;
        memcpy(m.name, name, n < sizeof(m.name) ? n : sizeof(m.name) - 1);
        if (m.end > m.start)
            add(&m);
        return;
    }
    gaddr base = c->args[0], end;
    uint32_t id = attachment(base, &end);
    for (const struct engine_map *m; id && (m = part(base, base, id, end));) {
        gaddr start = m->start, stop = m->end;
        remove(start, stop);
    }
}

const char *sys_shm_replay(const struct model_call *c, uint32_t file_id)
{
    if (c->nr == __NR_shmat) {
        gaddr addr = (gaddr)c->result;
        uint64_t len = segment_bytes(file_id);
        if (!len || !replay_range_ok(addr, len, true))
            return "shmat: impossible segment in the recording";
        return image_map_file(file_id, addr, len, protection(c->args[2]), MAP_SHARED, 0) < 0 ? "shmat failed"
                                                                                             : NULL;
    }
    gaddr base = c->args[0], end, at = base;
    uint32_t id = attachment(base, &end);
    for (const struct engine_map *m; id && (m = part(base, at, id, end)); at = m->end)
        if (raw2(__NR_munmap, m->start, m->end - m->start) < 0)
            return "shmdt failed";
    return NULL;
}
