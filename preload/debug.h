/* Stops for debuggers on replay: between the run loop (core.c, translate.c), the event side (replay_*.c), and replay_debug.c.
 * While recording everything here is false or does nothing.
 *
 * All decisions are made in hook mode, before an instruction, in this order: a watched range was touched by the one before
 * (debug_behind); what is armed at this place, the host's position first (replay_stopped); steps are used up, a breakpoint is
 * here (debug_before). Fast translations only notice that a breakpoint or a touched range may be there (EXIT_BREAK,
 * EXIT_WATCH), and switch to hook mode. Breakpoints at system calls, and everything else that events tell, are decided where
 * the event is taken: an instruction that waits while others run is executed when it is done. */
#ifndef ODB_PRELOAD_DEBUG_H
#define ODB_PRELOAD_DEBUG_H

#include "preload/engine.h"
#include "preload/world.h"

struct insn;
struct model_call;

/* The run has steps or stops. Of this vessel, up to date while it has the turn. */
extern bool debug_on;
/* There are breakpoints to translate in; ranges to watch (1), for reads, too (2). */
extern uint32_t debug_n_breaks;
extern uint32_t debug_watching;
/* Counts stops: whoever sees it change looks everything up again. */
extern uint32_t vessel_stops;

/* ---- translate.c, core.c ---- */
/* Is there a breakpoint of anybody? */
bool debug_is_break(gaddr rip);
/* EXIT_BREAK at ctx.rip: true: look at it in hook mode. */
bool debug_break_exit(void);
/* EXIT_WATCH: the same. */
bool debug_watch_exit(const struct insn *in);
/* Hook mode, before each instruction; may stop. */
void debug_behind(void);
void debug_before(bool is_break);

/* ---- hook.c: the instruction that debug_before() saw completed, or did not ---- */
void debug_completed(void);
void debug_cancelled(void);

/* ---- events ---- */
/* The kernel writes to memory of this process, or of another. */
void debug_kernel_write(gaddr addr, uint64_t n_bytes, uint32_t pid);
/* The syscall instruction at ctx.rip is next, whoever else may be. Stops for BREAK and SYSCALL_ENTRY. */
void debug_call_begins(const struct model_call *c);
/* It is done; nothing else is looked at yet. child: tid that it made, or 0. Stops for WATCH, TASK, SYSCALL_RETURN. */
void debug_call_done(const struct model_call *c, uint32_t child);
/* The host stopped inside the instruction at ctx.rip, a system call or not, which is not done yet. */
void debug_in_insn(bool is_call);
/* Hits that translated code counted by itself: before an event, a stop, and a switch. */
void debug_take_counted(void);
/* A signal is delivered next, or kills. siginfo128 may be NULL. */
void debug_signal(int signo, const void *siginfo128);
/* The same in a branch; a deadly one always stops. */
void debug_branch_signal(int signo, const void *siginfo128, bool deadly);
/* A thread (pid: of tid) or a process (tid 0) ended. */
void debug_task_ended(uint32_t tid, uint32_t pid, int32_t status);
/* The running thread is a vfork child, which begins now. */
void debug_vforked(uint32_t parent_tid);
/* A thread begins to run, or an image: counted already. Stops for TASK, and for ODB_RUN_TO_RUN. */
void debug_run_begins(bool exec);

/* ---- the host's commands ---- */
/* Breakpoints and watches may have changed: so do translations. Whenever the turn or a RUN comes. */
void debug_sync(void);
/* A RUN came. */
void debug_set_run(const struct odb_run *run);
/* The steps of this run are done: it ends before the instruction that is next, unless others run first. */
bool debug_steps_done(void);
/* Does this run need hook mode all the time? */
bool debug_wants_hook(void);

#endif
