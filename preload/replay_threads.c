/* The recorded threads of one address space, as contexts in the vessel's only kernel thread.
 *
 * replay_current is the thread whose state is where the engine works with it: ctx and its kin, the CPU's vector and segment
 * registers, the tick counter, sig_actions. It keeps all that when another vessel has the turn meanwhile; only when another
 * thread of this vessel runs, its state goes to its struct (thread_sync) and the other's comes in. So a process with one
 * thread never pays for this.
 *
 * Structs are never given back to the heap; those of threads that are gone are used again. */
#include <linux/sched.h>

#include "preload/core.h"
#include "preload/raw.h"
#include "preload/replay.h"

struct replay_thread *replay_current;
static struct replay_thread *threads[WORLD_MAX_TASKS];
static uint32_t n_threads, n_used; /* structs, and those in use */
static struct replay_sighand *sighand_free, *sighand_loaded;
static struct replay_fds *fds_free;

/* ---- shared parts ---- */

static struct replay_sighand *sighand_new(void)
{
    struct replay_sighand *s = sighand_free;
    if (s)
        sighand_free = s->next_free;
    else
        s = engine_alloc(sizeof(*s));
    s->refs = 1;
    return s;
}

static void sighand_drop(struct replay_sighand *s)
{
    if (--s->refs)
        return;
    if (sighand_loaded == s)
        sighand_loaded = NULL;
    s->next_free = sighand_free;
    sighand_free = s;
}

static struct replay_fds *fds_new(void)
{
    struct replay_fds *f = fds_free;
    if (f)
        fds_free = f->next_free;
    else
        f = engine_alloc(sizeof(*f));
    f->refs = 1;
    return f;
}

static void fds_drop(struct replay_fds *f)
{
    if (--f->refs)
        return;
    f->next_free = fds_free;
    fds_free = f;
}

/* ---- finding ---- */

struct replay_thread *thread_by_number(uint32_t number)
{
    return number < n_threads && threads[number]->used ? threads[number] : NULL;
}

struct replay_thread *thread_find(uint32_t tid)
{
    const struct odb_world_task *t = world_task(tid);
    return t && t->vessel == world_me ? thread_by_number(t->local) : NULL;
}

struct replay_thread *thread_each(uint32_t i)
{
    for (uint32_t n = 0; n < n_threads; n++)
        if (threads[n]->used && !i--)
            return threads[n];
    return NULL;
}

uint32_t thread_count(void) { return n_used; }

bool thread_has_others(uint32_t pid)
{
    for (uint32_t i = 0; i < n_threads; i++)
        if (threads[i]->used && threads[i]->pid != pid)
            return true;
    return false;
}

/* ---- the state ---- */

void thread_bases_set(uint64_t fs, uint64_t gs)
{
    uint64_t probe;
    if (guard_rdfsbase(&probe) == 0) {
        __asm__ volatile("wrfsbase %0" : : "r"(fs));
        __asm__ volatile("wrgsbase %0" : : "r"(gs));
        return;
    }
    raw2(__NR_arch_prctl, 0x1002 /* ARCH_SET_FS */, fs);
    raw2(__NR_arch_prctl, 0x1001 /* ARCH_SET_GS */, gs);
}

static void sighand_sync(void)
{
    if (sighand_loaded)
        memcpy(sighand_loaded->actions, sig_actions, sizeof(sig_actions));
}

static void sighand_load(struct replay_sighand *s)
{
    if (sighand_loaded == s)
        return;
    sighand_sync();
    memcpy(sig_actions, s->actions, sizeof(sig_actions));
    sighand_loaded = s;
}

void thread_sync(void)
{
    struct replay_thread *t = replay_current;
    if (!t)
        return;
    thread_state_save(&t->state);
    t->fs_base = fs_base();
    t->gs_base = gs_base();
    t->tick = core_tick();
    xstate_save(t->xstate, sizeof(t->xstate));
    sighand_sync();
}

void thread_make_current(struct replay_thread *t)
{
    if (t == replay_current)
        return;
    thread_sync();
    sighand_load(t->sighand);
    thread_state_load(&t->state);
    xstate_load(t->xstate, sizeof(t->xstate));
    thread_bases_set(t->fs_base, t->gs_base);
    replay_current = t;
    core_set_tick(t->tick);
}

/* ---- beginning and end ---- */

static struct replay_thread *thread_new(void)
{
    struct replay_thread *t = NULL;
    for (uint32_t i = 0; n_used < n_threads && i < n_threads && !t; i++)
        if (!threads[i]->used)
            t = threads[i];
    if (!t) {
        if (n_threads == WORLD_MAX_TASKS)
            return NULL;
        t = engine_alloc(sizeof(*t));
        t->number = n_threads;
        threads[n_threads++] = t;
    }
    t->used = true;
    n_used++;
    return t;
}

struct replay_thread *thread_copy(const struct replay_thread *from, uint64_t flags)
{
    struct replay_thread *t = thread_new();
    if (!t)
        return NULL;
    uint32_t number = t->number;
    *t = *from;
    t->number = number;
    t->is_new = true;
    t->call = (struct odb_pos){0, 0};
    memset(t->state.gpr_base, 0, sizeof(t->state.gpr_base));
    t->state.sig_mask_is_temporary = false;
    if ((flags & (CLONE_VM | CLONE_VFORK)) == CLONE_VM)
        memset(t->state.sig_altstack, 0, sizeof(t->state.sig_altstack));
    if (flags & CLONE_SIGHAND) {
        t->sighand->refs++;
    } else {
        sighand_sync();
        t->sighand = sighand_new();
        memcpy(t->sighand->actions, from->sighand->actions, sizeof(t->sighand->actions));
        for (int n = 1; n <= ENGINE_NSIG && flags & CLONE_CLEAR_SIGHAND; n++)
            if (t->sighand->actions[n].handler != 1)
                t->sighand->actions[n] = (struct engine_sigaction){0};
    }
    if (flags & CLONE_FILES) {
        t->fds->refs++;
    } else {
        t->fds = fds_new();
        memcpy(t->fds->origin, from->fds->origin, sizeof(t->fds->origin));
        memcpy(t->fds->closes, from->fds->closes, sizeof(t->fds->closes));
    }
    return t;
}

struct replay_thread *thread_first(struct replay_fds *fds)
{
    struct replay_thread *t = thread_new();
    if (!t)
        replay_error("more than %u threads at once", WORLD_MAX_TASKS);
    t->is_new = false;
    t->call = (struct odb_pos){0, 0};
    t->sighand = sighand_new();
    sighand_loaded = t->sighand; /* sig_actions are what the image says */
    t->fds = fds_new();
    if (fds) {
        memcpy(t->fds->origin, fds->origin, sizeof(fds->origin));
        memcpy(t->fds->closes, fds->closes, sizeof(fds->closes));
        output_exec(t->fds);
    } else {
        output_init(t->fds);
    }
    replay_current = t;
    return t;
}

void thread_remove(struct replay_thread *t)
{
    if (t == replay_current) {
        sighand_sync();
        vessel_note_ran(t);
        replay_current = NULL;
    }
    sighand_drop(t->sighand);
    fds_drop(t->fds);
    t->used = false;
    n_used--;
}

void thread_remove_process(uint32_t pid, bool others, const struct replay_thread *but)
{
    for (uint32_t i = 0; i < n_threads; i++)
        if (threads[i]->used && threads[i] != but && (threads[i]->pid == pid) != others)
            thread_remove(threads[i]);
}
