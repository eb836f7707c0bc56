/* Packets that let time pass, forwards and backwards, and what they stop for besides breakpoints.
 *
 * The target resumes as a whole: "continue this thread only" is not possible in a recording, others run as they ran. Of
 * the actions of vCont therefore one counts: the first that steps, or else to continue. */
#include "gdb/stub_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/sigset.h"
#include "gdb/signals.h"

/* ---- going on ---- */

struct odb_err *stub_apply_catch(struct stub *s)
{
    if (s->caught)
        return NULL;
    struct target_catch c = s->catch_;
    c.numbers = s->catch_numbers;
    c.forks = c.vforks = c.execs = c.exits = true; /* which of them are told is decided in stub_stop.c */
    ODB_TRY(target_set_catch(s->g, &c));
    s->caught = true;
    return NULL;
}

/* The end of a vfork that was told going backwards, which gdb waits for. */
static void tell_vfork_done(struct stub *s, struct out *reply)
{
    s->owes_vfork_done = false;
    out_text(reply, "T05vforkdone:;thread:");
    out_thread(s, reply, s->owed_pid, s->owed_tid);
    out_text(reply, ";");
}

static void resume_loop(struct stub *s, const struct target_resume *how, struct out *reply)
{
    struct target_stop stop;
    for (;;) {
        stop = (struct target_stop){.kind = TARGET_STOP_NONE};
        struct odb_err *e = stub_apply_catch(s);
        if (!e)
            e = target_resume(s->g, how, &stop);
        if (e) {
            stub_note(s, "%s", odb_err_text(e));
            odb_err_free(e);
            stub_send_notes(s);
            stub_tell_position(s, 0, "", reply);
            return;
        }
        /* An interrupt that came too late for the resume that it was meant for is none for this one. */
        if (stop.kind == TARGET_STOP_INTERRUPTED && !atomic_load(&s->interrupt_wanted) && !stub_stop_work(s))
            continue;
        if (stub_defer(s, &stop, reply) || stub_judge(s, how, &stop, reply) == STUB_TELL)
            return;
    }
}

/* What stopped another thread during the last step, if the target still is there. */
static bool tell_pending(struct stub *s, const struct target_resume *how, struct out *reply)
{
    struct target_position here;
    struct target_stop stop = s->pending;
    if (!s->has_pending)
        return false;
    s->has_pending = false;
    target_where(s->g, &here);
    if (how->reverse || target_compare(&here, &s->pending_at) != 0)
        return false;
    return stub_defer(s, &stop, reply) || stub_judge(s, how, &stop, reply) == STUB_TELL;
}

void stub_resume(struct stub *s, const struct target_resume *how, bool alone, struct out *reply)
{
    bool announce = s->announce;
    s->announce = s->moved = false;
    if (s->killed || s->n_pids == 0) {
        out_text(reply, "W00");
        return;
    }
    if (announce) {
        stub_tell_position(s, 0, "", reply);
        return;
    }
    if (s->owes_vfork_done) {
        tell_vfork_done(s, reply);
        return;
    }
    struct odb_err *e = stub_branch_resumes(s, how->reverse);
    if (e) {
        stub_note(s, "%s", odb_err_text(e));
        odb_err_free(e);
        stub_send_notes(s);
        stub_tell_position(s, 0, "", reply);
        return;
    }
    stub_send_notes(s);
    s->alone_tid = alone && how->step ? how->tid : 0;
    target_where(s->g, &s->begin);
    if (!tell_pending(s, how, reply))
        resume_loop(s, how, reply);
    s->alone_tid = 0;
}

static struct target_resume make_resume(struct stub *s, bool reverse, bool step,
                                        const struct stub_thread *thread)
{
    return (struct target_resume){
        .reverse = reverse,
        .step = step,
        .tid = step && thread->tid > 0 ? (uint32_t)thread->tid : 0,
        .wanted = stub_break_wanted,
        .ctx = s,
    };
}

/* ---- vCont ---- */

struct action {
    uint8_t kind; /* c C s S r t */
    uint64_t signo, start, end;
    struct stub_thread thread;
};

static bool parse_action(const uint8_t **p, const uint8_t *end, struct action *ret)
{
    if (*p == end || *(*p)++ != ';' || *p == end)
        return false;
    *ret = (struct action){.kind = *(*p)++, .thread = {.pid = 0, .tid = -1}};
    switch (ret->kind) {
    case 'c':
    case 's':
    case 't': break;
    case 'C':
    case 'S':
        if (!packet_number(p, end, &ret->signo))
            return false;
        break;
    case 'r':
        if (!packet_number(p, end, &ret->start) || *p == end || *(*p)++ != ',' ||
            !packet_number(p, end, &ret->end))
            return false;
        break;
    default: return false;
    }
    if (*p < end && **p == ':') {
        (*p)++;
        return packet_thread(p, end, &ret->thread.pid, &ret->thread.tid);
    }
    return *p == end || **p == ';';
}

static void tell_about_signal(struct stub *s, uint64_t gdb_signo)
{
    if (gdb_signo == 0 || s->told_signal || gdb_signo > 255 ||
        (s->last_signal && (int)gdb_signo == gdb_signal_of(s->last_signal)))
        return;
    s->told_signal = true;
    stub_note(s, "signals cannot be sent into a recording; it goes on as it was");
}

static void resume_by_actions(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)n;
    const uint8_t *p = a[0].data, *end = p + a[0].n_bytes;
    struct action chosen = {.kind = 0};
    int n_actions = 0;
    for (; p < end; n_actions++) {
        struct action one;
        if (!parse_action(&p, end, &one)) {
            reply_error(reply, "odb: malformed vCont packet");
            return;
        }
        if (one.kind == 'C' || one.kind == 'S')
            tell_about_signal(s, one.signo);
        bool steps = one.kind == 's' || one.kind == 'S' || one.kind == 'r';
        bool stepping = chosen.kind == 's' || chosen.kind == 'S' || chosen.kind == 'r';
        if (!chosen.kind || chosen.kind == 't' || (steps && !stepping))
            chosen = one;
    }
    if (chosen.kind == 0 || chosen.kind == 't') { /* nothing runs anyhow */
        reply_ok(reply);
        return;
    }
    bool step = chosen.kind == 's' || chosen.kind == 'S' || chosen.kind == 'r';
    struct target_resume how = make_resume(s, false, step, &chosen.thread);
    how.range_start = chosen.start;
    how.range_end = chosen.end;
    stub_resume(s, &how, n_actions == 1 && chosen.thread.tid > 0, reply);
}

static void resume_actions(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)s;
    (void)a;
    (void)n;
    out_text(reply, "vCont;c;C;s;S;t;r");
}

/* ---- the older packets ---- */

static void resume_simple(struct stub *s, bool reverse, bool step, struct out *reply)
{
    struct target_resume how = make_resume(s, reverse, step, &s->resumed);
    stub_resume(s, &how, false, reply);
}

static void cont(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)a;
    (void)n;
    resume_simple(s, false, false, reply);
}

static void step(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)a;
    (void)n;
    resume_simple(s, false, true, reply);
}

static void cont_signal(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)n;
    tell_about_signal(s, a[0].n);
    resume_simple(s, false, false, reply);
}

static void step_signal(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)n;
    tell_about_signal(s, a[0].n);
    resume_simple(s, false, true, reply);
}

static void reverse_continue(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)a;
    (void)n;
    resume_simple(s, true, false, reply);
}

static void reverse_step(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)a;
    (void)n;
    resume_simple(s, true, true, reply);
}

/* vCtrlC: the resume it is meant for has ended when this comes to be handled. */
static void control_c(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)s;
    (void)a;
    (void)n;
    reply_ok(reply);
}

/* ---- what to stop for ---- */

/* QCatchSyscalls:0, :1, :1;NR;NR... */
static void catch_syscalls(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    size_t n_numbers = 0;
    uint16_t *numbers = NULL;
    if (n > 1 && a[1].n_bytes) {
        const uint8_t *p = a[1].data, *end = p + a[1].n_bytes;
        numbers = calloc(a[1].n_bytes + 1, sizeof(*numbers));
        for (;;) {
            uint64_t nr;
            if (!numbers || !packet_number(&p, end, &nr) || (p < end && *p++ != ';')) {
                free(numbers);
                reply_error(reply, "odb: malformed QCatchSyscalls packet");
                return;
            }
            if (nr <= UINT16_MAX)
                numbers[n_numbers++] = (uint16_t)nr;
            if (p == end)
                break;
        }
    }
    free(s->catch_numbers);
    s->catch_numbers = numbers;
    s->catch_.n_numbers = n_numbers;
    s->catch_.syscalls = a[0].n != 0;
    s->caught = false;
    reply_ok(reply);
}

/* QPassSignals:SIGNO;SIGNO... in gdb's numbers: those that are not to be told. */
static void pass_signals(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)n;
    const uint8_t *p = a[0].data, *end = p + a[0].n_bytes;
    uint64_t pass = 0, signo;
    while (p < end) {
        if (!packet_number(&p, end, &signo) || (p < end && *p++ != ';')) {
            reply_error(reply, "odb: malformed QPassSignals packet");
            return;
        }
        pass |= signo < 256 ? odb_sigset_of(linux_signal_of((int)signo)) : 0;
    }
    s->catch_.pass_signals = pass;
    s->caught = false;
    reply_ok(reply);
}

static void program_signals(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)s;
    (void)a;
    (void)n;
    reply_ok(reply); /* what was delivered was delivered */
}

static const struct stub_row rows[] = {
    {"vCont?", "", resume_actions, NULL},
    {"vCont", NULL, resume_by_actions, NULL},
    {"vCtrlC", "", control_c, NULL},
    {"c", "|x", cont, NULL},
    {"s", "|x", step, NULL},
    {"C", "x|;x", cont_signal, NULL},
    {"S", "x|;x", step_signal, NULL},
    {"bc", "", reverse_continue, "ReverseContinue+"},
    {"bs", "", reverse_step, "ReverseStep+"},
    {"QCatchSyscalls:", "x|;r", catch_syscalls, "QCatchSyscalls+"},
    {"QPassSignals:", "r", pass_signals, "QPassSignals+"},
    {"QProgramSignals:", "r", program_signals, "QProgramSignals+"},
};
const struct stub_table stub_resume_table = STUB_TABLE(rows);
