#include "tests/db/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "preload/control.h"
#include "trace/format.h"

static uint64_t below(struct world *w, uint64_t n)
{
    w->seed ^= w->seed << 13;
    w->seed ^= w->seed >> 7;
    w->seed ^= w->seed << 17;
    return (w->seed >> 16) % n;
}

static struct world_thread *running(struct world *w) { return &w->threads[w->cur]; }
static struct world_proc *process(struct world *w) { return &w->procs[running(w)->proc]; }

static int n_alive(const struct world *w)
{
    int n = 0;
    for (int i = 0; i < w->n_procs; i++)
        n += w->procs[i].space != NULL;
    return n;
}

/* ---- the log ---- */

static void put(struct world *w, unsigned kind, unsigned reg, uint32_t n, uint64_t arg, const void *body,
                size_t len)
{
    static const uint8_t zeros[8];
    if (!w->dir)
        return;
    struct odb_log r = {.kind = (uint16_t)kind, .reg = (uint16_t)reg, .n = n, .arg = arg};
    bytes_append(&w->log, &r, sizeof(r));
    bytes_append(&w->log, body, len);
    bytes_append(&w->log, zeros, (8 - len % 8) % 8);
}

static void put_insn(struct world *w)
{
    uint64_t rip = 0x400000 + below(w, 200) * 4;
    if (w->count == w->until) {
        w->stop = true;
        return;
    }
    w->rip[w->count] = rip;
    w->tid[w->count++] = running(w)->tid;
    put(w, ODB_LOG_INSN, 0, 0, rip, NULL, 0);
}

static void put_call(struct world *w, uint64_t nr, uint64_t arg1, int64_t result)
{
    struct odb_log_syscall c = {.nr = nr, .args = {0, arg1}, .result = result, .tid = running(w)->tid};
    put(w, ODB_LOG_SYSCALL, 0, sizeof(c), 0, &c, sizeof(c));
}

static void put_task(struct world *w, unsigned op, uint32_t tid, uint32_t pid, uint32_t vm, uint32_t vm_from,
                     int status)
{
    struct odb_log_task k = {.op = op,
                             .tid = tid,
                             .pid = pid,
                             .parent_tid = running(w)->tid,
                             .parent_pid = process(w)->pid,
                             .vm = vm,
                             .vm_from = vm_from,
                             .status = status};
    put(w, ODB_LOG_TASK, 0, sizeof(k), 0, &k, sizeof(k));
}

static void put_start(struct world *w)
{
    struct odb_regs regs = {.rflags = 0x202};
    regs.gpr[ODB_RAX] = running(w)->rax;
    regs.gpr[ODB_RSP] = WORLD_BASE;
    running(w)->ran = true;
    put(w, ODB_LOG_START, 0, sizeof(regs), running(w)->tid | (uint64_t)process(w)->pid << 32, &regs,
        sizeof(regs));
}

static void put_map(struct world *w, unsigned op, int slot, int n, unsigned flags, uint32_t file_id, int page,
                    int from)
{
    struct odb_log_map m = {.start = WORLD_BASE + 4096ull * (unsigned)slot,
                            .end = WORLD_BASE + 4096ull * (unsigned)(slot + n),
                            .op = op,
                            .prot = 3,
                            .map_flags = flags,
                            .file_id = file_id,
                            .offset = 4096ull * (unsigned)page,
                            .old_start = WORLD_BASE + 4096ull * (unsigned)from};
    put(w, ODB_LOG_MAP, 0, sizeof(m), 0, &m, sizeof(m));
}

/* ---- memory ---- */

static void clear_slot(struct world_slot *s)
{
    if (s->object < 0)
        free(s->page);
    *s = (struct world_slot){.object = -1};
}

static struct world_space *new_space(struct world *w, const struct world_space *from)
{
    struct world_space *sp = calloc(1, sizeof(*sp));
    *sp = (struct world_space){.refs = 1, .vm = ++w->next_vm};
    for (int i = 0; i < WORLD_PAGES; i++) {
        sp->slots[i] = from ? from->slots[i] : (struct world_slot){.object = -1};
        if (from && from->slots[i].page && from->slots[i].object < 0) {
            sp->slots[i].page = malloc(sizeof(struct world_page));
            memcpy(sp->slots[i].page, from->slots[i].page, sizeof(struct world_page));
        }
    }
    return sp;
}

static void drop_space(struct world_space *sp)
{
    if (--sp->refs)
        return;
    for (int i = 0; i < WORLD_PAGES; i++)
        clear_slot(&sp->slots[i]);
    free(sp);
}

static void map_private(struct world *w, int slot, int n)
{
    for (int i = slot; i < slot + n; i++) {
        clear_slot(&process(w)->space->slots[i]);
        process(w)->space->slots[i].page = calloc(1, sizeof(struct world_page));
    }
    put_map(w, ODB_MAP_ADD, slot, n, MAP_PRIVATE | MAP_ANONYMOUS, 0, 0, 0);
}

static void map_object(struct world *w, int slot, int n, int object, int page)
{
    for (int i = 0; i < n; i++) {
        struct world_slot *s = &process(w)->space->slots[slot + i];
        clear_slot(s);
        *s = (struct world_slot){w->objects[object] + page + i, object, page + i};
    }
}

/* A new capture of the file: what its memory holds now. */
static void capture(struct world *w)
{
    char path[4096];
    w->file_id++;
    w->file_dirty = false;
    if (!w->dir)
        return;
    snprintf(path, sizeof(path), "%s/files/%u", w->dir, w->file_id);
    FILE *f = fopen(path, "w");
    for (int i = 0; f && i < WORLD_OBJECT_PAGES; i++)
        fwrite(w->objects[0][i].data, 4096, 1, f);
    if (f)
        fclose(f);
    struct {
        struct odb_ev_file ev;
        char path[8];
    } ev = {.ev = {.ev = {.size_bytes = sizeof(ev), .type = ODB_EV_FILE},
                   .file_id = w->file_id,
                   .path_bytes = 8,
                   .dev = 7,
                   .ino = 9,
                   .size_bytes = 4096 * WORLD_OBJECT_PAGES},
            .path = "/shared"};
    put(w, ODB_LOG_EVENT, 0, sizeof(ev), 0, &ev, sizeof(ev));
}

static void map_shared(struct world *w)
{
    int n = 1 + (int)below(w, WORLD_OBJECT_PAGES), slot = (int)below(w, (uint64_t)(WORLD_PAGES - n));
    if (w->n_objects < WORLD_OBJECTS && !below(w, 3)) { /* anonymous: inherited or not at all */
        w->objects[w->n_objects] = calloc(WORLD_OBJECT_PAGES, sizeof(struct world_page));
        map_object(w, slot, n, w->n_objects++, 0);
        put_map(w, ODB_MAP_ADD, slot, n, MAP_SHARED | MAP_ANONYMOUS, 0, 0, 0);
        return;
    }
    int page = (int)below(w, (uint64_t)(WORLD_OBJECT_PAGES - n + 1));
    if (!w->file_id || w->file_dirty)
        capture(w);
    map_object(w, slot, n, 0, page);
    put_map(w, ODB_MAP_ADD, slot, n, MAP_SHARED, w->file_id, page, 0);
}

static void do_write(struct world *w, uint64_t addr, uint32_t len, bool kernel)
{
    struct world_space *sp = process(w)->space;
    uint8_t old[512], new_[512];
    for (uint64_t a = addr; a < addr + len; a++)
        if (a >= WORLD_BASE + WORLD_PAGES * 4096ull || !sp->slots[(a - WORLD_BASE) / 4096].page)
            return;
    if (w->n_writes == w->cap_writes) {
        w->cap_writes = w->cap_writes ? w->cap_writes * 2 : 1024;
        w->writes = realloc(w->writes, w->cap_writes * sizeof(*w->writes));
    }
    const struct world_slot *first = &sp->slots[(addr - WORLD_BASE) / 4096];
    w->writes[w->n_writes++] =
        (struct world_write){.t = w->count - 1,
                             .addr = addr,
                             .at = addr,
                             .pid = process(w)->pid,
                             .tid = running(w)->tid,
                             .len = len,
                             .object = first->object,
                             .object_offset = 4096ull * (unsigned)first->object_page + addr % 4096};
    process(w)->n_writes++;
    for (uint32_t i = 0; i < len; i++) {
        struct world_page *p = sp->slots[(addr + i - WORLD_BASE) / 4096].page;
        old[i] = p->data[(addr + i) % 4096];
        new_[i] = (uint8_t)below(w, 256);
    }
    for (uint32_t i = 0; i < len; i++) {
        struct world_page *p = sp->slots[(addr + i - WORLD_BASE) / 4096].page;
        p->data[(addr + i) % 4096] = new_[i];
        p->last[(addr + i) % 4096] = w->n_writes;
        w->file_dirty |= sp->slots[(addr + i - WORLD_BASE) / 4096].object == 0;
    }
    /* two mappings of one page beside each other: the second half is written last, and old is what was */
    put(w, ODB_LOG_MEM, kernel ? ODB_LOG_KERNEL : 0, len, addr, old, len);
    if (w->dir) {
        bytes_append(&w->log, new_, len);
        bytes_append(&w->log, "\0\0\0\0\0\0\0", (8 - len % 8) % 8);
    }
}

/* By a descriptor of the file, or into another process: the bytes are in another space than the writer's. */
static void write_elsewhere(struct world *w, int victim, uint64_t at, uint32_t len)
{
    struct {
        uint64_t id;
        uint8_t data[64];
    } body;
    const struct world_proc *p = victim < 0 ? NULL : &w->procs[victim];
    for (uint32_t i = 0; p && i < len; i++)
        if (!p->space->slots[(at + i - WORLD_BASE) / 4096].page)
            return;
    body.id = p ? p->pid : w->file_id;
    if (w->n_writes == w->cap_writes) {
        w->cap_writes = w->cap_writes ? w->cap_writes * 2 : 1024;
        w->writes = realloc(w->writes, w->cap_writes * sizeof(*w->writes));
    }
    const struct world_slot *first = p ? &p->space->slots[(at - WORLD_BASE) / 4096] : NULL;
    w->writes[w->n_writes++] =
        (struct world_write){.t = w->count - 1,
                             .addr = p ? at : 0,
                             .at = at,
                             .pid = process(w)->pid,
                             .tid = running(w)->tid,
                             .len = len,
                             .object = p ? first->object : 0,
                             .object_offset = p ? 4096ull * (unsigned)first->object_page + at % 4096 : at};
    process(w)->n_writes++;
    for (uint32_t i = 0; i < len; i++) {
        struct world_page *page =
            p ? p->space->slots[(at + i - WORLD_BASE) / 4096].page : &w->objects[0][(at + i) / 4096];
        page->data[(at + i) % 4096] = body.data[i] = (uint8_t)below(w, 256);
        page->last[(at + i) % 4096] = w->n_writes;
        w->file_dirty |= !p || p->space->slots[(at + i - WORLD_BASE) / 4096].object == 0;
    }
    put(w, ODB_LOG_ELSEWHERE, p ? 0 : 1, 8 + len, at, &body, 8 + len);
}

/* ---- tasks ---- */

static int new_thread(struct world *w, uint32_t tid, int proc)
{
    w->threads[w->n_threads] =
        (struct world_thread){.tid = tid, .proc = proc, .alive = true, .rax = running(w)->rax};
    return w->n_threads++;
}

static void switch_to_any(struct world *w)
{
    int was = w->cur;
    do
        w->cur = (int)below(w, (uint64_t)w->n_threads);
    while (!w->threads[w->cur].alive);
    if (w->cur != was) {
        w->switches++;
        bool fresh = !running(w)->ran;
        put_start(w);
        if (fresh && !below(w, 2)) /* CLONE_CHILD_SETTID */
            do_write(w, WORLD_BASE + 4 * below(w, WORLD_PAGES * 1024), 4, true);
    }
}

static void do_fork(struct world *w)
{
    if (w->n_procs == WORLD_PROCS || w->n_threads == WORLD_THREADS || n_alive(w) > 10)
        return;
    bool share = !below(w, 3);
    struct world_space *from = process(w)->space, *sp = share ? from : new_space(w, from);
    uint32_t pid = ++w->next_id;
    put_insn(w);
    if (w->stop) {
        if (!share)
            drop_space(sp);
        return;
    }
    put_call(w, share ? SYS_vfork : SYS_fork, 0, pid);
    put_task(w, share ? ODB_LOG_TASK_SHARE : ODB_LOG_TASK_FORK, pid, pid, sp->vm, from->vm, 0);
    sp->refs += share;
    w->procs[w->n_procs] =
        (struct world_proc){.pid = pid, .parent = process(w)->pid, .space = sp, .t_start = w->count};
    new_thread(w, pid, w->n_procs++);
}

static void end_process(struct world *w, int proc, int status)
{
    struct world_proc *p = &w->procs[proc];
    put_task(w, ODB_LOG_TASK_EXIT, 0, p->pid, 0, 0, status);
    drop_space(p->space);
    p->space = NULL;
    p->t_end = w->count;
    p->status = status;
    for (int i = 0; i < w->n_threads; i++)
        w->threads[i].alive &= w->threads[i].proc != proc;
}

static void do_exit(struct world *w)
{
    int me = running(w)->proc, mates = 0;
    for (int i = 0; i < w->n_threads; i++)
        mates += w->threads[i].alive && w->threads[i].proc == me;
    if (mates > 1 && below(w, 3)) {
        put_insn(w);
        if (w->stop)
            return;
        put_call(w, SYS_exit, 0, 0);
        if (below(w, 2))
            do_write(w, WORLD_BASE + 4 * below(w, WORLD_PAGES * 1024), 4, true);
        put_task(w, ODB_LOG_TASK_EXIT, running(w)->tid, process(w)->pid, 0, 0, 0);
        running(w)->alive = false;
        switch_to_any(w);
        return;
    }
    if (n_alive(w) < 2)
        return;
    if (below(w, 4)) { /* exit_group */
        put_insn(w);
        if (w->stop)
            return;
        put_call(w, SYS_exit_group, 0, 0);
        end_process(w, me, 3);
        switch_to_any(w);
        return;
    }
    int victim = (int)below(w, (uint64_t)w->n_procs);
    if (victim != me && w->procs[victim].space)
        end_process(w, victim, -9);
}

static void do_exec(struct world *w)
{
    struct world_proc *p = process(w);
    put_insn(w);
    if (w->stop)
        return;
    drop_space(p->space);
    p->space = new_space(w, NULL);
    for (int i = 0; i < w->n_threads; i++)
        w->threads[i].alive &= w->threads[i].proc != running(w)->proc;
    put_task(w, ODB_LOG_TASK_EXEC, p->pid, p->pid, p->space->vm, 0, 0);
    int leader = -1;
    for (int i = 0; i < w->n_threads; i++)
        if (w->threads[i].tid == p->pid)
            leader = i;
    w->threads[leader].alive = true;
    w->switches += w->cur != leader;
    w->cur = leader;
    map_private(w, 0, 8);
    uint64_t argc = 0;
    put(w, ODB_LOG_PAGES, 0, 8, WORLD_BASE, &argc, 8);
    running(w)->rax = 0;
    put_start(w);
}

static void do_call(struct world *w)
{
    int n = 1 + (int)below(w, 4), slot = (int)below(w, (uint64_t)(WORLD_PAGES - n));
    put_insn(w);
    if (w->stop)
        return;
    switch (below(w, 8)) {
    case 6:
        put_call(w, SYS_write, 0, 10);
        if (w->file_id)
            write_elsewhere(w, -1, below(w, WORLD_OBJECT_PAGES * 4096 - 64), 1 + (uint32_t)below(w, 64));
        break;
    case 7: {
        int victim = (int)below(w, (uint64_t)w->n_procs);
        uint64_t at = WORLD_BASE + below(w, WORLD_PAGES * 4096 - 64);
        put_call(w, SYS_process_vm_writev, 0, 10);
        if (w->procs[victim].space)
            write_elsewhere(w, victim, at, 1 + (uint32_t)below(w, 64));
        break;
    }
    case 0:
    case 1:
        put_call(w, SYS_mmap, 0, 0);
        map_shared(w);
        break;
    case 2:
        put_call(w, SYS_mmap, 0, 0);
        map_private(w, slot, n);
        break;
    case 3:
        put_call(w, SYS_munmap, 0, 0);
        for (int i = slot; i < slot + n; i++)
            clear_slot(&process(w)->space->slots[i]);
        put_map(w, ODB_MAP_REMOVE, slot, n, 0, 0, 0, 0);
        break;
    case 4: { /* mremap of a page */
        struct world_slot *s = process(w)->space->slots;
        int to = (int)below(w, WORLD_PAGES);
        put_call(w, SYS_mremap, 4096, 0);
        if (!s[slot].page || to == slot)
            break;
        clear_slot(&s[to]);
        put_map(w, ODB_MAP_MOVE, to, 1, s[slot].object < 0 ? MAP_PRIVATE : MAP_SHARED,
                s[slot].object == 0 ? 1 + (uint32_t)below(w, w->file_id) : 0, s[slot].object_page, slot);
        s[to] = s[slot];
        s[slot] = (struct world_slot){.object = -1};
        if (s[to].object < 0) /* the look-up of writes does not go through mremap */
            memset(s[to].page->last, 0, sizeof(s[to].page->last));
        break;
    }
    default:
        put_call(w, SYS_read, 0, 100);
        do_write(w, WORLD_BASE + below(w, WORLD_PAGES * 4096ull), 1 + (uint32_t)below(w, 500), true);
        break;
    }
}

static void do_insn(struct world *w)
{
    put_insn(w);
    if (w->stop)
        return;
    if (below(w, 2)) {
        running(w)->rax = below(w, 1ull << 40);
        put(w, ODB_LOG_REG, ODB_RAX, 8, 0, &running(w)->rax, 8);
    }
    uint64_t what = below(w, 10);
    if (what < 4)
        do_write(w, WORLD_BASE + below(w, WORLD_PAGES * 4096ull), 1 + (uint32_t)below(w, 8), false);
    else if (what < 6) /* hot */
        do_write(w, WORLD_BASE + 4096 * below(w, WORLD_PAGES) + below(w, 100), 8, false);
}

void world_make(struct world *w, uint64_t seed, uint64_t until, const char *dir)
{
    *w = (struct world){
        .seed = seed * 0x9e3779b97f4a7c15u + 1, .until = until, .dir = dir, .n_procs = 1, .n_threads = 1};
    w->rip = calloc(until + 1, sizeof(*w->rip));
    w->tid = calloc(until + 1, sizeof(*w->tid));
    w->next_id = WORLD_FIRST_PID;
    w->objects[w->n_objects++] = calloc(WORLD_OBJECT_PAGES, sizeof(struct world_page));
    w->procs[0] = (struct world_proc){.pid = WORLD_FIRST_PID, .space = new_space(w, NULL)};
    w->threads[0] = (struct world_thread){.tid = WORLD_FIRST_PID, .alive = true};
    if (dir) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/files", dir);
        mkdir(path, 0755);
    }
    map_private(w, 0, 10);
    put_start(w);
    while (!w->stop) {
        uint64_t what = below(w, 1000);
        if (what < 30)
            switch_to_any(w);
        else if (what < 36)
            do_fork(w);
        else if (what < 40)
            do_exit(w);
        else if (what < 42)
            do_exec(w);
        else if (what < 46 && w->n_threads < WORLD_THREADS) {
            put_insn(w);
            if (w->stop)
                break;
            put_call(w, SYS_clone, 0, w->next_id + 1);
            put_task(w, ODB_LOG_TASK_THREAD, ++w->next_id, process(w)->pid, process(w)->space->vm, 0, 0);
            new_thread(w, w->next_id, running(w)->proc);
        } else if (what < 80)
            do_call(w);
        else
            do_insn(w);
    }
}

void world_free(struct world *w)
{
    for (int i = 0; i < w->n_procs; i++)
        if (w->procs[i].space)
            drop_space(w->procs[i].space);
    for (int i = 0; i < w->n_objects; i++)
        free(w->objects[i]);
    free(w->writes);
    free(w->rip);
    free(w->tid);
    bytes_deinit(&w->log);
}
