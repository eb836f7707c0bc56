/* Vessels: commands to them and their answers, checkpoints, deaths.
 *
 * A command is one round trip over the slot's control page (protocol: preload/control.h). While waiting for the
 * answer the vessel is looked at every POLL_MS, so that its death is an error and never a hang. */
#include "replayer/replay.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "replayer/session.h"
#include "replayer/spawn.h"

#define POLL_MS 50

struct replay {
    struct session *session; /* counted by the slot */
    uint32_t slot;
    struct odb_control *control; /* borrowed from session */
    pid_t pid;                   /* 0: none */
    struct odb_stop stop;        /* last stop of a run */
};

/* ---- one command ---- */

/* NULL: alive. */
static struct odb_err *check_alive(struct replay *r)
{
    siginfo_t si = {.si_pid = 0};
    if (waitid(P_PID, (id_t)r->pid, &si, WEXITED | WNOHANG | WNOWAIT) < 0) {
        r->pid = 0;
        return odb_err("the replayed process is gone");
    }
    if (si.si_pid == 0)
        return NULL;
    const struct odb_stop *s = &r->control->stop;
    if (si.si_code == CLD_EXITED)
        return odb_err(
            "the replayed process ended unexpectedly with status %d (last stop at tick %llu, rip 0x%llx)",
            si.si_status, (unsigned long long)s->tick, (unsigned long long)s->regs.rip);
    return odb_err("the replayed process died of signal %d (%s) (last stop at tick %llu, rip 0x%llx)",
                   si.si_status, strsignal(si.si_status), (unsigned long long)s->tick,
                   (unsigned long long)s->regs.rip);
}

static struct odb_err *wait_answer(struct replay *r)
{
    struct odb_control *c = r->control;
    uint32_t want = atomic_load(&c->cmd_seq);
    for (;;) {
        uint32_t ack = atomic_load(&c->ack_seq);
        if (ack == want)
            break;
        session_wait(&c->ack_seq, ack, POLL_MS);
        if (atomic_load(&c->ack_seq) == want)
            break;
        struct odb_err *e = check_alive(r);
        if (e && atomic_load(&c->ack_seq) != want)
            return e;
        odb_err_free(e);
    }
    c->stop.text[sizeof(c->stop.text) - 1] = 0;
    c->stop.divergence.what[sizeof(c->stop.divergence.what) - 1] = 0;
    return NULL;
}

static struct odb_err *command(struct replay *r, uint32_t kind)
{
    if (!r->pid)
        return odb_err("the replayed process is gone");
    r->control->cmd.kind = kind;
    atomic_fetch_add(&r->control->cmd_seq, 1);
    session_wake(&r->control->cmd_seq);
    return wait_answer(r);
}

/* Like command(), where anything but DONE is an error. */
static struct odb_err *command_done(struct replay *r, uint32_t kind)
{
    ODB_TRY(command(r, kind));
    if (r->control->stop.reason != ODB_STOP_DONE)
        return odb_err("replay: %s", r->control->stop.text);
    return NULL;
}

/* ---- begin and end ---- */

static uint32_t option_bits(const struct replay_options *o)
{
    return (o->check ? ODB_OPT_CHECK : 0u) | (o->no_vector_ticks ? ODB_OPT_NO_VECTOR_TICKS : 0u) |
           (o->no_superblocks ? ODB_OPT_NO_SUPERBLOCKS : 0u) | (o->hook ? ODB_OPT_TRACE_HOOK : 0u) |
           (o->out_fd[1] < 0 && o->out_fd[2] < 0 ? ODB_OPT_NO_OUTPUT : 0u);
}

static struct odb_err *start(struct replay *r, const struct replay_options *opt)
{
    ODB_TRY(spawn_prepare(r->session, opt->index ? ODB_MODE_INDEX : ODB_MODE_REPLAY, option_bits(opt),
                          opt->out_fd));
    ODB_TRY(spawn_vessel(r->session, opt->out_fd, &r->pid));
    ODB_TRY(session_feed(r->session));
    ODB_TRY(wait_answer(r));
    if (r->control->stop.reason == ODB_STOP_ERROR)
        return odb_err("%s", r->control->stop.text);
    r->stop = r->control->stop;
    return NULL;
}

static struct odb_err *handle_create(struct session *s, struct replay **ret)
{
    struct replay *r = calloc(1, sizeof(*r));
    if (!r)
        return odb_err("out of memory");
    struct odb_err *e = session_take_slot(s, &r->slot);
    if (e) {
        free(r);
        return e;
    }
    r->session = s;
    r->control = session_control(s, r->slot);
    *ret = r;
    return NULL;
}

struct odb_err *replay_open(const char *dir, const struct replay_options *opt, struct replay **ret)
{
    struct session *s;
    struct replay *r;
    ODB_TRY(session_create(dir, &s));
    struct odb_err *e = handle_create(s, &r);
    if (e) {
        session_destroy(s);
        return e;
    }
    e = start(r, opt);
    if (e) {
        const char *damage = replay_damage(r);
        if (damage)
            e = odb_err_context(e, "%s", damage);
        replay_close(r);
        return e;
    }
    *ret = r;
    return NULL;
}

void replay_close(struct replay *r)
{
    if (!r)
        return;
    if (r->pid) {
        kill(r->pid, SIGKILL);
        while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    session_drop_slot(r->session, r->slot);
    free(r);
}

/* ---- what it does ---- */

struct odb_err *replay_run(struct replay *r, const struct odb_run *run, const struct odb_stop **ret)
{
    static const struct odb_run to_end;
    r->control->cmd.run = run ? *run : to_end;
    ODB_TRY(command(r, ODB_CMD_RUN));
    r->stop = r->control->stop;
    if (r->stop.reason == ODB_STOP_ERROR)
        return odb_err("replay: %s", r->stop.text);
    *ret = &r->stop;
    return NULL;
}

const struct odb_stop *replay_where(const struct replay *r) { return &r->stop; }

struct odb_err *replay_vectors(struct replay *r, const struct odb_xstate **ret)
{
    ODB_TRY(command_done(r, ODB_CMD_REGS));
    *ret = (const struct odb_xstate *)(const void *)r->control->data;
    return NULL;
}

struct odb_err *replay_read(struct replay *r, gaddr addr, void *to, size_t n_bytes, size_t *ret_bytes)
{
    size_t done = 0;
    while (done < n_bytes) {
        size_t n = n_bytes - done < ODB_DATA_BYTES ? n_bytes - done : ODB_DATA_BYTES;
        r->control->cmd.addr = addr + done;
        r->control->cmd.len_bytes = n;
        ODB_TRY(command_done(r, ODB_CMD_READ));
        size_t got = (size_t)r->control->stop.status;
        got = got < n ? got : n;
        memcpy((uint8_t *)to + done, r->control->data, got);
        done += got;
        if (got < n)
            break;
    }
    *ret_bytes = done;
    return NULL;
}

/* The new slot is complete before the vessel forks: its child looks at nothing else from then on. */
static void copy_control(const struct replay *from, struct replay *to)
{
    struct odb_control *c = to->control;
    const struct odb_control *f = from->control;
    uint64_t available = atomic_load(&c->events_available);
    uint32_t seq = atomic_load(&c->events_seq), complete = atomic_load(&c->events_complete);
    memcpy((void *)c, (const void *)f, offsetof(struct odb_control, data));
    atomic_store(&c->cmd_seq, 0);
    atomic_store(&c->ack_seq, 0);
    atomic_store(&c->events_available, available);
    atomic_store(&c->events_complete, complete);
    atomic_store(&c->events_seq, seq);
    c->log_bytes = 0;
    c->stop = from->stop;
}

static struct odb_err *checkpoint(struct replay *r, bool index, struct replay **ret)
{
    struct replay *child;
    ODB_TRY(handle_create(r->session, &child));
    copy_control(r, child);
    if (index)
        child->control->mode = ODB_MODE_INDEX;
    r->control->cmd.slot = child->slot;
    struct odb_err *e = command_done(r, ODB_CMD_FORK);
    if (e) {
        replay_close(child);
        return e;
    }
    child->pid = (pid_t)r->control->stop.status;
    child->stop = r->stop;
    *ret = child;
    return NULL;
}

struct odb_err *replay_checkpoint(struct replay *r, struct replay **ret) { return checkpoint(r, false, ret); }

struct odb_err *replay_checkpoint_index(struct replay *from, struct replay **ret)
{
    return checkpoint(from, true, ret);
}

const void *replay_log(struct replay *r, size_t *ret_bytes)
{
    uint64_t n = r->control->log_bytes;
    *ret_bytes = n < ODB_LOG_BYTES ? (size_t)n : ODB_LOG_BYTES;
    return r->session->log + (size_t)r->slot * ODB_LOG_BYTES;
}

const char *replay_damage(const struct replay *r)
{
    struct session *s = r->session;
    pthread_mutex_lock(&s->lock);
    bool damaged = s->complete && s->damage[0];
    pthread_mutex_unlock(&s->lock);
    return damaged ? s->damage : NULL;
}

int replay_pid(const struct replay *r) { return (int)r->pid; }

uint64_t replay_cpu_ns(const struct replay *r)
{
    char path[64], text[1024];
    snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)r->pid);
    FILE *f = r->pid ? fopen(path, "re") : NULL;
    if (!f)
        return 0;
    unsigned long long ns = 0;
    if (!fgets(text, sizeof(text), f) || sscanf(text, "%llu", &ns) != 1)
        ns = 0;
    fclose(f);
    return ns;
}
