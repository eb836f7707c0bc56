/* A made-up target. See fake_target.h. Searches are by brute force, one instruction after the other. */
#include "tests/gdb/fake_target.h"

#include <stdlib.h>
#include <string.h>

#include "common/sigset.h"
#include "gdb/target_common.h"

enum {
    MEMORY = 0x400000,
    MEMORY_END = 0x410000,
    MAX_POINTS = 512,
    BRANCH_EXIT = 0x409000,
    BRANCH_STEPS = 5000
};

struct point {
    uint32_t pid;
    unsigned kind; /* 0: break; else enum target_watch_kind */
    gaddr addr;
    uint64_t n_bytes;
};

struct fake {
    struct target base;
    uint64_t t;
    bool in_signal;
    struct point points[MAX_POINTS];
    size_t n_points;
    struct target_catch catch_;
    bool branch;
    uint8_t *overlay; /* owned: memory in the branch */
    struct target_regs branch_regs;
};

static struct fake *fake_of(const struct target *g)
{
    union {
        const struct target *g;
        struct fake *f;
    } u = {.g = g};
    return u.f;
}

static gaddr rip_at(uint64_t t) { return FAKE_TEXT + t % 64; }
static gaddr written_at(uint64_t t) { return FAKE_DATA + t % 256; }
static uint32_t tid_at(uint64_t t) { return t / 10 % 2 ? FAKE_PID + 1 : FAKE_PID; }

static uint8_t byte_at(const struct fake *f, gaddr addr)
{
    if (f->branch)
        return f->overlay[addr - MEMORY];
    if (addr < FAKE_DATA || addr >= FAKE_DATA + 256)
        return 0;
    uint64_t k = addr - FAKE_DATA, last = 0;
    bool any = false;
    for (uint64_t t = k; t < f->t; t += 256) {
        last = t;
        any = true;
    }
    return any ? (uint8_t)last : 0;
}

static void fake_close(struct target *g)
{
    free(fake_of(g)->overlay);
    free(fake_of(g)->base.dir);
    free(fake_of(g));
}

static void fake_where(struct target *g, struct target_position *ret)
{
    struct fake *f = fake_of(g);
    *ret = (struct target_position){.has_t = true, .t = f->t, .event = UINT64_MAX, .tick = UINT64_MAX};
    ret->in_signal = f->in_signal;
    ret->pid = FAKE_PID;
    ret->tid = tid_at(f->t);
    ret->rip = rip_at(f->t);
}

static struct odb_err *fake_seek(struct target *g, const struct target_position *to)
{
    if (to->t > FAKE_END)
        return odb_err("t %llu is behind the end", (unsigned long long)to->t);
    fake_of(g)->t = to->t;
    fake_of(g)->in_signal = to->in_signal;
    return NULL;
}

static struct odb_err *fake_seek_text(struct target *g, const char *where)
{
    char *end;
    struct target_position p = {.t = strtoull(where, &end, 10)};
    if (!strcmp(where, "start"))
        p.t = 0;
    else if (!strcmp(where, "end"))
        p.t = FAKE_END;
    else if (end == where || (*end && strcmp(end, "%") != 0))
        return odb_err("'%s' is no place", where);
    else if (*end)
        p.t = p.t > 100 ? FAKE_END + 1 : p.t * FAKE_END / 100;
    return fake_seek(g, &p);
}

static struct odb_err *fake_threads(struct target *g, struct target_thread **ret, size_t *ret_n)
{
    struct fake *f = fake_of(g);
    struct target_thread *v = calloc(3, sizeof(*v));
    if (!v)
        return odb_err("out of memory");
    v[0] = (struct target_thread){.pid = FAKE_PID, .tid = tid_at(f->t), .name = "one<&>"};
    v[1] = (struct target_thread){.pid = FAKE_PID, .tid = tid_at(f->t) ^ 1, .name = "two"};
    v[2] = (struct target_thread){.pid = FAKE_CHILD, .tid = FAKE_CHILD, .name = "child"};
    *ret = v;
    *ret_n = f->t > FAKE_FORK && f->t <= FAKE_CHILD_EXITS ? 3 : 2;
    return NULL;
}

static struct odb_err *fake_registers(struct target *g, uint32_t tid, struct target_regs *ret)
{
    struct fake *f = fake_of(g);
    (void)tid;
    if (f->branch) {
        *ret = f->branch_regs;
        return NULL;
    }
    memset(ret, 0, sizeof(*ret));
    for (unsigned i = 0; i < 16; i++)
        ret->gpr[i] = f->t * (i ? i : 1);
    ret->rip = rip_at(f->t);
    ret->rflags = 0x202;
    ret->orig_rax = UINT64_MAX;
    ret->vector_bytes = 32;
    for (unsigned i = 0; i < 32; i++)
        ret->vec[5][i] = (uint8_t)i;
    return NULL;
}

static unsigned fake_vector_bytes(const struct target *g)
{
    (void)g;
    return 32;
}

static struct odb_err *fake_read(struct target *g, uint32_t pid, gaddr addr, void *to, size_t n,
                                 size_t *ret_n)
{
    size_t i = 0;
    (void)pid;
    for (; i < n && addr + i >= MEMORY && addr + i < MEMORY_END; i++)
        ((uint8_t *)to)[i] = byte_at(fake_of(g), addr + i);
    *ret_n = i;
    return NULL;
}

static struct odb_err *fake_maps(struct target *g, uint32_t pid, struct target_map **ret, size_t *ret_n)
{
    (void)g;
    (void)pid;
    *ret = calloc(1, sizeof(**ret));
    if (!*ret)
        return odb_err("out of memory");
    **ret = (struct target_map){.start = MEMORY, .end = MEMORY_END, .prot = "rwxp", .name = "/bin/fake"};
    *ret_n = 1;
    return NULL;
}

static struct odb_err *fake_auxv(struct target *g, uint32_t pid, uint8_t **ret, size_t *ret_n)
{
    (void)g;
    (void)pid;
    *ret = calloc(1, 16);
    *ret_n = 16;
    return *ret ? NULL : odb_err("out of memory");
}

static struct odb_err *fake_text(struct target *g, uint32_t pid, char **ret)
{
    (void)g;
    (void)pid;
    *ret = strdup("/bin/fake");
    return *ret ? NULL : odb_err("out of memory");
}

static struct odb_err *fake_files(struct target *g, const struct target_files **ret)
{
    static const struct target_files none;
    (void)g;
    *ret = &none;
    return NULL;
}

/* ---- points ---- */

static struct odb_err *insert(struct fake *f, struct point p)
{
    for (size_t i = 0; i < f->n_points; i++) {
        if (memcmp(&f->points[i], &p, sizeof(p)) == 0)
            return NULL;
    }
    if (f->n_points == MAX_POINTS)
        return odb_err("too many points");
    f->points[f->n_points++] = p;
    return NULL;
}

static struct odb_err *take_out(struct fake *f, struct point p)
{
    for (size_t i = 0; i < f->n_points; i++) {
        if (memcmp(&f->points[i], &p, sizeof(p)) == 0) {
            f->points[i] = f->points[--f->n_points];
            return NULL;
        }
    }
    return NULL;
}

static struct odb_err *fake_insert_break(struct target *g, uint32_t pid, gaddr addr)
{
    return insert(fake_of(g), (struct point){.pid = pid, .addr = addr});
}
static struct odb_err *fake_remove_break(struct target *g, uint32_t pid, gaddr addr)
{
    return take_out(fake_of(g), (struct point){.pid = pid, .addr = addr});
}
static struct odb_err *fake_insert_watch(struct target *g, uint32_t pid, enum target_watch_kind kind,
                                         gaddr addr, uint64_t n)
{
    if (kind != TARGET_WATCH_WRITE)
        return odb_err("reads are not seen here");
    return insert(fake_of(g), (struct point){.pid = pid, .kind = kind, .addr = addr, .n_bytes = n});
}
static struct odb_err *fake_remove_watch(struct target *g, uint32_t pid, enum target_watch_kind kind,
                                         gaddr addr, uint64_t n)
{
    return take_out(fake_of(g), (struct point){.pid = pid, .kind = kind, .addr = addr, .n_bytes = n});
}

static struct odb_err *fake_set_catch(struct target *g, const struct target_catch *c)
{
    fake_of(g)->catch_ = *c;
    fake_of(g)->catch_.numbers = NULL; /* all are caught */
    return NULL;
}

/* ---- running ---- */

static bool at_break(struct fake *f, const struct target_resume *how, gaddr rip, struct target_stop *ret)
{
    for (size_t i = 0; i < f->n_points; i++) {
        const struct point *p = &f->points[i];
        if (p->kind || p->addr != rip || (p->pid && p->pid != FAKE_PID))
            continue;
        if (how->wanted && !how->wanted(how->ctx, &f->base, FAKE_PID, tid_at(f->t), rip))
            continue;
        *ret = (struct target_stop){
            .kind = TARGET_STOP_BREAK, .pid = FAKE_PID, .tid = tid_at(f->t), .addr = rip};
        return true;
    }
    return false;
}

/* Did instruction t touch a watched range? */
static bool at_watch(struct fake *f, uint64_t t, struct target_stop *ret)
{
    gaddr addr = written_at(t);
    for (size_t i = 0; i < f->n_points; i++) {
        const struct point *p = &f->points[i];
        if (p->kind && addr >= p->addr && addr - p->addr < p->n_bytes) {
            *ret = (struct target_stop){
                .kind = TARGET_STOP_WATCH, .pid = FAKE_PID, .tid = tid_at(t), .addr = p->addr};
            ret->watch = (enum target_watch_kind)p->kind;
            return true;
        }
    }
    return false;
}

/* What happens behind (forwards) or before (backwards) instruction t besides. */
static bool at_event(struct fake *f, uint64_t t, bool reverse, struct target_stop *ret)
{
    *ret = (struct target_stop){.pid = FAKE_PID, .tid = tid_at(t)};
    if (t == FAKE_FORK && f->catch_.forks) {
        ret->kind = TARGET_STOP_FORK;
        ret->other_pid = ret->other_tid = FAKE_CHILD;
    } else if (t == FAKE_CHILD_EXITS && f->catch_.exits) {
        ret->kind = TARGET_STOP_EXIT;
        ret->pid = ret->tid = FAKE_CHILD;
        ret->status = 3;
    } else if (t == FAKE_SYSCALL && f->catch_.syscalls) {
        ret->kind = reverse ? TARGET_STOP_SYSCALL_ENTRY : TARGET_STOP_SYSCALL_RETURN;
        ret->number = 1;
    } else {
        return false;
    }
    return true;
}

static void branch_resume(struct fake *f, const struct target_resume *how, struct target_stop *ret)
{
    *ret = (struct target_stop){.kind = TARGET_STOP_STEP, .pid = FAKE_PID, .tid = tid_at(f->t)};
    for (int i = 0; i < BRANCH_STEPS; i++) {
        f->branch_regs.rip++;
        if (f->branch_regs.rip == BRANCH_EXIT) {
            ret->kind = TARGET_STOP_END;
            return;
        }
        if (at_break(f, how, f->branch_regs.rip, ret) || how->step)
            return;
    }
    ret->kind = TARGET_STOP_SIGNAL; /* it has run away */
    ret->signo = 11;
}

static bool one_forwards(struct fake *f, const struct target_resume *how, struct target_stop *ret)
{
    if (f->t == FAKE_END) {
        *ret = (struct target_stop){.kind = TARGET_STOP_END, .pid = FAKE_PID, .tid = tid_at(f->t)};
        return true;
    }
    if (!f->in_signal && f->t == FAKE_SIGNAL - 1 && !odb_sigset_has(f->catch_.pass_signals, 10)) {
        f->t++;
        f->in_signal = true;
        *ret = (struct target_stop){
            .kind = TARGET_STOP_SIGNAL, .pid = FAKE_PID, .tid = tid_at(f->t), .signo = 10};
        return true;
    }
    uint64_t done = f->t;
    f->in_signal = false;
    f->t++;
    if (at_watch(f, done, ret) || at_event(f, done, false, ret))
        return true;
    bool in_range = how->range_end && rip_at(f->t) >= how->range_start && rip_at(f->t) < how->range_end;
    if (at_break(f, how, rip_at(f->t), ret))
        return true;
    *ret = (struct target_stop){.kind = TARGET_STOP_STEP, .pid = FAKE_PID, .tid = tid_at(f->t)};
    return how->step && !in_range;
}

static bool one_backwards(struct fake *f, const struct target_resume *how, struct target_stop *ret)
{
    if (f->t == 0) {
        *ret = (struct target_stop){.kind = TARGET_STOP_START, .pid = FAKE_PID, .tid = tid_at(0)};
        return true;
    }
    f->in_signal = false;
    f->t--;
    if (at_watch(f, f->t, ret) || at_event(f, f->t, true, ret) || at_break(f, how, rip_at(f->t), ret))
        return true;
    *ret = (struct target_stop){.kind = TARGET_STOP_STEP, .pid = FAKE_PID, .tid = tid_at(f->t)};
    return how->step;
}

static struct odb_err *fake_resume(struct target *g, const struct target_resume *how, struct target_stop *ret)
{
    struct fake *f = fake_of(g);
    if (f->branch) {
        branch_resume(f, how, ret);
        return NULL;
    }
    for (;;) {
        if (g->interrupted) {
            g->interrupted = false;
            *ret =
                (struct target_stop){.kind = TARGET_STOP_INTERRUPTED, .pid = FAKE_PID, .tid = tid_at(f->t)};
            return NULL;
        }
        if (how->reverse ? one_backwards(f, how, ret) : one_forwards(f, how, ret))
            return NULL;
    }
}

static struct odb_err *fake_siginfo(struct target *g, uint32_t tid, uint8_t ret[128], size_t *ret_n)
{
    (void)tid;
    memset(ret, 0, 128);
    ret[0] = 10;
    *ret_n = fake_of(g)->in_signal ? 128 : 0;
    return NULL;
}

/* ---- branches ---- */

static struct odb_err *begin_branch(struct fake *f)
{
    if (f->branch)
        return NULL;
    uint8_t *overlay = malloc(MEMORY_END - MEMORY);
    if (!overlay)
        return odb_err("out of memory");
    for (gaddr a = MEMORY; a < MEMORY_END; a++)
        overlay[a - MEMORY] = byte_at(f, a);
    struct odb_err *e = fake_registers(&f->base, 0, &f->branch_regs);
    free(f->overlay);
    f->overlay = overlay;
    f->branch = true;
    return e;
}

static struct odb_err *fake_write(struct target *g, uint32_t pid, gaddr addr, const void *from, size_t n)
{
    struct fake *f = fake_of(g);
    (void)pid;
    if (addr < MEMORY || addr >= MEMORY_END || n > MEMORY_END - addr)
        return odb_err("no memory there");
    ODB_TRY(begin_branch(f));
    memcpy(f->overlay + (addr - MEMORY), from, n);
    return NULL;
}

static struct odb_err *fake_write_registers(struct target *g, uint32_t tid, const struct target_regs *regs)
{
    (void)tid;
    ODB_TRY(begin_branch(fake_of(g)));
    fake_of(g)->branch_regs = *regs;
    return NULL;
}

static bool fake_in_branch(const struct target *g) { return fake_of(g)->branch; }

static struct odb_err *fake_leave_branch(struct target *g)
{
    fake_of(g)->branch = false;
    return NULL;
}

static const struct target_ops ops = {
    .close = fake_close,
    .where = fake_where,
    .seek = fake_seek,
    .seek_text = fake_seek_text,
    .threads = fake_threads,
    .registers = fake_registers,
    .vector_bytes = fake_vector_bytes,
    .read = fake_read,
    .maps = fake_maps,
    .auxv = fake_auxv,
    .exec_file = fake_text,
    .command_line = fake_text,
    .files = fake_files,
    .insert_break = fake_insert_break,
    .remove_break = fake_remove_break,
    .insert_watch = fake_insert_watch,
    .remove_watch = fake_remove_watch,
    .set_catch = fake_set_catch,
    .resume = fake_resume,
    .siginfo = fake_siginfo,
    .write = fake_write,
    .write_registers = fake_write_registers,
    .in_branch = fake_in_branch,
    .leave_branch = fake_leave_branch,
};

struct target *fake_target_create(void)
{
    struct fake *f = calloc(1, sizeof(*f));
    if (!f)
        abort();
    f->base.ops = &ops;
    f->base.dir = strdup("/nowhere");
    return &f->base;
}
