/* What all processes of one recording share: the baton, the table of tasks, requests to the recorder, and the table of
 * captured files. Freestanding-safe.
 *
 * It lies in the recording's `ring` file behind the ring, mapped shared at ODB_SHARED_ADDR in every recorded process
 * and by the recorder. Everything without _Atomic belongs to the holder of the baton.
 *
 * The baton: one thread of all runs program code or writes events; `word` says which.
 *     ODB_BATON_FREE             nobody; the next who comes takes it (compare and swap)
 *     ODB_BATON_HANDOFF          nobody; for one who was waiting: who has not slept on it yet must sleep first
 *     ODB_BATON_OF(i)            task i runs
 *     ODB_BATON_OF(i) | IN_CALL  task i is in a system call that may last. It takes the baton back by compare and swap
 *                                when the call is done. Anybody else may take the baton from it: he then writes the
 *                                SWITCH event for i, with call_tick, call_rip and call_nr of tasks[i].
 * Waiting: count up `waiters`, futex wait on `word` for a slice at most, count down. Who waited a slice for a task that
 * runs asks it to yield (ODB_SIG_YIELD by rt_tgsigqueueinfo, value ODB_YIELD_VALUE). Who gives the baton up with
 * waiters > 0 stores HANDOFF and wakes one.
 * The recorder takes part as ODB_BATON_OF(ODB_MAX_TASKS): to write EXIT events of the killed. It also takes the baton
 * from a holder that died. */
#ifndef ODB_PRELOAD_SHARED_H
#define ODB_PRELOAD_SHARED_H

#include <stdatomic.h>
#include <stdint.h>

#include "common/layout.h"

#define ODB_MAX_TASKS 4096

#define ODB_BATON_FREE 0u
#define ODB_BATON_HANDOFF 2u
#define ODB_BATON_IN_CALL 1u
#define ODB_BATON_OF(i) (((uint32_t)(i) + 1) << 2)
#define ODB_BATON_TASK(word) (((word) >> 2) - 1)

/* SIGWINCH: its default is to be ignored, so that one which comes too late, to an image that has no engine yet or to a
 * foreign process that has got the number of a dead one, does no harm. And no program sends it to a single thread, as
 * we do: the kernel would merge that with ours, which Go's SIGURG showed. The kernel's handler for it is always the
 * engine's, and it is never blocked; the program's own SIGWINCH are told from ours by the value. */
#define ODB_SIG_YIELD 28
#define ODB_YIELD_VALUE 0x0db0db0db0db0db1ULL

struct odb_baton {
    _Atomic uint32_t word;
    _Atomic uint32_t waiters;
    _Atomic uint32_t asked; /* the word whose task was asked to yield already */
    uint32_t slice_us;      /* set by the recorder */
    uint64_t chaos;         /* state of the random generator of --chaos; 0: no chaos */
};

enum odb_task_state {
    ODB_TASK_FREE = 0,
    ODB_TASK_NEW,   /* being made by its parent */
    ODB_TASK_ALIVE, /* tid and pid are valid */
    ODB_TASK_EXITED, /* its end is in the stream (EXIT or SYSCALL exit written); the kernel's task goes at once */
};

struct odb_task {
    _Atomic uint32_t state;
    uint32_t pid, tid;       /* recorder's PID namespace */
    uint32_t ns_pid, ns_tid; /* the task's own */
    uint32_t parent;         /* index; ODB_MAX_TASKS: none */
    uint64_t clone_flags;
    int32_t recdir_fd, proc_fd, ring_fd; /* descriptors of the engine in this process, at its execve */
    uint32_t filters;                    /* the program's own seccomp state, inherited: sys_seccomp.c */
    uint32_t call_nr;
    uint64_t call_tick, call_rip; /* valid while IN_CALL or in_exec */
    /* 1 while the task is counted in baton.waiters: set behind counting up, cleared before counting down. When the task
     * is killed as it waits, the recorder counts down for it. */
    _Atomic uint32_t waiting;
    uint32_t in_exec; /* 1 from before execve until the new engine, or the failure: call_* are its place */
    uint64_t
        exec_mask; /* execve: the program's blocked signals; the kernel's mask is full until the new engine is ready */
    uint64_t affinity[16]; /* as the task set it, inherited; all 0: never. sys_sched.c */
    uint32_t
        real_time; /* policy << 8 | priority that the task believes to have, inherited; 0: none. sys_sched.c */
    uint32_t reserved;
};

/* execve: the caller, who holds the baton, asks the recorder to trace it; see recorder/exec.c. */
enum odb_exec_state {
    ODB_EXEC_IDLE = 0,
    ODB_EXEC_ATTACH,   /* engine: trace tasks[task], please */
    ODB_EXEC_ATTACHED, /* recorder: done; the engine calls execve */
    ODB_EXEC_REFUSED,  /* recorder: cannot (error) */
    ODB_EXEC_FAILED,   /* engine: execve failed; it executes int3, at which the recorder detaches */
    ODB_EXEC_COPY,     /* engine: it may not write into the recording (another user): copy this, please */
    ODB_EXEC_COPIED,   /* recorder: done, or error */
    ODB_EXEC_QUIT,     /* the recorder's own: its thread ends, no process is left */
};
struct odb_exec_request {
    _Atomic uint32_t state; /* futex */
    uint32_t task;
    int32_t error; /* errno */
    /* COPY: [offset, offset + len) of the file behind descriptor fd of process pid, or, with fd -1, of its memory at addr,
     * into the same place of files/<file_id>, whose size becomes size_bytes. */
    uint32_t file_id;
    uint32_t pid;
    int32_t fd;
    uint64_t addr, offset, len_bytes, size_bytes;
};

struct odb_capture {
    uint64_t dev, ino, size_bytes, mtime_ns;
    struct {
        uint64_t start, end;
    } have[6];
    uint32_t n_have, mapped_shared; /* by any process, ever: sys_files.c */
    uint32_t path_at, reserved;     /* in capture_paths; 0: it has none there */
};
#define ODB_MAX_CAPTURES 16384

/* Addresses of blocks that forked children of process pid translated (learn.c); of all processes with the same
 * pid % ODB_LESSONS the last one has it. */
#define ODB_LESSONS 8
#define ODB_LESSON_RIPS 2000
struct odb_lesson {
    uint32_t pid, n;
    uint64_t rips[ODB_LESSON_RIPS];
};

struct odb_shared {
    struct odb_baton baton;
    _Atomic uint32_t n_tasks;       /* NEW and ALIVE ones; changed by the holder of the baton */
    _Atomic uint32_t tasks_changed; /* futex: a task was made; the recorder watches new processes */
    uint32_t n_captures;
    uint32_t next_filters;
    uint32_t ibl_ready; /* the engine's empty look-up table is behind this struct in the file (cache.c) */
    struct odb_exec_request exec;
    uint32_t killed; /* EXIT events with ODB_EXIT_KILLED so far; the recorder counts them with the baton */
    _Atomic uint32_t n_slots; /* behind the highest of tasks[] that was ever used */
    uint32_t cpu;             /* the one on which all recorded tasks run */
    uint32_t affinity_bytes;
    uint8_t affinity[128];           /* the program's own mask, as sched_getaffinity gave it before */
    uint32_t named;                  /* bits of sys_deny.c: said already that these are not recorded */
    uint32_t n_mapped_shared;        /* captures that are */
    uint64_t stderr_dev, stderr_ino; /* descriptor 2 of the first process, at its start */
    struct odb_task tasks[ODB_MAX_TASKS];
    struct odb_capture captures[ODB_MAX_CAPTURES];
    struct odb_lesson lessons[ODB_LESSONS];
    uint32_t paths_bytes;
    char capture_paths[1 << 18];
};
_Static_assert(sizeof(struct odb_shared) <= ODB_SHARED_BYTES, "shared tables fit");

/* Slots of tasks[] to look at. */
static inline uint32_t odb_n_slots(const struct odb_shared *s)
{
    uint32_t n = atomic_load_explicit(&s->n_slots, memory_order_acquire);
    return n < ODB_MAX_TASKS ? n : ODB_MAX_TASKS;
}

/* At `boot` of the image's header: written by the recorder before the engine's first instruction. */
struct odb_boot {
    uint64_t regs[20]; /* struct odb_regs at the program's first instruction */
    int32_t ring_fd;   /* -1: open `ring` in recdir_fd */
    int32_t recdir_fd, proc_fd;
    uint32_t task; /* index in tasks[] */
    uint32_t is_exec;
    uint32_t reserved;
};

#endif
