/* Slots, and the state of threads that do not run. See thread.h, and struct thread_state in engine.h. */
#include "preload/thread.h"

#include <linux/mman.h>

#include "preload/raw.h"
#include "preload/start.h"

uint64_t gpr_base[ODB_N_GPR];
struct thread *self;
static volatile uint32_t no_interrupts;
volatile uint32_t *interrupts_at = &no_interrupts;
static uint32_t n_slots;                /* made so far; those below it may be in use */
static struct sighand *current_sighand; /* whose actions are in sig_actions */

_Static_assert(sizeof(struct thread) + THREAD_HANDLER_BYTES + 100 * 1024 < ODB_THREAD_SLOT_BYTES,
               "room for the engine stack");

void thread_state_save(struct thread_state *t)
{
    t->ctx = ctx;
    t->sig_mask = sig_mask;
    t->sig_mask_saved = sig_mask_saved;
    memcpy(t->sig_altstack, sig_altstack, sizeof(sig_altstack));
    memcpy(t->gpr_base, gpr_base, sizeof(gpr_base));
    memcpy(t->sig_fault, sig_fault, sizeof(sig_fault));
    t->sig_mask_is_temporary = sig_mask_is_temporary;
}

void thread_state_load(const struct thread_state *t)
{
    ctx = t->ctx;
    sig_mask = t->sig_mask;
    sig_mask_saved = t->sig_mask_saved;
    memcpy(sig_altstack, t->sig_altstack, sizeof(sig_altstack));
    memcpy(gpr_base, t->gpr_base, sizeof(gpr_base));
    memcpy(sig_fault, t->sig_fault, sizeof(sig_fault));
    sig_mask_is_temporary = t->sig_mask_is_temporary;
}

static struct thread *slot(uint32_t i)
{
    return (struct thread *)(ODB_THREADS_ADDR + (uint64_t)i * ODB_THREAD_SLOT_BYTES);
}

struct thread *thread_new(void)
{
    struct thread *t = NULL;
    for (uint32_t i = 0; i < n_slots && !t; i++)
        if (!slot(i)->in_use && !atomic_load(&slot(i)->gone))
            t = slot(i);
    if (!t) {
        if (n_slots == ODB_THREAD_SLOTS)
            return NULL;
        t = slot(n_slots);
        long r = raw6(__NR_mmap, t, ODB_THREAD_SLOT_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1, 0);
        if (r != (long)t)
            return NULL;
        n_slots++;
    }
    memset(t, 0, offsetof(struct thread, input));
    t->in_use = true;
    return t;
}

/* More than one at once in one memory are vfork children: few. */
#define MAX_PROCESSES 64
static struct process processes[MAX_PROCESSES];
static struct sighand sighands[MAX_PROCESSES];
/* Slots in use that point to each. Apart from them: a fork would have to look at 34 pages. */
static uint32_t process_refs[MAX_PROCESSES], sighand_refs[MAX_PROCESSES];

struct process *process_new(void)
{
    for (int i = 0; i < MAX_PROCESSES; i++)
        if (!process_refs[i]) {
            process_refs[i] = 1;
            memset((void *)&processes[i], 0, sizeof(processes[i]));
            return &processes[i];
        }
    return NULL;
}

struct sighand *sighand_new(void)
{
    for (int i = 0; i < MAX_PROCESSES; i++)
        if (!sighand_refs[i]) {
            sighand_refs[i] = 1;
            memcpy(sighands[i].actions, sig_actions, sizeof(sig_actions));
            return &sighands[i];
        }
    return NULL;
}

struct process *process_share(struct process *p)
{
    process_refs[p - processes]++;
    return p;
}

struct sighand *sighand_share(struct sighand *s)
{
    sighand_refs[s - sighands]++;
    return s;
}

void thread_free(struct thread *t)
{
    process_refs[t->process - processes]--;
    sighand_refs[t->sighand - sighands]--;
    t->in_use = false;
}

/* The engine's text is shared memory, whose page tables neither exec nor fork bring along: all of it by one call
 * instead of 60 faults. */
void thread_map_text(void)
{
    raw3(__NR_madvise, ODB_IMAGE_ADDR, (uint64_t)image_text_end - ODB_IMAGE_ADDR,
         22 /* MADV_POPULATE_READ */);
}

void threads_forked(struct thread *t)
{
    thread_map_text();
    for (uint32_t i = 0; i < n_slots; i++) {
        if (slot(i) == t)
            continue;
        if (slot(i)->in_use)
            slot(i)->in_use = false;
        if (atomic_load(&slot(i)->gone))
            atomic_store(&slot(i)->gone, 0);
    }
    memset(process_refs, 0, sizeof(process_refs));
    memset(sighand_refs, 0, sizeof(sighand_refs));
    sighand_refs[t->sighand - sighands] = 1;
}

void thread_save(struct thread *t)
{
    t->process->recdir_fd = recdir_fd;
    t->process->proc_fd = proc_fd;
    t->process->ring_fd = ring_fd;
    thread_state_save(&t->state);
}

void thread_load(struct thread *t)
{
    self = t;
    interrupts_at = &t->interrupts;
    engine_sp = thread_stack_top(t);
    thread_state_load(&t->state);
    if (current_sighand != t->sighand) {
        if (current_sighand)
            memcpy(current_sighand->actions, sig_actions, sizeof(sig_actions));
        memcpy(sig_actions, t->sighand->actions, sizeof(sig_actions));
        current_sighand = t->sighand;
    }
    recdir_fd = t->process->recdir_fd;
    proc_fd = t->process->proc_fd;
    ring_fd = t->process->ring_fd;
}

const struct engine_sigaction *thread_actions(const struct thread *t)
{
    return t->sighand == current_sighand ? sig_actions : t->sighand->actions;
}

void thread_set_altstack(struct thread *t)
{
    uint64_t stack[3] = {(uint64_t)t + ((sizeof(*t) + 63) & ~63ULL), 0, THREAD_HANDLER_BYTES};
    raw2(__NR_sigaltstack, stack, 0);
}

void threads_init(void)
{
    thread_map_text();
    struct thread *t = thread_new();
    if (!t)
        engine_panic("engine: no memory for the first thread");
    t->process = process_new();
    t->sighand = sighand_new();
    t->process->pid = ctx.pid;
    t->process->ns_pid = (uint32_t)raw0(__NR_getpid);
    t->process->n_threads = 1;
    t->ns_tid = (uint32_t)raw0(__NR_gettid);
    t->task = engine_boot.task;
    atomic_store(&t->gone, 1);
    raw1(__NR_set_tid_address, &t->gone);
    thread_set_altstack(t);
    thread_save(t);
    current_sighand = t->sighand;
    thread_load(t);
}
