/* What a stop of the target means to the client: the stop replies, and which stops are not for it.
 *
 * Going backwards some events have no meaning to gdb, or another one: a process that was made is not made yet, an exec is
 * one of the program that was there before, the birth of the only process that the client looks at is the begin of its
 * history. */
#include "gdb/stub_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "gdb/signals.h"

/* The thread to show at a stop: the one meant if it lives and the client sees it, else one that it does see. */
static bool visible_thread(struct stub *s, uint32_t *pid, uint32_t *tid)
{
    _cleanup_free_ struct target_thread *threads = NULL;
    size_t n = 0, shown = 0;
    struct odb_err *e = stub_list_threads(s, &threads, &n);
    odb_err_free(e);
    if (e || n == 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (threads[i].tid == (s->alone_tid ? s->alone_tid : *tid)) {
            *pid = threads[i].pid;
            *tid = threads[i].tid;
            return true;
        }
    }
    for (size_t i = 0; i < n; i++) {
        if ((uint32_t)s->general.tid == threads[i].tid)
            shown = i;
    }
    *pid = threads[shown].pid;
    *tid = threads[shown].tid;
    return true;
}

static void tell(struct stub *s, uint32_t pid, uint32_t tid, int gdb_signo, const char *reason,
                 struct out *reply)
{
    out_clear(reply);
    if (!visible_thread(s, &pid, &tid)) {
        out_text(reply, "W00");
        return;
    }
    s->general = (struct stub_thread){.pid = pid, .tid = tid};
    out_printf(reply, "T%02x%sthread:", (unsigned)gdb_signo, reason);
    out_thread(s, reply, pid, tid);
    out_text(reply, ";");
}

void stub_tell_position(struct stub *s, int gdb_signo, const char *reason, struct out *reply)
{
    struct target_position here;
    target_where(s->g, &here);
    tell(s, here.pid, here.tid, gdb_signo, reason, reply);
}

bool stub_defer(struct stub *s, const struct target_stop *stop, struct out *reply)
{
    switch (stop->kind) {
    case TARGET_STOP_BREAK:
    case TARGET_STOP_WATCH:
    case TARGET_STOP_SYSCALL_ENTRY:
    case TARGET_STOP_SYSCALL_RETURN:
    case TARGET_STOP_SIGNAL:
    case TARGET_STOP_FORK:
    case TARGET_STOP_VFORK:
    case TARGET_STOP_EXEC: break;
    default: return false;
    }
    if (!s->alone_tid || stop->tid == s->alone_tid || !stub_attached(s, stop->pid))
        return false;
    s->pending = *stop;
    s->has_pending = true;
    target_where(s->g, &s->pending_at);
    stub_tell_position(s, 5, "", reply);
    return true;
}

/* ---- the ends of history ---- */

static void note_end(struct stub *s, const struct target_stop *stop)
{
    if (s->told_end)
        return;
    s->told_end = true;
    if (stop->status == INT32_MIN)
        stub_note(s, "the recording ends here; how the program ended is not in it");
    else if (stop->status < 0)
        stub_note(s, "process %u was killed by %s here: this is the end of its history", stop->pid,
                  linux_signal_name(-stop->status));
    else
        stub_note(s, "process %u exited with code %d here: this is the end of its history", stop->pid,
                  stop->status);
    stub_send_notes(s);
}

/* Goes to the nearest place in a direction where a process of the client's lives. */
static void find_alive(struct stub *s, bool reverse)
{
    const struct target_resume how = {.reverse = reverse};
    struct target_stop stop;
    for (int tries = 0; tries < 100000; tries++) {
        _cleanup_free_ struct target_thread *threads = NULL;
        size_t n = 0;
        _cleanup_err_ struct odb_err *e = stub_list_threads(s, &threads, &n);
        if (e || n)
            return;
        e = target_resume(s->g, &how, &stop);
        if (e || stop.kind == TARGET_STOP_START || stop.kind == TARGET_STOP_END ||
            stop.kind == TARGET_STOP_INTERRUPTED)
            return;
    }
}

static enum stub_verdict history_ends(struct stub *s, bool reverse, struct out *reply)
{
    find_alive(s, !reverse);
    stub_tell_position(s, 5, reverse ? "replaylog:begin;" : "replaylog:end;", reply);
    return STUB_TELL;
}

static enum stub_verdict branch_ended(struct stub *s, const struct target_stop *stop, struct out *reply)
{
    stub_note(s, "the branch ended (%s %d): back in the recording", stop->status < 0 ? "signal" : "exit",
              stop->status < 0 ? -stop->status : stop->status);
    struct odb_err *e = stub_branch_leave(s);
    if (e)
        stub_note(s, "%s", odb_err_text(e));
    odb_err_free(e);
    stub_send_notes(s);
    stub_tell_position(s, 0, "", reply);
    return STUB_TELL;
}

static enum stub_verdict judge_end(struct stub *s, bool reverse, const struct target_stop *stop,
                                   struct out *reply)
{
    if (target_in_branch(s->g))
        return branch_ended(s, stop, reply);
    if (!reverse)
        note_end(s, stop);
    return history_ends(s, reverse, reply);
}

/* ---- processes ---- */

/* A process ended; forwards. */
static enum stub_verdict judge_exit(struct stub *s, const struct target_stop *stop, struct out *reply)
{
    if (target_in_branch(s->g))
        return branch_ended(s, stop, reply);
    if (s->n_pids == 1) { /* stay where it still is: this is the end of its history */
        note_end(s, stop);
        return history_ends(s, false, reply);
    }
    struct odb_err *e = stub_drop_breaks(s, stop->pid);
    odb_err_free(e);
    stub_detach(s, stop->pid);
    out_clear(reply);
    if (stop->status < 0)
        out_printf(reply, "X%02x", (unsigned)gdb_signal_of(-stop->status));
    else
        out_printf(reply, "W%02x", (unsigned)stop->status & 255);
    if (s->multiprocess)
        out_printf(reply, ";process:%x", stop->pid);
    return STUB_TELL;
}

/* Backwards, before a fork: the child is not there any more. */
static enum stub_verdict child_unborn(struct stub *s, const struct target_stop *stop, struct out *reply)
{
    if (s->n_pids == 1)
        return history_ends(s, true, reply);
    struct odb_err *e = stub_drop_breaks(s, stop->other_pid);
    odb_err_free(e);
    stub_detach(s, stop->other_pid);
    out_clear(reply);
    out_printf(reply, "W00;process:%x", stop->other_pid);
    return STUB_TELL;
}

static enum stub_verdict judge_fork(struct stub *s, bool reverse, const struct target_stop *stop,
                                    struct out *reply)
{
    struct out reason = {0};
    bool vfork = stop->kind == TARGET_STOP_VFORK;
    if (reverse && stub_attached(s, stop->other_pid))
        return child_unborn(s, stop, reply);
    if (!stub_attached(s, stop->pid) || !(vfork ? s->vfork_events : s->fork_events))
        return STUB_AGAIN;
    if (!reverse)
        stub_attach(s, stop->other_pid);
    s->owes_vfork_done = vfork && reverse;
    s->owed_pid = stop->pid;
    s->owed_tid = stop->tid;
    out_text(&reason, vfork ? "vfork:" : "fork:");
    out_thread(s, &reason, stop->other_pid, stop->other_tid);
    out_bytes(&reason, ";", 2); /* and the NUL */
    if (!reason.failed)
        tell(s, stop->pid, stop->tid, 5, (const char *)reason.data, reply);
    out_deinit(&reason);
    return STUB_TELL;
}

/* Backwards the program is the one that was there before the exec. */
static enum stub_verdict judge_exec(struct stub *s, bool reverse, const struct target_stop *stop,
                                    struct out *reply)
{
    struct out reason = {0};
    _cleanup_free_ char *before = NULL;
    const char *path = stop->text;
    if (!stub_attached(s, stop->pid))
        return STUB_AGAIN;
    struct odb_err *e = stub_drop_breaks(s, stop->pid); /* gdb takes them for gone */
    if (!e && (reverse || !*path))
        e = target_exec_file(s->g, stop->pid, &before);
    if (before)
        path = before;
    if (e)
        stub_note(s, "%s", odb_err_text(e));
    odb_err_free(e);
    if (!s->exec_events || !*path)
        return STUB_AGAIN;
    out_text(&reason, "exec:");
    out_hex(&reason, path, strlen(path));
    out_bytes(&reason, ";", 2);
    if (!reason.failed)
        tell(s, stop->pid, stop->tid, 5, (const char *)reason.data, reply);
    out_deinit(&reason);
    return STUB_TELL;
}

/* ---- threads ---- */

static enum stub_verdict judge_thread(struct stub *s, const struct target_stop *stop, struct out *reply)
{
    if (!s->catch_.thread_events)
        return STUB_AGAIN;
    out_clear(reply);
    if (stop->kind == TARGET_STOP_CLONE) {
        out_text(reply, "T05create:;thread:");
        out_thread(s, reply, stop->other_pid ? stop->other_pid : stop->pid, stop->other_tid);
    } else {
        out_printf(reply, "w%x;", (unsigned)stop->status & 255);
        out_thread(s, reply, stop->pid, stop->tid);
    }
    if (stop->kind == TARGET_STOP_CLONE)
        out_text(reply, ";");
    return STUB_TELL;
}

/* ---- stops of a process that the client sees ---- */

/* gdb lets the functions that it calls return to the stack, where it has a breakpoint: code cannot run there, and the
 * branch faults instead. */
static bool returned_from_call(struct stub *s, const struct target_stop *stop)
{
    struct target_regs regs;
    if (!target_in_branch(s->g))
        return false;
    struct odb_err *e = target_registers(s->g, stop->tid, &regs);
    bool found = !e && stub_find_break(s, stop->pid, regs.rip);
    odb_err_free(e);
    return found;
}

/* Backwards from the end, the deadly signal that made it: the same state once more, which nobody wants to be told. */
static bool died_here(struct stub *s)
{
    struct target_position here;
    target_where(s->g, &here);
    return here.tid == s->begin.tid && here.rip == s->begin.rip && here.tick == s->begin.tick &&
           here.run == s->begin.run && here.t == s->begin.t;
}

static enum stub_verdict judge_own(struct stub *s, bool reverse, const struct target_stop *stop,
                                   struct out *reply)
{
    static const char *const watch_names[] = {
        [TARGET_WATCH_WRITE] = "watch", [TARGET_WATCH_READ] = "rwatch", [TARGET_WATCH_ACCESS] = "awatch"};
    char reason[64] = "";
    int signo = 5;
    switch (stop->kind) {
    case TARGET_STOP_BREAK: {
        const struct stub_break *b = stub_find_break(s, stop->pid, stop->addr);
        bool hard = b && !(b->kinds & 1);
        snprintf(reason, sizeof(reason), "%s",
                 hard && s->hwbreak    ? "hwbreak:;"
                 : !hard && s->swbreak ? "swbreak:;"
                                       : "");
        break;
    }
    case TARGET_STOP_WATCH:
        if (stop->watch >= TARGET_WATCH_WRITE && stop->watch <= TARGET_WATCH_ACCESS)
            snprintf(reason, sizeof(reason), "%s:%" PRIx64 ";", watch_names[stop->watch], stop->addr);
        break;
    case TARGET_STOP_SYSCALL_ENTRY:
        snprintf(reason, sizeof(reason), "syscall_entry:%lx;", (unsigned long)stop->number);
        break;
    case TARGET_STOP_SYSCALL_RETURN:
        snprintf(reason, sizeof(reason), "syscall_return:%lx;", (unsigned long)stop->number);
        break;
    case TARGET_STOP_SIGNAL:
        if (reverse && died_here(s))
            return STUB_AGAIN;
        if (returned_from_call(s, stop))
            break;
        s->last_signal = stop->signo;
        s->branch_over = target_in_branch(s->g);
        signo = gdb_signal_of(stop->signo);
        break;
    default: break; /* STEP */
    }
    tell(s, stop->pid, stop->tid, signo, reason, reply);
    return STUB_TELL;
}

enum stub_verdict stub_judge(struct stub *s, const struct target_resume *how, const struct target_stop *stop,
                             struct out *reply)
{
    s->last_signal = 0;
    switch (stop->kind) {
    case TARGET_STOP_START:
    case TARGET_STOP_END: return judge_end(s, how->reverse, stop, reply);
    case TARGET_STOP_INTERRUPTED: stub_tell_position(s, 2, "", reply); return STUB_TELL;
    case TARGET_STOP_FORK:
    case TARGET_STOP_VFORK: return judge_fork(s, how->reverse, stop, reply);
    case TARGET_STOP_EXEC: return judge_exec(s, how->reverse, stop, reply);
    case TARGET_STOP_NONE: return STUB_AGAIN;
    default: break;
    }
    if (!stub_attached(s, stop->pid) && !target_in_branch(s->g)) /* a branch that crashes does not go on */
        return STUB_AGAIN;
    switch (stop->kind) {
    case TARGET_STOP_EXIT: return how->reverse ? STUB_AGAIN : judge_exit(s, stop, reply);
    case TARGET_STOP_CLONE:
    case TARGET_STOP_THREAD_EXIT: return how->reverse ? STUB_AGAIN : judge_thread(s, stop, reply);
    case TARGET_STOP_VFORK_DONE:
        if (how->reverse || !s->vfork_events)
            return STUB_AGAIN;
        tell(s, stop->pid, stop->tid, 5, "vforkdone:;", reply);
        return STUB_TELL;
    default: return judge_own(s, how->reverse, stop, reply);
    }
}
