/* The vessels of one world, from the inside: the turn, forks, requests, checkpoints. Protocols: world.h.
 *
 * Invariant: whatever is in WORLD without _Atomic is touched only by the vessel that has the turn, and by the host while
 * that vessel waits for a command. A sleeping vessel touches its own entry in vessels[] and, in a request, request_result. */
#include <linux/futex.h>
#include <linux/sched.h>
#include <linux/signal.h>
#include <linux/time_types.h>

#include "preload/core.h"
#include "preload/raw.h"
#include "preload/replay.h"

#define CLOCK_PROCESS_CPU 2 /* CLOCK_PROCESS_CPUTIME_ID */

uint32_t world_me;
static bool is_copy; /* made by a checkpoint, its world is not complete yet */

static void futex_wake(_Atomic uint32_t *word) { raw3(__NR_futex, word, FUTEX_WAKE, 1 << 30); }

static void futex_wait(_Atomic uint32_t *word, uint32_t seen)
{
    raw6(__NR_futex, word, FUTEX_WAIT, seen, 0, 0, 0);
}

static struct odb_world_vessel *own(void) { return &WORLD->vessels[world_me]; }

static void enter(void)
{
    atomic_store(&own()->pid, (uint32_t)raw0(__NR_getpid));
    atomic_store(&own()->state, VESSEL_ALIVE);
    if (atomic_load(&WORLD->closing))
        raw1(__NR_exit_group, 0);
}

void world_init(void)
{
    world_me = 0;
    WORLD->n_vessels = 1;
    WORLD->next_vm = 2;
    enter();
}

/* ---- tasks ---- */

struct odb_world_task *world_task(uint32_t tid)
{
    for (uint32_t i = 0; i < WORLD->n_tasks; i++)
        if (WORLD->tasks[i].tid == tid)
            return &WORLD->tasks[i];
    return NULL;
}

struct odb_world_task *world_task_of_process(uint32_t pid)
{
    for (uint32_t i = 0; i < WORLD->n_tasks; i++)
        if (WORLD->tasks[i].pid == pid)
            return &WORLD->tasks[i];
    return NULL;
}

void world_task_add(const struct replay_thread *t)
{
    if (!t->tid || world_task(t->tid))
        replay_error("bad recording: a task with the number %u exists already", t->tid);
    if (WORLD->n_tasks == WORLD_MAX_TASKS)
        replay_error("more than %u threads at once", WORLD_MAX_TASKS);
    WORLD->tasks[WORLD->n_tasks++] = (struct odb_world_task){
        .tid = t->tid,
        .pid = t->pid,
        .vessel = world_me,
        .local = t->number,
        .tick = t->tick,
        .rip = t->state.ctx.rip,
    };
}

static void task_drop(uint32_t i) { WORLD->tasks[i] = WORLD->tasks[--WORLD->n_tasks]; }

void world_task_remove(uint32_t tid)
{
    struct odb_world_task *t = world_task(tid);
    if (t)
        task_drop((uint32_t)(t - WORLD->tasks));
}

void world_process_remove(uint32_t pid)
{
    for (uint32_t i = WORLD->n_tasks; i-- > 0;)
        if (WORLD->tasks[i].pid == pid)
            task_drop(i);
}

/* ---- the turn ---- */

static void go(uint32_t vessel)
{
    atomic_fetch_add(&WORLD->vessels[vessel].go, 1);
    futex_wake(&WORLD->vessels[vessel].go);
}

static void answer_request(long result)
{
    WORLD->request_result = (int32_t)result;
    atomic_store(&own()->request, VESSEL_REQUEST_NONE);
    atomic_fetch_add(&WORLD->answer, 1);
    futex_wake(&WORLD->answer);
}

/* A copy of this vessel for a new world, which sleeps there. */
static void serve_fork(void)
{
    uint32_t slot = CONTROL->cmd.slot;
    long pid = raw5(__NR_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
    if (pid != 0) {
        own()->copy_pid = (uint32_t)pid;
        answer_request(pid < 0 ? pid : 0);
        return;
    }
    if (world_enter(slot) < 0)
        raw1(__NR_exit_group, 104);
    atomic_fetch_add(&WORLD->n_ready, 1);
    futex_wake(&WORLD->n_ready);
}

void world_wait(void)
{
    for (;;) {
        uint32_t seen = atomic_load(&own()->go);
        uint32_t request = atomic_load(&own()->request);
        if (request == VESSEL_REQUEST_FORK)
            serve_fork();
        else if (request != VESSEL_REQUEST_NONE)
            answer_request(vessel_serve(request));
        else if (atomic_load(&WORLD->turn) == world_me)
            break;
        else
            futex_wait(&own()->go, seen);
    }
    cursor_seek(WORLD->offset);
    live_arrived();
}

void world_pass(uint32_t vessel)
{
    WORLD->offset = cursor.offset;
    atomic_store(&WORLD->turn, vessel);
    go(vessel);
    world_wait();
}

_Noreturn void world_leave(uint32_t vessel)
{
    struct __kernel_timespec used = {0, 0};
    raw2(__NR_clock_gettime, CLOCK_PROCESS_CPU, &used);
    WORLD->cpu_ns += (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
    WORLD->n_vessels--;
    WORLD->offset = cursor.offset;
    atomic_store(&own()->state, VESSEL_GONE); /* the host may reap: nothing of ours is touched any more */
    atomic_store(&WORLD->turn, vessel);
    go(vessel);
    for (;;)
        raw1(__NR_exit_group, 0);
}

/* ---- new vessels ---- */

static int take_entry(void)
{
    static const int64_t pause[2] = {0, 2000000};
    for (int round = 0; round < 5000; round++) { /* the host makes entries free as it reaps */
        for (int i = 0; i < WORLD_MAX_VESSELS; i++) {
            uint32_t expected = VESSEL_FREE;
            if (atomic_compare_exchange_strong(&WORLD->vessels[i].state, &expected, VESSEL_NEW))
                return i;
        }
        raw2(__NR_nanosleep, pause, 0);
    }
    replay_error("more than %u processes at once", WORLD_MAX_VESSELS);
}

/* The vessels of a world run one at a time: on one CPU a turn is a switch, on two it is the wake-up of an idle one, ten
 * times as long. The first fork decides which. */
static void pin(void)
{
    static bool is_pinned;
    uint64_t mask[16] = {0};
    uint32_t cpu;
    if (is_pinned || raw3(__NR_getcpu, &cpu, 0, 0) < 0 || cpu >= 64 * 16)
        return;
    is_pinned = true;
    mask[cpu / 64] = 1ULL << cpu % 64;
    raw3(__NR_sched_setaffinity, 0, sizeof(mask), mask);
}

int world_fork(bool give)
{
    int n = take_entry();
    struct odb_world_vessel *v = &WORLD->vessels[n];
    atomic_store(&v->pid, 0);
    atomic_store(&v->request, VESSEL_REQUEST_NONE);
    WORLD->n_vessels++;
    if (give) {
        WORLD->offset = cursor.offset;
        atomic_store(&WORLD->turn, (uint32_t)n);
    }
    pin();
    long pid = raw5(__NR_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) {
        raw2(__NR_prctl, 1 /* PR_SET_PDEATHSIG */, SIGKILL);
        world_me = (uint32_t)n;
        enter();
        hook_cancel();
        return -1;
    }
    if (pid < 0) {
        atomic_store(&WORLD->turn, world_me);
        atomic_store(&v->state, VESSEL_FREE);
        WORLD->n_vessels--;
        replay_error("cannot fork a process for replay (error %ld)", -pid);
    }
    atomic_store(&v->pid, (uint32_t)pid);
    return n;
}

/* ---- requests ---- */

long world_ask(uint32_t vessel, uint32_t request)
{
    _Atomic uint32_t *r = &WORLD->vessels[vessel].request;
    atomic_store(r, request);
    go(vessel);
    for (;;) {
        uint32_t seen = atomic_load(&WORLD->answer);
        if (atomic_load(r) == VESSEL_REQUEST_NONE)
            return WORLD->request_result;
        futex_wait(&WORLD->answer, seen);
    }
}

bool world_write(uint32_t vessel, gaddr addr, const void *data, uint64_t len_bytes)
{
    if (len_bytes > ODB_DATA_BYTES)
        return false;
    memcpy(CONTROL->data, data, len_bytes);
    WORLD->request_addr = addr;
    WORLD->request_bytes = len_bytes;
    return world_ask(vessel, VESSEL_REQUEST_WRITE) == 0;
}

static bool is_other(uint32_t i)
{
    uint32_t state = atomic_load(&WORLD->vessels[i].state);
    return i != world_me && (state == VESSEL_NEW || state == VESSEL_ALIVE);
}

/* All at once, so that they use what CPUs there are. */
long world_checkpoint_others(void)
{
    long failed = 0;
    if (WORLD->n_vessels == 1)
        return 0;
    WORLD->request_result = 0;
    for (uint32_t i = 0; i < WORLD_MAX_VESSELS; i++) {
        if (!is_other(i))
            continue;
        atomic_store(&WORLD->vessels[i].request, VESSEL_REQUEST_FORK);
        go(i);
    }
    for (uint32_t i = 0; i < WORLD_MAX_VESSELS; i++) {
        if (!is_other(i))
            continue;
        for (;;) {
            uint32_t seen = atomic_load(&WORLD->answer);
            if (atomic_load(&WORLD->vessels[i].request) == VESSEL_REQUEST_NONE)
                break;
            futex_wait(&WORLD->answer, seen);
        }
        if (WORLD->request_result < 0)
            failed = WORLD->request_result;
    }
    return failed;
}

long world_enter(uint32_t slot)
{
    uint32_t old = WORLD->number;
    vessel_use_slot(slot);
    is_copy = true;
    enter();
    return live_moved(old, slot);
}

void world_wait_complete(void)
{
    while (is_copy) {
        uint32_t n = atomic_load(&WORLD->n_ready);
        if (n + 1 >= WORLD->n_vessels)
            is_copy = false;
        else
            futex_wait(&WORLD->n_ready, n);
    }
}
