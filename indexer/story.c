/* The program's story in the index: system calls, output, signals, mappings, files, how it ended.
 *
 * A system call's row is written when the next instruction comes: by then all memory that the call read
 * (MEM_IN) and wrote (MEM) is known, and the arguments can be shown as text. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "common/cleanup.h"
#include "indexer/builder_impl.h"
#include "model/describe.h"
#include "trace/trace.h"

/* t of what follows the last instruction. */
static uint64_t latest_t(const struct index_builder *b) { return b->count ? b->count - 1 : 0; }

static uint32_t current_tid(const struct index_builder *b)
{
    return b->n_threads ? b->threads[b->current].tid : b->pid;
}

/* ---- system calls ---- */

static size_t peek(void *ctx, gaddr addr, void *to, size_t n_bytes)
{
    struct index_builder *b = ctx;
    for (size_t i = 0; i < b->n_inputs; i++) {
        const struct story_input *in = &b->inputs[i];
        if (addr < in->addr || addr - in->addr >= in->n)
            continue;
        size_t at = (size_t)(addr - in->addr), n = in->n - at < n_bytes ? in->n - at : n_bytes;
        memcpy(to, b->input_bytes.p + in->at + at, n);
        return n < n_bytes ? n + peek(ctx, addr + n, (uint8_t *)to + n, n_bytes - n) : n;
    }
    return shadow_read(&b->shadow, addr, to, n_bytes);
}

static struct odb_err *put_call(struct index_builder *b)
{
    const struct odb_log_syscall *c = &b->call;
    struct model_call call = {.nr = c->nr, .result = c->result};
    memcpy(call.args, c->args, sizeof(call.args));
    const struct model_syscall *m = model_lookup(c->nr);
    char args[8192] = "", result[256] = "";
    describe_args(&call, peek, b, args, sizeof(args));
    bool ends = b->call_t == b->count;
    if (!ends)
        describe_result(&call, result, sizeof(result));
    return store_put(b->store, STORE_SYSCALL, ends ? "iiiitsNtiiiiiii" : "iiiitsitiiiiiii", b->call_t,
                     (uint64_t)b->pid, (uint64_t)(c->tid ? c->tid : current_tid(b)), c->nr,
                     m ? m->name : NULL, (const void *)args, strlen(args), c->result, ends ? NULL : result,
                     c->args[0], c->args[1], c->args[2], c->args[3], c->args[4], c->args[5], c->event);
}

struct odb_err *story_insn(struct index_builder *b)
{
    b->after_signal = b->in_exec = false;
    if (b->have_call) {
        b->have_call = false;
        ODB_TRY(put_call(b));
    }
    b->n_inputs = 0;
    b->input_bytes.n = 0;
    return NULL;
}

static struct odb_err *on_syscall(struct index_builder *b, const uint8_t *body, uint32_t n)
{
    if (n < sizeof(b->call))
        return odb_err("index log: SYSCALL of %u bytes is too short", n);
    if (b->have_call)
        ODB_TRY(put_call(b));
    memcpy(&b->call, body, sizeof(b->call));
    b->have_call = true;
    /* these do not complete: there was no INSN for them */
    bool ends = b->call.nr == SYS_exit_group || b->call.nr == SYS_exit;
    b->have_exit |= ends;
    b->call_t = ends ? b->count : latest_t(b);
    return NULL;
}

static struct odb_err *on_input(struct index_builder *b, gaddr addr, const uint8_t *p, uint32_t n)
{
    if (b->n_inputs == b->cap_inputs) {
        size_t cap = b->cap_inputs ? b->cap_inputs * 2 : 16;
        struct story_input *v = reallocarray(b->inputs, cap, sizeof(*v));
        if (!v)
            return odb_err("index: out of memory");
        b->inputs = v;
        b->cap_inputs = cap;
    }
    b->inputs[b->n_inputs++] = (struct story_input){addr, n, (uint32_t)b->input_bytes.n};
    bytes_append(&b->input_bytes, p, n);
    return b->input_bytes.oom ? odb_err("index: out of memory") : NULL;
}

static struct odb_err *on_output(struct index_builder *b, const struct odb_log *r, const uint8_t *p)
{
    const char *stream = r->reg == 1 ? "stdout" : r->reg == 2 ? "stderr" : NULL;
    return store_put(b->store, STORE_OUTPUT, "iiiits", latest_t(b), (uint64_t)b->pid,
                     (uint64_t)current_tid(b), r->arg, stream, (const void *)p, (size_t)r->n);
}

/* ---- signals ---- */

static struct odb_err *put_signal(struct index_builder *b, int signo, int code, const uint64_t *addr,
                                  bool fatal, gaddr rip)
{
    char buf[32];
    return store_put(b->store, STORE_SIGNAL, addr ? "iiiitiiii" : "iiiitiNii", b->count, (uint64_t)b->pid,
                     (uint64_t)current_tid(b), (uint64_t)signo, describe_signal(signo, buf, sizeof(buf)),
                     (uint64_t)(int64_t)code, addr ? *addr : 0, (uint64_t)fatal, rip);
}

static struct odb_err *on_signal(struct index_builder *b, const uint8_t *body, uint32_t n)
{
    struct odb_event head;
    if (n < sizeof(head))
        return odb_err("index log: SIGNAL of %u bytes is too short", n);
    memcpy(&head, body, sizeof(head));
    if (head.type == ODB_EV_FAULT && n >= sizeof(struct odb_ev_fault)) {
        struct odb_ev_fault f;
        memcpy(&f, body, sizeof(f));
        b->fault_count = b->count + 1;
        b->fault_signo = f.signo;
        b->after_signal = true;
        if (head.flags & ODB_FAULT_FATAL)
            b->end_rip = f.regs.rip;
        return put_signal(b, f.signo, f.code, &f.addr, head.flags & ODB_FAULT_FATAL, f.regs.rip);
    }
    if (head.type != ODB_EV_SIGNAL || n < sizeof(struct odb_ev_signal))
        return odb_err("index log: SIGNAL with event type %u, %u bytes, is impossible", head.type, n);
    struct odb_ev_signal s;
    memcpy(&s, body, sizeof(s));
    b->after_signal = true;
    if (b->fault_count == b->count + 1 && b->fault_signo == s.signo)
        return NULL; /* the fault's own signal */
    int32_t code;
    memcpy(&code, s.siginfo + offsetof(siginfo_t, si_code), 4);
    return put_signal(b, s.signo, code, NULL, false, s.rip);
}

/* ---- mappings ---- */

static struct odb_err *emit_map(void *ctx, const struct region *r, uint64_t t_end)
{
    struct index_builder *b = ctx;
    return store_put(b->store, STORE_MAP, t_end == UINT64_MAX ? "iNiiiiiiit" : "iiiiiiiiit", r->t_start,
                     t_end, (uint64_t)b->pid, r->start, r->end, (uint64_t)r->prot, (uint64_t)r->flags,
                     r->offset, (uint64_t)r->file_id, r->name);
}

/* Attributes of [start, end) change in place. */
static struct odb_err *protect(struct index_builder *b, gaddr start, gaddr end, uint32_t prot)
{
    _cleanup_free_ struct region *was = NULL;
    size_t n;
    ODB_TRY(regions_within(&b->maps, start, end, &was, &n));
    for (size_t i = 0; i < n; i++) {
        if (was[i].prot == prot)
            continue;
        ODB_TRY(regions_cut(&b->maps, was[i].start, was[i].end, b->count, emit_map, b));
        was[i].prot = prot;
        was[i].t_start = b->count;
        ODB_TRY(regions_add(&b->maps, &was[i]));
    }
    return NULL;
}

static struct odb_err *add_map(struct index_builder *b, const struct odb_log_map *m, gaddr start, gaddr end)
{
    struct region r = {
        .start = start,
        .end = end,
        .t_start = b->count,
        .prot = m->prot,
        .flags = m->map_flags,
        .file_id = m->file_id,
        .offset = m->offset + (start - m->start),
    };
    memcpy(r.name, m->name, sizeof(r.name) - 1);
    ODB_TRY(regions_cut(&b->maps, start, end, b->count, emit_map, b));
    ODB_TRY(regions_add(&b->maps, &r));
    return shadow_map(&b->shadow, start, end, m->file_id, r.offset, b->count);
}

/* Heap and stack grow: what of the range was there keeps its contents. */
static struct odb_err *grow_map(struct index_builder *b, const struct odb_log_map *m)
{
    gaddr at = m->start;
    while (at < m->end) {
        size_t i = regions_lower(&b->maps, at);
        const struct region *r = i < b->maps.n && b->maps.v[i].start < m->end ? &b->maps.v[i] : NULL;
        gaddr gap_end = r ? (r->start > at ? r->start : at) : m->end, next = r ? r->end : m->end;
        if (gap_end > at)
            ODB_TRY(add_map(b, m, at, gap_end));
        at = next;
    }
    return protect(b, m->start, m->end, m->prot);
}

/* mremap. The old length is the call's; without one, what lies at old_start is meant. */
static struct odb_err *move_map(struct index_builder *b, const struct odb_log_map *m)
{
    if (m->old_start == m->start)
        return grow_map(b, m);
    const struct region *old = regions_find(&b->maps, m->old_start);
    uint64_t len = old ? old->end - m->old_start : 0;
    bool called = b->have_call && b->call.nr == SYS_mremap,
         stays = called && b->call.args[3] & MREMAP_DONTUNMAP;
    if (called) /* what the kernel sees as one mapping may be several here */
        len = (b->call.args[1] + ODB_PAGE_BYTES - 1) & ~(uint64_t)(ODB_PAGE_BYTES - 1);
    gaddr old_end = m->old_start + len; /* what of it is not moved, goes away */
    if (len > m->end - m->start)
        len = m->end - m->start;
    if (!called)
        old_end = m->old_start + len;
    ODB_TRY(add_map(b, m, m->start, m->end));
    if (!len || (m->old_start < m->end && m->start < old_end))
        return NULL;
    ODB_TRY(shadow_move(&b->shadow, m->old_start, m->start, len, b->count));
    if (stays)
        return shadow_map(&b->shadow, m->old_start, old_end, 0, 0, b->count);
    ODB_TRY(regions_cut(&b->maps, m->old_start, old_end, b->count, emit_map, b));
    return shadow_unmap(&b->shadow, m->old_start, old_end, b->count);
}

/* madvise drops what is private; MADV_REMOVE drops what is shared. */
static struct odb_err *drop_map(struct index_builder *b, const struct odb_log_map *m)
{
    _cleanup_free_ struct region *was = NULL;
    size_t n;
    bool shared = b->have_call && b->call.nr == SYS_madvise && b->call.args[2] == MADV_REMOVE;
    ODB_TRY(regions_within(&b->maps, m->start, m->end, &was, &n));
    for (size_t i = 0; i < n; i++)
        if (((was[i].flags & MAP_SHARED) != 0) == shared)
            ODB_TRY(shadow_drop(&b->shadow, was[i].start, was[i].end, b->count));
    return NULL;
}

struct odb_err *story_grow_stack(struct index_builder *b, gaddr addr)
{
    size_t i = regions_lower(&b->maps, addr);
    if (i == b->maps.n || b->maps.v[i].start <= addr)
        return NULL;
    const struct region *r = &b->maps.v[i];
    if (strcmp(r->name, "[stack]") != 0 && !(r->flags & MAP_GROWSDOWN))
        return NULL;
    struct region more = *r;
    more.start = addr & ~(uint64_t)(ODB_PAGE_BYTES - 1);
    more.end = r->start;
    more.t_start = latest_t(b);
    ODB_TRY(regions_add(&b->maps, &more));
    struct region contents = {.start = more.start, .end = more.end, .t_start = more.t_start};
    return regions_add(&b->shadow.contents, &contents);
}

/* The registers as a system call, for those that leave no SYSCALL record. */
static struct odb_err *put_call_of_registers(struct index_builder *b, uint64_t t)
{
    static const uint8_t args[] = {ODB_RDI, ODB_RSI, ODB_RDX, ODB_R10, ODB_R8, ODB_R9};
    if (!b->n_threads)
        return NULL;
    const uint64_t *gpr = b->threads[b->current].regs.scalar;
    b->call = (struct odb_log_syscall){.nr = gpr[ODB_RAX], .tid = current_tid(b)};
    for (int i = 0; i < 6; i++)
        b->call.args[i] = gpr[args[i]];
    b->call_t = t;
    return put_call(b);
}

/* A successful execve: mappings without a SYSCALL record. The old image is gone. */
static struct odb_err *begin_exec(struct index_builder *b)
{
    b->in_exec = true;
    ODB_TRY(put_call_of_registers(b, latest_t(b)));
    ODB_TRY(regions_cut(&b->maps, 0, UINT64_MAX, b->count, emit_map, b));
    return shadow_unmap(&b->shadow, 0, UINT64_MAX, b->count);
}

static struct odb_err *on_map(struct index_builder *b, const uint8_t *body, uint32_t n)
{
    struct odb_log_map m;
    if (n < sizeof(m))
        return odb_err("index log: MAP of %u bytes is too short", n);
    memcpy(&m, body, sizeof(m));
    m.name[sizeof(m.name) - 1] = 0;
    if (b->count && !b->have_call && !b->in_exec && m.op == ODB_MAP_ADD)
        ODB_TRY(begin_exec(b));
    m.start &= ~(uint64_t)(ODB_PAGE_BYTES - 1);
    m.end = (m.end + ODB_PAGE_BYTES - 1) & ~(uint64_t)(ODB_PAGE_BYTES - 1);
    if (m.start >= m.end)
        return NULL;
    switch (m.op) {
    case ODB_MAP_ADD:
        if (!strcmp(m.name, "[heap]") || !strcmp(m.name, "[stack]"))
            return grow_map(b, &m);
        return add_map(b, &m, m.start, m.end);
    case ODB_MAP_REMOVE:
        ODB_TRY(regions_cut(&b->maps, m.start, m.end, b->count, emit_map, b));
        return shadow_unmap(&b->shadow, m.start, m.end, b->count);
    case ODB_MAP_PROTECT: return protect(b, m.start, m.end, m.prot);
    case ODB_MAP_MOVE: return move_map(b, &m);
    case ODB_MAP_ZERO: return drop_map(b, &m);
    default: return odb_err("index log: map change %u is unknown", m.op);
    }
}

/* ---- events ---- */

/* Arguments as a shell would take them. */
static struct odb_err *join_args(const struct odb_ev_start *ev, char **ret)
{
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    if (!f)
        return odb_err("index: out of memory");
    for (uint32_t i = 0; i < ev->n_argv; i++) {
        const char *a = trace_start_string(ev, 3 + i);
        bool plain =
            *a && !a[strspn(a, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,+@%")];
        if (i)
            fputc(' ', f);
        if (!plain)
            fputc('\'', f);
        for (; *a; a++) {
            if (*a == '\'')
                fputs("'\\'", f);
            fputc(*a, f);
        }
        if (!plain)
            fputc('\'', f);
    }
    fclose(f);
    free(*ret);
    *ret = text;
    return text ? NULL : odb_err("index: out of memory");
}

static struct odb_err *put_event(struct index_builder *b, const struct odb_event *ev, uint64_t t,
                                 const char *type, const char *text)
{
    return store_put(b->store, STORE_EVENT, "iiits", t, (uint64_t)ev->pid, (uint64_t)ev->tid, type,
                     (const void *)text, strlen(text));
}

static struct odb_err *on_file(struct index_builder *b, const struct odb_ev_file *f)
{
    const char *path = trace_file_path(f);
    return store_put(b->store, STORE_FILE, "isiiii", (uint64_t)f->file_id, (const void *)path, strlen(path),
                     f->size_bytes, f->mtime_ns, f->dev, f->ino);
}

struct odb_err *index_builder_event(struct index_builder *b, const struct odb_event *ev)
{
    if (ev->type == ODB_EV_START) {
        const struct odb_ev_start *s = (const struct odb_ev_start *)ev;
        free(b->exe);
        b->exe = strdup(trace_start_string(s, 0));
        return join_args(s, &b->args);
    }
    if (ev->pid && !b->pid)
        b->pid = ev->pid;
    if (ev->type == ODB_EV_FILE)
        return on_file(b, (const struct odb_ev_file *)ev);
    if (ev->type == ODB_EV_EXIT) {
        const struct odb_ev_exit *x = (const struct odb_ev_exit *)ev;
        b->have_status = true;
        b->status = x->status;
        b->exit_rip = x->rip;
    } else if (ev->type == ODB_EV_END) {
        int w = ((const struct odb_ev_end *)ev)->wait_status;
        b->have_status = true;
        b->status = WIFSIGNALED(w) ? -(int64_t)WTERMSIG(w) : WEXITSTATUS(w);
    }
    return NULL;
}

static struct odb_err *on_event(struct index_builder *b, const uint8_t *body, uint32_t n)
{
    struct odb_event head;
    if (n < sizeof(head))
        return odb_err("index log: EVENT of %u bytes is too short", n);
    memcpy(&head, body, sizeof(head));
    if (head.size_bytes > n)
        return odb_err("index log: EVENT of %u bytes in a record of %u", head.size_bytes, n);
    _cleanup_free_ struct odb_event *ev = aligned_alloc(16, (n + 15) & ~15u);
    if (!ev)
        return odb_err("index: out of memory");
    memcpy(ev, body, n);
    const char *bad = trace_validate(ev, n);
    if (bad)
        return odb_err("index log: EVENT: %s", bad);
    if (ev->type == ODB_EV_NOTE)
        return put_event(b, ev, b->count, "note", trace_note_text((const struct odb_ev_note *)ev));
    if (ev->type == ODB_EV_EXIT && b->pending && ((const struct odb_ev_exit *)ev)->status >= 0) {
        b->have_exit = true;
        ODB_TRY(put_call_of_registers(b, b->count));
    }
    return index_builder_event(b, ev);
}

struct odb_err *story_record(struct index_builder *b, const struct odb_log *r, const uint8_t *body)
{
    switch (r->kind) {
    case ODB_LOG_SYSCALL: return on_syscall(b, body, r->n);
    case ODB_LOG_MEM_IN: return on_input(b, r->arg, body, r->n);
    case ODB_LOG_OUTPUT: return on_output(b, r, body);
    case ODB_LOG_MAP: return on_map(b, body, r->n);
    case ODB_LOG_SIGNAL: return on_signal(b, body, r->n);
    case ODB_LOG_EVENT: return on_event(b, body, r->n);
    default: return odb_err("index log: record kind %u is unknown", r->kind);
    }
}

struct odb_err *story_finish(struct index_builder *b)
{
    for (size_t i = 0; i < b->maps.n; i++)
        ODB_TRY(emit_map(b, &b->maps.v[i], UINT64_MAX));
    return store_put(b->store, STORE_PROCESS, b->have_status ? "ittiii" : "ittiiN", (uint64_t)b->pid, b->exe,
                     b->args, (uint64_t)0, b->count, (uint64_t)b->status);
}

void story_deinit(struct index_builder *b)
{
    free(b->inputs);
    bytes_deinit(&b->input_bytes);
    free(b->exe);
    free(b->args);
}
