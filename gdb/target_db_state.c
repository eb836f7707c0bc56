/* The state at a position: registers, memory, threads, mappings, what programs were started with. See target_db.h.
 *
 * Before the delivery of a signal the state is that of instruction t with the delivery undone: registers come from the
 * ucontext of the frame, which is in memory at t, and the bytes of the frame are what they were. Of several frames the last one is
 * on top: rsp leads to it, and its ucontext to the one below. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/cleanup.h"
#include "gdb/target_db.h"

/* ---- signal frames: struct rt_sigframe of the kernel (arch/x86/include/asm/sigframe.h) ---- */

enum {
    FRAME_SIGCONTEXT = 48, /* 8 return address, 40 uc_flags, uc_link, uc_stack */
    FRAME_SIGINFO = 312,   /* 8 + sizeof(struct ucontext) 304 */
    SC_FLAGS = 17,         /* words of struct sigcontext */
    SC_FPSTATE = 23,
    SC_WORDS = 24,
};
static const uint8_t sc_order[17] = {/* what the words of struct sigcontext hold */
                                     ODB_R8,  ODB_R9,  ODB_R10, ODB_R11, ODB_R12,    ODB_R13,
                                     ODB_R14, ODB_R15, ODB_RDI, ODB_RSI, ODB_RBP,    ODB_RBX,
                                     ODB_RDX, ODB_RAX, ODB_RCX, ODB_RSP, ODB_REG_RIP};

static struct odb_err *read_at_t(struct target_db *g, uint32_t pid, gaddr addr, void *to, size_t n,
                                 bool *ret_whole)
{
    size_t n_valid = 0;
    ODB_TRY(db_memory(g->db, g->at.t, pid, addr, n, to, NULL, &n_valid));
    *ret_whole = n_valid == n;
    return NULL;
}

/* Vector and x87 state of a frame (Intel SDM 1, 13.4; the sizes tell AMD's place of AVX-512 state). */
static void take_fpstate(struct regfile *f, const uint8_t *x, size_t n, bool wide)
{
    uint32_t mxcsr;
    memcpy(&mxcsr, x + 24, 4);
    f->scalar[ODB_REG_FCW] = x[0] | (unsigned)x[1] << 8;
    f->scalar[ODB_REG_FSW] = x[2] | (unsigned)x[3] << 8;
    f->scalar[ODB_REG_FTW] = x[4];
    f->scalar[ODB_REG_MXCSR] = mxcsr;
    for (int i = 0; i < 8; i++)
        memcpy(f->wide[32 + i], x + 32 + 16 * i, 10);
    for (int i = 0; i < 16; i++) {
        memcpy(f->wide[i], x + 160 + 16 * i, 16);
        if (n >= 832)
            memcpy(f->wide[i] + 16, x + 576 + 16 * i, 16);
    }
    if (n < 2432 || !wide)
        return;
    const uint8_t *k = x + (n >= 2688 ? 1088 : 832);
    for (int i = 0; i < 8; i++)
        memcpy(&f->scalar[ODB_REG_K0 + i], k + 8 * i, 8);
    for (int i = 0; i < 16; i++) {
        memcpy(f->wide[i] + 32, k + 64 + 32 * i, 32);
        memcpy(f->wide[16 + i], k + 576 + 64 * i, 64);
    }
}

/* Undoes the delivery whose frame is at rsp. */
static struct odb_err *pop_frame(struct target_db *g, uint32_t pid, struct regfile *f, unsigned vector_bytes)
{
    uint64_t sc[SC_WORDS];
    uint8_t x[2816];
    uint32_t magic, size;
    bool whole;
    ODB_TRY(read_at_t(g, pid, f->scalar[ODB_RSP] + FRAME_SIGCONTEXT, sc, sizeof(sc), &whole));
    if (!whole)
        return odb_err("the signal's frame is not in memory");
    for (int i = 0; i < 17; i++)
        f->scalar[sc_order[i]] = sc[i];
    f->scalar[ODB_REG_RFLAGS] = sc[SC_FLAGS];
    if (!sc[SC_FPSTATE])
        return NULL;
    ODB_TRY(read_at_t(g, pid, sc[SC_FPSTATE], x, 512, &whole));
    if (!whole)
        return NULL;
    memcpy(&magic, x + 464, 4); /* sw_reserved: FP_XSTATE_MAGIC1, extended_size, features (8), xstate_size */
    memcpy(&size, x + 480, 4);
    if (magic != 0x46505853 || size < 576 || size > sizeof(x))
        size = 512;
    ODB_TRY(read_at_t(g, pid, sc[SC_FPSTATE], x, size, &whole));
    if (whole)
        take_fpstate(f, x, size, vector_bytes == 64);
    return NULL;
}

/* Does the thread stand before the delivery of signals here? How many frames of it are above. */
static unsigned frames_above(const struct target_db *g, uint32_t tid)
{
    unsigned n = 0;
    for (unsigned i = g->at.sig; i < g->n_signals; i++)
        n += g->signals[i].tid == tid && !g->signals[i].fatal;
    return n;
}

static const struct tdb_signal *fatal_signal(const struct target_db *g, uint32_t tid)
{
    for (unsigned i = 0; i < g->n_signals; i++)
        if (g->signals[i].fatal && (!tid || g->signals[i].tid == tid))
            return &g->signals[i];
    return NULL;
}

/* ---- registers ---- */

/* The 8 bits of fxsave to the 16 of the tag word (Intel SDM 1, 8.1.7). */
static uint16_t full_tags(const struct regfile *f)
{
    unsigned top = (unsigned)f->scalar[ODB_REG_FSW] >> 11 & 7, tags = 0;
    for (unsigned i = 0; i < 8; i++) {
        const uint8_t *v = f->wide[32 + ((i - top) & 7)];
        unsigned exponent = (v[8] | (unsigned)v[9] << 8) & 0x7fff, tag;
        uint64_t mantissa;
        memcpy(&mantissa, v, 8);
        if (!(f->scalar[ODB_REG_FTW] >> i & 1))
            tag = 3;
        else if (!exponent && !mantissa)
            tag = 1;
        else
            tag = exponent == 0x7fff || !exponent || !(mantissa >> 63) ? 2 : 0;
        tags |= tag << 2 * i;
    }
    return (uint16_t)tags;
}

static struct odb_err *syscall_number(struct target_db *g, uint64_t t, uint32_t tid, bool *ret_found,
                                      uint64_t *ret)
{
    _cleanup_tdb_reset_ sqlite3_stmt *st = NULL;
    bool none;
    *ret_found = false;
    ODB_TRY(tdb_in_gap(g, &g->syscall_gap, TDB_SYSCALLS_AROUND, t, &none));
    if (none)
        return NULL;
    ODB_TRY(tdb_prepare(g, TDB_SYSCALL_AT, &st));
    sqlite3_bind_int64(st, 1, (int64_t)t);
    sqlite3_bind_int64(st, 2, tid);
    ODB_TRY(tdb_row(g, st, ret_found));
    if (*ret_found)
        *ret = (uint64_t)sqlite3_column_int64(st, 0);
    return NULL;
}

static struct odb_err *find_orig_rax(struct target_db *g, const struct db_regs *r, uint64_t *ret)
{
    bool found = false, whole;
    uint8_t code[2];
    *ret = UINT64_MAX;
    if (g->at.sig < g->n_signals)
        return NULL;
    if (r->runs) {
        ODB_TRY(syscall_number(g, g->at.t, r->tid, &found, ret));
        if (!found && g->at.t)
            ODB_TRY(syscall_number(g, g->at.t - 1, r->tid, &found, ret));
        return NULL;
    }
    _cleanup_err_ struct odb_err *e = read_at_t(g, r->pid, r->regs.scalar[ODB_REG_RIP], code, 2, &whole);
    if (!e && whole && code[0] == 0x0f && code[1] == 0x05)
        *ret = r->regs.scalar[ODB_RAX];
    return NULL;
}

static void fill_regs(const struct db_regs *r, struct target_regs *ret)
{
    const struct regfile *f = &r->regs;
    memset(ret, 0, sizeof(*ret));
    memcpy(ret->gpr, f->scalar, sizeof(ret->gpr));
    ret->rip = f->scalar[ODB_REG_RIP];
    ret->rflags = f->scalar[ODB_REG_RFLAGS];
    ret->fs_base = f->scalar[ODB_REG_FS_BASE];
    ret->gs_base = f->scalar[ODB_REG_GS_BASE];
    ret->fctrl = (uint16_t)f->scalar[ODB_REG_FCW];
    ret->fstat = (uint16_t)f->scalar[ODB_REG_FSW];
    ret->ftag = full_tags(f);
    ret->mxcsr = (uint32_t)f->scalar[ODB_REG_MXCSR];
    for (int i = 0; i < 8; i++)
        memcpy(ret->st[i], f->wide[32 + i], 10);
    ret->vector_bytes = r->vector_bytes;
    for (int i = 0; i < (r->vector_bytes == 64 ? 32 : 16); i++)
        memcpy(ret->vec[i], f->wide[i], r->vector_bytes);
    if (r->vector_bytes == 64)
        memcpy(ret->k, &f->scalar[ODB_REG_K0], sizeof(ret->k));
}

/* Registers of the thread here; rip is settled. */
static struct odb_err *state_of(struct target_db *g, uint32_t tid, struct db_regs *r)
{
    ODB_TRY(db_registers(g->db, g->at.t, tid, r));
    const struct tdb_signal *fatal = fatal_signal(g, tid);
    for (unsigned n = frames_above(g, tid); n; n--)
        ODB_TRY(pop_frame(g, r->pid, &r->regs, r->vector_bytes));
    if (fatal)
        r->regs.scalar[ODB_REG_RIP] = fatal->rip;
    return NULL;
}

struct odb_err *tdb_registers(struct target *base, uint32_t tid, struct target_regs *ret)
{
    struct target_db *g = tdb_of(base);
    struct db_regs r;
    uint64_t orig_rax;
    if (g->in_branch)
        return target_registers(g->replay, tid, ret);
    ODB_TRY(state_of(g, tid ? tid : g->tid, &r));
    ODB_TRY(find_orig_rax(g, &r, &orig_rax));
    fill_regs(&r, ret);
    ret->orig_rax = orig_rax;
    return NULL;
}

struct odb_err *tdb_rip(struct target_db *g, uint32_t tid, gaddr *ret)
{
    struct db_regs r;
    uint32_t running;
    if (g->at.sig < g->n_signals && g->signals[g->at.sig].tid == tid) {
        *ret = g->signals[g->at.sig].rip;
        return NULL;
    }
    if (!g->n_signals && tid == g->tid)
        return db_position(g->db, g->at.t, ret, &running);
    ODB_TRY(state_of(g, tid, &r));
    *ret = r.regs.scalar[ODB_REG_RIP];
    return NULL;
}

/* ---- memory ---- */

struct undo {
    gaddr addr, below; /* only writes at addresses under this one */
    uint8_t *to;
    size_t n;
};

/* The bytes that a signal frame replaced. */
static struct odb_err *undo_write(void *ctx, const struct db_write *w)
{
    struct undo *u = ctx;
    if (!w->of_frame || w->by_descriptor || w->addr >= u->below)
        return NULL;
    gaddr lo = w->addr > u->addr ? w->addr : u->addr;
    gaddr hi = w->addr + w->n_bytes < u->addr + u->n ? w->addr + w->n_bytes : u->addr + u->n;
    if (lo < hi)
        memcpy(u->to + (lo - u->addr), w->old + (lo - w->addr), hi - lo);
    return NULL;
}

struct odb_err *tdb_read(struct target *base, uint32_t pid, gaddr addr, void *to, size_t n, size_t *ret_n)
{
    struct target_db *g = tdb_of(base);
    size_t n_valid = 0, readable = 0;
    *ret_n = 0;
    if (!n || addr + (n - 1) < addr)
        return NULL;
    if (g->in_branch)
        return target_read(g->replay, pid, addr, to, n, ret_n);
    bool small[256];
    _cleanup_free_ bool *large = n > sizeof(small) ? malloc(n) : NULL;
    bool *valid = large ? large : small;
    if (n > sizeof(small) && !large)
        return odb_err("out of memory");
    ODB_TRY(db_memory(g->db, g->at.t, pid ? pid : g->pid, addr, n, to, valid, &n_valid));
    while (readable < n && valid[readable])
        readable++;
    const struct tdb_signal *s = tdb_signal_here(g);
    if (s && !s->fatal && g->at.t && (!pid || pid == s->pid)) {
        struct undo u = {.addr = addr, .below = UINT64_MAX, .to = to, .n = n};
        if (s->i) { /* the frames of those before it stay */
            struct db_regs r;
            ODB_TRY(state_of(g, s->tid, &r));
            u.below = r.regs.scalar[ODB_RSP];
        }
        /* a frame may consist of several writes to the same bytes: the last undone is the first written */
        ODB_TRY(db_each_write(g->db, g->at.t - 1, g->at.t, true, undo_write, &u));
    }
    *ret_n = readable;
    return NULL;
}

/* ---- threads ---- */

struct odb_err *tdb_threads(struct target *base, struct target_thread **ret, size_t *ret_n)
{
    struct target_db *g = tdb_of(base);
    _cleanup_tdb_reset_ sqlite3_stmt *st = NULL;
    _cleanup_free_ struct target_thread *v = NULL;
    size_t n = 0;
    const struct tdb_signal *here = tdb_signal_here(g);
    ODB_TRY(tdb_prepare(g, TDB_THREADS, &st));
    sqlite3_bind_int64(st, 1, (int64_t)g->at.t);
    for (;;) {
        bool row = false;
        ODB_TRY(tdb_row(g, st, &row));
        if (!row)
            break;
        struct target_thread th = {.pid = (uint32_t)sqlite3_column_int64(st, 0),
                                   .tid = (uint32_t)sqlite3_column_int64(st, 1)};
        bool dying = here && here->fatal && here->pid == th.pid;
        if ((uint64_t)sqlite3_column_int64(st, 2) <= g->at.t && g->at.t < g->end && !dying &&
            th.tid != g->tid)
            continue; /* gone */
        const char *name = (const char *)sqlite3_column_text(st, 3);
        snprintf(th.name, sizeof(th.name), "%s", name ? name : "");
        struct target_thread *more = reallocarray(v, n + 1, sizeof(*v));
        if (!more)
            return odb_err("out of memory");
        v = more;
        v[n] = th;
        if (th.tid == g->tid && n) {
            v[n] = v[0];
            v[0] = th;
        }
        n++;
    }
    *ret = take_ptr(v);
    *ret_n = n;
    return NULL;
}

/* ---- mappings ---- */

struct odb_err *tdb_maps(struct target *base, uint32_t pid, struct target_map **ret, size_t *ret_n)
{
    struct target_db *g = tdb_of(base);
    struct db_map *maps;
    size_t n;
    if (g->in_branch)
        return target_maps(g->replay, pid, ret, ret_n);
    ODB_TRY(db_maps(g->db, g->at.t, pid ? pid : g->pid, &maps, &n));
    struct target_map *v = calloc(n + 1, sizeof(*v));
    for (size_t i = 0; v && i < n; i++) {
        v[i].start = maps[i].start;
        v[i].end = maps[i].end;
        v[i].offset = maps[i].offset;
        v[i].prot[0] = maps[i].prot & PROT_READ ? 'r' : '-';
        v[i].prot[1] = maps[i].prot & PROT_WRITE ? 'w' : '-';
        v[i].prot[2] = maps[i].prot & PROT_EXEC ? 'x' : '-';
        v[i].prot[3] = maps[i].flags & MAP_SHARED ? 's' : 'p';
        snprintf(v[i].name, sizeof(v[i].name), "%s", maps[i].name);
    }
    db_maps_free(maps, n);
    if (!v)
        return odb_err("out of memory");
    *ret = v;
    *ret_n = n;
    return NULL;
}

/* ---- what it was started with ---- */

/* The process's last exec, or that of whom it is a copy. */
static struct odb_err *exec_of(struct target_db *g, uint32_t pid, bool *ret_found, uint64_t *ret_t,
                               uint32_t *ret_pid, char **ret_exe, char **ret_args)
{
    uint64_t t = g->at.t;
    for (int i = 0; i < 100000 && pid; i++) {
        _cleanup_tdb_reset_ sqlite3_stmt *st = NULL;
        _cleanup_tdb_reset_ sqlite3_stmt *life = NULL;
        bool row = false, lives = false;
        ODB_TRY(tdb_prepare(g, TDB_PROCESS_AT, &life));
        sqlite3_bind_int64(life, 1, pid);
        sqlite3_bind_int64(life, 2, (int64_t)t);
        ODB_TRY(tdb_row(g, life, &lives));
        uint64_t t_start = lives ? (uint64_t)sqlite3_column_int64(life, 0) : 0;
        uint32_t parent = lives ? (uint32_t)sqlite3_column_int64(life, 2) : 0;
        ODB_TRY(tdb_prepare(g, TDB_EXEC_OF, &st));
        sqlite3_bind_int64(st, 1, pid);
        sqlite3_bind_int64(st, 2, (int64_t)t);
        ODB_TRY(tdb_row(g, st, &row));
        if (row && (uint64_t)sqlite3_column_int64(st, 0) >= t_start) {
            const char *exe = (const char *)sqlite3_column_text(st, 1),
                       *args = (const char *)sqlite3_column_text(st, 2);
            *ret_t = (uint64_t)sqlite3_column_int64(st, 0);
            *ret_pid = pid;
            *ret_exe = strdup(exe ? exe : "");
            *ret_args = strdup(args ? args : "");
            *ret_found = true;
            return *ret_exe && *ret_args ? NULL : odb_err("out of memory");
        }
        pid = parent;
        t = t_start;
    }
    *ret_found = false;
    return NULL;
}

struct exec_view {
    struct target_db *g;
    uint64_t t;
    uint32_t pid;
};

static size_t peek_exec(void *ctx, gaddr addr, void *to, size_t n_bytes)
{
    struct exec_view *v = ctx;
    size_t n_valid = 0, n = 0;
    _cleanup_free_ bool *valid = malloc(n_bytes + 1);
    _cleanup_err_ struct odb_err *e =
        valid ? db_memory(v->g->db, v->t, v->pid, addr, n_bytes, to, valid, &n_valid) : NULL;
    while (!e && valid && n < n_bytes && valid[n])
        n++;
    return n;
}

/* The process that is meant, for what outlives its end. */
struct odb_err *tdb_auxv(struct target *base, uint32_t pid, uint8_t **ret, size_t *ret_n)
{
    struct target_db *g = tdb_of(base);
    _cleanup_free_ char *exe = NULL;
    _cleanup_free_ char *args = NULL;
    struct exec_view view = {.g = g};
    struct target_image im = {0};
    struct db_regs regs;
    bool found;
    *ret = NULL;
    *ret_n = 0;
    ODB_TRY(exec_of(g, pid ? pid : g->pid, &found, &view.t, &view.pid, &exe, &args));
    if (!found)
        return NULL;
    ODB_TRY(db_registers(g->db, view.t, view.pid, &regs));
    _cleanup_err_ struct odb_err *e = target_image_read(peek_exec, &view, regs.regs.scalar[ODB_RSP], &im);
    if (e)
        return NULL; /* recorded from a constructor on: rsp is elsewhere */
    *ret = take_ptr(im.auxv);
    *ret_n = im.n_auxv;
    target_image_deinit(&im);
    return NULL;
}

struct odb_err *tdb_exec_file(struct target *base, uint32_t pid, char **ret)
{
    struct target_db *g = tdb_of(base);
    _cleanup_free_ char *args = NULL;
    uint64_t t;
    uint32_t of;
    bool found;
    ODB_TRY(exec_of(g, pid ? pid : g->pid, &found, &t, &of, ret, &args));
    if (!found)
        *ret = strdup("");
    return *ret ? NULL : odb_err("out of memory");
}

struct odb_err *tdb_command_line(struct target *base, uint32_t pid, char **ret)
{
    struct target_db *g = tdb_of(base);
    _cleanup_free_ char *exe = NULL;
    uint64_t t;
    uint32_t of;
    bool found;
    ODB_TRY(exec_of(g, pid ? pid : g->pid, &found, &t, &of, &exe, ret));
    if (!found)
        *ret = strdup("");
    return *ret ? NULL : odb_err("out of memory");
}

/* ---- signals ---- */

struct odb_err *tdb_siginfo(struct target *base, uint32_t tid, uint8_t ret[128], size_t *ret_n)
{
    struct target_db *g = tdb_of(base);
    const struct tdb_signal *s = tdb_signal_here(g);
    struct db_regs r;
    bool whole;
    *ret_n = 0;
    if (g->in_branch)
        return target_siginfo(g->replay, tid, ret, ret_n);
    if (!s && g->at.t == g->end)
        s = fatal_signal(g, tid);
    if (!s || (tid && s->tid != tid))
        return NULL;
    *ret_n = 128;
    target_make_siginfo(s->signo, s->code, s->has_addr ? s->addr : 0, ret);
    if (s->fatal)
        return NULL;
    ODB_TRY(db_registers(g->db, g->at.t, s->tid, &r));
    for (unsigned n = frames_above(g, s->tid); n > 1; n--)
        ODB_TRY(pop_frame(g, r.pid, &r.regs, r.vector_bytes));
    uint8_t info[128];
    ODB_TRY(read_at_t(g, r.pid, r.regs.scalar[ODB_RSP] + FRAME_SIGINFO, info, sizeof(info), &whole));
    int signo;
    memcpy(&signo, info, sizeof(signo));
    if (whole && signo == s->signo)
        memcpy(ret, info, sizeof(info));
    return NULL;
}
