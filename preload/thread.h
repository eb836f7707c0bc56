/* Threads and processes while recording: slots, the baton, making and ending tasks. Freestanding.
 *
 *   thread.c   slots; state of threads that do not run
 *   baton.c    who runs
 *   task.c     clone, fork, exec, exit
 *
 * A recorded thread is a kernel thread with a slot at ODB_THREADS_ADDR: this struct, the alternate stack of its signal
 * handlers, its engine stack, from low to high. While it runs, its state is in the engine's variables (`self` is its slot);
 * else in slot->state. Code that has given the baton up may touch nothing but its own slot and its own stack. */
#ifndef ODB_PRELOAD_THREAD_H
#define ODB_PRELOAD_THREAD_H

#include "model/model.h"
#include "preload/core.h"
#include "preload/shared.h"

#define SHARED ((struct odb_shared *)ODB_SHARED_ADDR)

#define THREAD_MAX_QUEUED 16 /* one, and what comes with the kernel's mask still open */
#define THREAD_INPUT_BYTES 8192
#define THREAD_INPUT_RANGES 32
#define THREAD_SCRATCH_BYTES 65536
#define THREAD_HANDLER_BYTES (48 * 1024)

struct kernel_siginfo {
    int32_t signo, error, code, pad;
    uint64_t addr;
    uint8_t rest[104];
};

/* Handlers, shared as CLONE_SIGHAND says. */
struct sighand {
    struct engine_sigaction actions[ENGINE_NSIG + 1];
};

/* A process, or that part of it which is not a matter of its memory. */
struct process {
    uint32_t pid;
    uint32_t n_threads;
    uint32_t ns_pid;
    int recdir_fd, proc_fd, ring_fd;
    volatile bool exiting;     /* no thread of it runs program code any more */
    _Atomic uint32_t stopping; /* threads of it that are about to stop it: nobody of it takes the baton */
    int32_t leader_status;     /* exit code of the first thread, when it ended before the others */
};

struct thread {
    struct thread_state state;
    _Atomic uint32_t gone; /* not 0 as long as the kernel's thread exists */
    bool in_use;
    uint32_t task; /* index in SHARED->tasks */
    uint32_t ns_tid;
    struct process *process;
    struct sighand *sighand;
    uint64_t clear_tid, robust_head, robust_len; /* as the program told the kernel */
    gaddr set_tid;                               /* CLONE_CHILD_SETTID: where, 0: no */
    uint64_t clone_flags;
    uint32_t parent_tid;
    bool first_run, owns_baton_at_start; /* a vfork child begins with the baton */

    volatile uint32_t interrupts; /* look at the next two before program code runs */
    volatile bool yield_wanted;
    volatile bool in_call;   /* in raw_call */
    volatile bool disturbed; /* a request to yield came into it */
    volatile uint32_t n_queued;
    struct kernel_siginfo queued[THREAD_MAX_QUEUED];

    uint32_t n_inputs, input_bytes; /* inputs of the call it is in (sys_record.c) */
    struct {
        struct model_range range;
        uint32_t at;
    } inputs[THREAD_INPUT_RANGES];
    uint8_t input[THREAD_INPUT_BYTES];
    _Alignas(64) uint8_t scratch[THREAD_SCRATCH_BYTES];
};

extern struct thread *self; /* NULL on replay */
extern volatile uint32_t *interrupts_at;
extern uint64_t engine_sp;

/* ---- thread.c ---- */
void threads_init(void);         /* the first thread's slot; process from engine_boot */
struct thread *thread_new(void); /* NULL: too many */
struct process *process_new(void);
struct process *process_share(struct process *p);
struct sighand *sighand_share(struct sighand *s);
struct sighand *sighand_new(void); /* a copy of the running thread's */
void thread_free(struct thread *t);
void thread_map_text(void);
/* In the child of a fork: only t is left. */
void threads_forked(struct thread *t);
static inline struct thread *thread_at(uint64_t address_in_slot)
{
    return (struct thread *)(address_in_slot & ~(uint64_t)(ODB_THREAD_SLOT_BYTES - 1));
}
static inline uint64_t thread_stack_top(const struct thread *t)
{
    return (uint64_t)t + ODB_THREAD_SLOT_BYTES;
}
/* The variables become t's. The caller has the baton. */
void thread_load(struct thread *t);
void thread_save(struct thread *t);
/* The program's handlers of t, which may not be the running thread. */
const struct engine_sigaction *thread_actions(const struct thread *t);
/* The kernel's alternate signal stack for the calling kernel thread. */
void thread_set_altstack(struct thread *t);

/* ---- baton.c ---- */
/* Is there nobody else in the whole recording? */
static inline bool baton_alone(void)
{
    return CONTROL->mode != ODB_MODE_RECORD ||
           atomic_load_explicit(&SHARED->n_tasks, memory_order_relaxed) <= 1;
}
void baton_take(struct thread *t);
/* t, which runs, is at (tick, rip) and lets others run when somebody waits. */
void baton_yield(struct thread *t);
/* With --chaos: now and then the same. */
void baton_chaos(struct thread *t);
/* Around a system call that may last. `give`: it probably will. */
void baton_call_begin(struct thread *t, const struct model_call *c, bool give);
/* True: others ran meanwhile. */
bool baton_call_end(struct thread *t);
/* t, which runs, is at (tick, rip) and goes away for a while, to stop its process; and comes back. */
void baton_leave(struct thread *t);
void baton_return(struct thread *t);
/* The running thread will not run again. */
void baton_drop(void);
bool baton_wanted(void);
void baton_write_switch(const struct odb_task *k, uint32_t kind, uint64_t tick, gaddr rip, uint32_t nr);

/* ---- task.c ---- */
/* clone, clone3, fork, vfork: the whole call, event and all. In the child, too. */
void record_clone(struct model_call *c);
/* execve, execveat: returns only when it failed, with c->result. */
void record_exec(struct model_call *c);
/* exit of a thread; exit_group and the last thread go to sys_end. */
_Noreturn void record_thread_exit(int status);
/* set_tid_address, set_robust_list, get_robust_list of the running thread. False: not one of them. */
bool record_task_call(struct model_call *c);
/* The process of the running thread is about to end: what the kernel would write; then, after EXIT, the rest. */
void record_process_ends(void);
void record_process_gone(void);
/* unshare or setns: children may be in another PID namespace. */
void record_namespace_changed(void);

/* ---- entry.S ---- */
long raw_call(long nr, long a, long b, long c, long d, long e, long f, volatile uint32_t *interrupts);
extern char raw_syscall_start[], raw_call_window[], raw_call_window_end[], raw_call_interrupted[],
    leave_window[], leave_window_end[], interrupt_resume[], thread_begin[];
void exec_failed_trap(void);

#endif
