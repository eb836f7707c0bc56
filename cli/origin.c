/* Where a value came from: finding the write; see origin.h.
 *
 * Of a range of memory the last write to any of its bytes counts. Where it covers only a part, that part is followed, unless
 * another has more bytes that are not zero (a number of 4 bytes is often asked as one of 8). A write to private memory that is older
 * than its mapping was a write to something else. A write by another mapping of the same memory has another address: what both have
 * in common is the object. What mremap moved goes on at the place before the move. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/origin_impl.h"
#include "common/cleanup.h"
#include "indexer/schema.h"

#define PARTS_MAX 16

const char *origin_kind_name(enum origin_kind kind)
{
    static const char *const names[] = {"copy", "made", "constant", "kernel", "initial", "unknown"};
    return names[kind];
}

struct odb_err *origin_create(struct odb_db *db, struct origin **ret)
{
    struct origin *o = calloc(1, sizeof(*o));
    if (!o)
        return odb_err("out of memory");
    o->db = db;
    if (cs_open(CS_ARCH_X86, CS_MODE_64, &o->cs) != CS_ERR_OK) {
        free(o);
        return odb_err("the disassembler (capstone) does not start");
    }
    cs_option(o->cs, CS_OPT_DETAIL, CS_OPT_ON);
    o->insn = cs_malloc(o->cs);
    if (!o->insn) {
        cs_close(&o->cs);
        free(o);
        return odb_err("out of memory");
    }
    *ret = o;
    return NULL;
}

void origin_destroy(struct origin *o)
{
    if (!o)
        return;
    cs_free(o->insn, 1);
    cs_close(&o->cs);
    free(o);
}

/* ---- looking ---- */

struct odb_err *origin_peek(struct origin *o, uint64_t t, uint32_t pid, gaddr addr, void *to, size_t n_bytes,
                            size_t *ret_n)
{
    _cleanup_free_ bool *valid = malloc(n_bytes + 1);
    size_t n_valid, n = 0;
    if (!valid)
        return odb_err("out of memory");
    if (addr + n_bytes < addr)
        n_bytes = (size_t)(UINT64_MAX - addr);
    ODB_TRY(db_memory(o->db, t, pid, addr, n_bytes, to, valid, &n_valid));
    while (n < n_bytes && valid[n])
        n++;
    *ret_n = n;
    return NULL;
}

struct odb_err *origin_peek64(struct origin *o, uint64_t t, uint32_t pid, gaddr addr, uint64_t *ret)
{
    size_t n;
    uint64_t v = 0;
    ODB_TRY(origin_peek(o, t, pid, addr, &v, 8, &n));
    *ret = n == 8 ? v : 0;
    return NULL;
}

struct odb_err *origin_peek_text(struct origin *o, uint64_t t, uint32_t pid, gaddr addr, char *to,
                                 size_t n_bytes)
{
    size_t n;
    ODB_TRY(origin_peek(o, t, pid, addr, to, n_bytes - 1, &n));
    to[n] = 0;
    return NULL;
}

struct odb_err *origin_sql(struct origin *o, const char *sql, sqlite3_stmt **ret)
{
    if (sqlite3_prepare_v2(db_sqlite(o->db), sql, -1, ret, NULL) != SQLITE_OK)
        return odb_err("index: %s", sqlite3_errmsg(db_sqlite(o->db)));
    return NULL;
}

struct odb_err *origin_row(struct origin *o, sqlite3_stmt *st, bool *ret_row)
{
    int rc = sqlite3_step(st);
    *ret_row = rc == SQLITE_ROW;
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? NULL
                                                 : odb_err("index: %s", sqlite3_errmsg(db_sqlite(o->db)));
}

uint64_t origin_number(const struct origin_ref *ref)
{
    uint64_t v = 0;
    memcpy(&v, ref->value, ref->n_bytes < 8 ? ref->n_bytes : 8);
    return v;
}

struct odb_err *origin_read(struct origin *o, struct origin_ref *ref)
{
    struct db_regs r;
    size_t n = ref->n_bytes;
    if (ref->known || ref->kind == REF_NUMBER)
        return NULL;
    if (ref->kind == REF_MEMORY) {
        ODB_TRY(origin_peek(o, ref->t, ref->pid, ref->addr, ref->value, ref->n_bytes, &n));
    } else {
        ODB_TRY(db_registers(o->db, ref->t, ref->tid, &r));
        int w = regfile_wide(ref->number);
        const uint8_t *from = w < 0 ? (const uint8_t *)&r.regs.scalar[ref->number] : r.regs.wide[w];
        memcpy(ref->value, from + ref->at, ref->n_bytes);
    }
    ref->known = n == ref->n_bytes;
    return NULL;
}

/* ---- making steps ---- */

void origin_narrow(struct origin_ref *ref, unsigned off, unsigned n)
{
    memmove(ref->value, ref->value + off, n);
    memset(ref->value + n, 0, sizeof(ref->value) - n);
    ref->addr += ref->kind == REF_MEMORY ? off : 0;
    ref->at += off;
    ref->n_bytes = n;
}

void origin_say(struct origin_step *s, enum origin_kind kind, const char *fmt, ...)
{
    va_list ap;
    s->kind = kind;
    va_start(ap, fmt);
    vsnprintf(s->text, sizeof(s->text), fmt, ap);
    va_end(ap);
}

void origin_from_memory(struct origin_step *s, uint32_t pid, uint32_t tid, uint64_t t, gaddr addr)
{
    s->kind = ORIGIN_COPY;
    s->from[0] = (struct origin_ref){
        .kind = REF_MEMORY, .pid = pid, .tid = tid, .t = t, .addr = addr, .n_bytes = s->to.n_bytes};
    s->n_from = 1;
}

/* ---- memory ---- */

/* Which byte of the write went to `addr` of process pid at t; *ret_found false: none. */
static struct odb_err *place_in_write(struct origin *o, const struct origin_ref *ref,
                                      const struct db_write *w, bool mapped, const struct db_content *c,
                                      int64_t *ret_off)
{
    struct db_content wc;
    bool found;
    *ret_off = (int64_t)(ref->addr - w->addr);
    if (!mapped)
        return NULL;
    if (w->by_descriptor) {
        *ret_off = (int64_t)(c->offset + (ref->addr - c->start) - w->addr);
        return NULL;
    }
    if (c->object) {
        ODB_TRY(db_content(o->db, w->t + 1, w->pid, w->addr, &found, &wc));
        if (!found || wc.object != c->object)
            ODB_TRY(db_content(o->db, w->t, w->pid, w->addr, &found, &wc));
        if (found && wc.object == c->object)
            *ret_off =
                (int64_t)(c->offset + (ref->addr - c->start)) - (int64_t)(wc.offset + (w->addr - wc.start));
        return NULL;
    }
    return NULL;
}

/* How much bytes [from, to) tell of the value: those that are not zero, or all if the value is zero. */
static unsigned weight(const struct origin_ref *r, unsigned from, unsigned to)
{
    unsigned all = 0, part = 0;
    for (unsigned i = 0; i < r->n_bytes; i++) {
        all += r->value[i] != 0;
        part += i >= from && i < to && r->value[i];
    }
    return all ? part : to - from;
}

/* Narrows s->to to what the write covers. false: another part is to be followed, and is what s->to now is. */
static bool clip_to_write(struct origin_step *s, const struct db_write *w, int64_t off)
{
    unsigned n = s->to.n_bytes, first = off < 0 ? (unsigned)-off : 0,
             last = (uint64_t)(off + n) > w->n_bytes && off + (int64_t)n > (int64_t)w->n_bytes
                        ? (unsigned)((int64_t)w->n_bytes - off)
                        : n;
    if (first >= n || last <= first || last > n)
        return true; /* cannot be: the look-up said that it touches */
    if (first == 0 && last == n)
        return true;
    s->partial = true;
    unsigned before = weight(&s->to, 0, first), here = weight(&s->to, first, last),
             behind = weight(&s->to, last, n);
    if (here < before || here < behind) {
        bool to_before = before >= behind;
        origin_narrow(&s->to, to_before ? 0 : last, to_before ? first : n - last);
        return false;
    }
    origin_narrow(&s->to, first, last - first);
    return true;
}

/* mremap brought it there. */
static struct odb_err *back_over_move(struct origin *o, struct origin_step *s, const struct db_content *c)
{
    uint32_t pid = s->to.pid;
    bool row = true;
    s->t = c->t_start - 1;
    while (row) { /* perhaps it was a process that this one is a copy of */
        _cleanup_stmt_ sqlite3_stmt *st = NULL;
        ODB_TRY(
            origin_sql(o,
                       "SELECT parent FROM processes WHERE pid=?1 AND t_start>?2 AND parent>0 AND NOT EXISTS "
                       "(SELECT 1 FROM processes WHERE pid=?1 AND t_start<=?2) AND parent<>?1 LIMIT 1",
                       &st));
        sqlite3_bind_int64(st, 1, pid);
        sqlite3_bind_int64(st, 2, (sqlite3_int64)s->t);
        ODB_TRY(origin_row(o, st, &row));
        pid = row ? (uint32_t)sqlite3_column_int64(st, 0) : pid;
    }
    s->pid = pid;
    origin_from_memory(s, pid, s->tid, s->t, c->src + (s->to.addr - c->start));
    origin_say(s, ORIGIN_COPY, "moved by mremap");
    if (s->to.n_bytes > c->end - s->to.addr)
        origin_narrow(&s->to, 0, (unsigned)(c->end - s->to.addr));
    s->from[0].n_bytes = s->to.n_bytes;
    return NULL;
}

static struct odb_err *back_from_memory(struct origin *o, struct origin_step *s)
{
    struct db_content c;
    struct db_write w;
    bool mapped, found;
    for (int i = 0;; i++) {
        int64_t off;
        struct origin_ref *to = &s->to;
        ODB_TRY(db_content(o->db, to->t, to->pid, to->addr, &mapped, &c));
        ODB_TRY(db_last_write(o->db, to->pid, to->addr, to->n_bytes, to->t, &found, &w));
        /* a write to what was mapped there before does not count; one to shared memory may be older than its mapping */
        bool stale = found && mapped && !c.object && w.t + 1 < c.t_start;
        if ((!found || stale) && mapped && c.moved && c.t_start)
            return back_over_move(o, s, &c);
        if (!found || stale)
            return origin_initial_memory(o, s, mapped, &c);
        ODB_TRY(place_in_write(o, to, &w, mapped, &c, &off));
        if (clip_to_write(s, &w, off) || i >= PARTS_MAX)
            break;
    }
    s->t = w.t;
    s->pid = w.pid;
    s->tid = w.tid;
    s->rip = w.rip;
    bool other_place = s->to.pid != w.pid || s->to.addr < w.addr || s->to.addr - w.addr >= w.n_bytes;
    struct origin_ref asked = s->to;
    if (other_place) { /* as the writer has it */
        int64_t off;
        ODB_TRY(place_in_write(o, &s->to, &w, mapped, &c, &off));
        s->to.addr = w.addr + (uint64_t)off;
        s->to.pid = w.pid;
    }
    struct odb_err *e;
    if (w.flags & ODB_MEM_KERNEL) {
        e = origin_kernel_memory(o, s, w.flags & ODB_MEM_SIGNAL);
    } else if (!w.rip) {
        origin_say(s, ORIGIN_UNKNOWN, "written by an instruction that is not known");
        e = NULL;
    } else {
        e = origin_insn(o, s);
    }
    if (other_place) {
        s->to.addr = asked.addr;
        s->to.pid = asked.pid;
    }
    return e;
}

/* ---- registers ---- */

/* Did the process begin a program in a state from..to? The last such. */
static struct odb_err *program_begins(struct origin *o, uint64_t from, uint64_t to, uint32_t pid, bool *ret,
                                      uint64_t *ret_t)
{
    _cleanup_stmt_ sqlite3_stmt *st = NULL;
    ODB_TRY(origin_sql(
        o, "SELECT t FROM execs WHERE pid=?1 AND t>=?2 AND t<=?3 AND t>0 ORDER BY t DESC LIMIT 1", &st));
    sqlite3_bind_int64(st, 1, pid);
    sqlite3_bind_int64(st, 2, (sqlite3_int64)from);
    sqlite3_bind_int64(st, 3, (sqlite3_int64)to);
    ODB_TRY(origin_row(o, st, ret));
    if (*ret)
        *ret_t = (uint64_t)sqlite3_column_int64(st, 0);
    return NULL;
}

static struct odb_err *thread_start(struct origin *o, uint64_t t, uint32_t tid, uint64_t *ret)
{
    _cleanup_stmt_ sqlite3_stmt *st = NULL;
    bool row;
    ODB_TRY(origin_sql(o, "SELECT max(t_start) FROM threads WHERE tid=?1 AND t_start<=?2", &st));
    sqlite3_bind_int64(st, 1, tid);
    sqlite3_bind_int64(st, 2, (sqlite3_int64)t);
    ODB_TRY(origin_row(o, st, &row));
    *ret = row ? (uint64_t)sqlite3_column_int64(st, 0) : 0;
    return NULL;
}

/* Was it the delivery of a signal, not the instruction, that wrote the register? */
static struct odb_err *by_delivery(struct origin *o, const struct db_reg_write *w, unsigned reg, bool *ret,
                                   char *name, size_t n_bytes)
{
    bool signal, writes;
    *ret = false;
    ODB_TRY(origin_signal_at(o, w->t + 1, w->tid, &signal, name, n_bytes));
    if (!signal)
        return NULL;
    ODB_TRY(origin_insn_writes(o, w->t, w->pid, w->rip, reg, &writes));
    *ret = !writes || w->n_same > 1;
    return NULL;
}

/* What was executed before, by the same thread, led here. */
static struct odb_err *back_from_rip(struct origin *o, struct origin_step *s)
{
    _cleanup_stmt_ sqlite3_stmt *st = NULL;
    bool row, fresh, signal;
    char name[32];
    ODB_TRY(program_begins(o, s->to.t, s->to.t, s->to.pid, &fresh, &s->t));
    ODB_TRY(origin_signal_at(o, s->to.t, s->to.tid, &signal, name, sizeof(name)));
    if (signal) {
        origin_say(s, ORIGIN_KERNEL, "set by the kernel for the handler of %s", name);
        return NULL;
    }
    ODB_TRY(origin_sql(o, "SELECT t, rip, pid FROM executions WHERE tid=?1 AND t<?2 ORDER BY t DESC LIMIT 1",
                       &st));
    sqlite3_bind_int64(st, 1, s->to.tid);
    sqlite3_bind_int64(st, 2, (sqlite3_int64)s->to.t);
    ODB_TRY(origin_row(o, st, &row));
    if (!row || fresh)
        return origin_initial_register(o, s);
    s->t = (uint64_t)sqlite3_column_int64(st, 0);
    s->rip = (gaddr)sqlite3_column_int64(st, 1);
    s->pid = (uint32_t)sqlite3_column_int64(st, 2);
    s->tid = s->to.tid;
    return origin_insn(o, s);
}

static struct odb_err *back_from_register(struct origin *o, struct origin_step *s)
{
    if (s->to.number == ODB_REG_RIP)
        return back_from_rip(o, s);
    struct db_reg_write w;
    bool found, fresh = false, delivered = false;
    uint64_t start;
    char signal[32];
    const struct origin_ref *to = &s->to;
    ODB_TRY(thread_start(o, to->t, to->tid, &start));
    ODB_TRY(db_last_reg_write(o->db, to->tid, to->number, start, to->t, &found, &w));
    if (found && to->undelivered && w.t + 1 == to->t) {
        ODB_TRY(by_delivery(o, &w, to->number, &delivered, signal, sizeof(signal)));
        if (delivered && w.n_same < 2)
            ODB_TRY(db_last_reg_write(o->db, to->tid, to->number, start, w.t, &found, &w));
        delivered = false;
    } else if (found) {
        ODB_TRY(by_delivery(o, &w, to->number, &delivered, signal, sizeof(signal)));
    }
    if (!found)
        return origin_initial_register(o, s);
    s->t = w.t;
    s->pid = w.pid;
    s->tid = w.tid;
    s->rip = w.rip;
    ODB_TRY(program_begins(o, w.t + 1, to->t, w.pid, &fresh, &s->t));
    if (fresh) {
        s->rip = 0;
        return origin_initial_register(o, s);
    }
    if (delivered) {
        s->rip = 0;
        s->t = w.t + 1;
        origin_say(s, ORIGIN_KERNEL, "set by the kernel for the handler of %s", signal);
        return NULL;
    }
    if (!w.rip) {
        origin_say(s, ORIGIN_UNKNOWN, "written by an instruction that is not known");
        return NULL;
    }
    return origin_insn(o, s);
}

struct odb_err *origin_back(struct origin *o, const struct origin_ref *ref, struct origin_step *ret)
{
    struct origin_step s = {.to = *ref, .go_on = -1, .kind = ORIGIN_UNKNOWN, .t = ref->t};
    ODB_TRY(origin_read(o, &s.to));
    s.pid = ref->pid;
    s.tid = ref->tid;
    ODB_TRY(ref->kind == REF_MEMORY ? back_from_memory(o, &s) : back_from_register(o, &s));
    if (s.to.n_bytes < ref->n_bytes && !s.extended)
        s.partial = true;
    for (unsigned i = 0; i < s.n_from; i++)
        ODB_TRY(origin_read(o, &s.from[i]));
    *ret = s;
    return NULL;
}
