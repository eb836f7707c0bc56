/* What the kernel wrote: system calls and signal frames; see origin.h.
 *
 * What a call read from a pipe or a stream socket pair was written by another call (table transfers): a copy. What it read from
 * elsewhere ends the chain, with the name of the file and the offset. All else is the call's own doing. */
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "cli/origin_impl.h"

#define IOV_MAX_PARTS 1024

/* ---- calls ---- */

static void column_text(sqlite3_stmt *st, int i, char *to, size_t n_bytes)
{
    const unsigned char *text = sqlite3_column_text(st, i);
    snprintf(to, n_bytes, "%s", text ? (const char *)text : "");
}

void origin_call_row(sqlite3_stmt *st, struct origin_call *ret)
{
    *ret = (struct origin_call){
        .t = (uint64_t)sqlite3_column_int64(st, 0),
        .pid = (uint32_t)sqlite3_column_int64(st, 1),
        .tid = (uint32_t)sqlite3_column_int64(st, 2),
        .has_result = sqlite3_column_type(st, 5) != SQLITE_NULL,
        .result = sqlite3_column_int64(st, 5),
    };
    column_text(st, 3, ret->name, sizeof(ret->name));
    column_text(st, 4, ret->args, sizeof(ret->args));
    column_text(st, 6, ret->result_text, sizeof(ret->result_text));
    for (int i = 0; i < 6; i++)
        ret->arg[i] = (uint64_t)sqlite3_column_int64(st, 7 + i);
}

struct odb_err *origin_call_at(struct origin *o, uint64_t t, uint32_t tid, bool *ret_found,
                               struct origin_call *ret)
{
    _cleanup_stmt_ sqlite3_stmt *st = NULL;
    ODB_TRY(origin_sql(o, "SELECT " ORIGIN_CALL_COLUMNS " FROM syscalls WHERE t=?1 AND tid=?2", &st));
    sqlite3_bind_int64(st, 1, (sqlite3_int64)t);
    sqlite3_bind_int64(st, 2, tid);
    ODB_TRY(origin_row(o, st, ret_found));
    if (*ret_found)
        origin_call_row(st, ret);
    return NULL;
}

void origin_call_text(const struct origin_call *c, char *to, size_t n_bytes)
{
    size_t n = strlen(c->args);
    bool cut = n > 160;
    snprintf(to, n_bytes, "%s(%.*s%s)%s%s", c->name, cut ? 160 : (int)n, c->args, cut ? "..." : "",
             c->has_result ? " = " : "", c->has_result ? c->result_text : "");
}

static bool name_is(const struct origin_call *c, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(c->name, names[i]))
            return true;
    return false;
}
#define NAME_IS(c, ...)                            \
    name_is(c, (const char *const[]){__VA_ARGS__}, \
            sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* ---- the bytes of a reading or writing call ---- */

/* Where the call's bytes lie in memory: one buffer, or several. */
struct call_buffers {
    gaddr iov; /* 0: one buffer */
    uint64_t n_iov;
    gaddr addr;
    uint64_t n_bytes;
};

/* false: the call moves no bytes of a descriptor. */
static struct odb_err *find_buffers(struct origin *o, const struct origin_call *c, bool reads,
                                    bool *ret_found, struct call_buffers *ret)
{
    static const char *const plain[2][4] = {{"write", "pwrite64", "sendto", "send"},
                                            {"read", "pread64", "recvfrom", "recv"}};
    static const char *const vectors[2][4] = {{"writev", "pwritev", "pwritev2", "vmsplice"},
                                              {"readv", "preadv", "preadv2", "readv"}};
    *ret = (struct call_buffers){0};
    *ret_found = true;
    if (name_is(c, plain[reads], 4)) {
        ret->addr = c->arg[1];
        ret->n_bytes = c->arg[2];
    } else if (name_is(c, vectors[reads], 4)) {
        ret->iov = c->arg[1];
        ret->n_iov = c->arg[2];
    } else if (!strcmp(c->name, reads ? "recvmsg" : "sendmsg")) {
        ODB_TRY(origin_peek64(o, c->t, c->pid, c->arg[1] + 16, &ret->iov));
        ODB_TRY(origin_peek64(o, c->t, c->pid, c->arg[1] + 24, &ret->n_iov));
    } else {
        *ret_found = false;
    }
    return NULL;
}

/* Part i of the buffers. false: there is none. */
static struct odb_err *buffer_part(struct origin *o, const struct origin_call *c,
                                   const struct call_buffers *b, uint64_t i, bool *ret, gaddr *ret_addr,
                                   uint64_t *ret_n)
{
    *ret = b->iov ? i < b->n_iov && i < IOV_MAX_PARTS : !i;
    *ret_addr = b->addr;
    *ret_n = b->n_bytes;
    if (!*ret || !b->iov)
        return NULL;
    ODB_TRY(origin_peek64(o, c->t, c->pid, b->iov + 16 * i, ret_addr));
    return origin_peek64(o, c->t, c->pid, b->iov + 16 * i + 8, ret_n);
}

/* Which byte of those that the call moves lies at addr? */
static struct odb_err *byte_at_address(struct origin *o, const struct origin_call *c,
                                       const struct call_buffers *b, gaddr addr, bool *ret_found,
                                       uint64_t *ret)
{
    uint64_t before = 0, n;
    gaddr at;
    *ret_found = false;
    for (uint64_t i = 0;; i++, before += n) {
        bool more;
        ODB_TRY(buffer_part(o, c, b, i, &more, &at, &n));
        if (!more)
            return NULL;
        if (addr - at < n) {
            *ret = before + (addr - at);
            *ret_found = true;
            return NULL;
        }
    }
}

/* Where is byte number `at`, and how many follow it there? */
static struct odb_err *address_of_byte(struct origin *o, const struct origin_call *c,
                                       const struct call_buffers *b, uint64_t at, bool *ret_found, gaddr *ret,
                                       uint64_t *ret_n)
{
    uint64_t before = 0, n;
    gaddr addr;
    *ret_found = false;
    for (uint64_t i = 0;; i++, before += n) {
        bool more;
        ODB_TRY(buffer_part(o, c, b, i, &more, &addr, &n));
        if (!more)
            return NULL;
        if (at - before < n) {
            *ret = addr + (at - before);
            *ret_n = n - (at - before);
            *ret_found = true;
            return NULL;
        }
    }
}

/* ---- channels ---- */

struct transfer {
    uint64_t channel, w_t, at,
        left; /* at: byte of the write; left: how many of it and behind were read together */
    uint32_t w_tid;
};

static struct odb_err *find_transfer(struct origin *o, const struct origin_call *c, uint64_t at,
                                     bool *ret_found, struct transfer *ret)
{
    _cleanup_stmt_ sqlite3_stmt *st = NULL;
    ODB_TRY(origin_sql(o,
                       "SELECT channel, w_t, w_tid, w_at + ?3 - r_at, r_at + size - ?3 FROM transfers"
                       " WHERE r_t=?1 AND r_tid=?2 AND r_at<=?3 AND r_at+size>?3 LIMIT 1",
                       &st));
    sqlite3_bind_int64(st, 1, (sqlite3_int64)c->t);
    sqlite3_bind_int64(st, 2, c->tid);
    sqlite3_bind_int64(st, 3, (sqlite3_int64)at);
    ODB_TRY(origin_row(o, st, ret_found));
    if (*ret_found)
        *ret = (struct transfer){.channel = (uint64_t)sqlite3_column_int64(st, 0),
                                 .w_t = (uint64_t)sqlite3_column_int64(st, 1),
                                 .w_tid = (uint32_t)sqlite3_column_int64(st, 2),
                                 .at = (uint64_t)sqlite3_column_int64(st, 3),
                                 .left = (uint64_t)sqlite3_column_int64(st, 4)};
    return NULL;
}

/* Byte `at` of what the call read was byte x->at of what another call wrote. */
static struct odb_err *from_channel(struct origin *o, struct origin_step *s, const struct origin_call *c,
                                    const struct transfer *x)
{
    struct origin_call w;
    struct call_buffers b;
    bool found;
    gaddr addr = 0;
    uint64_t n = 0;
    char reading[300], writing[300];
    origin_call_text(c, reading, sizeof(reading));
    ODB_TRY(origin_call_at(o, x->w_t, x->w_tid, &found, &w));
    if (found)
        ODB_TRY(find_buffers(o, &w, false, &found, &b));
    if (found)
        ODB_TRY(address_of_byte(o, &w, &b, x->at, &found, &addr, &n));
    if (!found) {
        origin_say(s, ORIGIN_KERNEL, "%s: byte %llu of what t %llu wrote to channel %llu", reading,
                   (unsigned long long)x->at, (unsigned long long)x->w_t, (unsigned long long)x->channel);
        return NULL;
    }
    n = n < x->left ? n : x->left;
    if (n < s->to.n_bytes)
        origin_narrow(&s->to, 0, (unsigned)n);
    origin_call_text(&w, writing, sizeof(writing));
    origin_from_memory(s, w.pid, w.tid, w.t, addr);
    origin_say(s, ORIGIN_COPY, "%s took it from %s of process %u at t %llu, byte %llu", reading, writing,
               w.pid, (unsigned long long)w.t, (unsigned long long)x->at);
    return NULL;
}

/* ---- files that a recorded process wrote ---- */

#define WRITES_MAX 10000 /* calls looked at */
#define STRANGERS_MAX 64

/* Descriptors that lead elsewhere. */
struct strangers {
    uint32_t pid[STRANGERS_MAX];
    uint64_t fd[STRANGERS_MAX];
    unsigned n;
};

static bool is_stranger(const struct strangers *s, const struct origin_call *w)
{
    for (unsigned i = 0; i < s->n; i++)
        if (s->pid[i] == w->pid && s->fd[i] == w->arg[0])
            return true;
    return false;
}

/* When was the file opened for writing first? */
static struct odb_err *opened_for_writing(struct origin *o, const char *path, uint64_t before, bool *ret,
                                          uint64_t *ret_t)
{
    _cleanup_stmt_ sqlite3_stmt *st = NULL;
    ODB_TRY(
        origin_sql(o,
                   "SELECT t FROM syscalls WHERE name IN ('open','openat','creat') AND t<?1 AND result>=0 "
                   "AND instr(args,?2) "
                   "AND (name='creat' OR args LIKE '%O_WRONLY%' OR args LIKE '%O_RDWR%') ORDER BY t LIMIT 1",
                   &st));
    sqlite3_bind_int64(st, 1, (sqlite3_int64)before);
    sqlite3_bind_text(st, 2, path, -1, SQLITE_STATIC);
    ODB_TRY(origin_row(o, st, ret));
    if (*ret)
        *ret_t = (uint64_t)sqlite3_column_int64(st, 0);
    return NULL;
}

/* Did the call write the byte that s tells of, and is it still what it was? Then s goes on there. */
static struct odb_err *try_writer(struct origin *o, struct origin_step *s, const struct origin_call *w,
                                  const struct origin_step *file, bool *ret)
{
    struct call_buffers b;
    gaddr addr = 0;
    uint64_t n = 0, at = s->offset - file->offset;
    uint8_t there[ORIGIN_MAX_BYTES];
    size_t got;
    char reading[300], writing[300];
    *ret = false;
    if (!file->has_offset || s->offset < file->offset || at >= (uint64_t)w->result)
        return NULL;
    ODB_TRY(find_buffers(o, w, false, ret, &b));
    if (*ret)
        ODB_TRY(address_of_byte(o, w, &b, at, ret, &addr, &n));
    if (!*ret)
        return NULL;
    n = n < (uint64_t)w->result - at ? n : (uint64_t)w->result - at;
    n = n < s->to.n_bytes ? n : s->to.n_bytes;
    ODB_TRY(origin_peek(o, w->t, w->pid, addr, there, n, &got));
    *ret = got == n && !memcmp(there, s->to.value, n);
    if (!*ret)
        return NULL;
    snprintf(reading, sizeof(reading), "%.299s", s->text);
    origin_call_text(w, writing, sizeof(writing));
    origin_narrow(&s->to, 0, (unsigned)n);
    origin_from_memory(s, w->pid, w->tid, w->t, addr);
    origin_say(s, ORIGIN_COPY, "%s, offset %llu; written there by %s of process %u at t %llu", reading,
               (unsigned long long)s->offset, writing, w->pid, (unsigned long long)w->t);
    return NULL;
}

/* s ends with a file: did a recorded process write what was read? The last that did. */
static struct odb_err *from_file(struct origin *o, struct origin_step *s, const struct origin_call *c)
{
    _cleanup_stmt_ sqlite3_stmt *st = NULL;
    struct strangers strangers = {.n = 0};
    uint64_t opened = 0;
    bool found;
    ODB_TRY(opened_for_writing(o, s->path, c->t, &found, &opened));
    if (!found)
        return NULL;
    ODB_TRY(origin_sql(
        o,
        "SELECT " ORIGIN_CALL_COLUMNS
        " FROM syscalls WHERE name IN ('write','pwrite64','writev','pwritev') AND t>?1 AND t<?2 AND "
        "result>0 ORDER BY t DESC",
        &st));
    sqlite3_bind_int64(st, 1, (sqlite3_int64)opened);
    sqlite3_bind_int64(st, 2, (sqlite3_int64)c->t);
    for (int i = 0; i < WRITES_MAX; i++) {
        struct origin_call w;
        bool done = false;
        ODB_TRY(origin_row(o, st, &found));
        if (!found)
            return NULL;
        origin_call_row(st, &w);
        if (is_stranger(&strangers, &w))
            continue;
        struct origin_step file = {.to = s->to};
        ODB_TRY(origin_descriptor(o, &file, &w, (int32_t)w.arg[0], 0));
        if (!strcmp(file.path, s->path)) {
            ODB_TRY(try_writer(o, s, &w, &file, &done));
        } else if (strangers.n < STRANGERS_MAX) {
            strangers.pid[strangers.n] = w.pid;
            strangers.fd[strangers.n++] = w.arg[0];
        }
        if (done)
            return NULL;
    }
    return NULL;
}

static struct odb_err *from_call(struct origin *o, struct origin_step *s, const struct origin_call *c)
{
    struct call_buffers b;
    struct transfer x = {0};
    bool found;
    uint64_t at = 0;
    snprintf(s->insn, sizeof(s->insn), "syscall");
    ODB_TRY(find_buffers(o, c, true, &found, &b));
    if (found)
        ODB_TRY(byte_at_address(o, c, &b, s->to.addr, &found, &at));
    if (!found) {
        char text[300];
        origin_call_text(c, text, sizeof(text));
        origin_say(s, ORIGIN_KERNEL, "%s wrote it", text);
        return NULL;
    }
    ODB_TRY(find_transfer(o, c, at, &found, &x));
    if (found)
        return from_channel(o, s, c, &x);
    s->kind = ORIGIN_KERNEL;
    ODB_TRY(origin_descriptor(o, s, c, (int32_t)c->arg[0], at));
    return s->has_offset ? from_file(o, s, c) : NULL;
}

/* A write to a file that is mapped shared, seen through the mapping. */
static struct odb_err *from_own_write(struct origin *o, struct origin_step *s, const struct origin_call *c,
                                      bool *ret)
{
    struct call_buffers b;
    ODB_TRY(find_buffers(o, c, false, ret, &b));
    if (*ret) {
        char text[300];
        origin_call_text(c, text, sizeof(text));
        origin_say(s, ORIGIN_KERNEL, "%s wrote it into the file that is mapped there", text);
    }
    return NULL;
}

/* ---- signals ---- */

struct odb_err *origin_signal_at(struct origin *o, uint64_t t, uint32_t tid, bool *ret, char *name,
                                 size_t n_bytes)
{
    _cleanup_stmt_ sqlite3_stmt *st = NULL;
    ODB_TRY(origin_sql(o, "SELECT name FROM signals WHERE t=?1 AND tid=?2 AND NOT fatal", &st));
    sqlite3_bind_int64(st, 1, (sqlite3_int64)t);
    sqlite3_bind_int64(st, 2, tid);
    ODB_TRY(origin_row(o, st, ret));
    if (*ret)
        column_text(st, 0, name, n_bytes);
    return NULL;
}

/* Registers in a ucontext, by their place behind uc_mcontext (struct sigcontext). */
#define UC_MCONTEXT 40
#define UC_FPSTATE (UC_MCONTEXT + 23 * 8)
static const uint8_t uc_gpr[] = {ODB_R8,  ODB_R9,  ODB_R10, ODB_R11, ODB_R12,     ODB_R13,
                                 ODB_R14, ODB_R15, ODB_RDI, ODB_RSI, ODB_RBP,     ODB_RBX,
                                 ODB_RDX, ODB_RAX, ODB_RCX, ODB_RSP, ODB_REG_RIP, ODB_REG_RFLAGS};

/* Which register lies at addr of the frame whose ucontext is at uc, and how far in it? */
static bool saved_register(gaddr uc, gaddr fp, gaddr addr, unsigned *number, unsigned *at, unsigned *left)
{
    uint64_t off = addr - uc - UC_MCONTEXT;
    if (off < sizeof(uc_gpr) * 8) {
        *number = uc_gpr[off / 8];
        *at = (unsigned)(off % 8);
        *left = 8 - *at;
        return true;
    }
    off = addr - fp;
    bool low = off >= 160 && off < 416, high = off >= 576 && off < 832;
    if (!fp || (!low && !high))
        return false;
    off -= low ? 160 : 576;
    *number = ODB_REG_VEC0 + (unsigned)(off / 16);
    *at = (unsigned)(off % 16) + (low ? 0 : 16);
    *left = 16 - (unsigned)(off % 16);
    return true;
}

static struct odb_err *from_frame(struct origin *o, struct origin_step *s)
{
    struct db_regs r;
    char name[32] = "a signal";
    bool found;
    uint64_t fp;
    unsigned number = 0, at = 0, left = 0;
    ODB_TRY(origin_signal_at(o, s->t + 1, s->tid, &found, name, sizeof(name)));
    ODB_TRY(db_registers(o->db, s->t + 1, s->tid, &r));
    gaddr uc = r.regs.scalar[ODB_RDX], info = r.regs.scalar[ODB_RSI];
    ODB_TRY(origin_peek64(o, s->t + 1, s->pid, uc + UC_FPSTATE, &fp));
    s->rip = 0;
    s->t++;
    bool saved = saved_register(uc, fp, s->to.addr, &number, &at, &left);
    if (saved && number == ODB_REG_RFLAGS) { /* the kernel adds the resume flag */
        origin_say(s, ORIGIN_KERNEL, "the flags, saved in the frame of %s", name);
        return NULL;
    }
    if (saved && number != ODB_REG_RIP) {
        if (left < s->to.n_bytes)
            origin_narrow(&s->to, 0, left);
        origin_say(s, ORIGIN_COPY, "saved in the frame of %s", name);
        s->from[0] = s->to; /* with its value: the state at t is behind the delivery */
        s->from[0].kind = REF_REGISTER;
        s->from[0].tid = s->tid;
        s->from[0].number = number;
        s->from[0].at = at;
        s->from[0].t = s->t;
        s->from[0].undelivered = true;
        s->n_from = 1;
        return NULL;
    }
    origin_say(s, ORIGIN_KERNEL, "the kernel wrote it into the %s of %s",
               s->to.addr - info < 128 ? "siginfo"
               : number == ODB_REG_RIP ? "frame (rip)"
                                       : "frame",
               name);
    return NULL;
}

/* rt_sigreturn takes registers out of the frame. */
static struct odb_err *from_sigreturn(struct origin *o, struct origin_step *s)
{
    struct db_regs r;
    uint64_t fp;
    ODB_TRY(db_registers(o->db, s->t, s->tid, &r));
    gaddr uc = r.regs.scalar[ODB_RSP];
    ODB_TRY(origin_peek64(o, s->t, s->pid, uc + UC_FPSTATE, &fp));
    for (unsigned i = 0; i < sizeof(uc_gpr); i++)
        if (uc_gpr[i] == s->to.number) {
            origin_from_memory(s, s->pid, s->tid, s->t, uc + UC_MCONTEXT + 8 * i + s->to.at);
            origin_say(s, ORIGIN_COPY, "restored by rt_sigreturn");
            return NULL;
        }
    if (s->to.number >= ODB_REG_VEC0 && s->to.number < ODB_REG_VEC0 + 16 && s->to.at < 32 && fp) {
        unsigned i = s->to.number - ODB_REG_VEC0, at = s->to.at;
        if (s->to.n_bytes > 16 - at % 16)
            origin_narrow(&s->to, 0, 16 - at % 16);
        origin_from_memory(s, s->pid, s->tid, s->t,
                           fp + (at < 16 ? 160 + 16 * i + at : 576 + 16 * i + at - 16));
        origin_say(s, ORIGIN_COPY, "restored by rt_sigreturn");
        return NULL;
    }
    origin_say(s, ORIGIN_KERNEL, "restored by rt_sigreturn");
    return NULL;
}

/* ---- both ---- */

struct odb_err *origin_kernel_memory(struct origin *o, struct origin_step *s, bool signal)
{
    struct origin_call c;
    bool found, done = false;
    if (signal)
        return from_frame(o, s);
    ODB_TRY(origin_call_at(o, s->t, s->tid, &found, &c));
    if (!found) {
        origin_say(s, ORIGIN_KERNEL, "the kernel wrote it, for no system call");
        return NULL;
    }
    ODB_TRY(from_own_write(o, s, &c, &done));
    return done ? NULL : from_call(o, s, &c);
}

struct odb_err *origin_kernel_register(struct origin *o, struct origin_step *s)
{
    struct origin_call c;
    bool found;
    char text[300];
    ODB_TRY(origin_call_at(o, s->t, s->tid, &found, &c));
    if (!found) {
        origin_say(s, ORIGIN_KERNEL, "a system call");
        return NULL;
    }
    if (!strcmp(c.name, "rt_sigreturn"))
        return from_sigreturn(o, s);
    if (s->to.number == ODB_REG_FS_BASE || s->to.number == ODB_REG_GS_BASE) {
        s->from[0] = s->to;
        s->from[0].number = ODB_RSI;
        s->from[0].t = s->t;
        s->from[0].known = false;
        s->n_from = 1;
        origin_say(s, ORIGIN_COPY, "by arch_prctl");
        return NULL;
    }
    origin_call_text(&c, text, sizeof(text));
    if (s->to.number == ODB_RCX)
        origin_say(s, ORIGIN_CONSTANT, "the address behind the system call");
    else
        origin_say(s, ORIGIN_KERNEL, s->to.number == ODB_R11 ? "the flags, saved by %s" : "the result of %s",
                   text);
    return NULL;
}
