/* The program's story in the index: system calls, output, signals, mappings, files, how it ended.
 *
 * A system call's row is written when the next instruction comes: by then all memory that the call read
 * (MEM_IN) and wrote (MEM) is known, and the arguments can be shown as text. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "common/cleanup.h"
#include "indexer/builder_impl.h"
#include "model/describe.h"
#include "trace/trace.h"

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
    return shadow_read(&b->shadow, builder_space(b), addr, to, n_bytes);
}

static void name_thread(struct index_builder *b, gaddr addr)
{
    char name[sizeof(b->cur->name)] = "";
    peek(b, addr, name, sizeof(name) - 1);
    name[sizeof(name) - 1] = 0;
    memcpy(b->cur->name, name, sizeof(name));
}

static struct odb_err *put_call(struct index_builder *b)
{
    const struct odb_log_syscall *c = &b->call;
    struct model_call call = {.nr = c->nr, .result = c->result};
    memcpy(call.args, c->args, sizeof(call.args));
    const struct model_syscall *m = model_lookup(c->nr);
    char args[8192] = "", result[256] = "";
    describe_args(&call, peek, b, args, sizeof(args));
    bool ends = b->call_ends;
    if (!ends)
        describe_result(&call, result, sizeof(result));
    if (c->nr == SYS_prctl && c->args[0] == PR_SET_NAME && !c->result)
        name_thread(b, c->args[1]);
    if (c->nr == SYS_madvise && !c->result)
        ODB_TRY(story_advice(b, c->args[0], c->args[1], c->args[2]));
    if (!ends)
        ODB_TRY(fds_call(b, c));
    return store_put(b->store, STORE_SYSCALL, ends ? "iiiitsNtiiiiiii" : "iiiitsitiiiiiii", b->call_t,
                     (uint64_t)builder_pid(b), (uint64_t)(c->tid ? c->tid : b->cur->tid), c->nr,
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
    b->call_ends = ends;
    b->call_t = ends ? b->count : builder_latest_t(b);
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
    uint32_t channel = 0;
    ODB_TRY(fds_output(b, r->arg, p, r->n, &channel));
    return store_put(b->store, STORE_OUTPUT, channel ? "iiiitsi" : "iiiitsN", builder_latest_t(b),
                     (uint64_t)builder_pid(b), (uint64_t)b->cur->tid, r->arg, stream, (const void *)p,
                     (size_t)r->n, (uint64_t)channel);
}

/* The call's registers say what it was. */
struct odb_err *story_call_of_registers(struct index_builder *b, uint64_t t, bool ends)
{
    static const uint8_t args[] = {ODB_RDI, ODB_RSI, ODB_RDX, ODB_R10, ODB_R8, ODB_R9};
    if (!b->cur->tid)
        return NULL;
    const uint64_t *gpr = b->cur->regs.scalar;
    b->call = (struct odb_log_syscall){.nr = gpr[ODB_RAX], .tid = b->cur->tid};
    for (int i = 0; i < 6; i++)
        b->call.args[i] = gpr[args[i]];
    b->call_t = t;
    b->call_ends = ends;
    return put_call(b);
}

/* ---- signals ---- */

static struct odb_err *put_signal(struct index_builder *b, int signo, int code, const uint64_t *addr,
                                  bool fatal, gaddr rip)
{
    char buf[32];
    return store_put(b->store, STORE_SIGNAL, addr ? "iiiitiiii" : "iiiitiNii", b->count,
                     (uint64_t)builder_pid(b), (uint64_t)b->cur->tid, (uint64_t)signo,
                     describe_signal(signo, buf, sizeof(buf)), (uint64_t)(int64_t)code, addr ? *addr : 0,
                     (uint64_t)fatal, rip);
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

/* ---- events ---- */

static struct odb_err *put_event(struct index_builder *b, const struct odb_event *ev, uint64_t t,
                                 const char *type, const char *text)
{
    return store_put(b->store, STORE_EVENT, "iiits", t, (uint64_t)ev->pid, (uint64_t)ev->tid, type,
                     (const void *)text, strlen(text));
}

static struct odb_err *on_file(struct index_builder *b, const struct odb_ev_file *f)
{
    const char *path = trace_file_path(f);
    ODB_TRY(shadow_file_is(&b->shadow, f->file_id, f->dev, f->ino, path));
    return store_put(b->store, STORE_FILE, "isiiii", (uint64_t)f->file_id, (const void *)path, strlen(path),
                     f->size_bytes, f->mtime_ns, f->dev, f->ino);
}

struct odb_err *index_builder_event(struct index_builder *b, const struct odb_event *ev)
{
    if (ev->type == ODB_EV_START) {
        const struct odb_ev_start *s = (const struct odb_ev_start *)ev;
        return story_first_image(b, s);
    }
    tasks_name_first(b, ev->pid);
    if (ev->type == ODB_EV_FILE)
        return on_file(b, (const struct odb_ev_file *)ev);
    if (ev->type == ODB_EV_EXIT) {
        const struct odb_ev_exit *x = (const struct odb_ev_exit *)ev;
        struct builder_proc *p = tasks_find_proc(b, ev->pid);
        if (p) {
            p->have_status = true;
            p->status = x->status;
        }
        if (!(ev->flags & ODB_EXIT_KILLED))
            b->exit_rip = x->rip;
    } else if (ev->type == ODB_EV_END) {
        int w = ((const struct odb_ev_end *)ev)->wait_status;
        struct builder_proc *p = tasks_find_proc(b, b->first_pid);
        if (p) {
            p->have_status = true;
            p->status = WIFSIGNALED(w) ? -(int64_t)WTERMSIG(w) : WEXITSTATUS(w);
        }
    }
    return NULL;
}

static struct odb_err *on_exit_event(struct index_builder *b, const struct odb_ev_exit *x)
{
    bool by_fault = b->fault_count == b->count + 1 && b->fault_signo == -x->status; /* has its row */
    if (x->status >= 0 && b->pending) {
        b->have_exit = true;
        if (!b->have_call || !b->call_ends)
            ODB_TRY(story_call_of_registers(b, b->count, true));
    }
    if (x->status >= 0 || by_fault || x->ev.flags & ODB_EXIT_KILLED || x->ev.pid != builder_pid(b))
        return NULL;
    return put_signal(b, -x->status, SI_USER, NULL, true, x->rip); /* one that nobody handles */
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
    if (ev->type == ODB_EV_EXIT)
        ODB_TRY(on_exit_event(b, (const struct odb_ev_exit *)ev));
    return index_builder_event(b, ev);
}

struct odb_err *story_record(struct index_builder *b, const struct odb_log *r, const uint8_t *body)
{
    switch (r->kind) {
    case ODB_LOG_SYSCALL: return on_syscall(b, body, r->n);
    case ODB_LOG_MEM_IN: return on_input(b, r->arg, body, r->n);
    case ODB_LOG_OUTPUT: return on_output(b, r, body);
    case ODB_LOG_MAP: return story_map(b, body, r->n);
    case ODB_LOG_SIGNAL: return on_signal(b, body, r->n);
    case ODB_LOG_EVENT: return on_event(b, body, r->n);
    default: return odb_err("index log: record kind %u is unknown", r->kind);
    }
}

void story_deinit(struct index_builder *b)
{
    free(b->inputs);
    pipes_deinit(&b->pipes);
    bytes_deinit(&b->input_bytes);
}
