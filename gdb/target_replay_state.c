/* What there is at the place where a replay is: registers, threads, memory, mappings. */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fs.h"
#include "common/layout.h"
#include "gdb/target_replay.h"

/* ---- registers ---- */

/* Where AVX-512 state lies: Intel left room for MPX, AMD did not. 0: it has none. */
static size_t avx512_at(const struct odb_xstate *x)
{
    return x->bytes < 2432 ? 0 : x->bytes >= 2688 ? 1088 : 832;
}

struct odb_err *trp_measure_vectors(struct target_replay *g)
{
    const struct odb_xstate *x;
    ODB_TRY(replay_vectors(trp_world(g), &x));
    g->vector_bytes = avx512_at(x) ? 64 : 32;
    return NULL;
}

/* The full tag word from the abridged one (SDM 1, 8.1.7): empty, valid, zero, special, by physical register. */
static uint16_t full_tags(const uint8_t *x)
{
    unsigned top = x[3] >> 3 & 7, tags = 0;
    for (unsigned phys = 0; phys < 8; phys++) {
        const uint8_t *st = x + 32 + 16 * ((phys - top) & 7);
        uint64_t mantissa;
        uint16_t exponent;
        memcpy(&mantissa, st, 8);
        memcpy(&exponent, st + 8, 2);
        exponent &= 0x7fff;
        unsigned tag = 2;
        if (!(x[4] >> phys & 1))
            tag = 3;
        else if (!exponent && !mantissa)
            tag = 1;
        else if (exponent && exponent != 0x7fff && mantissa >> 63)
            tag = 0;
        tags |= tag << 2 * phys;
    }
    return (uint16_t)tags;
}

static void get_xstate(struct target_regs *r, const struct odb_xstate *from)
{
    const uint8_t *x = from->image;
    size_t wide = avx512_at(from);
    for (int i = 0; i < 8; i++)
        memcpy(r->st[i], x + 32 + 16 * i, 10);
    memcpy(&r->fctrl, x, 2);
    memcpy(&r->fstat, x + 2, 2);
    r->ftag = full_tags(x);
    memcpy(&r->mxcsr, x + 24, 4);
    for (int i = 0; i < 16; i++)
        memcpy(r->vec[i], x + 160 + 16 * i, 16);
    for (int i = 0; i < 16 && from->bytes >= 832; i++)
        memcpy(r->vec[i] + 16, x + 576 + 16 * i, 16);
    if (!wide)
        return;
    memcpy(r->k, x + wide, sizeof(r->k));
    for (int i = 0; i < 16; i++)
        memcpy(r->vec[i] + 32, x + wide + 64 + 32 * i, 32);
    for (int i = 0; i < 16; i++)
        memcpy(r->vec[16 + i], x + wide + 576 + 64 * i, 64);
}

static void put_xstate(const struct target_regs *r, struct odb_xstate *to)
{
    uint8_t *x = to->image;
    size_t wide = avx512_at(to);
    for (int i = 0; i < 8; i++)
        memcpy(x + 32 + 16 * i, r->st[i], 10);
    memcpy(x, &r->fctrl, 2);
    memcpy(x + 2, &r->fstat, 2);
    x[4] = 0;
    for (int i = 0; i < 8; i++)
        x[4] |= (uint8_t)(((r->ftag >> 2 * i & 3) != 3) << i);
    memcpy(x + 24, &r->mxcsr, 4);
    for (int i = 0; i < 16; i++)
        memcpy(x + 160 + 16 * i, r->vec[i], 16);
    for (int i = 0; i < 16 && to->bytes >= 832; i++)
        memcpy(x + 576 + 16 * i, r->vec[i] + 16, 16);
    if (!wide)
        return;
    memcpy(x + wide, r->k, sizeof(r->k));
    for (int i = 0; i < 16; i++)
        memcpy(x + wide + 64 + 32 * i, r->vec[i] + 32, 32);
    for (int i = 0; i < 16; i++)
        memcpy(x + wide + 576 + 64 * i, r->vec[16 + i], 64);
}

void trp_put_registers(const struct target_regs *from, struct odb_regs *regs, struct odb_xstate *x)
{
    memcpy(regs->gpr, from->gpr, sizeof(regs->gpr));
    regs->rip = from->rip;
    regs->rflags = from->rflags;
    regs->fs_base = from->fs_base;
    regs->gs_base = from->gs_base;
    put_xstate(from, x);
}

/* At a system call its number; behind one that was just made, too, as long as that is known. */
static uint64_t orig_rax(struct target_replay *g, const struct odb_stop *s)
{
    static const uint8_t syscall_insn[2] = {0x0f, 0x05};
    uint8_t code[2];
    size_t n;
    if (g->returned.reason && s->tid == g->returned.tid && s->tick == g->returned.tick &&
        s->regs.rip == g->returned.regs.rip)
        return (uint64_t)g->returned.number;
    _cleanup_err_ struct odb_err *e = replay_read_process(trp_world(g), s->pid, s->regs.rip, code, 2, &n);
    return !e && n == 2 && memcmp(code, syscall_insn, 2) == 0 ? s->regs.gpr[ODB_RAX] : UINT64_MAX;
}

struct odb_err *trp_registers(struct target *target, uint32_t tid, struct target_regs *ret)
{
    struct target_replay *g = trp_of(target);
    const struct odb_xstate *x;
    const struct odb_stop *stop;
    ODB_TRY(trp_alive(g));
    ODB_TRY(replay_registers(trp_world(g), tid, &stop, &x));
    struct target_regs r = {.vector_bytes = g->vector_bytes};
    struct odb_stop s = *stop;
    memcpy(r.gpr, s.regs.gpr, sizeof(r.gpr));
    r.rip = s.regs.rip;
    r.rflags = s.regs.rflags;
    r.fs_base = s.regs.fs_base;
    r.gs_base = s.regs.gs_base;
    get_xstate(&r, x);
    r.orig_rax = orig_rax(g, &s);
    *ret = r;
    return NULL;
}

/* The engine's own memory, and its look-up table below 2 GiB. */
static bool is_ours(gaddr start)
{
    bool engine = start >= ODB_ENGINE_BASE && start < ODB_ENGINE_END;
    bool table = start >= ODB_IBL_ADDR && start < ODB_IBL_ADDR + ODB_IBL_BYTES;
    return table || (engine && (start < ODB_VDSO_ADDR || start >= ODB_VDSO_ADDR + ODB_VDSO_BYTES));
}

/* What the program itself could not read (PROT_NONE) a debugger can: up to the end of its page. 0: nothing there. */
static size_t read_forced(struct target_replay *g, uint32_t pid, gaddr addr, void *to, size_t n)
{
    char path[64];
    size_t page = ODB_PAGE_BYTES - (addr & (ODB_PAGE_BYTES - 1));
    if (is_ours(addr) || addr >> 47)
        return 0;
    snprintf(path, sizeof(path), "/proc/%d/mem",
             replay_process_pid(trp_world(g), pid ? pid : trp_stop(g)->pid));
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : pread(fd, to, n < page ? n : page, (off_t)addr);
    return got > 0 ? (size_t)got : 0;
}

struct odb_err *trp_read(struct target *target, uint32_t pid, gaddr addr, void *to, size_t n, size_t *ret_n)
{
    struct target_replay *g = trp_of(target);
    size_t done = 0;
    ODB_TRY(trp_alive(g));
    while (done < n) {
        size_t got;
        ODB_TRY(replay_read_process(trp_world(g), pid, addr + done, (uint8_t *)to + done, n - done, &got));
        done += got;
        if (done == n)
            break;
        got = read_forced(g, pid, addr + done, (uint8_t *)to + done, n - done);
        if (!got)
            break;
        done += got;
    }
    *ret_n = done;
    return NULL;
}

/* ---- threads ---- */

struct odb_err *trp_threads(struct target *target, struct target_thread **ret, size_t *ret_n)
{
    struct target_replay *g = trp_of(target);
    _cleanup_free_ struct replay_task *tasks = NULL;
    const struct scan *scan;
    size_t n;
    ODB_TRY(trp_alive(g));
    ODB_TRY(trp_scan(g, &scan));
    ODB_TRY(replay_tasks(trp_world(g), &tasks, &n));
    struct target_thread *t = calloc(n ? n : 1, sizeof(*t));
    if (!t)
        return odb_err("out of memory");
    for (size_t i = 0; i < n; i++) {
        t[i].tid = tasks[i].tid;
        t[i].pid = tasks[i].pid;
        snprintf(t[i].name, sizeof(t[i].name), "%s",
                 scan_name_of(scan, t[i].tid, t[i].pid, trp_stop(g)->stream_offset));
    }
    *ret = t;
    *ret_n = n;
    return NULL;
}

/* ---- mappings ---- */

struct maps {
    struct target_map *v; /* owned */
    size_t n, cap;
};

static struct odb_err *maps_add(struct maps *m, const struct target_map *one)
{
    struct target_map *last = m->n ? &m->v[m->n - 1] : NULL;
    bool goes_on =
        last && last->end == one->start && strcmp(last->prot, one->prot) == 0 &&
        strcmp(last->name, one->name) == 0 &&
        (!one->name[0] || one->name[0] == '[' || last->offset + (last->end - last->start) == one->offset);
    if (goes_on) {
        last->end = one->end;
        return NULL;
    }
    if (m->n == m->cap) {
        size_t cap = m->cap ? m->cap * 2 : 64;
        struct target_map *v = reallocarray(m->v, cap, sizeof(*v));
        if (!v)
            return odb_err("out of memory");
        m->v = v;
        m->cap = cap;
    }
    m->v[m->n++] = *one;
    return NULL;
}

/* A file's whole path; the engine keeps only the end of a long one. */
static const char *path_of(const struct scan *scan, uint32_t file_id)
{
    for (size_t i = scan->files.n; i-- > 0;)
        if (scan->files.v[i].id == file_id)
            return scan->files.v[i].path;
    return NULL;
}

static void fill_map(struct target_map *m, const struct odb_log_map *from, const struct scan *scan)
{
    const char *path = from->file_id ? path_of(scan, from->file_id) : NULL;
    *m = (struct target_map){.start = from->start, .end = from->end};
    m->offset = path ? from->offset : 0;
    snprintf(m->prot, sizeof(m->prot), "%c%c%c%c", from->prot & PROT_READ ? 'r' : '-',
             from->prot & PROT_WRITE ? 'w' : '-', from->prot & PROT_EXEC ? 'x' : '-',
             from->map_flags & MAP_SHARED ? 's' : 'p');
    if (path)
        snprintf(m->name, sizeof(m->name), "%s", path);
    else
        snprintf(m->name, sizeof(m->name), "%.*s", (int)sizeof(from->name), from->name);
}

struct odb_err *trp_maps(struct target *target, uint32_t pid, struct target_map **ret, size_t *ret_n)
{
    struct target_replay *g = trp_of(target);
    _cleanup_free_ struct odb_log_map *from = NULL;
    const struct scan *scan;
    struct maps maps = {0};
    size_t n;
    ODB_TRY(trp_alive(g));
    ODB_TRY(trp_scan(g, &scan));
    ODB_TRY(replay_maps(trp_world(g), pid, &from, &n));
    for (size_t i = 0; i < n; i++) {
        struct target_map m;
        fill_map(&m, &from[i], scan);
        struct odb_err *e = maps_add(&maps, &m);
        if (e) {
            free(maps.v);
            return e;
        }
    }
    *ret = maps.v;
    *ret_n = maps.n;
    return NULL;
}

/* ---- the program ---- */

struct peek {
    struct target *g;
    uint32_t pid;
};

static size_t peek(void *ctx, gaddr addr, void *to, size_t n_bytes)
{
    const struct peek *p = ctx;
    size_t n = 0;
    struct odb_err *e = trp_read(p->g, p->pid, addr, to, n_bytes, &n);
    odb_err_free(e);
    return e ? 0 : n;
}

static struct odb_err *exec_of(struct target_replay *g, uint32_t pid, const struct scan_exec **ret)
{
    const struct scan *scan;
    const struct odb_stop *s = trp_stop(g);
    ODB_TRY(trp_scan(g, &scan));
    *ret = scan_exec_of(scan, pid ? pid : s->pid, s->stream_offset);
    return *ret ? NULL : odb_err("the recording has no program image");
}

static struct odb_err *image_of(struct target *target, uint32_t pid, struct target_image *ret)
{
    const struct scan_exec *x;
    ODB_TRY(exec_of(trp_of(target), pid, &x));
    return target_image_read_auxv(peek, &(struct peek){target, pid}, x->auxv, ret);
}

struct odb_err *trp_auxv(struct target *target, uint32_t pid, uint8_t **ret, size_t *ret_n)
{
    struct target_image im;
    ODB_TRY(image_of(target, pid, &im));
    *ret = take_ptr(im.auxv);
    *ret_n = im.n_auxv;
    target_image_deinit(&im);
    return NULL;
}

/* What is mapped where the program headers are; else the name that was executed. */
struct odb_err *trp_exec_file(struct target *target, uint32_t pid, char **ret)
{
    struct target_image im;
    _cleanup_free_ struct target_map *maps = NULL;
    size_t n;
    ODB_TRY(trp_maps(target, pid, &maps, &n));
    ODB_TRY(image_of(target, pid, &im));
    char *path = NULL;
    for (size_t i = 0; i < n && !path; i++)
        if (im.phdr >= maps[i].start && im.phdr < maps[i].end && maps[i].name[0] == '/')
            path = strdup(maps[i].name);
    if (!path)
        path = take_ptr(im.execfn);
    target_image_deinit(&im);
    if (!path)
        return odb_err("the name of the program is not known");
    *ret = path;
    return NULL;
}

struct odb_err *trp_command_line(struct target *target, uint32_t pid, char **ret)
{
    const struct scan_exec *x;
    struct peek p = {target, pid};
    uint64_t argc = 0, at;
    char *line;
    size_t len;
    ODB_TRY(exec_of(trp_of(target), pid, &x));
    FILE *f = open_memstream(&line, &len);
    if (!f)
        return odb_err("out of memory");
    if (peek(&p, x->rsp, &argc, 8) != 8)
        argc = 0;
    for (uint64_t i = 0; i < argc && i < 4096 && peek(&p, x->rsp + 8 + 8 * i, &at, 8) == 8; i++) {
        char text[4096];
        size_t n = peek(&p, at, text, sizeof(text) - 1);
        text[n] = 0;
        fprintf(f, "%s%s", i ? " " : "", text);
    }
    fclose(f);
    *ret = line;
    return NULL;
}

struct odb_err *trp_files(struct target *target, const struct target_files **ret)
{
    const struct scan *scan;
    ODB_TRY(trp_scan(trp_of(target), &scan));
    *ret = &scan->files;
    return NULL;
}
