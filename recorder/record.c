/* One recording from start to end; see record.h.
 *
 *     ring, CPU table, seccomp guard, processor  ->  launch  ->  main: the tree of processes (tree.c)
 *                                                                drain thread: ring to `events` (drain.c)
 *                                                                exec thread: engines for new images (exec.c)
 *                                                                watchdog process (watchdog.c)
 *                                                            ->  END event, close, remove `ring`
 *
 * Two kinds of events are the recorder's own, START and CPU before the first byte of the ring's stream, END
 * after its last: the reader can so find the ring's place in the stream by ring_stream_base alone. */
#include "recorder/record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fs.h"
#include "recorder/affinity.h"
#include "recorder/baton.h"
#include "recorder/copy.h"
#include "recorder/cpu.h"
#include "recorder/drain.h"
#include "recorder/exec.h"
#include "recorder/guard.h"
#include "recorder/image.h"
#include "recorder/launch.h"
#include "recorder/ring.h"
#include "recorder/tree.h"
#include "recorder/watchdog.h"
#include "trace/trace.h"

struct recording {
    const struct odb_record_options *opt;
    struct ring ring;
    struct trace_writer *writer; /* owned; NULL when bare */
    struct inject_image image;
    int dir_fd;
    int cpu_lock_fd;
    bool keep_ring; /* not all of it is in `events` */
};

static uint64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* ---- events of the recorder ---- */

struct text {
    char *bytes; /* owned */
    size_t n, room;
};

static struct odb_err *text_add(struct text *t, const char *s)
{
    size_t n = strlen(s) + 1;
    if (t->n + n + 8 > t->room) {
        size_t room = (t->n + n + 8) * 2;
        char *bytes = realloc(t->bytes, room);
        if (!bytes)
            return odb_err("out of memory");
        t->bytes = bytes;
        t->room = room;
    }
    memcpy(t->bytes + t->n, s, n);
    t->n += n;
    return NULL;
}

/* What PATH search finds; the name itself if nothing. */
static void find_program(const char *name, char path[4352])
{
    snprintf(path, 4352, "%s", name);
    const char *at = strchr(name, '/') ? "" : getenv("PATH");
    for (; at && *at;) {
        size_t n = strcspn(at, ":");
        snprintf(path, 4352, "%.*s/%s", n ? (int)n : 1, n ? at : ".", name);
        if (access(path, X_OK) == 0)
            return;
        snprintf(path, 4352, "%s", name);
        at += n;
        at += *at == ':';
    }
}

static struct odb_err *start_text(const struct recording *r, struct text *t, struct odb_ev_start *ev)
{
    char path[4352];
    char cwd[4096] = "";
    char host[512];
    struct utsname name;
    find_program(r->opt->argv[0], path);
    char *exe = realpath(path, NULL);
    struct odb_err *e = text_add(t, exe ? exe : path);
    free(exe);
    if (e)
        return e;
    if (!getcwd(cwd, sizeof(cwd)))
        cwd[0] = 0;
    uname(&name);
    snprintf(host, sizeof(host), "%s %s %s", name.sysname, name.release, name.machine);
    ODB_TRY(text_add(t, cwd));
    ODB_TRY(text_add(t, host));
    for (char *const *a = r->opt->argv; *a; a++, ev->n_argv++)
        ODB_TRY(text_add(t, *a));
    for (char **v = environ; *v; v++, ev->n_envp++)
        ODB_TRY(text_add(t, *v));
    return NULL;
}

static struct odb_err *append_event(struct recording *r, void *event, size_t head_bytes, uint16_t type,
                                    const void *tail, size_t tail_bytes)
{
    size_t n = (head_bytes + tail_bytes + 7) & ~(size_t)7;
    if (n > ODB_EVENT_MAX_BYTES)
        return odb_err("arguments and environment are too long to record");
    _cleanup_free_ uint8_t *whole = calloc(1, n);
    if (!whole)
        return odb_err("out of memory");
    struct odb_event *ev = event;
    ev->size_bytes = (uint32_t)n;
    ev->type = type;
    memcpy(whole, event, head_bytes);
    if (tail_bytes)
        memcpy(whole + head_bytes, tail, tail_bytes);
    return trace_writer_append(r->writer, whole, n);
}

static struct odb_err *write_start(struct recording *r)
{
    struct odb_ev_start ev = {.time_ns = now_ns(), .cpu_policy = r->opt->cpu_policy};
    struct text t = {0};
    struct odb_err *e = start_text(r, &t, &ev);
    ev.text_bytes = (uint32_t)t.n;
    if (r->opt->preload == ODB_PRELOAD_ALWAYS)
        ev.ev.flags = ODB_START_PRELOAD;
    if (!e)
        e = append_event(r, &ev, sizeof(ev), ODB_EV_START, t.bytes, t.n);
    free(t.bytes);
    return e;
}

static struct odb_err *write_cpu(struct recording *r)
{
    const struct odb_control *c = r->ring.control;
    struct odb_ev_cpu ev = {
        .policy = c->cpu_policy,
        .n_entries = c->n_cpuid,
        .xcr0 = c->xcr0,
        .max_leaf = c->max_leaf,
        .max_ext_leaf = c->max_ext_leaf,
    };
    return append_event(r, &ev, sizeof(ev), ODB_EV_CPU, c->cpuid, c->n_cpuid * sizeof(c->cpuid[0]));
}

static struct odb_err *write_end(struct recording *r, int wait_status)
{
    struct odb_ev_end ev = {.wait_status = wait_status, .time_ns = now_ns()};
    return append_event(r, &ev, sizeof(ev), ODB_EV_END, NULL, 0);
}

/* ---- set-up ---- */

static struct odb_err *open_dir(struct recording *r)
{
    _cleanup_free_ char *files = NULL;
    r->dir_fd = open(r->opt->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (r->dir_fd < 0)
        return odb_err_errno(errno, "cannot open %s", r->opt->dir);
    ODB_TRY(fs_join(r->opt->dir, "files", &files));
    if (mkdir(files, 0700) < 0 && errno != EEXIST)
        return odb_err_errno(errno, "cannot create %s", files);
    return trace_writer_create(r->opt->dir, &r->writer);
}

static struct odb_err *set_up(struct recording *r)
{
    const struct odb_record_options *opt = r->opt;
    if (!opt->bare)
        ODB_TRY(open_dir(r));
    ODB_TRY(ring_init(&r->ring, opt->bare ? NULL : opt->dir));
    struct odb_control *c = r->ring.control;
    c->mode = opt->bare ? ODB_MODE_BARE : ODB_MODE_RECORD;
    c->options = (opt->check ? ODB_OPT_CHECK : 0u) | (opt->no_vector_ticks ? ODB_OPT_NO_VECTOR_TICKS : 0u) |
                 (opt->no_superblocks ? ODB_OPT_NO_SUPERBLOCKS : 0u);
    ODB_TRY(cpu_fill(opt->cpu_policy, c));
    image_header(&r->image.header);
    image_share_init(&r->image.share);
    ODB_TRY(guard_fill(&r->image.header, c));
    if (opt->bare)
        return NULL;
    r->ring.shared->baton.slice_us = opt->slice_us;
    r->ring.shared->baton.chaos = opt->chaos_seed;
    ODB_TRY(affinity_choose(r->ring.shared, opt->cpu_core, &r->cpu_lock_fd));
    ODB_TRY(write_start(r));
    ODB_TRY(write_cpu(r));
    ODB_TRY(trace_writer_flush(r->writer));
    c->ring_stream_base = trace_writer_offset(r->writer);
    return NULL;
}

static struct odb_err *tear_down(struct recording *r)
{
    struct odb_err *e = r->writer ? trace_writer_close(r->writer) : NULL;
    r->writer = NULL;
    if (!e && !r->keep_ring && r->dir_fd >= 0)
        unlinkat(r->dir_fd, "ring", 0);
    ring_deinit(&r->ring);
    image_share_deinit(&r->image.share);
    odb_closep(&r->dir_fd);
    odb_closep(&r->cpu_lock_fd);
    return e;
}

static void print_stats(const struct odb_control *c)
{
    fprintf(stderr,
            "odb: blocks %" PRIu64 " instructions translated %" PRIu64 " flushes %" PRIu64
            " system calls %" PRIu64 " faults %" PRIu64 " look-ups %" PRIu64 " stream bytes %" PRIu64 "\n",
            c->n_blocks, c->n_insns_translated, c->n_flushes, c->n_syscalls, c->n_faults, c->n_lookups,
            (uint64_t)c->ring_head);
    struct rusage own;
    if (getrusage(RUSAGE_SELF, &own) == 0)
        fprintf(stderr, "odb: recorder itself: user %ld us, system %ld us\n",
                own.ru_utime.tv_sec * 1000000 + own.ru_utime.tv_usec,
                own.ru_stime.tv_sec * 1000000 + own.ru_stime.tv_usec);
}

/* The engine met something that odb does not support, and ended the program (sys_record.c). */
static struct odb_err *refused_error(const struct odb_control *c)
{
    char text[sizeof(c->stop.text)];
    if (c->stop.reason != ODB_STOP_ERROR)
        return NULL;
    memcpy(text, c->stop.text, sizeof(text));
    text[sizeof(text) - 1] = 0;
    return odb_err("%s", text);
}

/* ---- what the other threads report ---- */

static void exec_died(void *arg, pid_t pid, int wait_status) { tree_note_death(arg, pid, wait_status); }

/* The process has the baton, and is stopped. */
static void exec_refused(void *arg, pid_t pid, const char *text)
{
    struct tree *t = arg;
    baton_write_note(t->ring, (uint32_t)pid, ODB_NOTE_REFUSED, text);
    fprintf(stderr, "odb: process %d is killed: %s\n", (int)pid, text);
}

static void drain_failed(void *arg) { tree_note_unwritten(arg); }

/* ---- the run ---- */

/* With everything that watches: until no process is left. */
static struct odb_err *follow_tree(struct recording *r, struct tree *tree)
{
    struct watchdog dog;
    struct drain drain = {.ring = &r->ring, .writer = r->writer, .failed = drain_failed, .arg = tree};
    struct exec_service exec = {.ring = &r->ring,
                                .image = &r->image,
                                .dir_fd = r->dir_fd,
                                .died = exec_died,
                                .refused = exec_refused,
                                .arg = tree};
    ODB_TRY(drain_start(&drain));
    struct odb_err *e = exec_service_start(&exec);
    if (!e) {
        watchdog_start(&dog, r->ring.shared);
        tree->watchdog = dog.pid;
        tree_run(tree);
        exec_service_stop(&exec);
        watchdog_stop(&dog);
    }
    struct odb_err *e2 = drain_finish(&drain);
    if (e2)
        e2 = odb_err_context(e2, "the recording stopped and the program was killed");
    r->keep_ring = e2 != NULL;
    if (e && e2)
        odb_err_free(e2);
    return e ? e : e2;
}

static struct odb_err *supervise(struct recording *r, pid_t pid, int *ret_wait_status)
{
    struct tree tree;
    struct odb_err *e = tree_init(&tree, &r->ring, pid);
    tree.timeout_ms = r->opt->timeout_ms;
    if (!e)
        e = follow_tree(r, &tree);
    *ret_wait_status = tree.end == TREE_TIMEOUT ? 124 << 8 : tree.first_status;
    if (!tree.first_is_gone) { /* with an error only */
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    tree_deinit(&tree);
    if (r->opt->stats)
        print_stats(r->ring.control);
    ODB_TRY(e);
    if (!atomic_load(&r->ring.control->started))
        return odb_err("%s ended before odb's engine could start in it", r->opt->argv[0]);
    ODB_TRY(write_end(r, tree.first_status));
    copy_complete(r->dir_fd, r->ring.shared);
    return refused_error(r->ring.control);
}

/* Nothing is recorded: only the first process matters. */
static struct odb_err *wait_bare(struct recording *r, pid_t pid, int *ret_wait_status)
{
    while (waitpid(pid, ret_wait_status, 0) < 0 && errno == EINTR)
        ;
    if (r->opt->stats)
        print_stats(r->ring.control);
    if (!atomic_load(&r->ring.control->started))
        return odb_err("%s ended before odb's engine could start in it", r->opt->argv[0]);
    return refused_error(r->ring.control);
}

static struct odb_err *record(struct recording *r, int *ret_wait_status)
{
    ODB_TRY(set_up(r));
    struct launch launch = {
        .argv = r->opt->argv,
        .preload = r->opt->preload,
        .recdir_fd = r->dir_fd,
        .ring = &r->ring,
        .image = &r->image,
    };
    tree_adopt_orphans(r->writer != NULL);
    struct odb_err *e = launch_start(&launch);
    if (e && launch.exec_errno)
        *ret_wait_status = (launch.exec_errno == ENOENT ? 127 : 126) << 8;
    if (e)
        return e;
    return r->writer ? supervise(r, launch.pid, ret_wait_status) : wait_bare(r, launch.pid, ret_wait_status);
}

struct odb_err *odb_record(const struct odb_record_options *opt, int *ret_wait_status)
{
    struct recording r = {.opt = opt, .ring = {.fd = -1}, .dir_fd = -1, .cpu_lock_fd = -1};
    *ret_wait_status = 1 << 8;
    struct odb_err *e = record(&r, ret_wait_status);
    struct odb_err *e2 = tear_down(&r);
    if (e && e2) {
        odb_err_free(e2);
        e2 = NULL;
    }
    return e ? e : e2;
}
