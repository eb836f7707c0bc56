/* A vessel: the process in which the memory of a recorded process, and all threads in it, live again.
 *
 * The host executes the engine's own ELF file, so there is nothing to inject: the image is at its place when
 * vessel_main() begins. It throws out what the kernel gave (stack, vDSO), maps the shared pages at their
 * fixed addresses, and from then on obeys the host through struct odb_control (commands: control.h).
 *
 * All stops end up in obey(), on the engine stack, below whatever C code noticed the stop. When the host says
 * RUN, obey() returns and the engine goes on. FORK copies the process there and then, and all other vessels of its world
 * (replay_world.c): parent and child are both inside obey(), each with its own control slot. The child is a child of the
 * host (CLONE_PARENT), so that the host can wait for it like for the first.
 *
 * Only the vessel that has the turn obeys. What the host wants to know of another, that one is asked for.
 *
 * Invariant: while the host believes that the vessel waits, ack_seq == cmd_seq and nothing here changes. */
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/signal.h>
#include <stdarg.h>

#include "preload/core.h"
#include "preload/debug.h"
#include "preload/procmaps.h"
#include "preload/raw.h"
#include "preload/replay.h"
#include "preload/sys.h"

#define ADDRESS_END 0x7ffffffff000ULL

static bool text_set; /* stop.text is this stop's */
static bool image_ready;
static uint32_t last_tid, last_pid; /* of the thread that ran last, while none is current */
uint32_t vessel_stops;

_Noreturn void vessel_main(uint64_t *sp);

/* ---- set-up ---- */

static void map_shared(gaddr addr, uint64_t len_bytes, int fd, uint64_t offset)
{
    long r = raw6(__NR_mmap, addr, len_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, offset);
    if (r < 0)
        raw1(__NR_exit_group, 101);
}

static long unmap_other(const struct procmap *m, const char *line, size_t n_bytes, void *arg)
{
    (void)line;
    (void)n_bytes;
    (void)arg;
    if (m->end <= ADDRESS_END && !engine_owns(m->start, m->end - m->start))
        raw2(__NR_munmap, m->start, m->end - m->start);
    return 0;
}

/* What the kernel gave: its stack, its vDSO. */
static void unmap_others(void)
{
    long fd = raw4(__NR_openat, -100 /* AT_FDCWD */, "/proc/self/maps", 0, 0);
    if (fd < 0 || procmaps_each((int)fd, unmap_other, 0) < 0)
        raw1(__NR_exit_group, 102);
    raw1(__NR_close, fd);
}

void vessel_use_slot(uint32_t slot)
{
    map_shared(ODB_CONTROL_ADDR, ODB_CONTROL_BYTES, ODB_VESSEL_CONTROL_FD,
               (uint64_t)slot * ODB_CONTROL_BYTES);
    map_shared(ODB_SHARED_ADDR, ODB_SHARED_BYTES, ODB_VESSEL_WORLD_FD, (uint64_t)slot * ODB_SHARED_BYTES);
    if (CONTROL->log_fd >= 0)
        map_shared(ODB_LOG_ADDR, ODB_LOG_BYTES, CONTROL->log_fd, (uint64_t)slot * ODB_LOG_BYTES);
    raw2(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL);
}

static void build_image(void)
{
    image_ready = true;
    replay_begin();
}

/* ---- answers ---- */

static void current_regs(struct odb_regs *r)
{
    memcpy(r->gpr, ctx.gpr, sizeof(r->gpr));
    r->rip = ctx.rip;
    r->rflags = ctx.rflags & ~0x10000ULL; /* RF: only after a fault, and in its frame */
    r->fs_base = fs_base();
    r->gs_base = gs_base();
}

void vessel_clear_details(void)
{
    struct odb_stop *s = &CONTROL->stop;
    size_t at = offsetof(struct odb_stop, phase);
    memset((uint8_t *)s + at, 0, sizeof(*s) - at);
}

void vessel_note_ran(const struct replay_thread *t)
{
    last_tid = t->tid;
    last_pid = t->pid;
}

void vessel_describe(uint32_t reason, int32_t status)
{
    struct odb_stop *s = &CONTROL->stop;
    s->reason = reason;
    s->status = status;
    if (replay_current)
        vessel_note_ran(replay_current);
    s->event = WORLD->ordinal;
    s->stream_offset = cursor.offset;
    if (reason != ODB_STOP_DONE) { /* else do_regs() did, or nobody asks */
        s->tid = last_tid;
        s->pid = last_pid;
        s->tick = core_tick();
        s->run_number = WORLD->run_number;
        s->steps = WORLD->steps_done;
        current_regs(&s->regs);
    }
}

static void answer(uint32_t reason, int32_t status)
{
    struct odb_stop *s = &CONTROL->stop;
    if (replay_current)
        debug_take_counted();
    vessel_describe(reason, status);
    if (!text_set)
        s->text[0] = 0;
    text_set = false;
    atomic_store(&CONTROL->ack_seq, atomic_load(&CONTROL->cmd_seq));
    raw3(__NR_futex, &CONTROL->ack_seq, FUTEX_WAKE, 1 << 30);
}

static void answer_text(uint32_t reason, int32_t status, const char *text)
{
    engine_format(CONTROL->stop.text, sizeof(CONTROL->stop.text), "%s", text);
    text_set = true;
    answer(reason, status);
}

static void current_xstate(struct odb_xstate *x)
{
    static _Alignas(64) uint8_t image[4096];
    size_t n = xstate_save(image, sizeof(image));
    if (n > sizeof(x->image))
        n = sizeof(x->image);
    x->bytes = (uint32_t)n;
    x->reserved = 0;
    x->mask = n >= 520 ? *(uint64_t *)(image + 512) : 3;
    memcpy(x->image, image, n);
}

/* Of a thread in this vessel. NULL: of the one that ran last. */
static void regs_of(const struct replay_thread *t)
{
    struct odb_stop *s = &CONTROL->stop;
    struct odb_xstate *x = (struct odb_xstate *)CONTROL->data;
    if (!t || t == replay_current) {
        current_xstate(x);
        current_regs(&s->regs);
        s->tick = core_tick();
        s->tid = last_tid;
        s->pid = last_pid;
        if (!t)
            return;
    } else {
        memcpy(s->regs.gpr, t->state.ctx.gpr, sizeof(s->regs.gpr));
        s->regs.rip = t->state.ctx.rip;
        s->regs.rflags = t->state.ctx.rflags & ~0x10000ULL;
        s->regs.fs_base = t->fs_base;
        s->regs.gs_base = t->gs_base;
        s->tick = t->tick;
        x->bytes = (uint32_t)xstate_bytes();
        x->reserved = 0;
        x->mask = *(const uint64_t *)(t->xstate + 512);
        memcpy(x->image, t->xstate, sizeof(x->image));
    }
    s->tid = t->tid;
    s->pid = t->pid;
}

/* The program's memory and our vDSO, which the program sees too; nothing else of ours. Returns bytes. */
static int32_t read_memory(void)
{
    gaddr addr = CONTROL->cmd.addr;
    uint64_t len = CONTROL->cmd.len_bytes;
    if (len > ODB_DATA_BYTES)
        len = ODB_DATA_BYTES;
    if (addr >= ADDRESS_END)
        len = 0;
    else if (len > ADDRESS_END - addr)
        len = ADDRESS_END - addr;
    if (addr < ODB_VDSO_ADDR || addr >= ODB_VDSO_ADDR + ODB_VDSO_BYTES)
        while (len && engine_owns(addr, len))
            len /= 2; /* rare: a read that ends at our edge is answered short */
    return (int32_t)engine_peek_some(addr, CONTROL->data, len);
}

/* Whatever its protection is; translations of it go. */
static int32_t patch_memory(void)
{
    gaddr addr = CONTROL->cmd.addr;
    uint64_t len = CONTROL->cmd.len_bytes, done = 0;
    if (len > ODB_DATA_BYTES || !replay_range_ok(addr, len, false))
        return 0;
    core_unprotect_all();
    while (done < len) {
        gaddr at = addr + done, page = at & ~(uint64_t)(ODB_PAGE_BYTES - 1);
        const struct engine_map *m = maps_find(at);
        uint64_t n = page + ODB_PAGE_BYTES - at < len - done ? page + ODB_PAGE_BYTES - at : len - done;
        if (!m)
            break;
        bool locked = !(m->prot & PROT_WRITE);
        if (locked)
            raw3(__NR_mprotect, page, ODB_PAGE_BYTES, PROT_READ | PROT_WRITE);
        bool ok = engine_poke(at, CONTROL->data + done, n);
        if (locked)
            raw3(__NR_mprotect, page, ODB_PAGE_BYTES, m->prot);
        if (!ok)
            break;
        core_invalidate(at, at + n);
        done += n;
    }
    return (int32_t)done;
}

/* The memory map, as many entries as fit from number cmd.addr on. */
static int32_t list_maps(void)
{
    struct odb_log_map *to = (struct odb_log_map *)CONTROL->data;
    int32_t n = 0;
    for (uint64_t i = CONTROL->cmd.addr; i < (uint64_t)maps_count(); i++) {
        const struct engine_map *m = maps_get((int)i);
        if ((size_t)(n + 1) * sizeof(*to) > ODB_DATA_BYTES)
            break;
        to[n] = (struct odb_log_map){.start = m->start,
                                     .end = m->end,
                                     .op = ODB_MAP_ADD,
                                     .prot = m->prot,
                                     .map_flags = m->flags,
                                     .file_id = m->file_id,
                                     .offset = m->offset,
                                     .old_start = m->kind};
        memcpy(to[n].name, m->name, sizeof(to[n].name));
        n++;
    }
    return n;
}

long vessel_serve(uint32_t request)
{
    if (request == VESSEL_REQUEST_MAPS)
        return list_maps();
    if (request == VESSEL_REQUEST_PATCH)
        return patch_memory();
    if (request == VESSEL_REQUEST_READ)
        return read_memory();
    if (request == VESSEL_REQUEST_WRITE)
        return replay_poke(WORLD->request_addr, CONTROL->data, WORLD->request_bytes) ? 0 : -14;
    const struct replay_thread *t = thread_find(CONTROL->cmd.tid);
    if (!t)
        return -3; /* ESRCH */
    regs_of(t);
    return 0;
}

static void do_regs(void)
{
    const struct odb_world_task *t = CONTROL->cmd.tid ? world_task(CONTROL->cmd.tid) : NULL;
    long r = 0;
    if (CONTROL->cmd.tid && !t)
        r = -3;
    else if (t && t->vessel != world_me)
        r = world_ask(t->vessel, VESSEL_REQUEST_REGS);
    else
        regs_of(t ? thread_by_number(t->local) : NULL);
    if (r < 0)
        answer_text(ODB_STOP_ERROR, (int32_t)r, "there is no such thread here");
    else
        answer(ODB_STOP_DONE, 0);
}

/* Something about the memory of process cmd.pid, in whichever vessel it is. */
static void do_memory(uint32_t request, int32_t (*here)(void))
{
    const struct odb_world_task *t = CONTROL->cmd.pid ? world_task_of_process(CONTROL->cmd.pid) : NULL;
    if (CONTROL->cmd.pid && !t && CONTROL->cmd.pid != last_pid)
        answer_text(ODB_STOP_ERROR, -3, "there is no such process here");
    else if (t && t->vessel != world_me)
        answer(ODB_STOP_DONE, (int32_t)world_ask(t->vessel, request));
    else
        answer(ODB_STOP_DONE, here());
}

/* In a branch, of a thread in this vessel. */
static void do_set_regs(void)
{
    const struct odb_regs *r = (const struct odb_regs *)CONTROL->data;
    const struct odb_xstate *x = (const struct odb_xstate *)(r + 1);
    struct replay_thread *t = CONTROL->cmd.tid ? thread_find(CONTROL->cmd.tid) : replay_current;
    uint64_t keep = ~(uint64_t)(FL_ARITH | FL_DF);
    if (!WORLD->branch || !t) {
        answer_text(ODB_STOP_ERROR, -1,
                    "registers can be written in a branch, of a thread of the process that runs");
        return;
    }
    bool here = t == replay_current;
    struct engine_ctx *c = here ? &ctx : &t->state.ctx;
    memcpy(c->gpr, r->gpr, sizeof(c->gpr));
    c->rip = r->rip;
    c->rflags = (c->rflags & keep) | (r->rflags & ~keep);
    bool bases = r->fs_base < ADDRESS_END && r->gs_base < ADDRESS_END;
    if (here && bases)
        thread_bases_set(r->fs_base, r->gs_base);
    else if (bases)
        t->fs_base = r->fs_base, t->gs_base = r->gs_base;
    if (here && x->bytes == xstate_bytes()) {
        static _Alignas(64) uint8_t image[4096];
        uint64_t tick = core_tick();
        memcpy(image, x->image, sizeof(x->image));
        xstate_load(image, x->bytes);
        core_set_tick(tick);
    } else if (x->bytes == xstate_bytes()) {
        memcpy(t->xstate, x->image, sizeof(x->image));
    }
    branch_registers_changed();
    answer(ODB_STOP_DONE, 0);
}

static void do_write(void)
{
    if (WORLD->branch)
        do_memory(VESSEL_REQUEST_PATCH, patch_memory);
    else
        answer_text(ODB_STOP_ERROR, -1, "memory can be written in a branch only");
}

/* In the child: stays in obey(), waiting in its own slot. */
static void do_fork(void)
{
    uint32_t slot = CONTROL->cmd.slot;
    long pid = world_checkpoint_others();
    if (pid >= 0)
        pid = raw5(__NR_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) {
        if (world_enter(slot) < 0)
            raw1(__NR_exit_group, 104);
        world_wait_complete();
    } else if (pid < 0) {
        answer_text(ODB_STOP_ERROR, (int32_t)pid, "cannot fork the replayed processes");
    } else {
        answer(ODB_STOP_DONE, (int32_t)pid);
    }
}

static void wait_command(void)
{
    for (;;) {
        uint32_t ack = atomic_load(&CONTROL->ack_seq);
        if (atomic_load(&CONTROL->cmd_seq) != ack)
            return;
        raw6(__NR_futex, &CONTROL->cmd_seq, FUTEX_WAIT, ack, 0, 0, 0);
    }
}

/* Obeys until RUN, which also means that the log was consumed. */
static void obey(void)
{
    for (;;) {
        wait_command();
        switch (CONTROL->cmd.kind) {
        case ODB_CMD_RUN: CONTROL->log_bytes = 0; return;
        case ODB_CMD_REGS: do_regs(); break;
        case ODB_CMD_READ: do_memory(VESSEL_REQUEST_READ, read_memory); break;
        case ODB_CMD_WRITE: do_write(); break;
        case ODB_CMD_SET_REGS: do_set_regs(); break;
        case ODB_CMD_MAPS: do_memory(VESSEL_REQUEST_MAPS, list_maps); break;
        case ODB_CMD_FORK: do_fork(); break;
        case ODB_CMD_QUIT: raw1(__NR_exit_group, 0); break;
        default: answer_text(ODB_STOP_ERROR, -22, "unknown command");
        }
    }
}

/* The first RUN of a branch. */
static bool branch_begins(void)
{
    static bool in_branch;
    bool begins = !in_branch && replay_current;
    in_branch = in_branch || begins;
    if (begins)
        hook_cancel();
    return begins;
}

void vessel_stop(uint32_t reason, int32_t status)
{
    bool at_once;
    vessel_stops++;
    answer(reason, status);
    for (;;) {
        obey();
        vessel_clear_details();
        if (!image_ready)
            return; /* positions are known only after the image is built */
        const char *why = replay_set_run(&CONTROL->cmd.run, &at_once);
        if (why)
            answer_text(ODB_STOP_ERROR, -22, why);
        else if (at_once)
            answer(ODB_STOP_POSITION, 0);
        else if (WORLD->branch && branch_begins())
            core_run(); /* whatever event was being looked at */
        else
            return;
    }
}

_Noreturn void vessel_stay(uint32_t reason, int32_t status)
{
    char text[sizeof(CONTROL->stop.text)] = "";
    if (text_set)
        memcpy(text, CONTROL->stop.text, sizeof(text));
    text[sizeof(text) - 1] = 0;
    for (;;) {
        answer_text(reason, status, text);
        obey();
    }
}

void vessel_text(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    engine_format_list(CONTROL->stop.text, sizeof(CONTROL->stop.text), fmt, ap);
    va_end(ap);
    text_set = true;
}

_Noreturn void replay_error(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    engine_format_list(CONTROL->stop.text, sizeof(CONTROL->stop.text), fmt, ap);
    va_end(ap);
    text_set = true;
    vessel_stay(ODB_STOP_ERROR, -5);
}

void vessel_log_start(void)
{
    static struct {
        struct odb_regs regs;
        struct odb_xstate x;
    } body;
    current_regs(&body.regs);
    current_xstate(&body.x);
    uint64_t tid = replay_current ? replay_current->tid | (uint64_t)replay_current->pid << 32 : ctx.tid;
    struct odb_log head = {.kind = ODB_LOG_START, .n = sizeof(body), .arg = tid};
    log_record(&head, &body, sizeof(body));
}

/* RUN means: go on with the run before. */
void vessel_log_full(void)
{
    replay_interrupted();
    answer(ODB_STOP_LOG_FULL, 0);
    obey();
}

_Noreturn void vessel_panic(const char *text)
{
    answer_text(ODB_STOP_ERROR, -5, text);
    for (;;)
        raw1(__NR_exit_group, 70);
}

_Noreturn void vessel_main(uint64_t *sp)
{
    (void)sp;
    vessel_use_slot(0);
    if (CONTROL->magic != ODB_CONTROL_MAGIC || CONTROL->version != ODB_CONTROL_VERSION)
        raw1(__NR_exit_group, 103);
    unmap_others();
    world_init();
    cursor_init();
    core_init();
    maps_init();
    signal_init(false);
    if (CONTROL->mode != ODB_MODE_INDEX)
        build_image();
    vessel_stop(ODB_STOP_READY, 0);
    if (!image_ready) {
        bool at_once;
        build_image();
        const char *why = replay_set_run(&CONTROL->cmd.run, &at_once);
        if (why || at_once)
            vessel_stop(why ? ODB_STOP_ERROR : ODB_STOP_POSITION, 0);
    }
    core_run();
}
