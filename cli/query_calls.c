/* odb query calls FUNC: each call of a function, with arguments and result.
 *
 * A call is entered where the function's first instruction executes; the word at rsp is the return address R then. It is over
 * where R executes in the same thread with rsp just above that word, and an instruction before which rsp pointed to it came just
 * before (a jump may lead to R as well): true also for tail calls, recursion and coroutines, because no two live calls
 * of a thread have the same place on the stack. So one pass over the executions of all entries and all R seen so far, in the order
 * of t, finds everything; the set grows as calls are found.
 *
 * A call that is left otherwise (longjmp, an exception, a thread that ends) never executes R. It is known to be gone when
 * something proves that its place on the stack is free: a call entered, or returned from, at or above it on the same stack (in
 * the same mapping: coroutines have others). A call that comes back all the same (its coroutine lay in the same mapping) is
 * found by its exact place.
 *
 * t_exit is the first instruction behind the return: in that state the result is still where the call left it. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/query_points.h"
#include "common/cleanup.h"

#define ULL(x) ((unsigned long long)(x))
#define LOOK_BACK 1000 /* calls that are taken for left, among which one may come back */

enum call_state { CALL_OPEN, CALL_DONE, CALL_LEFT };
struct call {
    uint64_t t_enter, t_exit; /* t_exit: where DONE */
    uint32_t pid, tid;
    gaddr rsp, ret, function;
    gaddr stack_start, stack_end; /* the mapping of rsp */
    enum call_state state;
    unsigned depth;
    char *args, *result, *caller; /* owned; NULL: not known */
};

struct calls {
    struct query *q;
    struct symbols *s;
    struct query_points points; /* entries, and return addresses */
    const struct query_points *entries;
    struct call *v; /* owned, by t_enter */
    size_t n, cap;
    size_t *open; /* owned: which of v are open, in order */
    size_t n_open;
    const char *name;
};

static void calls_deinit(struct calls *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->v[i].args);
        free(c->v[i].result);
        free(c->v[i].caller);
    }
    free(c->v);
    free(c->open);
    query_points_deinit(&c->points);
}

static bool is_entry(const struct calls *c, gaddr addr, uint32_t pid)
{
    for (size_t i = 0; i < c->entries->n; i++)
        if (c->entries->points[i].addr == addr && c->entries->points[i].pid == pid)
            return true;
    return false;
}

static const struct sym_map *stack_of(const struct sym_view *view)
{
    for (size_t i = 0; i < view->n_maps; i++)
        if (view->maps[i].start <= view->gpr[ODB_RSP] && view->gpr[ODB_RSP] < view->maps[i].end)
            return &view->maps[i];
    return NULL;
}

/* ---- arguments and result ---- */

/* "n=3, s=0x... \"x\"", as gdb has it in its frames. */
static struct odb_err *arguments_text(struct symbols *s, gaddr function, char **ret)
{
    struct sym_variable *v = NULL;
    size_t n = 0, n_bytes;
    bool found = false;
    char *text = NULL;
    ODB_TRY(symbols_arguments(s, function, &v, &n, &found));
    FILE *f = found ? open_memstream(&text, &n_bytes) : NULL;
    struct odb_err *e = found && !f ? odb_err("out of memory") : NULL;
    for (size_t i = 0; i < n && f && !e; i++) {
        _cleanup_free_ char *value = NULL;
        e = query_value_plain(s, &v[i].value, &value);
        if (!e)
            fprintf(f, "%s%s=%s", i ? ", " : "", v[i].name, value);
    }
    symbols_variables_free(v, n);
    if (f && fclose(f) && !e)
        e = odb_err("out of memory");
    if (e) {
        free(text);
        return e;
    }
    *ret = text;
    return NULL;
}

static struct odb_err *result_text(struct symbols *s, gaddr function, char **ret)
{
    __attribute__((cleanup(symbols_value_deinit))) struct sym_value v = {0};
    bool found = false;
    ODB_TRY(symbols_result(s, function, &v, &found));
    return found ? query_value_plain(s, &v, ret) : NULL;
}

/* ---- one pass ---- */

/* All calls that lie below rsp on the stack of this thread are gone. */
static void leave_below(struct calls *c, uint32_t tid, gaddr rsp)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n_open; i++) {
        struct call *k = &c->v[c->open[i]];
        if (k->state == CALL_OPEN && k->tid == tid && k->rsp <= rsp && k->stack_start <= rsp &&
            rsp < k->stack_end)
            k->state = CALL_LEFT;
        if (k->state == CALL_OPEN)
            c->open[n++] = c->open[i];
    }
    c->n_open = n;
}

/* Room for one call more. */
static struct odb_err *grow(struct calls *c)
{
    if (c->n < c->cap)
        return NULL;
    size_t cap = c->cap ? 2 * c->cap : 64;
    struct call *v = reallocarray(c->v, cap, sizeof(*v));
    if (v)
        c->v = v;
    size_t *open = reallocarray(c->open, cap, sizeof(*open));
    if (open)
        c->open = open;
    if (!v || !open)
        return odb_err("out of memory");
    c->cap = cap;
    return NULL;
}

static struct odb_err *enter(struct calls *c, const struct db_execution *x, const struct sym_view *view)
{
    size_t n = 0;
    char caller[512] = "";
    const struct sym_map *stack = stack_of(view);
    struct call k = {
        .t_enter = x->t, .pid = x->pid, .tid = x->tid, .rsp = view->gpr[ODB_RSP], .function = x->rip};
    if (stack) {
        k.stack_start = stack->start;
        k.stack_end = stack->end;
    }
    ODB_TRY(view->read(view->ctx, k.rsp, &k.ret, sizeof(k.ret), &n));
    leave_below(c, x->tid, k.rsp);
    for (size_t i = 0; i < c->n_open; i++)
        k.depth += c->v[c->open[i]].tid == x->tid;
    ODB_TRY(grow(c));
    c->open[c->n_open++] = c->n;
    struct call *to = &c->v[c->n++];
    *to = k;
    ODB_TRY(arguments_text(c->s, k.function, &to->args));
    if (n < sizeof(k.ret))
        return NULL; /* no stack */
    ODB_TRY(query_spot(c->s, k.ret, true, caller, sizeof(caller)));
    to->caller = *caller ? strdup(caller) : NULL;
    return query_points_add(&c->points, k.ret, x->pid);
}

static bool returns_from(const struct call *k, const struct db_execution *x, gaddr rsp)
{
    return k->state != CALL_DONE && k->tid == x->tid && k->pid == x->pid && k->ret == x->rip &&
           k->rsp + 8 == rsp;
}

/* Had the thread this rsp before the instruction that it executed last? */
static struct odb_err *came_from(struct calls *c, const struct db_execution *x, gaddr rsp, bool *ret)
{
    struct db_execution last;
    struct db_regs regs;
    bool found = false;
    *ret = false;
    ODB_TRY(db_find_run(c->q->db, x->tid, 0, 0, 0, x->t, true, &found, &last));
    if (!found)
        return NULL;
    ODB_TRY(db_registers(c->q->db, last.t, x->tid, &regs));
    *ret = regs.regs.scalar[ODB_RSP] == rsp;
    if (*ret)
        return NULL;
    char call[64] = ""; /* or a signal came between the two: its end tells nothing */
    ODB_TRY(db_syscall_name(c->q->db, last.t, x->tid, &found, call, sizeof(call)));
    *ret = found && !strcmp(call, "rt_sigreturn");
    return NULL;
}

static struct odb_err *leave(struct calls *c, const struct db_execution *x, const struct sym_view *view)
{
    struct call *k = NULL;
    gaddr rsp = view->gpr[ODB_RSP];
    for (size_t i = c->n_open; i-- && !k;)
        if (returns_from(&c->v[c->open[i]], x, rsp))
            k = &c->v[c->open[i]];
    for (size_t i = c->n; i-- && !k && i + LOOK_BACK >= c->n;)
        if (returns_from(&c->v[i], x, rsp))
            k = &c->v[i];
    if (!k)
        return NULL; /* went by without a call */
    bool returned = false;
    ODB_TRY(came_from(c, x, k->rsp, &returned));
    if (returned) {
        k->state = CALL_DONE;
        k->t_exit = x->t;
    }
    leave_below(c, x->tid, k->rsp);
    if (!returned)
        return NULL;
    return result_text(c->s, k->function, &k->result);
}

static struct odb_err *collect(struct calls *c, const struct query_range *r)
{
    uint64_t from = r->from;
    for (;;) {
        struct db_execution x;
        const struct sym_view *view;
        bool found = false;
        bool full = c->n >= r->max;
        if (full && !c->n_open)
            return NULL;
        ODB_TRY(db_find_execution(c->q->db, c->points.points, c->points.n, from, r->to, false, &found, &x));
        if (!found)
            return NULL;
        from = x.t + 1;
        bool entry = is_entry(c, x.rip, x.pid);
        if (c->q->tid && x.tid != c->q->tid)
            continue;
        ODB_TRY(view_db_at(c->q->view, x.t, x.pid, x.tid, &view));
        ODB_TRY(symbols_set_view(c->s, view));
        if (!entry)
            ODB_TRY(leave(c, &x, view));
        else if (!full)
            ODB_TRY(enter(c, &x, view));
    }
}

/* Calls that seem open at the end: is the thread still below them? */
static struct odb_err *judge_open(struct calls *c, uint64_t to)
{
    for (size_t i = 0; i < c->n_open; i++) {
        struct call *k = &c->v[c->open[i]];
        struct db_regs regs;
        _cleanup_err_ struct odb_err *e = db_registers(c->q->db, to, k->tid, &regs);
        uint64_t rsp = e ? 0 : regs.regs.scalar[ODB_RSP]; /* an error: the thread is gone by then */
        if (e || (rsp > k->rsp && rsp >= k->stack_start && rsp < k->stack_end))
            k->state = CALL_LEFT;
    }
    return NULL;
}

/* ---- the answer ---- */

static void json_text(const char *before, const char *text)
{
    fputs(before, stdout);
    if (text)
        json_string(stdout, text, strlen(text));
    else
        fputs("null", stdout);
}

static void call_json(const struct calls *c, const struct call *k, bool first)
{
    printf("%s{\"t_enter\":%llu,\"t_exit\":", first ? "" : ",\n ", ULL(k->t_enter));
    if (k->state == CALL_DONE)
        printf("%llu", ULL(k->t_exit));
    else
        fputs("null", stdout);
    printf(",\"left\":%s,\"pid\":%u,\"tid\":%u,\"depth\":%u,\"addr\":\"0x%llx\"",
           k->state == CALL_LEFT ? "true" : "false", k->pid, k->tid, k->depth, ULL(k->function));
    json_text(",\"function\":", c->name);
    json_text(",\"args\":", k->args);
    json_text(",\"result\":", k->result);
    json_text(",\"caller\":", k->caller);
    putchar('}');
}

static void call_text(const struct calls *c, const struct call *k)
{
    char until[32] = "";
    if (k->state == CALL_DONE)
        snprintf(until, sizeof(until), "%llu", ULL(k->t_exit));
    printf("t %-10llu %-10s  ", ULL(k->t_enter), k->state == CALL_LEFT ? "left" : *until ? until : "...");
    print_task(c->q, k->pid, k->tid);
    printf("%*s%s(%s)", (int)(2 * (k->depth < 40 ? k->depth : 40)), "", c->name, k->args ? k->args : "?");
    if (k->result)
        printf(" = %s", k->result);
    if (k->caller)
        printf("  from %s", k->caller);
    putchar('\n');
}

static struct odb_err *show(struct calls *c, const struct query_range *r)
{
    if (c->q->json)
        putchar('[');
    for (size_t i = 0; i < c->n; i++)
        if (c->q->json)
            call_json(c, &c->v[i], !i);
        else
            call_text(c, &c->v[i]);
    if (c->q->json)
        fputs("]\n", stdout);
    else if (!c->n)
        puts("never called");
    else if (c->n == r->max)
        printf("the first %zu: more with --max, or from t %llu with --from\n", c->n,
               ULL(c->v[c->n - 1].t_enter + 1));
    return NULL;
}

struct odb_err *answer_calls(struct query *q)
{
    _cleanup_points_ struct query_points entries = {0};
    __attribute__((cleanup(calls_deinit))) struct calls c = {
        .q = q, .name = q->a->args[0], .entries = &entries};
    struct query_range r;
    ODB_TRY(query_range(q, &r));
    ODB_TRY(query_symbols_open(q, &c.s));
    ODB_TRY(query_find_function(q, c.name, &entries));
    for (size_t i = 0; i < entries.n; i++)
        ODB_TRY(query_points_add(&c.points, entries.points[i].addr, entries.points[i].pid));
    ODB_TRY(collect(&c, &r));
    ODB_TRY(judge_open(&c, r.to));
    return show(&c, &r);
}
