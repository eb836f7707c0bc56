/* Replay for debuggers: breakpoints, watched ranges, single steps, stops at what happens to processes, and throw-away
 * branches; on top of replay.h. replayer/timeline.h adds going backwards.
 *
 *     replay_set_stops(r, &stops)                      // in force for all following runs with ODB_RUN_STOPS, copies included
 *     replay_run(r, &(struct odb_run){.flags = ODB_RUN_STOPS | ODB_RUN_TO_POS, ...}, &stop)
 *     stop->reason: ODB_STOP_BREAK, ODB_STOP_WATCH, ..., ODB_STOP_POSITION when nothing else came before it
 *
 * A stop is a state between two instructions. A run never stops where it begins because of an instruction that it was
 * already stopped before: BREAK, SYSCALL_ENTRY and SIGNAL of the very first instruction are passed (unless ODB_RUN_HERE).
 * Runs with stops and steps are fast until a breakpoint is hit; steps are done one by one.
 *
 * Place in the order: (run_number, tick, rip) and event: run_number counts the runs of threads (SWITCH and everything else that
 * lets another thread go on) and execve, from 1; within a run ticks do not fall, within a tick of a thread rip grows. A delivered
 * signal counts a tick, so behind it is another place; a fault's SIGNAL stop is at the same place as before its
 * instruction. An instruction at which the thread waits while others run (a system call) is executed when it is done: BREAK and
 * SYSCALL_ENTRY are told then, and steps stop before the instruction that is really next of all.
 *
 * Ends of threads and processes are told before the first instruction of whoever runs next; that of the last process is
 * ODB_STOP_END only. */
#ifndef ODB_REPLAYER_DEBUG_H
#define ODB_REPLAYER_DEBUG_H

#include "replayer/replay.h"

enum replay_watch_kind { REPLAY_WATCH_WRITE = 1, REPLAY_WATCH_READ = 2, REPLAY_WATCH_ACCESS = 3 };
struct replay_break {
    gaddr addr;
    uint32_t pid; /* 0: any */
};
struct replay_watch {
    gaddr addr;
    uint64_t n_bytes;
    uint32_t pid; /* 0: any */
    uint32_t kind;
};
enum replay_catch { /* struct replay_stops.catch_ */
                    REPLAY_CATCH_SYSCALLS =
                        1, /* ODB_STOP_SYSCALL_ENTRY before, ODB_STOP_SYSCALL_RETURN behind */
                    REPLAY_CATCH_SIGNALS = 2, /* ODB_STOP_SIGNAL: before the delivery, faults included */
                    REPLAY_CATCH_TASKS =
                        4, /* ODB_STOP_TASK: fork, vfork, clone, exec, exits of threads and processes: behind it */
};
struct replay_stops {
    const struct replay_break *breaks; /* borrowed during the call */
    size_t n_breaks;
    const struct replay_watch *watches;
    size_t n_watches;
    uint32_t catch_;          /* enum replay_catch */
    uint64_t pass_signals;    /* common/sigset.h: no SIGNAL stop for these */
    const uint64_t *syscalls; /* 8 words, bit nr: calls that REPLAY_CATCH_SYSCALLS means; NULL: all */
};
/* Thousands of breakpoints cost nothing until hit; watched ranges cost a compare per store (per load, too, with READ).
 * Kernel writes for system calls are seen, too: stop behind the call. */
struct odb_err *replay_set_stops(struct replay *r, const struct replay_stops *stops) ODB_MUST_CHECK;

/* After a run with ODB_RUN_LAST: how many stops there would have been, and the last of them. Valid until the next run. */
const struct odb_stop *replay_last_hit(const struct replay *r, uint64_t *ret_n);

/* From a signal handler or another thread: a run of r that is under way stops soon, between two instructions of the
 * program, with ODB_STOP_INTERRUPTED; the next one if none is. */
void replay_interrupt(struct replay *r);

/* ---- branches ----
 * r stops being a replay: from here the program runs freely on what memory and registers it has. System calls are answered
 * harmlessly (clock, getpid and the like from what is known; memory calls are done; write to 1 and 2 is thrown away with success; all
 * else -ENOSYS); no events are taken. Only for copies (replay_checkpoint) that will be closed. ODB_RUN_STOPS and
 * ODB_RUN_STEPS work; a deadly fault is ODB_STOP_SIGNAL; an exit is ODB_STOP_END. */
struct odb_err *replay_branch(struct replay *r) ODB_MUST_CHECK;
/* Only in a branch. Read-only memory, too; x NULL: vector and x87 state as it is. */
struct odb_err *replay_write(struct replay *r, uint32_t pid, gaddr addr, const void *from, size_t n_bytes)
    ODB_MUST_CHECK;
struct odb_err *replay_set_registers(struct replay *r, uint32_t tid, const struct odb_regs *regs,
                                     const struct odb_xstate *x) ODB_MUST_CHECK;

/* ---- looking ---- */

struct replay_task {
    uint32_t tid, pid;
};
/* Threads that live, the one that runs first. *ret owned by the caller. */
struct odb_err *replay_tasks(struct replay *r, struct replay_task **ret, size_t *ret_n) ODB_MUST_CHECK;
/* The kernel's number of the process in which recorded process pid is, for /proc/N/maps; 0: it does not live. */
int replay_process_pid(const struct replay *r, uint32_t pid);
/* The memory map of a living process (pid 0: of the one that runs), sorted by address, without what is the engine's. *ret
 * owned by the caller. */
struct odb_err *replay_maps(struct replay *r, uint32_t pid, struct odb_log_map **ret, size_t *ret_n)
    ODB_MUST_CHECK;

#endif
