/* Worlds: commands to them and their answers, checkpoints, deaths.
 *
 * A world is one vessel for each address space of the recording (preload/world.h). A command is one round trip over the
 * slot's control page (protocol: preload/control.h), with whichever vessel has the turn. While waiting for the
 * answer all vessels are looked at every POLL_MS, so that a death is an error and never a hang; those that ended by
 * themselves are reaped. */
#include "replayer/replay.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "preload/shared.h"
#include "replayer/handle.h"
#include "replayer/session.h"
#include "replayer/spawn.h"

#define POLL_MS 50
#define WATCH_MS 2000

/* How far a run had come when it was looked at last. */
struct watch {
    uint64_t ordinal;
    uint32_t turn, n_polls;
};

/* ---- one command ---- */

static struct odb_err *death_text(const struct replay *r, const siginfo_t *si)
{
    const struct odb_stop *s = &r->control->stop;
    if (si->si_code == CLD_EXITED)
        return odb_err(
            "the replayed process ended unexpectedly with status %d (last stop at tick %llu, rip 0x%llx)",
            si->si_status, (unsigned long long)s->tick, (unsigned long long)s->regs.rip);
    return odb_err("the replayed process died of signal %d (%s) (last stop at tick %llu, rip 0x%llx)",
                   si->si_status, strsignal(si->si_status), (unsigned long long)s->tick,
                   (unsigned long long)s->regs.rip);
}

static void reap(pid_t pid)
{
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

/* One that has told of its end: its entry becomes free. */
static void reap_gone(struct odb_world_vessel *v)
{
    pid_t pid = (pid_t)atomic_load(&v->pid);
    siginfo_t si = {.si_pid = 0};
    if (!pid || (waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG) == 0 && si.si_pid == 0))
        return;
    atomic_store(&v->pid, 0);
    atomic_store(&v->state, VESSEL_FREE);
}

/* NULL: all are alive. */
static struct odb_err *check_alive(struct replay *r)
{
    for (uint32_t i = 0; i < WORLD_MAX_VESSELS; i++) {
        struct odb_world_vessel *v = &r->world->vessels[i];
        siginfo_t si = {.si_pid = 0};
        uint32_t state = atomic_load(&v->state);
        if (state == VESSEL_GONE)
            reap_gone(v);
        pid_t pid = (pid_t)atomic_load(&v->pid);
        if ((state != VESSEL_ALIVE && state != VESSEL_NEW) || !pid)
            continue;
        bool alive = waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG | WNOWAIT) == 0 && si.si_pid == 0;
        if (alive || atomic_load(&v->state) == VESSEL_GONE) /* it told of its end meanwhile */
            continue;
        r->lost = true;
        return si.si_pid ? death_text(r, &si) : odb_err("a replayed process is gone");
    }
    return NULL;
}

/* The vessel that runs looks around at its next instruction. */
static void wake(const struct replay *r)
{
    uint32_t turn = atomic_load(&r->world->turn);
    pid_t pid = (pid_t)atomic_load(&r->world->vessels[turn].pid);
    if (pid && atomic_load(&r->world->vessels[turn].state) == VESSEL_ALIVE)
        kill(pid, ODB_SIG_YIELD);
}

/* No event for a while: the vessel that runs is asked to look whether it still can come to the next one. */
static void watch(const struct replay *r, struct watch *w)
{
    uint64_t ordinal = *(const volatile uint64_t *)&r->world->ordinal;
    uint32_t turn = atomic_load(&r->world->turn);
    if (ordinal != w->ordinal || turn != w->turn)
        *w = (struct watch){.ordinal = ordinal, .turn = turn};
    if (++w->n_polls < WATCH_MS / POLL_MS)
        return;
    w->n_polls = 0;
    wake(r);
}

static struct odb_err *wait_answer(struct replay *r)
{
    struct odb_control *c = r->control;
    uint32_t want = atomic_load(&c->cmd_seq);
    struct watch w = {0};
    for (;;) {
        if (c->cmd.kind == ODB_CMD_RUN && atomic_load(&c->interrupt))
            wake(r);
        uint32_t ack = atomic_load(&c->ack_seq);
        if (ack == want)
            break;
        session_wait(&c->ack_seq, ack, POLL_MS);
        if (atomic_load(&c->ack_seq) == want)
            break;
        watch(r, &w);
        struct odb_err *e = check_alive(r);
        if (e && atomic_load(&c->ack_seq) != want)
            return e;
        odb_err_free(e);
    }
    c->stop.text[sizeof(c->stop.text) - 1] = 0;
    c->stop.divergence.what[sizeof(c->stop.divergence.what) - 1] = 0;
    return NULL;
}

struct odb_err *replay_command(struct replay *r, uint32_t kind)
{
    if (r->lost)
        return odb_err("the replayed process is gone");
    r->control->cmd.kind = kind;
    atomic_fetch_add(&r->control->cmd_seq, 1);
    session_wake(&r->control->cmd_seq);
    return wait_answer(r);
}

/* Like command(), where anything but DONE is an error. */
struct odb_err *replay_command_done(struct replay *r, uint32_t kind)
{
    ODB_TRY(replay_command(r, kind));
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
    pid_t pid;
    ODB_TRY(spawn_vessel(r->session, opt->out_fd, &pid));
    atomic_store(&r->world->vessels[0].pid, (uint32_t)pid);
    atomic_store(&r->world->vessels[0].state, VESSEL_ALIVE);
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
    r->world = session_world(s, r->slot);
    *ret = r;
    return NULL;
}

struct odb_err *replay_open(const char *dir, const struct replay_options *opt, struct replay **ret)
{
    struct session *s;
    struct replay *r;
    ODB_TRY(session_create(dir, opt->keeps_stream, &s));
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

/* A vessel that is just being made enters its pid itself, and ends when the world is closing. */
static void kill_all(struct replay *r)
{
    atomic_store(&r->world->closing, 1);
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < WORLD_MAX_VESSELS; i++) {
            pid_t pid = (pid_t)atomic_load(&r->world->vessels[i].pid);
            if (pid && atomic_load(&r->world->vessels[i].state) != VESSEL_FREE)
                kill(pid, SIGKILL);
        }
        for (uint32_t i = 0; i < WORLD_MAX_VESSELS; i++) {
            struct odb_world_vessel *v = &r->world->vessels[i];
            pid_t pid = (pid_t)atomic_load(&v->pid);
            if (!pid || atomic_load(&v->state) == VESSEL_FREE)
                continue;
            reap(pid);
            atomic_store(&v->pid, 0);
            atomic_store(&v->state, VESSEL_FREE);
        }
    }
}

void replay_close(struct replay *r)
{
    if (!r)
        return;
    kill_all(r);
    session_drop_slot(r->session, r->slot);
    free(r);
}

/* ---- what it does ---- */

struct odb_err *replay_run(struct replay *r, const struct odb_run *run, const struct odb_stop **ret)
{
    static const struct odb_run to_end;
    r->control->cmd.run = run ? *run : to_end;
    ODB_TRY(replay_command(r, ODB_CMD_RUN));
    r->stop = r->control->stop;
    if (r->stop.reason == ODB_STOP_ERROR)
        return odb_err("replay: %s", r->stop.text);
    *ret = &r->stop;
    return NULL;
}

const struct odb_stop *replay_where(const struct replay *r) { return &r->stop; }

struct odb_err *replay_vectors(struct replay *r, const struct odb_xstate **ret)
{
    return replay_registers(r, 0, NULL, ret);
}

struct odb_err *replay_registers(struct replay *r, uint32_t tid, const struct odb_stop **ret_stop,
                                 const struct odb_xstate **ret)
{
    r->control->cmd.tid = tid;
    ODB_TRY(replay_command_done(r, ODB_CMD_REGS));
    if (ret_stop)
        *ret_stop = &r->control->stop;
    *ret = (const struct odb_xstate *)(const void *)r->control->data;
    return NULL;
}

struct odb_err *replay_read(struct replay *r, gaddr addr, void *to, size_t n_bytes, size_t *ret_bytes)
{
    return replay_read_process(r, 0, addr, to, n_bytes, ret_bytes);
}

struct odb_err *replay_read_process(struct replay *r, uint32_t pid, gaddr addr, void *to, size_t n_bytes,
                                    size_t *ret_bytes)
{
    size_t done = 0;
    r->control->cmd.pid = pid;
    while (done < n_bytes) {
        size_t n = n_bytes - done < ODB_DATA_BYTES ? n_bytes - done : ODB_DATA_BYTES;
        r->control->cmd.addr = addr + done;
        r->control->cmd.len_bytes = n;
        ODB_TRY(replay_command_done(r, ODB_CMD_READ));
        size_t got = r->control->stop.status > 0 ? (size_t)r->control->stop.status : 0;
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
    session_begin_copy(to->session);
    memcpy((void *)c, (const void *)from->control, offsetof(struct odb_control, data));
    session_end_copy(to->session, to->slot);
    atomic_store(&c->cmd_seq, 0);
    atomic_store(&c->ack_seq, 0);
    atomic_store(&c->interrupt, 0);
    c->log_bytes = 0;
    c->stop = from->stop;
}

/* The same vessels, whose pids are not known yet, in the same places. */
static void copy_world(const struct replay *from, struct replay *to, bool index)
{
    struct odb_world *w = to->world;
    const struct odb_world *f = from->world;
    memcpy((void *)w, (const void *)f, offsetof(struct odb_world, vessels));
    memcpy(w->tasks, f->tasks, f->n_tasks * sizeof(f->tasks[0]));
    memcpy(w->objects, f->objects, f->n_objects * sizeof(f->objects[0]));
    memcpy(w->files, f->files, f->n_files * sizeof(f->files[0]));
    memcpy(w->breaks, f->breaks, f->n_breaks * sizeof(f->breaks[0]));
    memcpy(w->watches, f->watches, f->n_watches * sizeof(f->watches[0]));
    for (uint32_t i = 0; i < WORLD_MAX_VESSELS; i++) {
        uint32_t state = atomic_load(&f->vessels[i].state);
        if (state == VESSEL_NEW || state == VESSEL_ALIVE)
            atomic_store(&w->vessels[i].state, VESSEL_NEW);
    }
    w->number = to->slot;
    w->cpu_ns = 0;
    atomic_store(&w->n_ready, 0);
    atomic_store(&w->closing, 0);
    if (index)
        w->log_begun = 0;
}

static struct odb_err *fill_copy(struct replay *from, struct replay *to, bool index)
{
    copy_control(from, to);
    copy_world(from, to, index);
    if (index)
        to->control->mode = ODB_MODE_INDEX;
    if (from->world->n_objects)
        ODB_TRY(session_copy_live(from->session, from->slot, to->slot));
    from->control->cmd.slot = to->slot;
    return replay_command_done(from, ODB_CMD_FORK);
}

static struct odb_err *checkpoint(struct replay *r, bool index, struct replay **ret)
{
    struct replay *child;
    ODB_TRY(handle_create(r->session, &child));
    struct odb_err *e = fill_copy(r, child, index);
    if (e) {
        replay_close(child);
        return e;
    }
    uint32_t turn = atomic_load(&r->world->turn);
    r->world->vessels[turn].copy_pid = (uint32_t)r->control->stop.status;
    for (uint32_t i = 0; i < WORLD_MAX_VESSELS; i++)
        if (atomic_load(&child->world->vessels[i].state) != VESSEL_FREE)
            atomic_store(&child->world->vessels[i].pid, r->world->vessels[i].copy_pid);
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

int replay_pid(const struct replay *r)
{
    return (int)atomic_load(&r->world->vessels[atomic_load(&r->world->turn)].pid);
}

static uint64_t process_cpu_ns(uint32_t pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof(path), "/proc/%u/schedstat", (unsigned)pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    unsigned long long ns = 0;
    if (!fgets(text, sizeof(text), f) || sscanf(text, "%llu", &ns) != 1)
        ns = 0;
    fclose(f);
    return ns;
}

uint64_t replay_cpu_ns(const struct replay *r)
{
    uint64_t sum = r->world->cpu_ns;
    for (uint32_t i = 0; i < WORLD_MAX_VESSELS; i++)
        if (atomic_load(&r->world->vessels[i].state) == VESSEL_ALIVE)
            sum += process_cpu_ns(atomic_load(&r->world->vessels[i].pid));
    return sum;
}
