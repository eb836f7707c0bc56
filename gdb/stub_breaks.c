/* Breakpoints and watched ranges: Z, z, and the conditions that are evaluated here.
 *
 * The target finds the hits; this file keeps what the target does not need to know: which kinds of breakpoint gdb has at
 * an address, and their conditions. The table is sorted, so that thousands of breakpoints cost a binary search each. */
#include "gdb/stub_parts.h"

#include <stdlib.h>
#include <string.h>

#include "gdb/agent.h"

/* ---- the table ---- */

static int compare(const struct stub_break *b, uint32_t pid, gaddr addr)
{
    if (b->pid != pid)
        return b->pid < pid ? -1 : 1;
    return b->addr < addr ? -1 : b->addr > addr;
}

/* Where the breakpoint is, or would be. */
static size_t place_of(const struct stub *s, uint32_t pid, gaddr addr)
{
    size_t low = 0, high = s->n_breaks;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (compare(&s->breaks[mid], pid, addr) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

const struct stub_break *stub_find_break(const struct stub *s, uint32_t pid, gaddr addr)
{
    size_t i = place_of(s, pid, addr);
    return i < s->n_breaks && compare(&s->breaks[i], pid, addr) == 0 ? &s->breaks[i] : NULL;
}

static struct odb_err *add_break(struct stub *s, uint32_t pid, gaddr addr, struct stub_break **ret)
{
    size_t i = place_of(s, pid, addr);
    if (i < s->n_breaks && compare(&s->breaks[i], pid, addr) == 0) {
        *ret = &s->breaks[i];
        return NULL;
    }
    if (s->n_breaks == s->cap_breaks) {
        size_t cap = s->cap_breaks * 2 + 16;
        struct stub_break *breaks = realloc(s->breaks, cap * sizeof(*breaks));
        if (!breaks)
            return odb_err("out of memory");
        s->breaks = breaks;
        s->cap_breaks = cap;
    }
    ODB_TRY(target_insert_break(s->g, pid, addr));
    memmove(&s->breaks[i + 1], &s->breaks[i], (s->n_breaks - i) * sizeof(*s->breaks));
    s->n_breaks++;
    s->breaks[i] = (struct stub_break){.pid = pid, .addr = addr};
    *ret = &s->breaks[i];
    return NULL;
}

static struct odb_err *remove_break(struct stub *s, size_t i)
{
    struct stub_break gone = s->breaks[i];
    memmove(&s->breaks[i], &s->breaks[i + 1], (s->n_breaks - i - 1) * sizeof(*s->breaks));
    s->n_breaks--;
    free(gone.conditions);
    return target_remove_break(s->g, gone.pid, gone.addr);
}

/* ---- watched ranges ---- */

static size_t find_watch(const struct stub *s, const struct stub_watch *w)
{
    size_t i = 0;
    for (; i < s->n_watches; i++) {
        const struct stub_watch *v = &s->watches[i];
        if (v->pid == w->pid && v->kind == w->kind && v->addr == w->addr && v->n_bytes == w->n_bytes)
            break;
    }
    return i;
}

static struct odb_err *add_watch(struct stub *s, const struct stub_watch *w)
{
    if (find_watch(s, w) < s->n_watches)
        return NULL;
    if (s->n_watches == s->cap_watches) {
        size_t cap = s->cap_watches * 2 + 16;
        struct stub_watch *watches = realloc(s->watches, cap * sizeof(*watches));
        if (!watches)
            return odb_err("out of memory");
        s->watches = watches;
        s->cap_watches = cap;
    }
    ODB_TRY(target_insert_watch(s->g, w->pid, w->kind, w->addr, w->n_bytes));
    s->watches[s->n_watches++] = *w;
    return NULL;
}

static struct odb_err *remove_watch(struct stub *s, size_t i)
{
    struct stub_watch w = s->watches[i];
    s->watches[i] = s->watches[--s->n_watches];
    return target_remove_watch(s->g, w.pid, w.kind, w.addr, w.n_bytes);
}

struct odb_err *stub_suspend_watches(struct stub *s, uint32_t pid, gaddr addr, bool suspend)
{
    for (size_t i = 0; i < s->n_watches; i++) {
        const struct stub_watch *w = &s->watches[i];
        if (w->pid != pid || w->addr != addr)
            continue;
        if (suspend)
            ODB_TRY(target_remove_watch(s->g, w->pid, w->kind, w->addr, w->n_bytes));
        else
            ODB_TRY(target_insert_watch(s->g, w->pid, w->kind, w->addr, w->n_bytes));
    }
    return NULL;
}

/* ---- both ---- */

struct odb_err *stub_drop_breaks(struct stub *s, uint32_t pid)
{
    for (size_t i = s->n_breaks; i-- > 0;) {
        if (pid == 0 || s->breaks[i].pid == pid)
            ODB_TRY(remove_break(s, i));
    }
    for (size_t i = s->n_watches; i-- > 0;) {
        if (pid == 0 || s->watches[i].pid == pid)
            ODB_TRY(remove_watch(s, i));
    }
    return NULL;
}

/* ---- conditions ---- */

/* "X3,220127X..." with ';' between or not; `cmds:` would follow, but is not offered. Gives the form of struct stub_break.
 * false: malformed. */
static bool parse_conditions(const uint8_t *p, size_t n_bytes, struct out *ret)
{
    const uint8_t *end = p + n_bytes;
    while (p < end) {
        if (*p == ';') {
            p++;
            continue;
        }
        uint64_t len;
        if (*p++ != 'X' || !packet_number(&p, end, &len) || p == end || *p++ != ',' ||
            len > (uint64_t)(end - p) / 2 || len == 0)
            return false;
        uint32_t stored = (uint32_t)len;
        out_bytes(ret, &stored, sizeof(stored));
        size_t at = ret->n_bytes;
        out_bytes(ret, p, (size_t)len); /* room; replaced by the decoded bytes */
        if (ret->failed || !packet_unhex(p, 2 * (size_t)len, ret->data + at))
            return false;
        p += 2 * len;
    }
    return !ret->failed;
}

struct condition_ctx {
    struct stub *s;
    struct target *g;
    uint32_t pid, tid;
    bool have_regs;
    struct target_regs regs;
};

static bool condition_read(void *ctx, gaddr addr, void *to, size_t n_bytes)
{
    struct condition_ctx *c = ctx;
    size_t got = 0;
    struct odb_err *e = target_read(c->g, c->pid, addr, to, n_bytes, &got);
    bool fine = !e && got == n_bytes;
    odb_err_free(e);
    return fine;
}

static bool condition_reg(void *ctx, unsigned number, uint64_t *ret)
{
    struct condition_ctx *c = ctx;
    uint8_t value[64] = {0};
    if (number >= c->s->registers.n)
        return false;
    if (!c->have_regs) {
        struct odb_err *e = target_registers(c->g, c->tid, &c->regs);
        c->have_regs = !e;
        odb_err_free(e);
        if (!c->have_regs)
            return false;
    }
    register_get(&c->s->registers, number, &c->regs, value);
    memcpy(ret, value, sizeof(*ret));
    return true;
}

bool stub_break_wanted(void *ctx, struct target *g, uint32_t pid, uint32_t tid, gaddr addr)
{
    struct condition_ctx c = {.s = ctx, .g = g, .pid = pid, .tid = tid};
    const struct stub_break *b = stub_find_break(c.s, pid, addr);
    if (!b)
        return false; /* not of a process that the client looks at */
    if (!b->conditions)
        return true;
    const struct agent_env env = {.ctx = &c, .read = condition_read, .reg = condition_reg};
    for (size_t at = 0; at < b->n_conditions;) {
        uint32_t len;
        uint64_t value = 0;
        memcpy(&len, b->conditions + at, sizeof(len));
        const char *wrong = agent_eval(b->conditions + at + sizeof(len), len, &env, &value);
        if (wrong && !c.s->condition_failed) {
            c.s->condition_failed = true;
            stub_note(c.s, "%s: it counts as true", wrong);
        }
        if (wrong || value)
            return true;
        at += sizeof(len) + len;
    }
    return false;
}

/* ---- packets ---- */

enum { Z_SOFTWARE, Z_HARDWARE, Z_LAST = TARGET_WATCH_ACCESS };

static void insert(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    uint32_t pid, tid;
    struct stub_break *b = NULL;
    struct out conditions = {0};
    struct odb_err *e = stub_general_thread(s, &pid, &tid);
    if (!e && a[0].n > Z_HARDWARE) {
        e = add_watch(s, &(struct stub_watch){pid, (enum target_watch_kind)a[0].n, a[1].n, a[2].n});
    } else if (!e) {
        if (n > 3 && !parse_conditions(a[3].data, a[3].n_bytes, &conditions)) {
            out_deinit(&conditions);
            reply_error(reply, "odb: this breakpoint condition cannot be read");
            return;
        }
        e = add_break(s, pid, a[1].n, &b);
    }
    if (b) {
        b->kinds |= (uint8_t)(1u << a[0].n);
        free(b->conditions); /* the last packet tells all of them */
        b->conditions = conditions.n_bytes ? conditions.data : NULL;
        b->n_conditions = conditions.n_bytes;
        if (b->conditions)
            conditions = (struct out){0};
    }
    out_deinit(&conditions);
    if (e) {
        stub_note(s, "%s", odb_err_text(e));
        reply_error(reply, "%s", odb_err_text(e));
        odb_err_free(e);
    } else {
        reply_ok(reply);
    }
}

static void remove_(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)n;
    uint32_t pid, tid;
    struct odb_err *e = stub_general_thread(s, &pid, &tid);
    if (e) { /* the process is gone, and with it what was in it */
        odb_err_free(e);
        reply_ok(reply);
        return;
    }
    if (a[0].n > Z_HARDWARE) {
        const struct stub_watch w = {pid, (enum target_watch_kind)a[0].n, a[1].n, a[2].n};
        size_t i = find_watch(s, &w);
        if (i < s->n_watches)
            e = remove_watch(s, i);
    } else {
        size_t i = place_of(s, pid, a[1].n);
        if (i < s->n_breaks && compare(&s->breaks[i], pid, a[1].n) == 0) {
            s->breaks[i].kinds &= (uint8_t) ~(1u << a[0].n);
            if (!s->breaks[i].kinds)
                e = remove_break(s, i);
        }
    }
    if (e)
        reply_failure(s, reply, e);
    else
        reply_ok(reply);
}

static void dispatch(struct stub *s, const struct packet_arg *a, int n, struct out *reply, stub_handler run)
{
    if (a[0].n <= Z_LAST) /* others are unknown: the empty reply */
        run(s, a, n, reply);
}

static void insert_any(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    dispatch(s, a, n, reply, insert);
}

static void remove_any(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    dispatch(s, a, n, reply, remove_);
}

static const struct stub_row rows[] = {
    {"Z", "x,x,x|;r", insert_any, "ConditionalBreakpoints+"},
    {"z", "x,x,x|;r", remove_any, NULL},
};
const struct stub_table stub_breaks_table = STUB_TABLE(rows);
