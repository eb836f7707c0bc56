/* Inside the engine: what its parts offer each other. Freestanding; nothing here is seen by the host.
 *
 *   core.c translate.c cache.c   run translated code; tick; look-up, linking, invalidation
 *   special.c                    cpuid, rdtsc, xsave family and the like
 *   signal.c                     the engine's signal handlers, fault translation, frames
 *   hook.c                       per-instruction hook: index log
 *   entry.S                      entries, exits, the only syscall instruction
 *   util.c                       memcpy & co., fault-safe copies
 *   start.c                      begin of a recording in a new program image
 *   maps.c                       shadow of the program's memory map
 *   capture.c                    copies of mapped files into the recording
 *   event.c                      writing events into the ring
 *   sys_record.c                 one system call, recorded
 *   sys_effect.c                 what a call changes in the engine's own state, record and replay alike
 *   sys_replay.c, vessel.c       the other direction, and the commands of the replayer
 *
 * The engine runs on its own stack, one thread at a time. While it runs, the program's registers are in
 * `ctx`; its vector state is in the registers, untouched: no engine code may use vector registers. */
#ifndef ODB_PRELOAD_ENGINE_H
#define ODB_PRELOAD_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/layout.h"
#include "common/regs.h"
#include "preload/control.h"

#define CONTROL ((struct odb_control *)ODB_CONTROL_ADDR)

/* The program's state while the engine runs. Offsets are known to entry.S and the translator. */
struct engine_ctx {
    uint64_t gpr[ODB_N_GPR]; /* 0 */
    uint64_t rip;            /* 128: next instruction; in sys_*: of the syscall instruction */
    uint64_t rflags;         /* 136 */
    uint64_t spill[4];       /* 144 */
    uint64_t budget;         /* 176: memory tick counter counts down to 0 */
    uint64_t tick_limit;     /* 184: tick at which budget is 0 */
    uint64_t exit_info;      /* 192 */
    uint64_t enter_at;       /* 200: cache address to enter, entry.S */
    uint64_t branch_site;    /* 208: cache offset of the indirect branch executed last */
    uint32_t tid, pid;       /* as the program sees them */
};
extern struct engine_ctx ctx;

/* What belongs to the thread that runs, and is somewhere else while another runs. The variables keep their names: ctx,
 * sig_mask, ... are always those of the running thread. The vector state, fs and gs bases and the vector tick counter
 * are the kernel thread's own while recording; on replay replay_threads.c moves them. */
struct thread_state {
    struct engine_ctx ctx; /* its tick: ctx.budget and tick_limit, or the vector counter */
    uint64_t sig_mask, sig_mask_saved;
    uint64_t sig_altstack[3];
    uint64_t gpr_base[ODB_N_GPR]; /* registers at the thread's previous SYSCALL event (trace/format.h) */
    uint64_t sig_fault[3];
    bool sig_mask_is_temporary;
};
extern uint64_t gpr_base[ODB_N_GPR];
/* thread.c: the variables to and from *t. */
void thread_state_save(struct thread_state *t);
void thread_state_load(const struct thread_state *t);

/* ---- entry.S, raw.h ---- */
/* The kernel's value (negative errno). The one place with a syscall instruction. */
long raw_syscall(long nr, long a, long b, long c, long d, long e, long f);

/* ---- util.c ---- */
void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
/* Copies from/to program memory; false if any byte is inaccessible. Fault-safe once signal_init() ran. */
bool engine_peek(gaddr addr, void *to, size_t n_bytes);
bool engine_poke(gaddr addr, const void *from, size_t n_bytes);
/* As many bytes as can be read. */
size_t engine_peek_some(gaddr addr, void *to, size_t n_bytes);
/* Does [addr, addr+n) touch memory of the engine? Programs and hostile recordings must not reach it. */
bool engine_owns(gaddr addr, uint64_t n_bytes);
/* Bump allocator in the engine heap; never freed. Zeroed. */
void *engine_alloc(size_t n_bytes);
/* Copies [start, end) of one file to to_start in another, or up to the first one's end. 0, or negative errno. */
long engine_copy_file(int from, int to, uint64_t start, uint64_t end, uint64_t to_start);
/* The page can be read. */
bool engine_page_is_zero(gaddr page);
/* Text for messages: "%s %d %u %x %lx %ld %lu" subset. Returns length. */
int engine_format(char *buf, size_t n_bytes, const char *fmt, ...);
int engine_format_list(char *buf, size_t n_bytes, const char *fmt, __builtin_va_list ap);
/* An engine bug or an impossible state: NOTE to the recording (if possible), text to stderr, abort. */
_Noreturn void engine_panic(const char *fmt, ...);
#define engine_assert(c) \
    ((c) ? (void)0 : engine_panic("engine: assertion failed: %s (%s:%d)", #c, __FILE__, __LINE__))

/* ---- core.c ---- */
void core_init(void);          /* reads CONTROL->options; maps heap, cache, IBL table */
_Noreturn void core_run(void); /* runs the program from ctx; only way into translated code */
uint64_t core_tick(void);
void core_set_tick(uint64_t tick);
/* Drops translations overlapping [start, end): memory unmapped, changed or no longer executable. */
void core_invalidate(gaddr start, gaddr end);
/* Replay: makes the run stop (core calls replay_stopped()) when tick reaches `tick`, before its first
 * instruction; with rip != 0 before the instruction rip within that tick. UINT64_MAX: never. */
void core_set_stop(uint64_t tick, gaddr rip);
/* Replay: is core_set_stop to be told of the next FAULT event, too? Translated code then destroys dead flags, which a
 * fault would show; not so near a stop. */
bool core_faults_announced(void);
/* Every instruction through hook_insn() from now on (true) or full speed. */
void core_set_hook(bool on);

/* ---- services called by core and special, by mode (sys.c of each side) ---- */
/* The program executes `syscall` at ctx.rip (2 bytes). Do it: set ctx.gpr[RAX], [RCX], [R11], advance
 * ctx.rip (or change all of ctx: sigreturn, execve). Returns normally; core continues at ctx.rip. */
void sys_syscall(void);
/* Value of a non-deterministic instruction at ctx.rip; *aux see trace/format.h. */
uint64_t sys_insn_value(uint32_t kind, uint32_t *aux);
/* An instruction of the program faulted; ctx is exact (rip = the instruction as the kernel reports it).
 * Record: writes FAULT. Replay: compares. Then signal.c delivers or ends. */
void sys_fault(int signo, int code, uint64_t addr, bool fatal);
/* A signal is about to be delivered to a handler (ctx: interrupted state). */
void sys_signal(int signo, const void *siginfo128);
/* The process ends: status >= 0 exit code, < 0 -signo. Record: EXIT event, CHECK, then really ends. Replay: stop. */
_Noreturn void sys_end(int status);
/* Replay: core reached the stop set by core_set_stop. Returns when the host says RUN. */
void replay_stopped(void);
/* A syscall instruction outside the engine was caught (SIGSYS): report. */
_Noreturn void sys_escape(gaddr rip, long nr);

/* ---- signal.c ---- */
#define ENGINE_NSIG 64
struct engine_sigaction {
    uint64_t handler, flags, restorer, mask;
}; /* kernel's struct sigaction */
extern struct engine_sigaction sig_actions[ENGINE_NSIG + 1];
extern uint64_t sig_mask; /* the program's blocked set, bit n-1 */
/* sigsuspend, ppoll and kin were interrupted: sig_mask is theirs for the delivery that follows, and the first frame
 * restores sig_mask_saved. Set by sys_call_finish, taken back by the next sys_call_load. */
extern uint64_t sig_mask_saved;
extern bool sig_mask_is_temporary;
extern uint64_t sig_altstack[3]; /* ss_sp, ss_flags, ss_size */
/* trapno, err, cr2 of the thread's last fault, as the frame of any later signal shows them. */
extern uint64_t sig_fault[3];
void signal_init(bool record);
/* The program has a handler for asynchronous signal signo now: make the engine's the kernel's. */
void signal_take_over(int signo);
/* The program has SIG_DFL for it: the kernel's default, or, where that is death, the engine's handler. */
void signal_release(int signo);
/* The kernel's mask of blocked signals becomes the program's, without those that the engine must receive. */
void signal_tell_mask(void);
/* The same for all signals, at the beginning. */
void signal_init_defaults(void);
/* Delivers to the program's handler: builds the frame on its stack, changes ctx. */
void signal_deliver(int signo, const void *siginfo128);
/* rt_sigreturn: restores ctx (and vector state) from the frame at ctx.gpr[RSP]. */
void signal_return(void);
/* Asynchronous signals queued while the engine could not deliver: called after each recorded syscall. */
void signal_deliver_pending(void);
/* Does the signal that signal_deliver_pending would deliver first want interrupted calls to be restarted? */
bool signal_pending_restarts(void);

/* ---- start.c ---- */
/* Record: the engine's descriptors in this process: the recording's directory, and /proc as the recorder sees it. */
extern int recdir_fd, proc_fd;
extern int ring_fd; /* kept for the next execve: who has another user then could not open it again */

/* ---- maps.c ---- */
struct engine_map {
    gaddr start, end;
    uint32_t prot, flags, file_id;
    uint32_t kind; /* 0 ordinary, 1 stack (grows down), 2 heap (brk), 3 engine (hidden) */
    uint64_t offset;
    char name[64];
};
void maps_init(void);
const struct engine_map *maps_find(gaddr addr); /* NULL: nothing mapped there */
/* Was memory ever mapped shared and writable? */
bool maps_any_shared(void);
int maps_count(void);
const struct engine_map *maps_get(int i);  /* sorted by address */
void maps_add(const struct engine_map *m); /* replaces what it overlaps */
void maps_remove(gaddr start, gaddr end);
void maps_protect(gaddr start, gaddr end, uint32_t prot);

/* ---- hook.c: index log ---- */
void log_kernel_write_before(gaddr addr, uint64_t n_bytes); /* remembers old bytes */
void log_kernel_write_after(void);                          /* logs what was announced */
void log_record(const struct odb_log *head, const void *body, size_t n_bytes);
bool log_active(void);

/* ---- special.c ---- */
/* Stores the xsave image (standard form; x87, SSE, AVX (and AVX-512 when the program may use it)), canonical:
 * all components marked in use, x87 instruction and data pointers zero. Returns bytes. `to` 64-aligned. */
size_t xstate_save(void *to, size_t max_bytes);
void xstate_load(const void *from, size_t n_bytes);

#endif
