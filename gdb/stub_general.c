/* Packets about the session itself: features, acknowledgements, the last stop, its end. */
#include "gdb/stub_parts.h"

#include <stdlib.h>
#include <string.h>

#include "gdb/signals.h"

static bool told(const struct packet_arg *a, const char *feature)
{
    return memmem(a->data, a->n_bytes, feature, strlen(feature)) != NULL;
}

/* What the tables' rows support, and what the client told. */
static void supported(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    out_printf(reply, "PacketSize=%x", (unsigned)PACKET_MAX_BYTES);
    for (size_t t = 0; t < STUB_N_TABLES; t++) {
        for (size_t i = 0; i < stub_tables[t]->n; i++) {
            if (stub_tables[t]->rows[i].feature)
                out_printf(reply, ";%s", stub_tables[t]->rows[i].feature);
        }
    }
    s->multiprocess = n > 0 && told(a, "multiprocess+");
    s->fork_events = n > 0 && told(a, "fork-events+");
    s->vfork_events = n > 0 && told(a, "vfork-events+");
    s->exec_events = n > 0 && told(a, "exec-events+");
    s->swbreak = n > 0 && told(a, "swbreak+");
    s->hwbreak = n > 0 && told(a, "hwbreak+");
    s->caught = false;
}

static void start_no_ack(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)a;
    (void)n;
    s->no_ack = true;
    reply_ok(reply);
}

static void accept_it(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)s;
    (void)a;
    (void)n;
    reply_ok(reply);
}

static void not_known(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)s;
    (void)a;
    (void)n;
    out_clear(reply);
}

static void non_stop(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)s;
    (void)n;
    if (a[0].n)
        reply_error(reply, "odb: a recording has one position; non-stop mode cannot be");
    else
        reply_ok(reply);
}

/* The signal that is delivered, or kills, where the target is; else SIGTRAP. */
static int signal_here(struct stub *s)
{
    struct target_position here;
    uint8_t info[128];
    size_t n = 0;
    int signo;
    target_where(s->g, &here);
    if (!stub_attached(s, here.pid))
        return 5;
    struct odb_err *e = target_siginfo(s->g, here.tid, info, &n);
    if (e || n < sizeof(signo)) {
        odb_err_free(e);
        return 5;
    }
    memcpy(&signo, info, sizeof(signo));
    s->last_signal = signo;
    return gdb_signal_of(signo);
}

/* `?`: why the target stands where it stands. */
static void last_stop(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)a;
    (void)n;
    if (s->killed)
        out_text(reply, "W00");
    else
        stub_tell_position(s, signal_here(s), "", reply);
}

static void is_attached(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)s;
    (void)a;
    (void)n;
    out_text(reply, "1"); /* so that gdb detaches when it quits */
}

/* D, D;PID */
static void detach(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    struct odb_err *e = stub_branch_leave(s);
    if (!e)
        e = stub_drop_breaks(s, n > 0 ? (uint32_t)a[0].n : 0);
    if (e) {
        reply_failure(s, reply, e);
        return;
    }
    if (n > 0)
        stub_detach(s, (uint32_t)a[0].n);
    else
        s->n_pids = 0;
    reply_ok(reply);
}

static void kill_all(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)a;
    (void)n;
    (void)reply;
    s->over = true;
}

/* vKill;PID: nothing dies in a recording; the client sees it no more until it runs it again. */
static void kill_process(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)n;
    if (!stub_attached(s, (uint32_t)a[0].n)) {
        reply_error(reply, "not attached to process %u", (unsigned)a[0].n);
        return;
    }
    struct odb_err *e = stub_branch_leave(s);
    if (!e)
        e = stub_drop_breaks(s, (uint32_t)a[0].n);
    if (e) {
        reply_failure(s, reply, e);
        return;
    }
    stub_detach(s, (uint32_t)a[0].n);
    s->killed = s->n_pids == 0;
    reply_ok(reply);
}

/* vRun;...: the recording from its start, whatever program and arguments are named. */
static void run_again(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)a;
    (void)n;
    struct target_position here;
    struct odb_err *e = stub_branch_leave(s);
    if (!e)
        e = stub_drop_breaks(s, 0);
    if (!e)
        e = target_seek_text(s->g, "start");
    if (e) {
        reply_failure(s, reply, e);
        return;
    }
    target_where(s->g, &here);
    s->killed = false;
    s->n_pids = 0;
    s->told_end = false;
    stub_attach(s, here.pid);
    s->general = (struct stub_thread){.pid = here.pid, .tid = here.tid};
    stub_tell_position(s, 5, "", reply);
}

/* R: the same; there is no reply to it. The session goes on. */
static void restart(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    run_again(s, a, n, reply);
    out_clear(reply);
}

/* vAttach;PID */
static void attach(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)n;
    uint32_t pid = (uint32_t)a[0].n;
    struct target_thread *threads;
    size_t n_threads;
    struct odb_err *e = target_threads(s->g, &threads, &n_threads);
    if (e) {
        reply_failure(s, reply, e);
        return;
    }
    for (size_t i = 0; i < n_threads; i++) {
        if (threads[i].pid != pid)
            continue;
        stub_attach(s, pid);
        s->killed = false;
        s->general = (struct stub_thread){.pid = pid, .tid = threads[i].tid};
        out_text(reply, "T05thread:");
        out_thread(s, reply, pid, threads[i].tid);
        out_text(reply, ";");
        free(threads);
        return;
    }
    free(threads);
    reply_error(reply, "process %u does not live here; `monitor seek` to where it does, or use --pid", pid);
}

static const struct stub_row rows[] = {
    {"qSupported", "|:r", supported,
     "multiprocess+;vContSupported+;fork-events+;vfork-events+;exec-events+;"
     "no-resumed+;swbreak+;hwbreak+"},
    {"QStartNoAckMode", "", start_no_ack, "QStartNoAckMode+"},
    {"vMustReplyEmpty", "|r", not_known, NULL},
    {"!", "", accept_it, NULL},
    {"?", "", last_stop, NULL},
    {"QNonStop:", "x", non_stop, NULL},
    {"qAttached", "|:x", is_attached, NULL},
    {"qSymbol:", "r", accept_it, NULL},
    {"QDisableRandomization:", "x", accept_it, "QDisableRandomization+"},
    {"QStartupWithShell:", "x", accept_it, NULL},
    {"QEnvironmentHexEncoded:", "r", accept_it, NULL},
    {"QEnvironmentUnset:", "r", accept_it, NULL},
    {"QEnvironmentReset", "", accept_it, NULL},
    {"QSetWorkingDir:", "|r", accept_it, NULL},
    {"D", "|;x", detach, NULL},
    {"k", "", kill_all, NULL},
    {"vKill;", "x", kill_process, NULL},
    {"vRun", "|;r", run_again, NULL},
    {"R", "|r", restart, NULL},
    {"vAttach;", "x", attach, NULL},
};
const struct stub_table stub_general_table = STUB_TABLE(rows);
