/* One system call (or other outside influence) of the program, in each mode. Freestanding.
 *
 *   sys.c         the services that core and special call (engine.h), dispatched by CONTROL->mode
 *   sys_bare.c    ODB_MODE_BARE: passed straight through
 *   sys_record.c  ODB_MODE_RECORD: run, then written to the ring
 *   sys_replay.c  ODB_MODE_REPLAY, ODB_MODE_INDEX: compared, outputs put back
 *   sys_signal.c  calls about signal state, which is the engine's (sys_virtual)
 *   sys_own.c     calls that name the engine's own descriptors or memory
 *   sys_deny.c    record: calls that get an error instead, named once
 *   sys_seccomp.c, sys_sched.c, sys_futex.c, sys_robust.c   record: done by the engine in the kernel's place
 *   sys_shm.c     SysV segments       sys_files.c, sys_extra.c   record: writes to mapped files, to other processes
 *   sys_proc.c    record: /proc as without the engine
 *   sys_scratch.c record: outputs of a call that others run beside
 *   sys_effect.c  shadow map and translations after a call, the same in every mode
 *
 * Life of one call, every mode:
 *
 *     sys_call_load(&c);                       nr, args from ctx; c.peek
 *     how = sys_virtual(&c);                   calls that are about the engine's own state
 *     if (how == SYS_REPLACED) ...             rt_sigreturn: ctx is the new state already; no finish
 *     if (how == SYS_PASS) c.result = ...      bare/record: really run; replay: recorded result,
 *                                              outputs; REEXEC calls run on the recorded address
 *     sys_effect(&c, file_id, name);           shadow map, translations, index log (ODB_LOG_MAP)
 *     sys_call_finish(c.result);               rax, rcx, r11, rip
 *
 * sys_virtual writes outputs (old masks, old actions) to program memory itself, in replay too, from
 * the engine's tables, which are the same there. Replay announces the recorded MEM ranges to
 * log_kernel_write_before() first, calls sys_virtual, then compares its result and the bytes. */
#ifndef ODB_PRELOAD_SYS_H
#define ODB_PRELOAD_SYS_H

#include <stdbool.h>
#include <stdint.h>

#include <asm/unistd_64.h>

#include "model/model.h"
#include "preload/core.h"
#include "preload/engine.h"

/* ---- what each mode supplies (see the same names without mode in engine.h) ---- */
void sys_bare_syscall(void);
uint64_t sys_bare_insn_value(uint32_t kind, uint32_t *aux);
_Noreturn void sys_bare_end(int status);

void sys_record_syscall(void);
uint64_t sys_record_insn_value(uint32_t kind, uint32_t *aux);
void sys_record_fault(int signo, int code, uint64_t addr, bool fatal);
void sys_record_signal(int signo, const void *siginfo128);
_Noreturn void sys_record_end(int status);

void sys_replay_syscall(void);
uint64_t sys_replay_insn_value(uint32_t kind, uint32_t *aux);
void sys_replay_fault(int signo, int code, uint64_t addr, bool fatal);
void sys_replay_signal(int signo, const void *siginfo128);
_Noreturn void sys_replay_end(int status);
_Noreturn void sys_replay_escape(gaddr rip, long nr);

/* ---- sys.c: helpers for all modes ---- */
static inline bool sys_is_replay(void) { return CONTROL->mode >= ODB_MODE_REPLAY; }

/* nr and args from ctx, peek set; result and before[] are left alone. */
void sys_call_load(struct model_call *c);
/* rax = result, rcx = address after the instruction, r11 = rflags, rip advanced by 2. */
void sys_call_finish(int64_t result);
/* raw_syscall with the call's number and arguments. Inline: behind a system call the CPU's stack of return
 * addresses is cleared, and every return up the chain of callers is mispredicted. */
static inline int64_t sys_call_run(const struct model_call *c)
{
    if (c->nr == __NR_mremap)
        core_unprotect_all(); /* a guarded page would stay read-only at its new place */
    return raw_syscall((long)c->nr, (long)c->args[0], (long)c->args[1], (long)c->args[2], (long)c->args[3],
                       (long)c->args[4], (long)c->args[5]);
}
/* The live value of a non-deterministic instruction, as special.c wants it (bare and record). */
uint64_t sys_insn_live(uint32_t kind, uint32_t *aux);
/* Ends the process as the kernel would: status >= 0: exit_group; < 0: dies by signal -status, so that
 * its parent sees the true wait status. */
_Noreturn void sys_really_end(int status);
/* One line "odb: ..." on the program's stderr. */
void sys_message(const char *text);

/* ---- sys_signal.c ---- */
enum sys_how {
    SYS_PASS,     /* not the engine's: run it, or emulate it from the recording */
    SYS_DONE,     /* c->result is set, outputs are written, state is changed */
    SYS_REPLACED, /* rt_sigreturn: ctx was replaced as a whole; c->result is its rax */
};
/* rt_sigaction, rt_sigprocmask, sigaltstack, rt_sigreturn, rt_sigpending's kin, and arch_prctl's
 * FS/GS part (really run, also on replay). In bare and record modes the kernel is told what it must know:
 * real masks (never the synchronous signals), SIG_IGN and SIG_DFL dispositions. */
enum sys_how sys_virtual(struct model_call *c);

/* kill and its kin to the calling thread, with a signal that is handled or deadly, are SYS_DONE too (bare and
 * record modes only; on replay SYS_PASS). Called after sys_call_finish() and the SYSCALL event: delivers it (SIGNAL
 * event), or ends the process (EXIT event, status -signo). Replay finds that event next, at the same tick. */
void sys_virtual_after(void);
/* Called by sys_call_finish when a call ends with EINTR, and by sys_call_load when no delivery used its mask. */
void sys_signal_interrupted(void);
void sys_signal_resumed(void);
/* Record: the call about to be made waits with a mask that lets in a signal which is queued already. */
bool sys_signal_waits_in_vain(void);
/* Signals that the engine must always receive, whatever the program masks or ignores. */
#define SYS_SYNC_SIGNALS                                                                                  \
    ((1ULL << (11 - 1)) | (1ULL << (7 - 1)) | (1ULL << (4 - 1)) | (1ULL << (8 - 1)) | (1ULL << (5 - 1)) | \
     (1ULL << (31 - 1))) /* SEGV BUS ILL FPE TRAP SYS */
/* Signals whose default action is none. */
#define SYS_DEFAULT_IGNORED                                         \
    ((1ULL << (17 - 1)) | (1ULL << (23 - 1)) | (1ULL << (28 - 1)) | \
     (1ULL << (18 - 1))) /* CHLD URG WINCH CONT */

/* ---- sys_own.c ---- */
/* The call names the engine's descriptor or memory: c->result is set as if they did not exist. */
bool sys_own_resource(struct model_call *c);
bool sys_own_descriptor(uint64_t fd);

/* ---- sys_effect.c ---- */
/* After the call is done (successful or not): shadow map, dropped translations, map records of the
 * index log. Only bookkeeping: mapping itself is done by the caller. file_id and name are for mmap:
 * file_id 0 is anonymous, name NULL is "". Programs' shmat is refused (model). */
void sys_effect(const struct model_call *c, uint32_t file_id, const char *name);
/* At the start of a program image: the current program break (struct odb_ev_exec.brk_start). */
void sys_effect_brk(gaddr current);

#endif
