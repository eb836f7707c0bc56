/* A recording as text, for people: one line per event, what belongs to it indented beneath.
 *
 *     #123 tick 4567 rip 0x401000 tid 12 openat(AT_FDCWD, "/etc/passwd", O_RDONLY) = 3
 *         mem in 0x7ffc1000 12 bytes "/etc/passwd\x00"
 *
 * #N is the ordinal that replay and divergence reports use: it counts SYSCALL, INSN, FAULT and SIGNAL
 * events from 0. A system call is held back until the MEM events that follow it are there, because its
 * arguments are shown with the memory they point to; of long data only the first HELD_BYTES are held.
 *
 * Everything in a recording may come from a stranger: text is escaped, counts are bounded. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "common/cleanup.h"
#include "model/describe.h"
#include "trace/trace.h"

#define HELD_BYTES 4096u /* of one MEM event; as long as the longest path */
#define HELD_MEMS 2048u  /* that peek() looks through */
#define SHOWN_BYTES 32u
#define MAX_THREADS 65536u

struct held_mem {
    uint64_t addr, len_bytes;
    uint32_t held_bytes;
    struct odb_event ev; /* of the MEM event */
    uint8_t *data;       /* owned */
};

struct thread_gprs {
    uint32_t tid;
    bool is_used;
    struct trace_gprs gprs;
};

struct trace_dump {
    FILE *out; /* borrowed */
    uint64_t ordinal;
    uint64_t start_ns;
    struct thread_gprs *threads; /* owned; open addressing, a power of two */
    uint32_t n_threads, cap_threads;
    /* the system call held back */
    bool is_held;
    struct odb_ev_syscall call;
    struct trace_gprs call_gprs;
    uint32_t left_mem;
    struct held_mem *mems; /* owned */
    uint32_t n_mems, cap_mems;
};

/* ---- text ---- */

static void put_escaped(FILE *out, const void *text, size_t n_bytes)
{
    const unsigned char *p = text;
    for (size_t i = 0; i < n_bytes; i++) {
        if (p[i] == '"' || p[i] == '\\')
            fprintf(out, "\\%c", p[i]);
        else if (p[i] == '\n')
            fputs("\\n", out);
        else if (p[i] < 0x20 || p[i] >= 0x7f)
            fprintf(out, "\\x%02x", p[i]);
        else
            fputc(p[i], out);
    }
}

static void put_quoted(FILE *out, const char *text)
{
    fputc('"', out);
    put_escaped(out, text, strlen(text));
    fputc('"', out);
}

/* Text that is quoted where it must be already: only what would steer a terminal is escaped. */
static void put_plain(FILE *out, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p < 0x20 || *p == 0x7f)
            fprintf(out, "\\x%02x", *p);
        else
            fputc(*p, out);
    }
}

static void put_bytes(FILE *out, const uint8_t *data, uint64_t held, uint64_t len)
{
    size_t n = held < SHOWN_BYTES ? (size_t)held : SHOWN_BYTES;
    fputc('"', out);
    put_escaped(out, data, n);
    fputs(n < len ? "\"...\n" : "\"\n", out);
}

static void put_mem(FILE *out, const struct odb_event *ev, uint64_t addr, uint64_t len, const uint8_t *data,
                    uint64_t held)
{
    if (ev->flags & ODB_MEM_FILE)
        fprintf(out, "    file %" PRIu32 " at 0x%" PRIx64 " %" PRIu64 " bytes ", ev->tid, addr, len);
    else
        fprintf(out, "    mem %s 0x%" PRIx64 " %" PRIu64 " bytes ", ev->flags & ODB_MEM_IN ? "in" : "out",
                addr, len);
    if (ev->flags & ODB_MEM_OTHER)
        fprintf(out, "of pid %" PRIu32 " ", ev->pid);
    put_bytes(out, data, held, len);
}

static void put_regs(FILE *out, const struct odb_regs *r)
{
    static const char *const names[ODB_N_GPR] = {
        "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
        "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15",
    };
    for (int i = 0; i < ODB_N_GPR; i++)
        fprintf(out, "%s%s 0x%" PRIx64 "%s", i % 4 ? "  " : "    ", names[i], r->gpr[i],
                i % 4 == 3 ? "\n" : "");
    fprintf(out,
            "    rip 0x%" PRIx64 "  rflags 0x%" PRIx64 "  fs_base 0x%" PRIx64 "  gs_base 0x%" PRIx64 "\n",
            r->rip, r->rflags, r->fs_base, r->gs_base);
}

/* "tid 3 ", and the process where that is another number. */
static void put_tid(FILE *out, const struct odb_event *ev)
{
    fprintf(out, "tid %" PRIu32 " ", ev->tid);
    if (ev->pid != ev->tid)
        fprintf(out, "pid %" PRIu32 " ", ev->pid);
}

/* "#7 tick 12 rip 0x401000 tid 3 " for events that have an ordinal. */
static void put_numbered(struct trace_dump *d, uint64_t tick, uint64_t rip, const struct odb_event *ev)
{
    fprintf(d->out, "#%" PRIu64 " tick %" PRIu64 " rip 0x%" PRIx64 " ", d->ordinal++, tick, rip);
    put_tid(d->out, ev);
}

static void put_place(struct trace_dump *d, uint64_t tick, uint64_t rip, const struct odb_event *ev)
{
    fprintf(d->out, "- tick %" PRIu64 " rip 0x%" PRIx64 " ", tick, rip);
    put_tid(d->out, ev);
}

static void put_signal(FILE *out, int signo)
{
    char buf[32];
    fputs(describe_signal(signo, buf, sizeof buf), out);
}

static void put_time(FILE *out, uint64_t time_ns)
{
    time_t t = (time_t)(time_ns / 1000000000);
    struct tm tm;
    char buf[64];
    if (gmtime_r(&t, &tm) && strftime(buf, sizeof buf, "%Y-%m-%d %H:%M:%S UTC", &tm))
        fputs(buf, out);
    else
        fprintf(out, "%" PRIu64 " ns", time_ns);
}

/* ---- registers of each thread ---- */

static struct thread_gprs *find_slot(struct thread_gprs *slots, uint32_t cap, uint32_t tid)
{
    uint32_t i = tid * 2654435761u & (cap - 1);
    while (slots[i].is_used && slots[i].tid != tid)
        i = (i + 1) & (cap - 1);
    return &slots[i];
}

static struct odb_err *grow_threads(struct trace_dump *d)
{
    uint32_t cap = d->cap_threads ? d->cap_threads * 2 : 16;
    struct thread_gprs *slots = calloc(cap, sizeof *slots);
    if (!slots)
        return odb_err("out of memory");
    for (uint32_t i = 0; i < d->cap_threads; i++) {
        if (d->threads[i].is_used)
            *find_slot(slots, cap, d->threads[i].tid) = d->threads[i];
    }
    free(d->threads);
    d->threads = slots;
    d->cap_threads = cap;
    return NULL;
}

static struct odb_err *thread_gprs(struct trace_dump *d, uint32_t tid, struct trace_gprs **ret)
{
    if (d->n_threads * 2 >= d->cap_threads)
        ODB_TRY(grow_threads(d));
    struct thread_gprs *t = find_slot(d->threads, d->cap_threads, tid);
    if (!t->is_used) {
        if (d->n_threads == MAX_THREADS)
            return odb_err("more than %u threads", MAX_THREADS);
        *t = (struct thread_gprs){.tid = tid, .is_used = true};
        d->n_threads++;
    }
    *ret = &t->gprs;
    return NULL;
}

/* ---- system calls ---- */

static size_t peek_held(void *ctx, gaddr addr, void *to, size_t n_bytes)
{
    const struct trace_dump *d = ctx;
    size_t done = 0;
    uint32_t n_mems = d->n_mems < HELD_MEMS ? d->n_mems : HELD_MEMS;
    for (uint32_t i = 0; i < n_mems && done < n_bytes; i++) {
        const struct held_mem *m = &d->mems[i];
        uint64_t skip = addr + done - m->addr;
        if (skip >= m->held_bytes)
            continue;
        size_t n =
            (size_t)(m->held_bytes - skip) < n_bytes - done ? (size_t)(m->held_bytes - skip) : n_bytes - done;
        memcpy((uint8_t *)to + done, m->data + skip, n);
        done += n;
        if (n == 0)
            break;
    }
    return done;
}

static bool peek_nothing(gaddr addr, void *to, size_t n_bytes)
{
    (void)addr, (void)to, (void)n_bytes;
    return false;
}

static void print_call(struct trace_dump *d)
{
    const struct odb_ev_syscall *e = &d->call;
    const uint64_t *g = d->call_gprs.gpr;
    struct model_call call = {
        .nr = e->nr,
        .args = {g[ODB_RDI], g[ODB_RSI], g[ODB_RDX], g[ODB_R10], g[ODB_R8], g[ODB_R9]},
        .result = e->result,
        .peek = peek_nothing,
    };
    const struct model_syscall *m = model_lookup(e->nr);
    char args[2048], result[256];
    if (m) {
        describe_args(&call, peek_held, d, args, sizeof args);
    } else {
        snprintf(args, sizeof args,
                 "0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64,
                 call.args[0], call.args[1], call.args[2], call.args[3], call.args[4], call.args[5]);
    }
    describe_result(&call, result, sizeof result);
    put_numbered(d, e->tick, e->rip, &e->ev);
    if (m)
        fprintf(d->out, "%s(", m->name);
    else
        fprintf(d->out, "syscall_%" PRIu32 "(", e->nr);
    put_plain(d->out, args);
    fputs(") = ", d->out);
    put_plain(d->out, result);
    if (e->file_id)
        fprintf(d->out, "  (files/%" PRIu32 ")", e->file_id);
    fputc('\n', d->out);
}

static void release_mems(struct trace_dump *d)
{
    for (uint32_t i = 0; i < d->n_mems; i++)
        free(d->mems[i].data);
    d->n_mems = 0;
}

static void release_call(struct trace_dump *d)
{
    print_call(d);
    for (uint32_t i = 0; i < d->n_mems; i++) {
        const struct held_mem *m = &d->mems[i];
        put_mem(d->out, &m->ev, m->addr, m->len_bytes, m->data, m->held_bytes);
    }
    release_mems(d);
    d->is_held = false;
}

static struct odb_err *dump_syscall(struct trace_dump *d, const struct odb_event *ev)
{
    const struct odb_ev_syscall *e = (const void *)ev;
    struct trace_gprs *gprs;
    ODB_TRY(thread_gprs(d, ev->tid, &gprs));
    trace_syscall_gprs(e, gprs);
    d->call = *e;
    d->call_gprs = *gprs;
    d->left_mem = e->n_mem;
    d->is_held = true;
    if (!d->left_mem)
        release_call(d);
    return NULL;
}

static struct odb_err *hold_mem(struct trace_dump *d, const struct odb_ev_mem *e)
{
    if (d->n_mems == d->cap_mems) {
        uint32_t cap = d->cap_mems ? d->cap_mems * 2 : 16;
        struct held_mem *mems = reallocarray(d->mems, cap, sizeof *mems);
        if (!mems)
            return odb_err("out of memory");
        d->mems = mems;
        d->cap_mems = cap;
    }
    uint32_t limit = d->n_mems < HELD_MEMS ? HELD_BYTES : SHOWN_BYTES;
    uint32_t held = e->len_bytes < limit ? (uint32_t)e->len_bytes : limit;
    uint8_t *data = malloc(held ? held : 1);
    if (!data)
        return odb_err("out of memory");
    if (held)
        memcpy(data, trace_mem_data(e), held);
    d->mems[d->n_mems++] = (struct held_mem){
        .addr = e->addr, .len_bytes = e->len_bytes, .held_bytes = held, .ev = e->ev, .data = data};
    return NULL;
}

static struct odb_err *dump_mem(struct trace_dump *d, const struct odb_event *ev)
{
    const struct odb_ev_mem *e = (const void *)ev;
    if (!d->is_held) { /* of EXEC */
        put_mem(d->out, ev, e->addr, e->len_bytes, trace_mem_data(e), e->len_bytes);
        return NULL;
    }
    ODB_TRY(hold_mem(d, e));
    if (--d->left_mem == 0)
        release_call(d);
    return NULL;
}

/* ---- the other events ---- */

static const char *policy_name(uint32_t policy) { return policy == ODB_CPU_HOST ? "host" : "v3"; }

static struct odb_err *dump_start(struct trace_dump *d, const struct odb_event *ev)
{
    const struct odb_ev_start *e = (const void *)ev;
    d->start_ns = e->time_ns;
    fputs("- start ", d->out);
    const char *s = trace_start_string(e, 0); /* exe, cwd, host, argv..., envp... in a row */
    put_quoted(d->out, s);
    fputs(" in ", d->out);
    s += strlen(s) + 1;
    put_quoted(d->out, s);
    fputs(" on ", d->out);
    s += strlen(s) + 1;
    put_quoted(d->out, s);
    fputs(" at ", d->out);
    put_time(d->out, e->time_ns);
    fprintf(d->out, ", cpu %s%s\n", policy_name(e->cpu_policy),
            ev->flags & ODB_START_PRELOAD ? ", by LD_PRELOAD" : "");
    for (uint32_t i = 0; i < e->n_argv + e->n_envp; i++) {
        s += strlen(s) + 1;
        fputs(i < e->n_argv ? "    arg " : "    env ", d->out);
        put_quoted(d->out, s);
        fputc('\n', d->out);
    }
    return NULL;
}

static struct odb_err *dump_cpu(struct trace_dump *d, const struct odb_event *ev)
{
    const struct odb_ev_cpu *e = (const void *)ev;
    fprintf(d->out, "- cpu %s, xcr0 0x%" PRIx64 ", highest leaf 0x%" PRIx32 ", 0x%" PRIx32 "\n",
            policy_name(e->policy), e->xcr0, e->max_leaf, e->max_ext_leaf);
    const struct odb_cpuid *c = (const void *)(e + 1);
    for (uint32_t i = 0; i < e->n_entries; i++)
        fprintf(d->out,
                "    cpuid 0x%" PRIx32 " 0x%" PRIx32 ": eax 0x%08" PRIx32 " ebx 0x%08" PRIx32
                " ecx 0x%08" PRIx32 " edx 0x%08" PRIx32 "\n",
                c[i].leaf, c[i].subleaf, c[i].eax, c[i].ebx, c[i].ecx, c[i].edx);
    return NULL;
}

static struct odb_err *dump_file(struct trace_dump *d, const struct odb_event *ev)
{
    const struct odb_ev_file *e = (const void *)ev;
    fprintf(d->out, "- file %" PRIu32 " ", e->file_id);
    put_quoted(d->out, trace_file_path(e));
    fprintf(d->out, " %" PRIu64 " bytes, device %" PRIu64 " inode %" PRIu64 "\n", e->size_bytes, e->dev,
            e->ino);
    return NULL;
}

static struct odb_err *dump_exec(struct trace_dump *d, const struct odb_event *ev)
{
    const struct odb_ev_exec *e = (const void *)ev;
    fprintf(d->out,
            "- exec tid %" PRIu32 ": %" PRIu32 " maps, %" PRIu32 " pieces of memory, brk 0x%" PRIx64
            ", auxv 0x%" PRIx64 ", stack limit %" PRIu64 ", blocked 0x%" PRIx64 ", ignored 0x%" PRIx64 "\n",
            ev->tid, e->n_maps, e->n_mem, e->brk_start, e->auxv, e->stack_limit_bytes, e->sigmask,
            e->sigignored);
    put_regs(d->out, &e->regs);
    return NULL;
}

static struct odb_err *dump_map(struct trace_dump *d, const struct odb_event *ev)
{
    const struct odb_ev_map *e = (const void *)ev;
    fprintf(d->out, "    map 0x%" PRIx64 "-0x%" PRIx64 " %c%c%c%c ", e->start, e->end,
            e->prot & PROT_READ ? 'r' : '-', e->prot & PROT_WRITE ? 'w' : '-',
            e->prot & PROT_EXEC ? 'x' : '-', e->map_flags & MAP_SHARED ? 's' : 'p');
    if (e->file_id)
        fprintf(d->out, "file %" PRIu32 " from 0x%" PRIx64 " ", e->file_id, e->offset);
    put_quoted(d->out, trace_map_name(e));
    fputc('\n', d->out);
    return NULL;
}

static struct odb_err *dump_insn(struct trace_dump *d, const struct odb_event *ev)
{
    static const char *const names[] = {"", "rdtsc", "rdtscp", "rdrand", "rdseed", "rdpid"};
    const struct odb_ev_insn *e = (const void *)ev;
    put_numbered(d, e->tick, e->rip, ev);
    fprintf(d->out, "%s = 0x%" PRIx64, names[e->kind], e->value);
    if (e->kind == ODB_INSN_RDTSCP)
        fprintf(d->out, ", ecx 0x%" PRIx32, e->aux);
    else if (e->kind == ODB_INSN_RDRAND || e->kind == ODB_INSN_RDSEED)
        fprintf(d->out, ", carry %" PRIu32, e->aux);
    fputc('\n', d->out);
    return NULL;
}

static struct odb_err *dump_fault(struct trace_dump *d, const struct odb_event *ev)
{
    const struct odb_ev_fault *e = (const void *)ev;
    put_numbered(d, e->tick, e->regs.rip, ev);
    fputs("fault ", d->out);
    put_signal(d->out, e->signo);
    fprintf(d->out, " code %" PRId32 " address 0x%" PRIx64 "%s\n", e->code, e->addr,
            ev->flags & ODB_FAULT_FATAL ? ", fatal" : "");
    put_regs(d->out, &e->regs);
    return NULL;
}

static struct odb_err *dump_signal(struct trace_dump *d, const struct odb_event *ev)
{
    const struct odb_ev_signal *e = (const void *)ev;
    put_numbered(d, e->tick, e->rip, ev);
    fputs("signal ", d->out);
    put_signal(d->out, e->signo);
    fputc('\n', d->out);
    return NULL;
}

static struct odb_err *dump_check(struct trace_dump *d, const struct odb_event *ev)
{
    const struct odb_ev_check *e = (const void *)ev;
    put_place(d, e->tick, e->rip, ev);
    fprintf(d->out, "check of %" PRIu32 " pages, vector state 0x%016" PRIx64 "\n", e->n_pages,
            e->vector_hash);
    return NULL;
}

static struct odb_err *dump_exit(struct trace_dump *d, const struct odb_event *ev)
{
    const struct odb_ev_exit *e = (const void *)ev;
    put_place(d, e->tick, e->rip, ev);
    if (ev->flags & ODB_EXIT_KILLED)
        fputs("without a word of its own: ", d->out);
    if (e->status >= 0) {
        fprintf(d->out, "exit %" PRId32 "\n", e->status);
    } else {
        fputs("killed by ", d->out);
        put_signal(d->out, (int)-(int64_t)e->status);
        fputc('\n', d->out);
    }
    return NULL;
}

static struct odb_err *dump_switch(struct trace_dump *d, const struct odb_event *ev)
{
    const struct odb_ev_switch *e = (const void *)ev;
    put_place(d, e->tick, e->rip, ev);
    if (e->kind == ODB_SWITCH_YIELD) {
        fputs("switch: yields\n", d->out);
        return NULL;
    }
    const struct model_syscall *m = model_lookup(e->nr);
    if (m)
        fprintf(d->out, "switch: in %s\n", m->name);
    else
        fprintf(d->out, "switch: in syscall_%" PRIu32 "\n", e->nr);
    return NULL;
}

static struct odb_err *dump_task(struct trace_dump *d, const struct odb_event *ev)
{
    const struct odb_ev_task *e = (const void *)ev;
    fputs("- task ", d->out);
    put_tid(d->out, ev);
    fprintf(d->out, "made by tid %" PRIu32 ", flags 0x%" PRIx64, e->parent_tid, e->clone_flags);
    if (e->ns_tid != ev->tid || e->ns_pid != ev->pid)
        fprintf(d->out, ", its own tid %" PRIu32 " pid %" PRIu32, e->ns_tid, e->ns_pid);
    fputc('\n', d->out);
    return NULL;
}

static struct odb_err *dump_end(struct trace_dump *d, const struct odb_event *ev)
{
    const struct odb_ev_end *e = (const void *)ev;
    if (WIFSIGNALED(e->wait_status)) {
        fputs("- end: killed by ", d->out);
        put_signal(d->out, WTERMSIG(e->wait_status));
    } else {
        fprintf(d->out, "- end: exited with %d", WEXITSTATUS(e->wait_status));
    }
    if (d->start_ns && e->time_ns >= d->start_ns)
        fprintf(d->out, ", after %.3f s", (double)(e->time_ns - d->start_ns) / 1e9);
    fputc('\n', d->out);
    return NULL;
}

static struct odb_err *dump_note(struct trace_dump *d, const struct odb_event *ev)
{
    static const char *const kinds[] = {"", "refused", "escape", "note"};
    const struct odb_ev_note *e = (const void *)ev;
    put_place(d, e->tick, e->rip, ev);
    fprintf(d->out, "%s: ", kinds[e->kind]);
    const char *text = trace_note_text(e);
    size_t n = strlen(text);
    while (n && text[n - 1] == ' ')
        n--;
    _cleanup_free_ char *shown = strndup(text, n);
    put_plain(d->out, shown ? shown : text);
    fputc('\n', d->out);
    return NULL;
}

static struct odb_err *(*const dumpers_[ODB_N_EV])(struct trace_dump *, const struct odb_event *) = {
    [ODB_EV_START] = dump_start,     [ODB_EV_CPU] = dump_cpu,     [ODB_EV_FILE] = dump_file,
    [ODB_EV_EXEC] = dump_exec,       [ODB_EV_MAP] = dump_map,     [ODB_EV_MEM] = dump_mem,
    [ODB_EV_SYSCALL] = dump_syscall, [ODB_EV_INSN] = dump_insn,   [ODB_EV_FAULT] = dump_fault,
    [ODB_EV_SIGNAL] = dump_signal,   [ODB_EV_CHECK] = dump_check, [ODB_EV_EXIT] = dump_exit,
    [ODB_EV_END] = dump_end,         [ODB_EV_NOTE] = dump_note,   [ODB_EV_SWITCH] = dump_switch,
    [ODB_EV_TASK] = dump_task,
};

static struct odb_err *dump_events(struct trace_dump *d, struct trace_reader *r)
{
    for (;;) {
        const struct odb_event *ev;
        ODB_TRY(trace_reader_next(r, &ev, NULL));
        if (!ev)
            break;
        ODB_TRY(dumpers_[ev->type](d, ev));
        if (ferror(d->out))
            return odb_err("cannot write the dump");
    }
    const char *damage = trace_reader_damage(r);
    if (damage)
        fprintf(d->out, "! %s\n", damage);
    return fflush(d->out) ? odb_err("cannot write the dump") : NULL;
}

struct odb_err *trace_dump_all(const char *dir, void *file)
{
    struct trace_reader *r;
    ODB_TRY(trace_reader_open(dir, &r));
    struct trace_dump d = {.out = file};
    struct odb_err *e = dump_events(&d, r);
    release_mems(&d);
    free(d.mems);
    free(d.threads);
    trace_reader_close(r);
    return e;
}
