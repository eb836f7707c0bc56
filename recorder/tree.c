/* Watching the tree of processes.
 *
 *     engine: a new task, tasks_changed     ->  poker thread (futex)  ->  wake_fd  ->  main: pidfd of the new process
 *     a process dies                        ->  its pidfd                          ->  main: process_gone()
 *     every LOOK_MS                                                                ->  main: baton, orphans, deadlines
 *
 * A process that ends under the engine's control has written its EXIT; its tasks are EXITED and only their slots
 * are freed here. One that was killed has not: the recorder takes the baton and writes EXIT with ODB_EXIT_KILLED. Where the
 * baton cannot be had at once (its holder is stopped), the death waits in `watched`.
 *
 * odb is the subreaper: whoever loses his parent becomes its child. So the recording is over exactly when odb has no
 * children left. The watchdog does not count: its exit signal is 0, and waitid() without __WALL passes it over.
 * The first process may be traced by the exec service, whose stops a waitid() here could swallow: it is called only
 * with WNOWAIT, or for a process that is dead.
 *
 * Everything but the poker runs in the main thread. */
#include "recorder/tree.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "recorder/baton.h"
#include "recorder/children.h"

#define LOOK_MS 50
#define RETRY_MS 5
#define GRACE_MS 1000 /* between SIGTERM and SIGKILL */
#define BATON_MS 20
#define MAX_CHILDREN 1024 /* looked at in one go */

struct watched {
    pid_t pid;
    int pidfd;    /* owned; -1: it is dead */
    bool is_dead; /* and not yet told in the stream */
    int32_t status;
};

static bool has_foreign; /* odb has children that are not of the program */

static uint64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void poke(struct tree *t)
{
    uint64_t one = 1;
    if (write(t->wake_fd, &one, sizeof(one)) < 0)
        return; /* EAGAIN: it is awake */
}

void tree_adopt_orphans(bool on)
{
    prctl(PR_SET_CHILD_SUBREAPER, on ? 1 : 0);
    has_foreign = children_note_foreign();
}

void tree_note_death(struct tree *t, pid_t pid, int wait_status)
{
    pthread_mutex_lock(&t->lock);
    if (pid == t->first) {
        t->has_first_traced = true;
        t->first_traced_status = wait_status;
    }
    t->traced_pid = pid;
    t->traced_status = wait_status;
    pthread_mutex_unlock(&t->lock);
    poke(t);
}

void tree_note_unwritten(struct tree *t)
{
    atomic_store(&t->unwritten, true);
    poke(t);
}

/* ---- the table ---- */

static struct watched *find(struct tree *t, pid_t pid)
{
    for (size_t i = 0; i < t->n_watched; i++)
        if (t->watched[i].pid == pid)
            return &t->watched[i];
    return NULL;
}

static void forget(struct tree *t, struct watched *w)
{
    odb_closep(&w->pidfd);
    *w = t->watched[--t->n_watched];
}

static struct watched *add(struct tree *t, pid_t pid)
{
    if (t->n_watched == t->cap_watched) {
        size_t cap = t->cap_watched ? t->cap_watched * 2 : 64;
        struct watched *grown = reallocarray(t->watched, cap, sizeof(*grown));
        if (!grown)
            return NULL;
        t->watched = grown;
        t->cap_watched = cap;
    }
    struct watched *w = &t->watched[t->n_watched++];
    *w = (struct watched){.pid = pid, .pidfd = (int)syscall(SYS_pidfd_open, pid, 0)};
    t->n_processes++;
    struct epoll_event ev = {.events = EPOLLIN, .data.u64 = (uint64_t)pid};
    if (w->pidfd >= 0 && epoll_ctl(t->epoll_fd, EPOLL_CTL_ADD, w->pidfd, &ev) < 0)
        odb_closep(&w->pidfd);
    return w;
}

/* ---- deaths ---- */

/* Field 52 of /proc/PID/stat, as waitpid would give it; -1: it is not there any more, or not ours to see. */
static int zombie_status(pid_t pid)
{
    char path[40], text[1024];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    _cleanup_fclose_ FILE *f = fopen(path, "re");
    size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
    text[n] = 0;
    char *at = strrchr(text, ')');
    if (!at || at[1] != ' ' || (at[2] != 'Z' && at[2] != 'X'))
        return -1;
    at = strrchr(text, ' ');
    return at ? (int)strtol(at + 1, NULL, 10) : -1;
}

static int32_t exit_status(int wait_status)
{
    return WIFSIGNALED(wait_status) ? -WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

/* Is the end of a task of this process not in the stream? */
static bool has_untold(const struct odb_shared *s, uint32_t pid)
{
    for (uint32_t i = 0; i < odb_n_slots(s); i++) {
        uint32_t state = atomic_load(&s->tasks[i].state);
        if (s->tasks[i].pid == pid && (state == ODB_TASK_ALIVE || state == ODB_TASK_NEW))
            return true;
    }
    return false;
}

/* Reaps a dead process, if it is a child. What is known of its end, as EXIT has it. */
static int32_t reap(struct tree *t, pid_t pid)
{
    int seen = has_untold(t->ring->shared, (uint32_t)pid) ? zombie_status(pid) : -1; /* before it is reaped */
    int status = 0;
    pid_t got = waitpid(pid, &status, WNOHANG | __WALL | __WNOTHREAD);
    pthread_mutex_lock(&t->lock);
    if (got != pid && pid == t->first && t->has_first_traced)
        status = t->first_traced_status, got = pid;
    else if (got != pid && pid == t->traced_pid)
        status = t->traced_status, got = pid;
    pthread_mutex_unlock(&t->lock);
    if (got != pid && seen >= 0)
        status = seen, got = pid;
    if (pid == t->first && got == pid) {
        t->first_status = status;
        t->first_is_gone = true;
    }
    return got == pid ? exit_status(status) : -SIGKILL;
}

static bool is_task(const struct odb_shared *s, uint32_t pid)
{
    for (uint32_t i = 0; i < odb_n_slots(s); i++)
        if (s->tasks[i].pid == pid && atomic_load(&s->tasks[i].state) != ODB_TASK_FREE)
            return true;
    return false;
}

/* Children of odb's: all, or those that no task tells of. The latter lost their parent before it told of them; while
 * odb has the baton they wait for it, and have done nothing yet. */
static void kill_children(struct tree *t, bool all)
{
    pid_t pids[MAX_CHILDREN];
    size_t n = children_list(pids, MAX_CHILDREN);
    for (size_t i = 0; i < n; i++)
        if (pids[i] != t->watchdog && (all || !is_task(t->ring->shared, (uint32_t)pids[i])))
            kill(pids[i], SIGKILL);
}

/* Slots of the dead process, and of children it was about to make. True: one of those. */
static bool free_slots(struct tree *t, uint32_t pid)
{
    struct odb_shared *s = t->ring->shared;
    bool unborn = false;
    for (uint32_t i = 0; i < odb_n_slots(s); i++) {
        const struct odb_task *k = &s->tasks[i];
        bool is_new = atomic_load(&k->state) == ODB_TASK_NEW && !(k->clone_flags & CLONE_VFORK) &&
                      k->parent < ODB_MAX_TASKS && s->tasks[k->parent].pid == pid;
        unborn |= is_new;
        if (is_new)
            baton_forget_task(s, i);
    }
    for (uint32_t i = 0; i < odb_n_slots(s); i++)
        if (s->tasks[i].pid == pid) {
            baton_forget_task(s, i);
            t->seen[i] = 0;
        }
    return unborn;
}

/* The process is dead: its end comes into the stream if it is not there. False: later. */
static bool tell_death(struct tree *t, uint32_t pid, int32_t status)
{
    struct odb_shared *s = t->ring->shared;
    uint32_t holder = baton_holder(s);
    bool untold = has_untold(s, pid);
    bool holds = holder != ODB_MAX_TASKS && s->tasks[holder].pid == pid;
    if ((!untold && !holds) || atomic_load(&t->unwritten)) {
        free_slots(t, pid);
        return true;
    }
    if (!baton_take(t->ring, pid, BATON_MS))
        return false;
    if (untold && holds && s->tasks[holder].in_exec)
        baton_write_switch(t->ring, holder);
    if (untold) {
        baton_write_killed(t->ring, pid, status);
        t->n_killed++;
    }
    if (free_slots(t, pid))
        kill_children(t, false);
    baton_release(t->ring);
    return true;
}

static void process_gone(struct tree *t, struct watched *w)
{
    if (!w->is_dead) {
        w->status = reap(t, w->pid);
        w->is_dead = true;
        odb_closep(&w->pidfd);
        w->pidfd = -1;
    }
    if (tell_death(t, (uint32_t)w->pid, w->status))
        forget(t, w);
}

/* ---- births ---- */

static void look_for_new(struct tree *t)
{
    struct odb_shared *s = t->ring->shared;
    for (uint32_t i = 0; i < odb_n_slots(s); i++) {
        uint32_t state = atomic_load(&s->tasks[i].state);
        uint32_t pid = s->tasks[i].pid;
        if (state == ODB_TASK_FREE || state == ODB_TASK_NEW || !pid) {
            t->seen[i] = 0;
            continue;
        }
        if (t->seen[i] == pid)
            continue;
        t->seen[i] = pid;
        if (find(t, (pid_t)pid))
            continue;
        struct watched *w = add(t, (pid_t)pid);
        if (w && w->pidfd < 0)
            process_gone(t, w); /* dead and reaped already */
    }
}

/* ---- the end of all ---- */

static void signal_all(struct tree *t, int signo)
{
    for (size_t i = 0; i < t->n_watched; i++)
        if (t->watched[i].pidfd >= 0)
            syscall(SYS_pidfd_send_signal, t->watched[i].pidfd, signo, NULL, 0);
    if (signo == SIGKILL)
        kill_children(t, true);
}

static void begin_end(struct tree *t, enum tree_end why)
{
    if (t->end != TREE_RUNS)
        return;
    t->end = why;
    bool at_once = why == TREE_UNWRITTEN;
    t->kill_at_ms = now_ms() + (at_once ? 0 : GRACE_MS);
    if (!at_once) {
        signal_all(t, SIGTERM);
        signal_all(t, SIGCONT);
    }
}

static void look_at_deadlines(struct tree *t, uint64_t now)
{
    if (t->ring->control->stop.reason == ODB_STOP_ERROR)
        begin_end(t, TREE_REFUSED);
    if (atomic_load(&t->unwritten))
        begin_end(t, TREE_UNWRITTEN);
    if (t->timeout_ms && now - t->started_ms >= t->timeout_ms)
        begin_end(t, TREE_TIMEOUT);
    if (t->kill_at_ms && now >= t->kill_at_ms)
        signal_all(t, SIGKILL);
}

/* ---- signals to odb ---- */

static volatile sig_atomic_t pending[4]; /* counts, by signal_numbers */
static const int signal_numbers[4] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP};
static struct sigaction saved_actions[4];

static void note_signal(int signo)
{
    for (int i = 0; i < 4; i++)
        if (signal_numbers[i] == signo)
            pending[i] = pending[i] + 1;
}

static void signals_take(void)
{
    const struct sigaction act = {.sa_handler = note_signal, .sa_flags = SA_RESTART};
    for (int i = 0; i < 4; i++) {
        pending[i] = 0;
        sigaction(signal_numbers[i], NULL, &saved_actions[i]);
        if (saved_actions[i].sa_handler != SIG_IGN)
            sigaction(signal_numbers[i], &act, NULL);
    }
}

static void signals_give_back(void)
{
    for (int i = 0; i < 4; i++)
        sigaction(signal_numbers[i], &saved_actions[i], NULL);
}

/* The terminal sends SIGINT and SIGQUIT to the whole foreground group: the program gets them itself. When only
 * what it left behind still runs, that group is odb alone: they end the rest. */
static void pass_signals_on(struct tree *t)
{
    for (int i = 0; i < 4; i++) {
        if (!pending[i])
            continue;
        pending[i] = 0;
        if (i < 2 && t->first_is_gone)
            signal_all(t, t->n_interrupts++ ? SIGKILL : SIGTERM);
        else if (i >= 2 && t->first_is_gone)
            signal_all(t, signal_numbers[i]);
        else if (i >= 2)
            kill(t->first, signal_numbers[i]);
    }
}

/* ---- the regular look ---- */

static char thread_state(uint32_t pid, uint32_t tid)
{
    char path[64], text[512];
    snprintf(path, sizeof(path), "/proc/%" PRIu32 "/task/%" PRIu32 "/stat", pid, tid);
    _cleanup_fclose_ FILE *f = fopen(path, "re");
    size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
    text[n] = 0;
    const char *at = strrchr(text, ')');
    return at && at[1] == ' ' ? at[2] : 0;
}

/* A vfork child that has the baton and does not exist: its parent was killed before it came into being. */
static void look_at_unborn(struct tree *t, uint32_t word, uint32_t task)
{
    struct odb_shared *s = t->ring->shared;
    const struct odb_task *k = &s->tasks[task];
    bool orphan = k->parent >= ODB_MAX_TASKS || s->tasks[k->parent].pid == 0;
    if (atomic_load(&k->state) != ODB_TASK_NEW || !orphan || !baton_seize(t->ring, word))
        return;
    baton_forget_task(s, task);
    baton_release(t->ring);
}

/* Somebody waits, and the same task has run since the last look: it may be dead, or the waiter cannot reach it
 * (another PID namespace). */
static void look_at_baton(struct tree *t)
{
    struct odb_shared *s = t->ring->shared;
    uint32_t word = atomic_load(&s->baton.word);
    uint32_t holder = baton_holder(s);
    bool same = word == t->looked_word;
    t->looked_word = word;
    if (!same || holder == ODB_MAX_TASKS || !atomic_load(&s->baton.waiters))
        return;
    uint32_t pid = s->tasks[holder].pid;
    if (!pid) {
        look_at_unborn(t, word, holder);
        return;
    }
    char state = thread_state(pid, s->tasks[holder].tid);
    if (state == 'T' || state == 't')
        return;
    if (state && state != 'Z' && state != 'X') {
        if (atomic_load(&s->exec.state) == ODB_EXEC_IDLE)
            baton_ask_to_yield(s, holder);
        return;
    }
    struct watched *w = find(t, (pid_t)pid);
    if (w && atomic_load(&s->baton.word) == word)
        process_gone(t, w);
}

static bool is_death(const siginfo_t *info)
{
    return info->si_pid &&
           (info->si_code == CLD_EXITED || info->si_code == CLD_KILLED || info->si_code == CLD_DUMPED);
}

/* False: it waits for the baton. */
static bool orphan_gone(struct tree *t, pid_t pid)
{
    struct watched *w = find(t, pid);
    if (!w) {
        reap(t, pid);
        return true;
    }
    size_t before = t->n_watched;
    process_gone(t, w);
    return t->n_watched != before;
}

/* The same where odb has children that are not of the program: each of the others by itself. */
static bool reap_listed(struct tree *t)
{
    pid_t pids[MAX_CHILDREN];
    size_t n = children_list(pids, MAX_CHILDREN), n_left = 0;
    for (size_t i = 0; i < n; i++) {
        siginfo_t info = {0};
        if (pids[i] == t->watchdog)
            continue;
        bool dead = waitid(P_PID, (id_t)pids[i], &info, WEXITED | WNOHANG | WNOWAIT | __WNOTHREAD) == 0 &&
                    is_death(&info);
        if (!dead || !orphan_gone(t, pids[i]))
            n_left++;
    }
    return n_left != 0;
}

/* Dead children that nobody watches; false: there are no children at all. */
static bool reap_orphans(struct tree *t)
{
    if (has_foreign)
        return reap_listed(t);
    for (;;) {
        siginfo_t info = {0};
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WNOTHREAD) < 0)
            return errno != ECHILD;
        if (!is_death(&info) || !orphan_gone(t, info.si_pid))
            return true;
    }
}

static bool retry_deaths(struct tree *t)
{
    bool any = false;
    for (size_t i = t->n_watched; i-- > 0;)
        if (t->watched[i].is_dead) {
            process_gone(t, &t->watched[i]);
            any = true;
        }
    return any;
}

/* ---- main ---- */

static void *poker_thread(void *arg)
{
    struct tree *t = arg;
    _Atomic uint32_t *changed = &t->ring->shared->tasks_changed;
    uint32_t seen = 0;
    while (!atomic_load(&t->stop)) {
        uint32_t now = atomic_load(changed);
        if (now != seen)
            poke(t);
        seen = now;
        ring_sleep(changed, seen, 1000);
    }
    return NULL;
}

struct odb_err *tree_init(struct tree *t, struct ring *ring, pid_t first)
{
    *t = (struct tree){.ring = ring, .first = first, .epoll_fd = -1, .wake_fd = -1, .started_ms = now_ms()};
    pthread_mutex_init(&t->lock, NULL);
    t->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    t->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event ev = {.events = EPOLLIN};
    if (t->epoll_fd < 0 || t->wake_fd < 0 || epoll_ctl(t->epoll_fd, EPOLL_CTL_ADD, t->wake_fd, &ev) < 0)
        return odb_err_errno(errno, "cannot watch the program");
    if (!add(t, first))
        return odb_err("out of memory");
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int err = pthread_create(&t->poker, NULL, poker_thread, t);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (err) {
        t->poker = 0;
        return odb_err_errno(err, "cannot start the thread that watches for new processes");
    }
    return NULL;
}

void tree_deinit(struct tree *t)
{
    if (t->poker) {
        atomic_store(&t->stop, true);
        atomic_fetch_add(&t->ring->shared->tasks_changed, 1);
        ring_wake(&t->ring->shared->tasks_changed);
        pthread_join(t->poker, NULL);
    }
    while (t->n_watched)
        forget(t, &t->watched[0]);
    free(t->watched);
    odb_closep(&t->epoll_fd);
    odb_closep(&t->wake_fd);
    pthread_mutex_destroy(&t->lock);
}

static void handle(struct tree *t, const struct epoll_event *ev)
{
    if (ev->data.u64 == 0) {
        uint64_t n;
        if (read(t->wake_fd, &n, sizeof(n)) == sizeof(n))
            look_for_new(t);
        return;
    }
    struct watched *w = find(t, (pid_t)ev->data.u64);
    if (w)
        process_gone(t, w);
}

void tree_run(struct tree *t)
{
    signals_take();
    bool retry = false;
    for (;;) {
        struct epoll_event events[64];
        int n = epoll_wait(t->epoll_fd, events, 64, retry ? RETRY_MS : LOOK_MS);
        for (int i = 0; i < n; i++)
            handle(t, &events[i]);
        uint64_t now = now_ms();
        pass_signals_on(t);
        look_at_deadlines(t, now);
        if (now - t->looked_ms >= LOOK_MS) {
            t->looked_ms = now;
            look_for_new(t);
            look_at_baton(t);
        }
        retry = retry_deaths(t);
        if (!reap_orphans(t) && !retry_deaths(t))
            break;
    }
    signals_give_back();
}
