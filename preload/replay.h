/* Replay inside the engine: the parts of the vessel, and what they offer each other. Freestanding.
 *
 *   vessel.c          first instruction of a vessel; the host's commands
 *   replay_world.c    the vessels of one replay position: whose turn it is, forks, checkpoints (world.h)
 *   replay_threads.c  the threads of this vessel as contexts in its one kernel thread
 *   replay_tasks.c    threads and processes begin and end: clone, exit, execve, and the TASK and EXIT events
 *   replay_events.c   the order of things: who runs next, what comes without being asked for, where the host wants to stop
 *   replay_cursor.c   the event stream, as a sliding window
 *   replay_image.c    builds a recorded program image (EXEC)
 *   replay_live.c     memory that is shared: files mapped shared, anonymous shared memory
 *   replay_maps.c     calls that change the memory map, done again at the recorded addresses
 *   replay_output.c   which descriptors are the program's stdout and stderr; repeating what it wrote
 *   sys_replay.c      the services of sys.h: compares with the recording, puts outputs back
 *
 * Where replay may stop. Every stop is made in C, on the engine stack, with ctx complete and the program's
 * vector state in the registers; vessel_stop() reports it and obeys commands until the host says RUN.
 * That includes FORK, so a checkpoint can be taken at any stop, and the copy continues from the same place.
 *
 * Where threads change. Only where ctx is complete, too: the thread that stops running is at an instruction that it has not
 * executed. replay_switch() never returns: the next thread begins on an empty engine stack. */
#ifndef ODB_PRELOAD_REPLAY_H
#define ODB_PRELOAD_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "model/model.h"
#include "preload/engine.h"
#include "preload/world.h"

#define WORLD ((struct odb_world *)ODB_SHARED_ADDR)

/* ---- replay_cursor.c ---- */
struct cursor {
    uint64_t offset; /* stream offset of the next event */
    uint64_t base;   /* stream offset of the window's first byte */
    uint64_t limit;  /* events that begin below it are in the window as a whole */
};
extern struct cursor cursor;
const struct odb_event *cursor_slow(void);
void cursor_init(void);
/* Another vessel went on to this offset. */
void cursor_seek(uint64_t offset);
/* The next event, NULL at the end of the stream. Waits for the host. The window may move when a main
 * event is peeked at, never within CURSOR_FOLLOWERS_BYTES behind it: pointers into one main event and its
 * followers stay good that far. */
static inline const struct odb_event *cursor_peek(void)
{
    if (__builtin_expect(cursor.offset < cursor.limit, 1))
        return (const struct odb_event *)(ODB_EVENTS_ADDR + (cursor.offset - cursor.base));
    return cursor_slow();
}
/* Goes over the event that cursor_peek() returned. */
static inline void cursor_take(const struct odb_event *ev) { cursor.offset += ev->size_bytes; }
/* The next event, which must be a MEM that follows the one taken last; a bad recording ends here. */
const struct odb_ev_mem *cursor_mem(void);

/* ---- replay_image.c ---- */
/* The event at the cursor is an EXEC: makes the program's memory and ctx what it says. */
void image_build(void);
/* How far the stack may grow. */
void image_stack_limit(uint64_t limit_bytes);
/* Remembers the name of a captured file (FILE event); the name of a file id, "" when unknown. */
void image_note_file(const struct odb_ev_file *ev);
const char *image_file_name(uint32_t file_id);
/* What the recording says of a captured file; NULL: there is no such file. */
const struct odb_world_file *image_file_identity(uint32_t file_id);
/* Opens files/<file_id> for reading; the kernel's value. */
long image_open_file(uint32_t file_id);
/* mmap of a captured file at a fixed address: of files/<file_id>, private, or of its live copy
 * (replay_live.c) when it is, or by `flags` becomes, mapped shared. The kernel's value. */
long image_map_file(uint32_t file_id, gaddr addr, uint64_t len_bytes, uint32_t prot, uint32_t flags,
                    uint64_t offset);
/* mmap of new anonymous memory at a fixed address, private or shared by `flags`. */
long image_map_anonymous(gaddr addr, uint64_t len_bytes, uint32_t prot, uint32_t flags);
/* Copies into the program's memory, over guarded code pages too. False: not writable memory. */
bool replay_poke(gaddr addr, const void *from, uint64_t len_bytes);
/* Is [addr, addr+len) program memory that a recording may name: canonical, page-aligned if asked, not ours? */
bool replay_range_ok(gaddr addr, uint64_t len_bytes, bool aligned);

/* ---- replay_live.c ---- */
/* True: the mapping was made of a live copy (or failed), *ret is the kernel's value. False: the file is not live. */
bool live_map(uint32_t file_id, gaddr addr, uint64_t len_bytes, uint32_t prot, uint32_t flags,
              uint64_t offset, long *ret);
/* New anonymous memory that forks share. */
long live_map_anonymous(gaddr addr, uint64_t len_bytes, uint32_t prot);
/* The file behind m was found to reach up to address end. False: it is not live. */
bool live_extend(const struct engine_map *m, gaddr end);
/* A captured file was written, or (len 0) its size became offset: matters when it is live. False: cannot be. */
bool live_write(uint32_t file_id, uint64_t offset, const void *data, uint64_t len_bytes);
/* It is our turn again: other vessels may have made files live, or longer. */
void live_arrived(void);
/* In a copy of this vessel that belongs to another world: the shared memory becomes that world's. */
long live_moved(uint32_t old_world, uint32_t new_world);

/* ---- replay_maps.c ---- */
/* Does a MODEL_REEXEC call again; the recorded result is c->result. NULL: as recorded. Else what failed. */
const char *replay_maps_call(const struct model_call *c, uint32_t file_id);
void replay_maps_set_brk(gaddr brk);
gaddr replay_maps_brk(void);
/* In the child of a recorded fork: what MADV_DONTFORK and MADV_WIPEONFORK asked for. */
void replay_maps_forked(void);

/* ---- replay_output.c ---- */
#define OUTPUT_MAX_FD 4096
/* Descriptors of one or more processes: origin 1 descends from the program's stdout, 2 from its stderr, 0 is something
 * else; closes: bit fd, close-on-exec, kept up to date for descriptors with an origin. */
struct replay_fds {
    struct replay_fds *next_free;
    uint32_t refs;
    uint8_t origin[OUTPUT_MAX_FD];
    uint8_t closes[OUTPUT_MAX_FD / 8];
};
void output_init(struct replay_fds *fds);
/* execve closes some. */
void output_exec(struct replay_fds *fds);
int output_origin(uint64_t fd);
/* After a call: repeats what it sent, follows descriptors. */
void output_after_call(const struct model_syscall *m, const struct model_call *c);

/* ---- replay_threads.c ---- */
struct replay_sighand {
    struct replay_sighand *next_free;
    uint32_t refs;
    struct engine_sigaction actions[ENGINE_NSIG + 1];
};
struct replay_thread {
    struct thread_state state;
    uint64_t fs_base, gs_base, tick;
    uint32_t tid, pid;   /* as events name it */
    uint32_t number;     /* in this vessel */
    struct odb_pos call; /* of its last SWITCH CALL: others ran between what the call read and its event */
    bool used;
    bool is_new; /* its TASK event has not come */
    struct replay_sighand *sighand;
    struct replay_fds *fds;
    _Alignas(64) uint8_t xstate[4096];
};
/* The thread whose state is in ctx, in the CPU's registers and in sig_actions: the running one, or the one that ran here last.
 * NULL: it is gone. */
extern struct replay_thread *replay_current;
struct replay_thread *thread_by_number(uint32_t number);
/* By tid; NULL: not in this vessel. */
struct replay_thread *thread_find(uint32_t tid);
/* The state of replay_current also into its struct. */
void thread_sync(void);
/* t's state into ctx and the registers. */
void thread_make_current(struct replay_thread *t);
/* A new thread as a copy of `from`, whose struct is up to date; flags as of clone decide what they share. NULL: too many. */
struct replay_thread *thread_copy(const struct replay_thread *from, uint64_t flags);
/* The first thread of an image: `fds` of the one that executed it, or NULL. Becomes replay_current. */
struct replay_thread *thread_first(struct replay_fds *fds);
void thread_remove(struct replay_thread *t);
/* Number i from 0 of those in use; NULL: no more. */
struct replay_thread *thread_each(uint32_t i);
/* All of a process, or (others) all of other processes; the struct stays if it is `but`. */
void thread_remove_process(uint32_t pid, bool others, const struct replay_thread *but);
/* Threads of this vessel, and those of other processes than pid. */
uint32_t thread_count(void);
bool thread_has_others(uint32_t pid);
void thread_bases_set(uint64_t fs, uint64_t gs);

/* ---- replay_tasks.c ---- */
/* The SYSCALL event of a clone, fork or vfork that worked, before its outputs: makes the child. In a forked child it does not
 * return. */
void task_cloned(const struct model_call *c, const struct odb_ev_syscall *ev);
bool task_is_clone(uint64_t nr);
/* The event is the TASK of a thread that does not exist yet: of a vfork child. In a forked child it does not return. */
void task_vforked(const struct odb_ev_task *ev);
/* What a clone, clone3, fork or vfork asks for, without the exit signal. */
uint64_t task_clone_flags(const struct model_call *c);
/* The thread of this process that is about to replace it: EXEC names it by its new number. NULL: none is here. */
const struct replay_thread *task_in_exec(uint32_t pid);
/* The running thread begins; its TASK event is next. */
void task_begin(void);
/* The program is in exit, exit_group, or an execve: true when what follows was done. */
bool task_leaves(const struct model_call *c);
/* The event at the cursor ends the process of the running thread. */
_Noreturn void task_process_ends(const struct odb_ev_exit *ev);
/* The event at the cursor is the first EXEC of the recording, or that of the running thread. */
void task_exec(void);

/* ---- replay_world.c ---- */
extern uint32_t world_me; /* this vessel's number */
void world_init(void);    /* the first vessel of the first world */
struct odb_world_task *world_task(uint32_t tid);
struct odb_world_task *world_task_of_process(uint32_t pid);
void world_task_add(const struct replay_thread *t); /* in this vessel */
void world_task_remove(uint32_t tid);
void world_process_remove(uint32_t pid);
/* A new vessel as a copy of this one. Returns its number in the parent, -1 in the child, whose world_me it is. `give`: it
 * has the turn from its beginning on. */
int world_fork(bool give);
/* Gives the turn to another vessel and returns when it comes back. */
void world_pass(uint32_t vessel);
/* Sleeps until it is our turn. */
void world_wait(void);
/* Gives the turn to another vessel, for ever. */
_Noreturn void world_leave(uint32_t vessel);
/* Memory of another vessel is written as replay_poke() would. */
bool world_write(uint32_t vessel, gaddr addr, const void *data, uint64_t len_bytes);
/* Asks a sleeping vessel; the result. */
long world_ask(uint32_t vessel, uint32_t request);
/* All other vessels fork into the world in slot CONTROL->cmd.slot. 0, or negative errno. */
long world_checkpoint_others(void);
/* In a copy: this is the world in that slot now. */
long world_enter(uint32_t slot);
/* In the copy that has the turn: all others are there. */
void world_wait_complete(void);

/* ---- vessel.c ---- */
/* Maps a slot's control page, log, and world. */
void vessel_use_slot(uint32_t slot);
/* Requests to a vessel that sleeps, but forks. */
long vessel_serve(uint32_t request);
/* Fills in what all stops share, reports, and obeys commands until RUN. */
void vessel_stop(uint32_t reason, int32_t status);
/* Fills in what all stops share, no more. */
void vessel_describe(uint32_t reason, int32_t status);
/* t ran last; nobody runs now. */
void vessel_note_ran(const struct replay_thread *t);
/* What only some stops say becomes empty. */
void vessel_clear_details(void);
/* The same, for ever: nothing can run on from here. */
_Noreturn void vessel_stay(uint32_t reason, int32_t status);
/* ODB_STOP_ERROR with text, for ever. */
_Noreturn void replay_error(const char *fmt, ...);
/* Text of the coming stop. */
void vessel_text(const char *fmt, ...);
/* Index: the registers as they are now (ODB_LOG_START): at the beginning, at a switch, and after a signal changed them. */
void vessel_log_start(void);
/* Index: the log is (nearly) full; returns when the host has consumed it. hook.c starts anew. */
void vessel_log_full(void);
/* An engine panic in a vessel: tells the host, ends the process. */
_Noreturn void vessel_panic(const char *text);

/* ---- replay_events.c ---- */
/* A difference: reported, and nothing runs on. */
_Noreturn void replay_diverged(uint32_t kind, uint32_t reg, uint64_t expected, uint64_t found, gaddr addr,
                               const char *what);
void replay_compare_position(uint64_t tick, gaddr rip, const char *what);
/* The next event that the program must account for; those that are not its doing are gone over. NULL: the end. */
const struct odb_event *replay_main_event(void);
/* The running thread is about to do something of this type: is that what comes next? Stops for the host first. */
const struct odb_event *replay_next(uint16_t type);
/* What an event of this type is, for people. */
const char *replay_type_name(uint32_t type);
/* A filter of the program's own made a signal of a system call. */
bool replay_is_trap(const struct odb_event *ev);
/* The event at the cursor is a SIGNAL for the running thread, which is where it comes. */
void replay_deliver(const struct odb_ev_signal *ev);
/* Goes over a SYSCALL, INSN, FAULT or SIGNAL event. */
void replay_taken(const struct odb_event *ev);
_Noreturn void replay_end_of_stream(void);
/* Between two things that the program does: is the next event one that it does not ask for? at_rest: ctx is complete, so
 * what is due at once may happen at once. */
void replay_look_ahead(bool at_rest);
/* The running thread begins a run, or a new image: that has a number of its own. */
void replay_new_run(void);
/* The running thread does not go on, or is gone: whoever the stream names does. */
_Noreturn void replay_switch(void);
/* The same in a vessel that does not have the turn. */
_Noreturn void replay_sleep(void);
/* The host asks: can what comes next in the recording still come? Else it is a divergence. */
void replay_interrupted(void);
/* Index: a log begins with the registers. */
void replay_log_begin(void);
void replay_log_event(uint16_t kind, const struct odb_event *ev);
/* A RUN command came: where to stop. NULL, or why it cannot be. *ret_at_once: the wanted position is here. */
const char *replay_set_run(const struct odb_run *run, bool *ret_at_once);

/* ---- sys_replay.c ---- */
/* MEM events that follow the one taken last: inputs are compared, outputs written. */
void replay_take_memory(uint32_t n_mem);
/* The SYSCALL event of exit or exit_group, where there is one. Returns the main event behind it. */
const struct odb_event *sys_replay_exit_call(void);
/* The first events are behind us, ctx is the program's first state: look at what comes. */
void replay_begin(void);

/* ---- sys_branch.c: WORLD->branch, nothing of the recording counts any more ---- */
void sys_branch_syscall(void);
void sys_branch_fault(int signo, int code, uint64_t addr, bool fatal);
/* The host wrote registers: at a signal, they are where it goes on. */
void branch_registers_changed(void);

/* ---- hook.c ---- */
/* Another thread runs: what was logged of the x87 state is not its. */
void hook_switched(void);

#endif
