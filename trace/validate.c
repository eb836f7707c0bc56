/* Is one event well-formed in itself? One function per type, in a table, so that no reader of the stream
 * ever sees a string without end, a count beyond its event or a range across the end of memory. What
 * several events must be together (followers of n_mem and n_maps, END last) is trace/reader.c's.
 *
 * Must never read beyond n_bytes, and never trust a field before it is checked. */
#include <string.h>

#include "common/layout.h"
#include "trace/trace.h"

#define PADDED(n) (((uint64_t)(n) + 7) & ~(uint64_t)7)
#define MAX_SIGNAL 64

/* The body is `len` bytes behind a struct of `fixed` bytes, zero-padded to 8. */
static const char *check_tail(const struct odb_event *ev, size_t fixed, uint64_t len)
{
    if (ev->size_bytes != fixed + PADDED(len))
        return "event size does not fit its contents";
    const uint8_t *p = (const uint8_t *)ev;
    for (uint64_t i = fixed + len; i < ev->size_bytes; i++) {
        if (p[i])
            return "padding is not zero";
    }
    return NULL;
}

/* One NUL-terminated string of n bytes with its NUL, behind `fixed` bytes. */
static const char *check_text(const struct odb_event *ev, size_t fixed, uint32_t n)
{
    const char *bad = check_tail(ev, fixed, n);
    if (bad)
        return bad;
    const uint8_t *text = (const uint8_t *)ev + fixed;
    if (n == 0 || memchr(text, 0, n) != text + n - 1)
        return "string length does not fit its end";
    return NULL;
}

static bool overlaps(uint64_t start, uint64_t end, uint64_t low, uint64_t high)
{
    return start < high && end > low;
}

/* Where odb itself lives: a recording must not ask to write there. */
static bool is_ours(uint64_t start, uint64_t end)
{
    return overlaps(start, end, ODB_ENGINE_BASE, ODB_ENGINE_END) ||
           overlaps(start, end, ODB_IBL_ADDR, ODB_IBL_ADDR + ODB_IBL_BYTES);
}

static const char *check_start(const struct odb_event *ev)
{
    const struct odb_ev_start *e = (const void *)ev;
    const char *bad = check_tail(ev, sizeof *e, e->text_bytes);
    if (bad)
        return bad;
    if (ev->flags & ~ODB_START_PRELOAD)
        return "unknown flags";
    if (e->cpu_policy != ODB_CPU_V3 && e->cpu_policy != ODB_CPU_HOST)
        return "unknown CPU policy";
    const char *text = (const char *)(e + 1), *end = text + e->text_bytes;
    uint64_t n = 0;
    while (text < end) {
        const char *nul = memchr(text, 0, (size_t)(end - text));
        if (!nul)
            return "string without end";
        n++;
        text = nul + 1;
    }
    return n == 3 + (uint64_t)e->n_argv + e->n_envp ? NULL : "number of strings does not fit";
}

static const char *check_cpu(const struct odb_event *ev)
{
    const struct odb_ev_cpu *e = (const void *)ev;
    if (e->policy != ODB_CPU_V3 && e->policy != ODB_CPU_HOST)
        return "unknown CPU policy";
    if (e->reserved)
        return "reserved field is not zero";
    return check_tail(ev, sizeof *e, (uint64_t)e->n_entries * sizeof(struct odb_cpuid));
}

static const char *check_file(const struct odb_event *ev)
{
    const struct odb_ev_file *e = (const void *)ev;
    if (e->file_id == 0)
        return "file number 0";
    return check_text(ev, sizeof *e, e->path_bytes);
}

static const char *check_exec(const struct odb_event *ev)
{
    return check_tail(ev, sizeof(struct odb_ev_exec), 0);
}

/* The one piece of the engine's range that is the program's. */
static bool is_vdso(uint64_t start, uint64_t end)
{
    return start >= ODB_VDSO_ADDR && end <= ODB_VDSO_ADDR + ODB_VDSO_BYTES;
}

static const char *check_map(const struct odb_event *ev)
{
    const struct odb_ev_map *e = (const void *)ev;
    const char *bad = check_text(ev, sizeof *e, e->name_bytes);
    if (bad)
        return bad;
    if (e->start >= e->end || (e->start | e->end) % ODB_PAGE_BYTES)
        return "bad address range";
    if (e->prot > 7)
        return "unknown protection bits";
    if (!is_vdso(e->start, e->end) && is_ours(e->start, e->end))
        return "mapping lies over the engine";
    return NULL;
}

static const char *check_mem(const struct odb_event *ev)
{
    const struct odb_ev_mem *e = (const void *)ev;
    if (ev->flags & ~(ODB_MEM_IN | ODB_MEM_FILE | ODB_MEM_OTHER))
        return "unknown flags";
    if (e->len_bytes > ODB_MEM_MAX_BYTES)
        return "too much data in one MEM event";
    uint64_t end;
    if (__builtin_add_overflow(e->addr, e->len_bytes, &end))
        return "address range wraps";
    /* What the kernel only read is never written on replay: it may be anywhere. */
    if (!(ev->flags & (ODB_MEM_IN | ODB_MEM_FILE)) && !is_vdso(e->addr, end) && is_ours(e->addr, end))
        return "memory lies over the engine";
    return check_tail(ev, sizeof *e, e->len_bytes);
}

static const char *check_syscall(const struct odb_event *ev)
{
    const struct odb_ev_syscall *e = (const void *)ev;
    if (ev->flags & ~(ODB_SYSCALL_ANSWERED | ODB_SYSCALL_AGAIN))
        return "unknown flags";
    return check_tail(ev, sizeof *e, 8 * (uint64_t)__builtin_popcount(e->gpr_mask));
}

static const char *check_insn(const struct odb_event *ev)
{
    const struct odb_ev_insn *e = (const void *)ev;
    if (e->kind < ODB_INSN_RDTSC || e->kind > ODB_INSN_RDPID)
        return "unknown instruction kind";
    return check_tail(ev, sizeof *e, 0);
}

static const char *check_fault(const struct odb_event *ev)
{
    const struct odb_ev_fault *e = (const void *)ev;
    if (ev->flags & ~ODB_FAULT_FATAL)
        return "unknown flags";
    if (e->signo < 1 || e->signo > MAX_SIGNAL)
        return "not a signal number";
    return check_tail(ev, sizeof *e, 0);
}

static const char *check_signal(const struct odb_event *ev)
{
    const struct odb_ev_signal *e = (const void *)ev;
    if (e->signo < 1 || e->signo > MAX_SIGNAL)
        return "not a signal number";
    if (e->reserved)
        return "reserved field is not zero";
    return check_tail(ev, sizeof *e, 0);
}

static const char *check_check(const struct odb_event *ev)
{
    const struct odb_ev_check *e = (const void *)ev;
    if (e->reserved)
        return "reserved field is not zero";
    return check_tail(ev, sizeof *e, (uint64_t)e->n_pages * sizeof(struct odb_page_hash));
}

static const char *check_exit(const struct odb_event *ev)
{
    const struct odb_ev_exit *e = (const void *)ev;
    if (ev->flags & ~ODB_EXIT_KILLED)
        return "unknown flags";
    if (e->reserved)
        return "reserved field is not zero";
    return check_tail(ev, sizeof *e, 0);
}

static const char *check_switch(const struct odb_event *ev)
{
    const struct odb_ev_switch *e = (const void *)ev;
    if (e->kind != ODB_SWITCH_CALL && e->kind != ODB_SWITCH_YIELD)
        return "unknown kind of switch";
    return check_tail(ev, sizeof *e, 0);
}

static const char *check_task(const struct odb_event *ev)
{
    return check_tail(ev, sizeof(struct odb_ev_task), 0);
}

static const char *check_end(const struct odb_event *ev)
{
    return check_tail(ev, sizeof(struct odb_ev_end), 0);
}

static const char *check_note(const struct odb_event *ev)
{
    const struct odb_ev_note *e = (const void *)ev;
    if (e->kind < ODB_NOTE_REFUSED || e->kind > ODB_NOTE_INFO)
        return "unknown kind of note";
    return check_text(ev, sizeof *e, e->text_bytes);
}

static const struct {
    size_t fixed_bytes;
    const char *(*check)(const struct odb_event *ev); /* size_bytes >= fixed_bytes holds */
    bool has_flags;
} types_[ODB_N_EV] = {
    [ODB_EV_START] = {sizeof(struct odb_ev_start), check_start, true},
    [ODB_EV_CPU] = {sizeof(struct odb_ev_cpu), check_cpu, false},
    [ODB_EV_FILE] = {sizeof(struct odb_ev_file), check_file, false},
    [ODB_EV_EXEC] = {sizeof(struct odb_ev_exec), check_exec, false},
    [ODB_EV_MAP] = {sizeof(struct odb_ev_map), check_map, false},
    [ODB_EV_MEM] = {sizeof(struct odb_ev_mem), check_mem, true},
    [ODB_EV_SYSCALL] = {sizeof(struct odb_ev_syscall), check_syscall, true},
    [ODB_EV_INSN] = {sizeof(struct odb_ev_insn), check_insn, false},
    [ODB_EV_FAULT] = {sizeof(struct odb_ev_fault), check_fault, true},
    [ODB_EV_SIGNAL] = {sizeof(struct odb_ev_signal), check_signal, false},
    [ODB_EV_CHECK] = {sizeof(struct odb_ev_check), check_check, false},
    [ODB_EV_EXIT] = {sizeof(struct odb_ev_exit), check_exit, true},
    [ODB_EV_END] = {sizeof(struct odb_ev_end), check_end, false},
    [ODB_EV_NOTE] = {sizeof(struct odb_ev_note), check_note, false},
    [ODB_EV_SWITCH] = {sizeof(struct odb_ev_switch), check_switch, false},
    [ODB_EV_TASK] = {sizeof(struct odb_ev_task), check_task, false},
};

const char *trace_validate(const struct odb_event *ev, size_t n_bytes)
{
    if (n_bytes < sizeof *ev)
        return "event header is cut off";
    if (ev->size_bytes < sizeof *ev || ev->size_bytes % 8 || ev->size_bytes > ODB_EVENT_MAX_BYTES)
        return "impossible event size";
    if (ev->size_bytes > n_bytes)
        return "event is cut off";
    if (ev->type >= ODB_N_EV || !types_[ev->type].check)
        return "unknown event type";
    if (ev->size_bytes < types_[ev->type].fixed_bytes)
        return "event is too short for its type";
    if (ev->flags && !types_[ev->type].has_flags)
        return "unknown flags";
    return types_[ev->type].check(ev);
}

const void *trace_mem_data(const struct odb_ev_mem *ev) { return ev + 1; }

const char *trace_file_path(const struct odb_ev_file *ev) { return (const char *)(ev + 1); }

const char *trace_map_name(const struct odb_ev_map *ev) { return (const char *)(ev + 1); }

const char *trace_note_text(const struct odb_ev_note *ev) { return (const char *)(ev + 1); }

const char *trace_start_string(const struct odb_ev_start *ev, uint32_t i)
{
    if (i >= 3 + (uint64_t)ev->n_argv + ev->n_envp)
        return "";
    const char *s = (const char *)(ev + 1);
    for (; i; i--)
        s += strlen(s) + 1;
    return s;
}

void trace_syscall_gprs(const struct odb_ev_syscall *ev, struct trace_gprs *inout)
{
    const uint64_t *value = (const void *)(ev + 1);
    for (unsigned i = 0; i < ODB_N_GPR; i++) {
        if (ev->gpr_mask & (1u << i))
            inout->gpr[i] = *value++;
    }
}
