/* Builds a recorded program image: what EXEC, its MAPs and its MEMs say, page for page.
 *
 * Files come from the recording's files/N and are mapped private, or shared from a live copy (replay_live.c),
 * so that nothing a replayed program does leaves the vessel. All mappings are writable while their
 * contents are put in; then each gets its protection.
 *
 * The recording may come from a stranger: every address is checked before it is used, and whatever the
 * kernel refuses is told to the host, never a crash. */
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/resource.h>
#include <stddef.h>

#include "preload/core.h"
#include "preload/raw.h"
#include "preload/replay.h"
#include "preload/sys.h"

#define ADDRESS_END 0x7ffffffff000ULL
#define FILE_NAME_BYTES WORLD_FILE_NAME_BYTES

static struct odb_ev_exec exec_ev;

/* A long name keeps its end, as in sys_effect.c. */
static void name_copy(char to[FILE_NAME_BYTES], const char *name)
{
    size_t n = strlen(name);
    if (n >= FILE_NAME_BYTES) {
        name += n - (FILE_NAME_BYTES - 1);
        n = FILE_NAME_BYTES - 1;
    }
    memset(to, 0, FILE_NAME_BYTES);
    memcpy(to, name, n);
}

bool replay_range_ok(gaddr addr, uint64_t len_bytes, bool aligned)
{
    if (len_bytes > ADDRESS_END || addr > ADDRESS_END - len_bytes)
        return false;
    if (aligned && ((addr | len_bytes) & (ODB_PAGE_BYTES - 1)))
        return false;
    return !engine_owns(addr, len_bytes);
}

/* An image may bring the vDSO, which the program sees too. */
static bool image_range_ok(gaddr addr, uint64_t len_bytes, bool aligned)
{
    if (addr >= ODB_VDSO_ADDR && addr < ODB_VDSO_ADDR + ODB_VDSO_BYTES)
        return len_bytes <= ODB_VDSO_ADDR + ODB_VDSO_BYTES - addr;
    return replay_range_ok(addr, len_bytes, aligned);
}

/* A write to a file appears in its mappings whatever their protection: makes the page writable for a moment. */
static bool poke_mapped_file(gaddr addr, const uint8_t *bytes, uint64_t len_bytes)
{
    const struct engine_map *m = maps_find(addr);
    gaddr page = addr & ~(uint64_t)(ODB_PAGE_BYTES - 1);
    if (m && live_extend(m, addr + len_bytes) && engine_poke(addr, bytes, len_bytes))
        return true;
    if (!m || !m->file_id || raw3(__NR_mprotect, page, ODB_PAGE_BYTES, PROT_READ | PROT_WRITE) < 0)
        return false;
    bool ok = engine_poke(addr, bytes, len_bytes);
    raw3(__NR_mprotect, page, ODB_PAGE_BYTES, m->prot);
    if (m->prot & PROT_EXEC)
        core_invalidate(addr, addr + len_bytes);
    return ok;
}

/* The model's ranges may cover bytes that a call left alone, on a read-only page. */
static bool is_there(gaddr addr, const uint8_t *bytes, uint64_t len_bytes)
{
    uint8_t now[ODB_PAGE_BYTES];
    return engine_peek(addr, now, len_bytes) && memcmp(now, bytes, len_bytes) == 0;
}

bool replay_poke(gaddr addr, const void *from, uint64_t len_bytes)
{
    if (!replay_range_ok(addr, len_bytes, false))
        return false;
    if (engine_poke(addr, from, len_bytes))
        return true;
    core_unprotect_all(); /* perhaps a guarded code page */
    const uint8_t *bytes = from;
    for (uint64_t at = 0; at < len_bytes;) {
        uint64_t n = ODB_PAGE_BYTES - ((addr + at) & (ODB_PAGE_BYTES - 1));
        n = n < len_bytes - at ? n : len_bytes - at;
        if (!engine_poke(addr + at, bytes + at, n) && !is_there(addr + at, bytes + at, n) &&
            !poke_mapped_file(addr + at, bytes + at, n))
            return false;
        at += n;
    }
    return true;
}

void image_note_file(const struct odb_ev_file *ev)
{
    if (ev->file_id >= WORLD_MAX_FILES)
        return;
    struct odb_world_file *f = &WORLD->files[ev->file_id];
    f->dev = ev->dev;
    f->ino = ev->ino;
    f->size_bytes = ev->size_bytes;
    name_copy(f->name, (const char *)(ev + 1));
    if (WORLD->n_files <= ev->file_id)
        WORLD->n_files = ev->file_id + 1;
}

const struct odb_world_file *image_file_identity(uint32_t file_id)
{
    return file_id < WORLD_MAX_FILES && WORLD->files[file_id].ino ? &WORLD->files[file_id] : NULL;
}

const char *image_file_name(uint32_t file_id)
{
    return file_id < WORLD_MAX_FILES ? WORLD->files[file_id].name : "";
}

long image_open_file(uint32_t file_id)
{
    char path[32];
    engine_format(path, sizeof(path), "files/%u", file_id);
    return raw4(__NR_openat, CONTROL->recdir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, 0);
}

long image_map_file(uint32_t file_id, gaddr addr, uint64_t len_bytes, uint32_t prot, uint32_t flags,
                    uint64_t offset)
{
    long r;
    if (live_map(file_id, addr, len_bytes, prot, flags, offset, &r))
        return r;
    long fd = image_open_file(file_id);
    if (fd < 0)
        return fd;
    r = raw6(__NR_mmap, addr, len_bytes, prot, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, fd, offset);
    raw1(__NR_close, fd);
    return r;
}

long image_map_anonymous(gaddr addr, uint64_t len_bytes, uint32_t prot, uint32_t flags)
{
    if ((flags & MAP_TYPE) == MAP_SHARED || (flags & MAP_TYPE) == MAP_SHARED_VALIDATE)
        return live_map_anonymous(addr, len_bytes, prot);
    return raw6(__NR_mmap, addr, len_bytes, prot,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE | (flags & MAP_GROWSDOWN), -1, 0);
}

static const struct odb_event *image_event(uint16_t type)
{
    const struct odb_event *ev = cursor_peek();
    if (!ev || ev->type != type)
        replay_error("bad recording: program image is incomplete at stream offset %lu", cursor.offset);
    return ev;
}

static void log_map(const struct engine_map *m)
{
    struct odb_log_map body = {
        .start = m->start,
        .end = m->end,
        .op = ODB_MAP_ADD,
        .prot = m->prot,
        .map_flags = m->flags,
        .file_id = m->file_id,
        .offset = m->offset,
    };
    memcpy(body.name, m->name, sizeof(body.name));
    struct odb_log head = {.kind = ODB_LOG_MAP, .n = sizeof(body)};
    log_record(&head, &body, sizeof(body));
}

static void map_one(const struct odb_ev_map *ev)
{
    struct engine_map m = {
        .start = ev->start,
        .end = ev->end,
        .prot = ev->prot & 7,
        .flags = ev->map_flags,
        .file_id = ev->file_id,
        .offset = ev->offset,
    };
    name_copy(m.name, (const char *)(ev + 1));
    if (strcmp(m.name, "[stack]") == 0)
        m.kind = 1;
    else if (strcmp(m.name, "[heap]") == 0)
        m.kind = 2;
    uint64_t len = ev->end - ev->start;
    if (ev->end <= ev->start || !image_range_ok(ev->start, len, true) || (ev->offset & (ODB_PAGE_BYTES - 1)))
        replay_error("bad recording: mapping 0x%lx-0x%lx cannot be", ev->start, ev->end);
    long r;
    if (ev->file_id)
        r = image_map_file(ev->file_id, ev->start, len, m.prot | PROT_WRITE, m.flags, ev->offset);
    else
        r = image_map_anonymous(ev->start, len, m.prot | PROT_WRITE, ev->map_flags);
    if (r < 0)
        replay_error("cannot map 0x%lx-0x%lx %s (%s%u): error %ld", ev->start, ev->end, m.name,
                     ev->file_id ? "files/" : "file ", ev->file_id, -r);
    maps_add(&m);
    if (log_active())
        log_map(&m);
}

static void fill_one(const struct odb_ev_mem *ev)
{
    const void *data = ev + 1;
    if (!image_range_ok(ev->addr, ev->len_bytes, false) || !engine_poke(ev->addr, data, ev->len_bytes))
        replay_error("bad recording: contents for 0x%lx, where nothing is mapped", ev->addr);
    if (log_active()) {
        struct odb_log head = {.kind = ODB_LOG_PAGES, .n = (uint32_t)ev->len_bytes, .arg = ev->addr};
        log_record(&head, data, ev->len_bytes);
    }
}

static void unmap_program(void)
{
    for (int i = 0; i < maps_count(); i++) {
        const struct engine_map *m = maps_get(i);
        raw2(__NR_munmap, m->start, m->end - m->start);
    }
    maps_init();
    core_invalidate(0, ADDRESS_END);
}

void image_stack_limit(uint64_t limit_bytes)
{
    struct {
        uint64_t cur, max;
    } rl;
    if (raw4(__NR_prlimit64, 0, RLIMIT_STACK, 0, &rl) < 0)
        return;
    rl.cur = limit_bytes < rl.max ? limit_bytes : rl.max;
    raw4(__NR_prlimit64, 0, RLIMIT_STACK, &rl, 0);
}

static void set_state(const struct odb_ev_exec *ev)
{
    for (int i = 0; i < ODB_N_GPR; i++)
        ctx.gpr[i] = ev->regs.gpr[i];
    ctx.rip = ev->regs.rip;
    ctx.rflags = (ev->regs.rflags & 0x244dd5) | 0x202; /* status and control flags that a program can have */
    sig_mask = ev->sigmask;
    for (int n = 1; n <= ENGINE_NSIG; n++)
        sig_actions[n] = (struct engine_sigaction){.handler = ev->sigignored >> (n - 1) & 1};
    memset(sig_altstack, 0, sizeof(sig_altstack));
    memset(sig_fault, 0, sizeof(sig_fault));
    sig_mask_is_temporary = false;
    ctx.tid = ev->ev.tid;
    ctx.pid = ev->ev.pid;
    if (ev->regs.fs_base >> 47 || ev->regs.gs_base >> 47)
        replay_error("bad recording: segment base 0x%lx, 0x%lx", ev->regs.fs_base, ev->regs.gs_base);
    thread_bases_set(ev->regs.fs_base, ev->regs.gs_base);
}

/* The kernel's rules for xrstor: no unknown components, reserved header bytes zero, MXCSR valid. Anything
 * else would fault in the engine. */
static void load_vectors(const struct odb_ev_exec *ev)
{
    static _Alignas(64) uint8_t image[1024];
    memcpy(image, ev->xstate, sizeof(image));
    uint64_t *header = (uint64_t *)(image + 512);
    header[0] &= 7;
    memset(&header[1], 0, 56);
    *(uint32_t *)(image + 24) &= 0xffff;
    xstate_load(image, sizeof(image));
}

void image_build(void)
{
    const struct odb_event *ev = image_event(ODB_EV_EXEC);
    memcpy(&exec_ev, ev, sizeof(exec_ev));
    cursor_take(ev);
    unmap_program();
    image_stack_limit(exec_ev.stack_limit_bytes);
    for (uint32_t i = 0; i < exec_ev.n_maps; i++) {
        ev = image_event(ODB_EV_MAP);
        map_one((const struct odb_ev_map *)ev);
        cursor_take(ev);
    }
    for (uint32_t i = 0; i < exec_ev.n_mem; i++) {
        const struct odb_ev_mem *mem = cursor_mem();
        fill_one(mem);
        cursor_take(&mem->ev);
    }
    for (int i = 0; i < maps_count(); i++) {
        const struct engine_map *m = maps_get(i);
        long r = m->prot & PROT_WRITE ? 0 : raw3(__NR_mprotect, m->start, m->end - m->start, m->prot);
        if (r < 0)
            replay_error("cannot protect 0x%lx-0x%lx: error %ld", m->start, m->end, -r);
    }
    replay_maps_set_brk(exec_ev.brk_start);
    sys_effect_brk(exec_ev.brk_start);
    set_state(&exec_ev);
    load_vectors(&exec_ev);
}
