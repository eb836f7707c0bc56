/* `monitor ...`: what the protocol has no packets for; each command is a row. And a few packets for gdb/odb.gdb. */
#include "gdb/stub_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "db/db.h"

enum { LINE_BYTES = 4000, OUTPUT_PIECE = 8192 };

/* ---- places ---- */

void monitor_say_place(struct stub *s, const struct target_position *p, struct out *say)
{
    struct odb_db *db = target_database(s->g);
    if (p->has_t)
        out_printf(say, "t %" PRIu64, p->t);
    if (p->has_t && db)
        out_printf(say, " of %" PRIu64, db_end_t(db));
    if (p->event != UINT64_MAX)
        out_printf(say, "%sevent %" PRIu64, p->has_t ? ", " : "", p->event);
    if (!p->has_t && p->tick != UINT64_MAX)
        out_printf(say, ", tick %" PRIu64, p->tick);
    out_printf(say, ", process %u, thread %u, rip 0x%" PRIx64, p->pid, p->tid, p->rip);
    if (p->in_signal)
        out_text(say, ", before a signal");
    out_text(say, "\n");
}

static struct odb_err *say_here(struct stub *s, struct out *say)
{
    struct target_position here;
    target_where(s->g, &here);
    monitor_say_place(s, &here, say);
    if (target_in_branch(s->g))
        out_text(say, "in a branch that began there\n");
    return NULL;
}

/* The position changed under the client. */
static struct odb_err *after_move(struct stub *s, struct out *say)
{
    struct target_position here;
    _cleanup_free_ struct target_thread *threads = NULL;
    size_t n = 0;
    target_where(s->g, &here);
    s->killed = false;
    ODB_TRY(stub_list_threads(s, &threads, &n));
    if (n == 0) { /* none of the processes that were looked at lives here */
        out_printf(say, "now in process %u\n", here.pid);
        stub_attach(s, here.pid);
    }
    s->general = (struct stub_thread){.pid = here.pid, .tid = here.tid};
    if (!stub_attached(s, here.pid) && n > 0)
        s->general = (struct stub_thread){.pid = threads[0].pid, .tid = threads[0].tid};
    s->moved = true;
    s->owes_vfork_done = false;
    s->xfer_name[0] = 0;
    ODB_TRY(say_here(s, say));
    if (!s->scripted)
        out_text(
            say,
            "gdb does not know yet: `maint flush register-cache` and `maint flush dcache` make it look\n");
    return NULL;
}

static struct odb_err *seek(struct stub *s, const char *args, struct out *say)
{
    if (!*args)
        return odb_err("seek where? T, event:N, N%%, start or end");
    ODB_TRY(stub_branch_leave(s));
    ODB_TRY(target_seek_text(s->g, args));
    return after_move(s, say);
}

static struct odb_err *when(struct stub *s, const char *args, struct out *say)
{
    (void)args;
    return say_here(s, say);
}

/* ---- checkpoints: places with a number ---- */

static struct odb_err *checkpoint(struct stub *s, const char *args, struct out *say)
{
    (void)args;
    if (s->n_checkpoints == STUB_MAX_CHECKPOINTS)
        return odb_err("%d checkpoints are enough", STUB_MAX_CHECKPOINTS);
    struct target_position *c = realloc(s->checkpoints, (s->n_checkpoints + 1) * sizeof(*c));
    if (!c)
        return odb_err("out of memory");
    s->checkpoints = c;
    target_where(s->g, &c[s->n_checkpoints++]);
    out_printf(say, "checkpoint %zu at ", s->n_checkpoints);
    monitor_say_place(s, &c[s->n_checkpoints - 1], say);
    return NULL;
}

static struct odb_err *checkpoints(struct stub *s, const char *args, struct out *say)
{
    (void)args;
    for (size_t i = 0; i < s->n_checkpoints; i++) {
        out_printf(say, "%3zu  ", i + 1);
        monitor_say_place(s, &s->checkpoints[i], say);
    }
    if (!s->n_checkpoints)
        out_text(say, "no checkpoints\n");
    return NULL;
}

static struct odb_err *restart(struct stub *s, const char *args, struct out *say)
{
    char *end;
    unsigned long n = strtoul(args, &end, 10);
    if (end == args || *end || n == 0 || n > s->n_checkpoints)
        return odb_err("there is no checkpoint '%s'", args);
    ODB_TRY(stub_branch_leave(s));
    ODB_TRY(target_seek(s->g, &s->checkpoints[n - 1]));
    return after_move(s, say);
}

/* ---- packets of our own, for gdb/odb.gdb ---- */

/* t; "-" where positions have none. */
static void tell_t(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)a;
    (void)n;
    struct target_position here;
    target_where(s->g, &here);
    if (here.has_t)
        out_printf(reply, "%" PRIu64, here.t);
    else
        out_text(reply, "-");
}

/* Did a monitor command change the position? "0", or "PID TID" of the thread to look at. */
static void tell_moved(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)a;
    (void)n;
    uint32_t pid, tid;
    struct odb_err *e = stub_general_thread(s, &pid, &tid);
    if (!s->moved || e)
        out_text(reply, "0");
    else
        out_printf(reply, "%u %u", pid, tid);
    odb_err_free(e);
}

/* The next resume only tells where the target is. */
static void announce(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)a;
    (void)n;
    s->announce = true;
    reply_ok(reply);
}

static void scripted(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)a;
    (void)n;
    s->scripted = true;
    reply_ok(reply);
}

/* The frame that is selected, 0 the innermost, and its thread, for names in the next monitor command. */
static void frame(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)n;
    s->frame_level = a[0].n;
    s->looked_at = (struct stub_thread){.pid = a[1].pid, .tid = a[1].tid};
    reply_ok(reply);
}

/* ---- the table ---- */

static struct odb_err *help(struct stub *s, const char *args, struct out *say);

static const struct monitor_row {
    const char *name, *args, *help;
    struct odb_err *(*run)(struct stub *s, const char *args, struct out *say);
} rows[] = {
    {"when", "", "where in the recording this is", when},
    {"seek", "T|event:N|N%|start|end", "go there", seek},
    {"checkpoint", "", "remember this place under a number", checkpoint},
    {"checkpoints", "", "list them", checkpoints},
    {"restart", "N", "go to checkpoint N", restart},
    {"last-write", "EXPR[,LEN]", "who wrote this memory last, before here", monitor_last_write},
    {"next-write", "EXPR[,LEN]", "who writes it next", monitor_next_write},
    {"sql", "SELECT ...", "ask the index", monitor_sql},
    {"help", "", "this text", help},
};
enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };

static struct odb_err *help(struct stub *s, const char *args, struct out *say)
{
    (void)s;
    (void)args;
    for (int i = 0; i < N_ROWS; i++)
        out_printf(say, "%-11s %-24s %s\n", rows[i].name, rows[i].args, rows[i].help);
    return NULL;
}

static struct odb_err *run_line(struct stub *s, const char *line, struct out *say)
{
    size_t len = strcspn(line, " \t");
    const char *args = line + len + strspn(line + len, " \t");
    for (int i = 0; i < N_ROWS; i++) {
        if (strlen(rows[i].name) == len && memcmp(rows[i].name, line, len) == 0)
            return rows[i].run(s, args, say);
    }
    return odb_err("there is no monitor command '%.*s': monitor help", (int)len, line);
}

static void say_output(struct stub *s, const struct out *say)
{
    for (size_t at = 0; at < say->n_bytes; at += OUTPUT_PIECE) {
        size_t left = say->n_bytes - at;
        struct out o = {0};
        out_text(&o, "O");
        out_hex(&o, say->data + at, left < OUTPUT_PIECE ? left : OUTPUT_PIECE);
        stub_send(s, &o);
        out_deinit(&o);
    }
}

/* qRcmd,HEX. Errors are output too: gdb shows no others. */
static void command(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)n;
    char line[LINE_BYTES];
    struct out say = {0};
    size_t len = a[0].n_bytes < sizeof(line) - 1 ? a[0].n_bytes : sizeof(line) - 1;
    memcpy(line, a[0].data, len);
    line[len] = 0;
    char *end = line + strlen(line);
    while (end > line && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\n'))
        *--end = 0;
    if (s->notes.n_bytes)
        stub_send_notes(s);
    struct odb_err *e = run_line(s, line + strspn(line, " \t"), &say);
    if (e)
        out_printf(&say, "odb: %s\n", odb_err_text(e));
    odb_err_free(e);
    s->frame_level = 0;
    s->looked_at = (struct stub_thread){0};
    say_output(s, &say);
    out_deinit(&say);
    reply_ok(reply);
}

static const struct stub_row packets[] = {
    {"qRcmd,", "h", command, NULL},       {"qOdb.t", "", tell_t, NULL},
    {"qOdb.moved", "", tell_moved, NULL}, {"QOdb.announce", "", announce, NULL},
    {"QOdb.script", "", scripted, NULL},  {"QOdb.frame:", "x,t", frame, NULL},
};
const struct stub_table stub_monitor_table = STUB_TABLE(packets);
