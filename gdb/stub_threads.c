/* Packets about processes and threads, and which of them the client is attached to. */
#include "gdb/stub_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

/* ---- attached processes ---- */

bool stub_attached(const struct stub *s, uint32_t pid)
{
    for (size_t i = 0; i < s->n_pids; i++) {
        if (s->pids[i] == pid)
            return true;
    }
    return false;
}

void stub_attach(struct stub *s, uint32_t pid)
{
    if (stub_attached(s, pid))
        return;
    uint32_t *pids = realloc(s->pids, (s->n_pids + 1) * sizeof(*pids));
    if (!pids)
        return; /* the process stays unseen */
    s->pids = pids;
    s->pids[s->n_pids++] = pid;
}

void stub_detach(struct stub *s, uint32_t pid)
{
    for (size_t i = 0; i < s->n_pids; i++) {
        if (s->pids[i] == pid) {
            s->pids[i] = s->pids[--s->n_pids];
            return;
        }
    }
}

/* ---- threads ---- */

struct odb_err *stub_list_threads(struct stub *s, struct target_thread **ret, size_t *ret_n)
{
    struct target_thread *all;
    size_t n, kept = 0;
    if (s->killed) {
        *ret = NULL;
        *ret_n = 0;
        return NULL;
    }
    ODB_TRY(target_threads(s->g, &all, &n));
    for (size_t i = 0; i < n; i++) {
        if (stub_attached(s, all[i].pid))
            all[kept++] = all[i];
    }
    *ret = all;
    *ret_n = kept;
    return NULL;
}

void out_thread(const struct stub *s, struct out *o, uint32_t pid, uint32_t tid)
{
    if (s->multiprocess)
        out_printf(o, "p%x.%x", pid, tid);
    else
        out_printf(o, "%x", tid);
}

static bool means(const struct stub_thread *want, const struct target_thread *t)
{
    return (want->pid <= 0 || want->pid == t->pid) && (want->tid <= 0 || want->tid == t->tid);
}

struct odb_err *stub_general_thread(struct stub *s, uint32_t *ret_pid, uint32_t *ret_tid)
{
    struct target_position here;
    target_where(s->g, &here);
    struct target_thread current = {.pid = here.pid, .tid = here.tid};
    if (means(&s->general, &current) && stub_attached(s, here.pid)) { /* mostly */
        *ret_pid = here.pid;
        *ret_tid = here.tid;
        return NULL;
    }
    _cleanup_free_ struct target_thread *threads = NULL;
    size_t n;
    ODB_TRY(stub_list_threads(s, &threads, &n));
    for (size_t i = 0; i < n; i++) {
        if (means(&s->general, &threads[i])) {
            *ret_pid = threads[i].pid;
            *ret_tid = threads[i].tid;
            return NULL;
        }
    }
    return odb_err("thread %" PRId64 " does not live here", s->general.tid);
}

/* ---- packets ---- */

/* Hg, Hc */
static void choose(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)n;
    struct stub_thread want = {.pid = a[1].pid, .tid = a[1].tid};
    if (a[0].n == 'g') {
        s->general = want;
    } else if (a[0].n == 'c') {
        s->resumed = want;
    } else {
        reply_error(reply, "H takes c or g");
        return;
    }
    reply_ok(reply);
}

/* T: alive? */
static void alive(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)n;
    _cleanup_free_ struct target_thread *threads = NULL;
    size_t n_threads = 0;
    struct stub_thread want = {.pid = a[0].pid, .tid = a[0].tid};
    struct odb_err *e = stub_list_threads(s, &threads, &n_threads);
    if (e) {
        reply_failure(s, reply, e);
        return;
    }
    for (size_t i = 0; i < n_threads; i++) {
        if (means(&want, &threads[i])) {
            reply_ok(reply);
            return;
        }
    }
    out_text(reply, "E01");
}

static void current_thread(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)a;
    (void)n;
    uint32_t pid, tid;
    struct odb_err *e = s->killed ? odb_err("no process") : stub_general_thread(s, &pid, &tid);
    if (e) {
        odb_err_free(e);
        out_text(reply, "QC0");
        return;
    }
    out_text(reply, "QC");
    out_thread(s, reply, pid, tid);
}

/* qfThreadInfo and qsThreadInfo: as many as fit, then the next, then `l`. */
static void next_threads(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)a;
    (void)n;
    if (s->next_listed >= s->n_listed) {
        out_text(reply, "l");
        return;
    }
    out_text(reply, "m");
    for (bool first = true; s->next_listed < s->n_listed && reply->n_bytes < 4000; first = false) {
        const struct target_thread *t = &s->listed[s->next_listed++];
        if (!first)
            out_text(reply, ",");
        out_thread(s, reply, t->pid, t->tid);
    }
}

static void first_threads(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    free(s->listed);
    s->listed = NULL;
    s->n_listed = s->next_listed = 0;
    struct odb_err *e = stub_list_threads(s, &s->listed, &s->n_listed);
    if (e)
        reply_failure(s, reply, e);
    else
        next_threads(s, a, n, reply);
}

static void extra_info(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)n;
    _cleanup_free_ struct target_thread *threads = NULL;
    size_t n_threads = 0;
    struct stub_thread want = {.pid = a[0].pid, .tid = a[0].tid};
    struct odb_err *e = stub_list_threads(s, &threads, &n_threads);
    if (e) {
        reply_failure(s, reply, e);
        return;
    }
    for (size_t i = 0; i < n_threads; i++) {
        if (means(&want, &threads[i])) {
            out_hex(reply, threads[i].name, strnlen(threads[i].name, sizeof(threads[i].name)));
            return;
        }
    }
    out_text(reply, "E01");
}

static void thread_events(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)n;
    s->catch_.thread_events = a[0].n != 0;
    s->caught = false;
    reply_ok(reply);
}

static const struct stub_row rows[] = {
    {"H", "ct", choose, NULL},
    {"T", "t", alive, NULL},
    {"qC", "", current_thread, NULL},
    {"qfThreadInfo", "", first_threads, NULL},
    {"qsThreadInfo", "", next_threads, NULL},
    {"qThreadExtraInfo,", "t", extra_info, NULL},
    {"QThreadEvents:", "x", thread_events, "QThreadEvents+"},
};
const struct stub_table stub_threads_table = STUB_TABLE(rows);
