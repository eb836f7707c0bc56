/* odb query history EXPR: every value that it had.
 *
 * EXPR is resolved once, at --at, into a range of memory (or a register) and a type. What is on the stack lives as long as the
 * frame that it lies in: from the entry of the frame's function to its return (lifetime()); the rest as long as the
 * recording. Then every write to the range is looked up; the bytes after it, printed by the type, are the value. Writes
 * that leave the value as it was are left out.
 *
 * What is not in memory (a variable in a register, a computed one) is resolved anew behind each instruction of its
 * function, as long as the frame lives and where it is the innermost one: compilers move variables about.
 *
 * --follow: EXPR is resolved anew behind each write to whatever was read to resolve it, so pointers on its way may change.
 * Registers are those at --at.
 *
 * --calls: the same for every frame that comes to the instruction of --at. */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/query_points.h"
#include "common/cleanup.h"
#include "indexer/schema.h"

#define ULL(x) ((unsigned long long)(x))
#define VALUE_MAX_BYTES (1u << 20)
#define STACK_FRAMES 2000
#define ENTRIES_MAX 100000
#define RED_ZONE 128 /* below rsp: a function that calls none may have its variables there */
#define STATES_MAX 20000
#define WRITES_MAX 1000000
#define FUNCTION_SPAN (1u << 20)
#define LONGJMP_SPAN \
    20000000u /* instructions in which a frame is looked for that was left without a return */

struct history {
    struct query *q;
    struct symbols *s;
    const char *expr;
    uint64_t t;                /* where EXPR was resolved */
    struct query_frame *frame; /* there */
    struct sym_value value;    /* of the type and place; bytes are those at t_now */
    uint64_t from, to, max;
    gaddr cfa;            /* of the frame it lies in; 0: none */
    uint64_t t_entry;     /* of its function, into that frame */
    bool several;         /* --calls: say which call */
    struct view_db *past; /* owned: memory at t_now, for strings behind pointers. q->view stays at t */
    struct sym_view view; /* registers and mappings of t, memory of t_now */
    uint64_t t_now;
    char *last; /* owned: the value shown last; NULL: none */
    uint64_t n; /* shown; max + 1: there are more */
    bool tracking;
    struct db_range *reads; /* owned: what was read while tracking */
    size_t n_reads;
};

/* ---- looking at memory only when a value needs it (a string behind a pointer) ---- */

static struct odb_err *track(struct history *h, gaddr addr, size_t n_bytes)
{
    if (!(h->n_reads & (h->n_reads + 1))) { /* 2^n - 1: full */
        struct db_range *v = reallocarray(h->reads, 2 * (h->n_reads + 1), sizeof(*v));
        if (!v)
            return odb_err("out of memory");
        h->reads = v;
    }
    h->reads[h->n_reads++] = (struct db_range){addr, n_bytes, h->q->pid};
    return NULL;
}

static struct odb_err *read_now(void *ctx, gaddr addr, void *to, size_t n_bytes, size_t *ret_n)
{
    struct history *h = ctx;
    const struct sym_view *view;
    if (h->tracking && n_bytes)
        ODB_TRY(track(h, addr, n_bytes));
    ODB_TRY(view_db_memory_at(h->past, h->t_now, h->q->pid, &view));
    return view->read(view->ctx, addr, to, n_bytes, ret_n);
}

/* ---- one value ---- */

/* Shows the value at t, a text that it takes over, if it is another than the last one. w: the write that made it; NULL: it
 * began so. */
static struct odb_err *show_text(struct history *h, uint64_t t, const struct db_write *w, char *owned)
{
    _cleanup_free_ char *text = owned;
    char spot[512] = "", call[64] = "";
    bool found = false;
    if (h->last && !strcmp(h->last, text))
        return NULL;
    if (h->n >= h->max) {
        h->n = h->max + 1;
        return NULL;
    }
    if (w && w->flags & ODB_MEM_SIGNAL)
        snprintf(call, sizeof(call), "signal");
    else if (w && w->flags & ODB_MEM_KERNEL)
        ODB_TRY(db_syscall_name(h->q->db, w->t, w->tid, &found, call, sizeof(call)));
    if (w && w->rip)
        ODB_TRY(query_spot(h->s, w->rip, false, spot, sizeof(spot)));
    if (h->q->json) {
        printf("%s{\"t\":%llu,\"value\":", h->n ? ",\n " : "", ULL(w ? w->t : t));
        json_string(stdout, text, strlen(text));
        if (w) {
            printf(",\"pid\":%u,\"tid\":%u,\"rip\":\"0x%llx\",\"place\":", w->pid, w->tid, ULL(w->rip));
            json_string(stdout, spot, strlen(spot));
        }
        if (*call)
            printf(",\"syscall\":\"%s\"", call);
        if (h->several)
            printf(",\"call\":%llu", ULL(h->t_entry));
        putchar('}');
    } else {
        printf("t %-10llu  ", ULL(w ? w->t : t));
        if (w)
            print_task(h->q, w->pid, w->tid);
        printf("%s  %s%s%s%s\n", text, w ? spot : "(before)", *call ? " by " : "", call,
               w && !*spot && !*call ? "(unknown)" : "");
    }
    free(h->last);
    h->last = take_ptr(text);
    h->n++;
    return NULL;
}

/* The value as it is at t. */
static struct odb_err *show_now(struct history *h, uint64_t t, const struct db_write *w)
{
    char *text = NULL;
    h->t_now = t;
    struct odb_err *e = query_value_text(h->s, &h->value, &text);
    h->tracking = false;
    return e ? e : show_text(h, t, w, text);
}

/* ---- memory ---- */

/* Brings the bytes up to the state behind the write. */
static struct odb_err *apply(struct history *h, const struct db_write *w)
{
    struct sym_value *v = &h->value;
    gaddr lo = w->addr > v->addr ? w->addr : v->addr;
    gaddr hi = w->addr + w->n_bytes < v->addr + v->n_bytes ? w->addr + w->n_bytes : v->addr + v->n_bytes;
    size_t n_valid;
    if (!w->by_descriptor && lo < hi) {
        memcpy(v->bytes + (lo - v->addr), w->new_ + (lo - w->addr), hi - lo);
        return NULL;
    }
    /* by another mapping of the same memory */
    return db_memory(h->q->db, w->t + 1, h->q->pid, v->addr, v->n_bytes, v->bytes, NULL, &n_valid);
}

static struct odb_err *on_write(void *ctx, const struct db_write *w)
{
    struct history *h = ctx;
    struct db_write copy = *w; /* its bytes are gone after the next look-up */
    if (h->n > h->max)
        return NULL;
    ODB_TRY(apply(h, w));
    return show_now(h, w->t + 1, &copy);
}

static struct odb_err *memory_history(struct history *h)
{
    struct sym_value *v = &h->value;
    size_t n_valid = 0;
    if (v->n_bytes > VALUE_MAX_BYTES)
        return odb_err("%s has %zu bytes: ask for a part of it", h->expr, v->n_bytes);
    struct odb_err *e =
        db_memory(h->q->db, h->from, h->q->pid, v->addr, v->n_bytes, v->bytes, NULL, &n_valid);
    if (e) { /* the process was not there yet */
        odb_err_free(e);
        n_valid = 0;
    }
    if (n_valid == v->n_bytes)
        ODB_TRY(show_now(h, h->from, NULL));
    return db_writes(h->q->db, h->q->pid, v->addr, v->n_bytes, h->from, h->to, on_write, h);
}

/* ---- memory behind pointers that change ---- */

static int by_addr(const void *a, const void *b)
{
    const struct db_range *x = a, *y = b;
    return x->addr != y->addr ? (x->addr < y->addr ? -1 : 1) : 0;
}

/* Resolves it in the memory at t, and remembers what was read for that. */
static struct odb_err *resolve_in(struct history *h, uint64_t t, const struct db_write *w)
{
    struct sym_value v = {0};
    h->t_now = t;
    h->n_reads = 0;
    h->tracking = true;
    _cleanup_err_ struct odb_err *e = symbols_eval(h->s, h->frame->frame, h->frame->scope, h->expr, &v);
    if (e) { /* it has no value now */
        char *text = NULL;
        h->tracking = false;
        if (asprintf(&text, "<error: %s>", odb_err_text(e)) < 0)
            return odb_err("out of memory");
        return show_text(h, t, w, text);
    }
    symbols_value_deinit(&h->value);
    h->value = v;
    return show_now(h, t, w);
}

static struct odb_err *follow_history(struct history *h)
{
    struct db_write w;
    uint64_t t = h->from;
    ODB_TRY(resolve_in(h, t, NULL));
    for (int i = 0; t < h->to && h->n <= h->max; i++) {
        bool found = false;
        size_t which;
        if (i == WRITES_MAX) {
            fprintf(stderr, "odb: followed %d writes only: go on with --from %llu\n", WRITES_MAX, ULL(t));
            break;
        }
        qsort(h->reads, h->n_reads, sizeof(*h->reads), by_addr);
        ODB_TRY(db_find_write(h->q->db, h->reads, h->n_reads, t, t, h->to, false, &found, &w, &which));
        if (!found)
            break;
        t = w.t + 1;
        ODB_TRY(resolve_in(h, t, &w));
    }
    return NULL;
}

/* ---- registers ---- */

/* The value in the state at t, if the frame is the innermost one there. */
static struct odb_err *resolve_again(struct history *h, uint64_t t, const struct db_write *w)
{
    __attribute__((cleanup(query_frame_deinit))) struct query_frame f = {0};
    struct sym_value v = {0};
    struct symbols *s;
    ODB_TRY(query_symbols_at(h->q, t, h->q->pid, h->q->tid, &s));
    ODB_TRY(query_frame(s, 0, &f));
    if (f.frame->cfa != h->cfa)
        return NULL;
    _cleanup_err_ struct odb_err *e = symbols_eval(s, f.frame, f.scope, h->expr, &v);
    if (e || v.optimized_out) {
        symbols_value_deinit(&v);
        return NULL; /* it has no value there */
    }
    symbols_value_deinit(&h->value);
    h->value = v;
    return show_now(h, t, w);
}

/* Behind each instruction of the function itself, as long as the frame lives. */
static struct odb_err *frame_history(struct history *h)
{
    static const char sql[] = "SELECT t, rip FROM executions WHERE tid=?1 AND t>=?2 AND t<?3 ORDER BY t";
    sqlite3 *sq = db_sqlite(h->q->db);
    sqlite3_stmt *st;
    int rc = SQLITE_DONE;
    uint64_t n_states = 0;
    const struct sym_place *place = &h->frame->place;
    const struct sym_scope *outer = &place->scopes[place->n_scopes - 1];
    gaddr low = outer->low, high = low + FUNCTION_SPAN; /* a net: the frame is compared exactly */
    if (sqlite3_prepare_v2(sq, sql, -1, &st, NULL) != SQLITE_OK)
        return odb_err("index: %s", sqlite3_errmsg(sq));
    sqlite3_bind_int64(st, 1, h->q->tid);
    sqlite3_bind_int64(st, 2, (sqlite3_int64)h->from);
    sqlite3_bind_int64(st, 3, (sqlite3_int64)h->to);
    struct odb_err *e = resolve_again(h, h->from, NULL);
    while (!e && h->n <= h->max && n_states < STATES_MAX && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct db_write w = {.t = (uint64_t)sqlite3_column_int64(st, 0),
                             .rip = (gaddr)sqlite3_column_int64(st, 1),
                             .pid = h->q->pid,
                             .tid = h->q->tid};
        if (w.rip < low || w.rip >= high)
            continue;
        n_states++;
        e = resolve_again(h, w.t + 1, &w);
    }
    if (!e && rc == SQLITE_ROW && n_states == STATES_MAX)
        fprintf(stderr, "odb: looked at %d states of the function only: go on with --from\n", STATES_MAX);
    sqlite3_finalize(st);
    return e;
}

/* ---- how long it lives ---- */

/* The frame of the stack in which addr lies. */
static struct odb_err *frame_of(struct history *h, gaddr addr, struct sym_frame *ret, bool *ret_found)
{
    _cleanup_free_ struct sym_frame *frames = NULL;
    size_t n = 0;
    const char *end;
    *ret_found = false;
    ODB_TRY(symbols_backtrace(h->s, STACK_FRAMES, &frames, &n, &end));
    if (!n || addr + RED_ZONE < frames[0].gpr[ODB_RSP])
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (addr < frames[i].cfa) {
            if (i && frames[i].cfa < frames[i - 1].cfa)
                return NULL; /* another stack */
            *ret = frames[i];
            *ret_found = true;
            return NULL;
        }
    return NULL;
}

/* The nearest execution of `rip` by the thread with rsp, from t on, or before. */
static struct odb_err *find_at_depth(struct history *h, gaddr rip, gaddr rsp, uint64_t t, bool before,
                                     bool *ret_found, uint64_t *ret_t)
{
    const struct db_point point = {.addr = rip, .pid = h->q->pid};
    uint64_t lo = before ? 0 : t, hi = before ? t : db_end_t(h->q->db);
    *ret_found = false;
    for (int i = 0; i < ENTRIES_MAX; i++) {
        struct db_execution x;
        struct db_regs r;
        bool found = false;
        ODB_TRY(db_find_execution(h->q->db, &point, 1, lo, hi, before, &found, &x));
        if (!found)
            return NULL;
        *(before ? &hi : &lo) = before ? x.t : x.t + 1;
        if (x.tid != h->q->tid)
            continue;
        ODB_TRY(db_registers(h->q->db, x.t, x.tid, &r));
        if (r.regs.scalar[ODB_RSP] != rsp)
            continue;
        *ret_found = true;
        *ret_t = x.t;
        return NULL;
    }
    return NULL;
}

/* The first state in which the thread's stack pointer is back above the frame. */
static struct odb_err *find_unwound(struct history *h, uint64_t *ret_t)
{
    static const char sql[] =
        "SELECT t FROM reg_writes WHERE reg='rsp' AND tid=?1 AND t>=?2 AND t<?3 AND value>=?4 "
        "AND value<?5 ORDER BY t LIMIT 1";
    sqlite3 *sq = db_sqlite(h->q->db);
    sqlite3_stmt *st;
    gaddr stack_end = 0;
    for (size_t i = 0; i < h->view.n_maps; i++)
        if (h->view.maps[i].start <= h->cfa - 8 && h->cfa - 8 < h->view.maps[i].end)
            stack_end = h->view.maps[i].end;
    if (sqlite3_prepare_v2(sq, sql, -1, &st, NULL) != SQLITE_OK)
        return odb_err("index: %s", sqlite3_errmsg(sq));
    sqlite3_bind_int64(st, 1, h->q->tid);
    sqlite3_bind_int64(st, 2, (sqlite3_int64)h->t);
    sqlite3_bind_int64(st, 3, (sqlite3_int64)h->t + LONGJMP_SPAN);
    sqlite3_bind_int64(st, 4, (sqlite3_int64)h->cfa);
    sqlite3_bind_int64(st, 5, (sqlite3_int64)stack_end);
    if (sqlite3_step(st) == SQLITE_ROW)
        *ret_t = (uint64_t)sqlite3_column_int64(st, 0) + 1;
    sqlite3_finalize(st);
    return NULL;
}

/* Narrows from..to to the life of the frame. The symbols look at h->t. */
static struct odb_err *lifetime(struct history *h, const struct sym_frame *f)
{
    struct sym_place place;
    uint64_t t = 0, t_end = UINT64_MAX;
    gaddr ret = 0;
    size_t n = 0;
    bool found;
    h->cfa = f->cfa;
    ODB_TRY(symbols_place(h->s, f->lookup_pc, &place));
    gaddr low = place.scopes[place.n_scopes - 1].low;
    if (low) {
        ODB_TRY(find_at_depth(h, low, f->cfa - 8, h->t + 1, true, &found, &t));
        h->t_entry = found ? t : 0;
        if (found && t > h->from)
            h->from = t;
    }
    ODB_TRY(h->view.read(h->view.ctx, f->cfa - 8, &ret, sizeof(ret), &n));
    found = false;
    if (n == sizeof(ret) && ret)
        ODB_TRY(find_at_depth(h, ret, f->cfa, h->t, false, &found, &t_end));
    if (!found)
        ODB_TRY(find_unwound(h, &t_end));
    if (t_end < h->to)
        h->to = t_end;
    return NULL;
}

/* ---- the question ---- */

static bool in_memory(const struct history *h) { return h->value.has_addr && !h->value.optimized_out; }
static bool follows(const struct history *h)
{
    return h->q->a->follow && h->value.reg < 0 && !h->value.optimized_out;
}

/* It lives as long as the frame that address lies in, if it is in one. */
static struct odb_err *lifetime_at(struct history *h, gaddr addr)
{
    struct sym_frame owner;
    bool on_stack = false;
    ODB_TRY(frame_of(h, addr, &owner, &on_stack));
    return on_stack ? lifetime(h, &owner) : NULL;
}

/* Does the expression mean something, though it may have no value at h->t? */
static bool has_type(struct history *h)
{
    _cleanup_free_ char *text = NULL;
    struct sym_value v = {0};
    if (asprintf(&text, "sizeof(%s)", h->expr) < 0)
        return false;
    _cleanup_err_ struct odb_err *e = symbols_eval(h->s, h->frame->frame, h->frame->scope, text, &v);
    symbols_value_deinit(&v);
    return !e;
}

static struct odb_err *resolve(struct history *h)
{
    h->n_reads = 0;
    h->tracking = h->q->a->follow;
    struct odb_err *e = query_eval(h->s, h->t, h->frame, h->expr, &h->value);
    h->tracking = false;
    if (e && h->q->a->follow && has_type(h)) { /* a pointer leads nowhere just now */
        odb_err_free(e);
        e = NULL;
        h->value.reg = -1;
    }
    if (e)
        return e;
    if (follows(h)) {
        for (size_t i = 0; i < h->n_reads; i++)
            ODB_TRY(lifetime_at(h, h->reads[i].addr));
        return NULL;
    }
    return in_memory(h) ? lifetime_at(h, h->value.addr) : lifetime(h, h->frame->frame);
}

/* At h->t, in h->frame. */
static struct odb_err *begin(struct history *h)
{
    const struct sym_view *view;
    ODB_TRY(view_db_at(h->q->view, h->t, h->q->pid, h->q->tid, &view));
    h->view = *view;
    h->view.ctx = h;
    h->view.read = read_now;
    h->t_now = h->t;
    ODB_TRY(symbols_set_view(h->s, &h->view));
    return resolve(h);
}

static struct odb_err *show(struct history *h)
{
    return follows(h) ? follow_history(h) : in_memory(h) ? memory_history(h) : frame_history(h);
}

/* ---- every call ---- */

struct lives {
    struct life {
        uint32_t tid;
        gaddr cfa;
        uint64_t from, to;
    } * v; /* owned */
    size_t n;
};

static bool is_known(const struct lives *l, uint32_t tid, gaddr cfa, uint64_t t)
{
    for (size_t i = l->n; i-- > 0;)
        if (l->v[i].tid == tid && l->v[i].cfa == cfa && l->v[i].from <= t && t < l->v[i].to)
            return true;
    return false;
}

static struct odb_err *add_life(struct lives *l, const struct life *one)
{
    if (!(l->n & (l->n + 1))) { /* 2^n - 1: full */
        struct life *v = reallocarray(l->v, 2 * (l->n + 1), sizeof(*v));
        if (!v)
            return odb_err("out of memory");
        l->v = v;
    }
    l->v[l->n++] = *one;
    return NULL;
}

/* The frame that is about to execute x, if it was not shown before. */
static struct odb_err *show_call(struct history *h, const struct db_execution *x, uint64_t frame_number,
                                 const struct query_range *r, struct lives *lives)
{
    __attribute__((cleanup(query_frame_deinit))) struct query_frame f = {0};
    h->q->tid = x->tid;
    h->t = x->t;
    h->from = r->from;
    h->to = r->to;
    h->cfa = 0;
    ODB_TRY(query_symbols_at(h->q, x->t, h->q->pid, x->tid, &h->s));
    ODB_TRY(query_frame(h->s, frame_number, &f));
    if (f.frame != f.frames || is_known(lives, x->tid, f.frame->cfa, x->t))
        return NULL;
    h->frame = &f;
    symbols_value_deinit(&h->value);
    h->value = (struct sym_value){0};
    free(h->last);
    h->last = NULL;
    ODB_TRY(begin(h));
    if (h->cfa != f.frame->cfa)
        return odb_err("--calls: '%s' is not a variable of this function's frame", h->expr);
    ODB_TRY(add_life(lives, &(struct life){x->tid, h->cfa, h->from, h->to}));
    if (!h->q->json) {
        printf("t %-10llu  ", ULL(h->t_entry));
        print_task(h->q, h->q->pid, x->tid);
        printf("call of %s\n", f.place.scopes[f.scope].function ? f.place.scopes[f.scope].function : "?");
    }
    struct odb_err *e = show(h);
    h->frame = NULL;
    return e;
}

static struct odb_err *show_calls(struct history *h, const struct query_range *r)
{
    const struct db_point point = {.addr = h->frame->frame->pc, .pid = h->q->pid};
    const uint32_t tid = h->q->tid;
    uint64_t number = 0, lo = r->from;
    struct lives lives = {0};
    struct odb_err *e = query_parse_index("--frame", h->q->a->frame, STACK_FRAMES, &number);
    if (!e && h->frame->frame != h->frame->frames)
        e = odb_err("--calls is for the innermost function at --at: give a t in the function that is meant");
    h->several = true;
    for (int i = 0; !e && i < ENTRIES_MAX && h->n <= h->max; i++) {
        struct db_execution x;
        bool found = false;
        e = db_find_execution(h->q->db, &point, 1, lo, r->to, false, &found, &x);
        if (e || !found)
            break;
        lo = x.t + 1;
        if (!h->q->a->tid || x.tid == tid)
            e = show_call(h, &x, number, r, &lives);
    }
    free(lives.v);
    return e;
}

static struct odb_err *run(struct history *h, const struct query_range *r)
{
    ODB_TRY(view_db_create(h->q->db, NULL, &h->past));
    if (!h->q->a->calls)
        ODB_TRY(begin(h));
    if (h->q->json)
        putchar('[');
    ODB_TRY(h->q->a->calls ? show_calls(h, r) : show(h));
    if (h->q->json)
        fputs("]\n", stdout);
    else if (!h->n)
        puts("no value in that range");
    else if (h->n > h->max)
        printf("the first %llu: more with --max\n", ULL(h->max));
    return NULL;
}

struct odb_err *answer_history(struct query *q)
{
    __attribute__((cleanup(query_frame_deinit))) struct query_frame frame = {0};
    struct history h = {.q = q, .expr = q->a->args[0], .frame = &frame};
    struct query_range r;
    ODB_TRY(query_range(q, &r));
    ODB_TRY(query_parse_t(q, "--at", q->a->at, &h.t));
    h.from = r.from;
    h.to = r.to;
    h.max = r.max;
    ODB_TRY(query_asked_frame(q, h.t, &h.s, &frame));
    struct odb_err *e = run(&h, &r);
    symbols_value_deinit(&h.value);
    free(h.last);
    free(h.reads);
    view_db_destroy(h.past);
    return e;
}
