/* What the gdb server debugs: one recording, at a position. Two kinds stand behind it:
 *
 *   target_db.c       a recording with an index: everything is a look-up; a position is t
 *   target_replay.c   without one: a replay with checkpoints (replayer/timeline.h); a position is the place in the events
 *
 *     struct target *g;
 *     ODB_TRY(target_open(dir, &(struct target_options){.at = "end"}, &g));
 *     ODB_TRY(target_resume(g, &(struct target_resume){.reverse = true}, &stop));    // reverse-continue
 *     ODB_TRY(target_registers(g, stop.tid, &regs));
 *     target_close(g);
 *
 * A position is a state between two instructions of the recording's total order. The *current thread* is the one that
 * executes the next instruction; other threads stand where they will go on. A target has one position at a time, and
 * is used by one thread; any number of targets may be open on one recording, also in several processes.
 *
 * What stops, going forwards; (in brackets: going backwards)
 *   BREAK     before an instruction at the address executes (the same position)
 *   WATCH     behind the instruction or system call that touched the range (before it)
 *   SYSCALL   before the syscall instruction; and behind it (the same positions, in the other order)
 *   SIGNAL    where the thread was interrupted, before the handler's frame is made (the same position)
 *   FORK, VFORK, CLONE, EXEC, THREAD_EXIT, EXIT     behind it (before it)
 *   START, END                                      of the history
 * Resuming never stops where it is: the first instruction (or signal) is passed.
 *
 * Errors are of the recording or database, or "cannot be done"; after one the position is what target_where() says.
 *
 * Writing: target_write() and target_write_registers() begin a *branch*: a throw-away copy of the run from here, in which
 * resuming executes for real, and system calls are answered harmlessly. target_in_branch() tells. target_leave_branch() goes
 * back to the position where it began. The recording never changes. */
#ifndef ODB_GDB_TARGET_H
#define ODB_GDB_TARGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/regs.h"

struct target;

struct target_options {
    const char *at; /* NULL or "start": before the first instruction; "end"; "T"; "N%"; "event:N" */
    uint32_t
        pid; /* attach where this process runs (for "start": its first instruction; "end": its last); 0: any */
    bool no_index; /* do not use index.db though it is there: tests, benchmarks */
};

struct odb_err *target_open(const char *dir, const struct target_options *opt, struct target **ret)
    ODB_MUST_CHECK;
/* NULL is fine. */
void target_close(struct target *g);

/* ---- where ---- */

struct target_position {
    bool has_t;
    uint64_t t;     /* with an index */
    uint64_t event; /* ordinal of the next event; UINT64_MAX: not known */
    uint64_t tick;  /* of the current thread; with an index: UINT64_MAX, not known */
    uint64_t run;   /* order of runs of threads; without an index only */
    bool
        in_signal; /* has_t: the position is before the delivery of the signal that comes before instruction t */
    uint32_t pid, tid;
    gaddr rip;
};
void target_where(struct target *g, struct target_position *ret);
/* Earlier: < 0. */
int target_compare(const struct target_position *a, const struct target_position *b);
/* To a position that target_where() gave. */
struct odb_err *target_seek(struct target *g, const struct target_position *to) ODB_MUST_CHECK;
/* To what a user says: "start", "end", "N%", "event:N", or a number (t; without an index an error that says so). */
struct odb_err *target_seek_text(struct target *g, const char *where) ODB_MUST_CHECK;
bool target_has_index(const struct target *g);
const char *target_dir(const struct target *g);
/* The index; NULL without. Borrowed. */
struct odb_db *target_database(struct target *g);

/* ---- the state here ---- */

struct target_thread {
    uint32_t pid, tid;
    char name[32];
};
/* Alive here, the current thread first. *ret is owned by the caller (free). */
struct odb_err *target_threads(struct target *g, struct target_thread **ret, size_t *ret_n) ODB_MUST_CHECK;

struct target_regs {
    uint64_t gpr[16]; /* order of enum odb_gpr (common/regs.h): rax, rcx, rdx, rbx, rsp, ... */
    uint64_t rip, rflags, fs_base, gs_base;
    uint64_t orig_rax;           /* at and behind a system call its number, else -1 */
    uint8_t st[8][10];           /* x87, st(0) first */
    uint16_t fctrl, fstat, ftag; /* ftag: the full 16-bit form */
    uint32_t mxcsr;
    uint8_t vec[32][64]; /* zmm; as far as vector_bytes says */
    uint64_t k[8];
    unsigned vector_bytes; /* 32: ymm0-15; 64: zmm0-31 and k0-7 */
};
/* tid 0: the current thread. */
struct odb_err *target_registers(struct target *g, uint32_t tid, struct target_regs *ret) ODB_MUST_CHECK;
/* 32 or 64; the same over the whole recording. */
unsigned target_vector_bytes(const struct target *g);

/* pid 0: the current process. *ret_n: bytes readable from addr on; 0 is no error. */
struct odb_err *target_read(struct target *g, uint32_t pid, gaddr addr, void *to, size_t n_bytes,
                            size_t *ret_n) ODB_MUST_CHECK;

struct target_map {
    gaddr start, end;
    uint64_t offset;
    char prot[5];         /* "rwxp", "r--s" */
    char name[4096 - 32]; /* path, [stack], or "" */
};
/* *ret owned by the caller (free). */
struct odb_err *target_maps(struct target *g, uint32_t pid, struct target_map **ret, size_t *ret_n)
    ODB_MUST_CHECK;
/* The auxiliary vector of the process's last exec; n_bytes of auxv entries. Owned by the caller. */
struct odb_err *target_auxv(struct target *g, uint32_t pid, uint8_t **ret, size_t *ret_n) ODB_MUST_CHECK;
/* Path, in the recorded file system, of the program of the process. Owned by the caller. */
struct odb_err *target_exec_file(struct target *g, uint32_t pid, char **ret) ODB_MUST_CHECK;
/* A file as the recording keeps it: opens its copy, read only. *ret -1: it has none of that path. */
struct odb_err *target_open_file(struct target *g, const char *path, int *ret_fd) ODB_MUST_CHECK;
/* Arguments of the process's last exec, one line. Owned by the caller. */
struct odb_err *target_command_line(struct target *g, uint32_t pid, char **ret) ODB_MUST_CHECK;

/* ---- stops ---- */

enum target_stop_kind {
    TARGET_STOP_NONE = 0,
    TARGET_STOP_STEP,          /* the steps asked for are done */
    TARGET_STOP_BREAK,         /* tid is about to execute `addr` */
    TARGET_STOP_WATCH,         /* addr: the watched range's begin */
    TARGET_STOP_SYSCALL_ENTRY, /* number: nr */
    TARGET_STOP_SYSCALL_RETURN,
    TARGET_STOP_SIGNAL, /* signo; siginfo by target_siginfo() */
    TARGET_STOP_FORK,
    TARGET_STOP_VFORK,
    TARGET_STOP_CLONE, /* other_pid, other_tid: who was made */
    TARGET_STOP_VFORK_DONE,
    TARGET_STOP_EXEC, /* text: path */
    TARGET_STOP_THREAD_EXIT,
    TARGET_STOP_EXIT,  /* a process of several ended; status: exit code, or -signo */
    TARGET_STOP_START, /* going backwards: nothing is before */
    TARGET_STOP_END, /* going forwards: nothing comes. status: as EXIT, of the first process; INT32_MIN: not known */
    TARGET_STOP_INTERRUPTED, /* target_interrupt() */
};
enum target_watch_kind {
    TARGET_WATCH_WRITE = 2,
    TARGET_WATCH_READ = 3,
    TARGET_WATCH_ACCESS = 4 /* as in Z packets */
};

struct target_stop {
    enum target_stop_kind kind;
    uint32_t pid, tid;
    uint32_t other_pid, other_tid;
    gaddr addr;
    enum target_watch_kind watch;
    long number;
    int signo;
    int32_t status;
    char text[4096];
};

/* Breakpoints and watched ranges. pid 0: of every process. The same one twice is kept once. Code need not exist yet.
 * Thousands of both cost nothing until hit. */
struct odb_err *target_insert_break(struct target *g, uint32_t pid, gaddr addr) ODB_MUST_CHECK;
struct odb_err *target_remove_break(struct target *g, uint32_t pid, gaddr addr) ODB_MUST_CHECK;
/* Reads are not in an index: with one, READ and ACCESS are found by replay, or refused by name. */
struct odb_err *target_insert_watch(struct target *g, uint32_t pid, enum target_watch_kind kind, gaddr addr,
                                    uint64_t n_bytes) ODB_MUST_CHECK;
struct odb_err *target_remove_watch(struct target *g, uint32_t pid, enum target_watch_kind kind, gaddr addr,
                                    uint64_t n_bytes) ODB_MUST_CHECK;

/* What is asked for besides them, in force until changed. */
struct target_catch {
    bool syscalls;           /* stop at system calls ... */
    const uint16_t *numbers; /* ... of these numbers; NULL: all. Copied. */
    size_t n_numbers;
    uint64_t pass_signals; /* common/sigset.h: do not stop there */
    bool forks, vforks, execs, thread_events /* CLONE, THREAD_EXIT */, exits;
};
struct odb_err *target_set_catch(struct target *g, const struct target_catch *c) ODB_MUST_CHECK;

struct target_resume {
    bool reverse;
    bool step; /* until `tid` (0: the current thread) has executed one instruction; others run as recorded */
    gaddr range_start, range_end; /* step: and is outside [start, end); both 0: exactly one */
    uint32_t tid;
    /* Called at each BREAK before it counts, with the target at that place; false: go on. May read registers and memory, no
     * more. NULL: every hit counts. */
    bool (*wanted)(void *ctx, struct target *g, uint32_t pid, uint32_t tid, gaddr addr);
    void *ctx;
};
struct odb_err *target_resume(struct target *g, const struct target_resume *how, struct target_stop *ret)
    ODB_MUST_CHECK;
/* From a signal handler or another thread: a resume under way ends soon with INTERRUPTED, one not begun yet at once. */
void target_interrupt(struct target *g);

/* siginfo_t of the SIGNAL stop here. *ret_n 0: there is none. */
struct odb_err *target_siginfo(struct target *g, uint32_t tid, uint8_t ret[128], size_t *ret_n)
    ODB_MUST_CHECK;

/* ---- throw-away branches ---- */

struct odb_err *target_write(struct target *g, uint32_t pid, gaddr addr, const void *from, size_t n_bytes)
    ODB_MUST_CHECK;
struct odb_err *target_write_registers(struct target *g, uint32_t tid, const struct target_regs *regs)
    ODB_MUST_CHECK;
bool target_in_branch(const struct target *g);
struct odb_err *target_leave_branch(struct target *g) ODB_MUST_CHECK;

/* For those who implement one: target_open() in target.c chooses; each operation is a function in this table. */
struct target_ops;
struct target_files;
struct target {
    const struct target_ops *ops;
    char *dir; /* owned */
    _Atomic bool interrupted;
};
struct target_ops {
    void (*close)(struct target *g);
    void (*where)(struct target *g, struct target_position *ret);
    struct odb_err *(*seek)(struct target *g, const struct target_position *to);
    struct odb_err *(*seek_text)(struct target *g, const char *where);
    struct odb_db *(*database)(struct target *g); /* NULL: no index */
    struct odb_err *(*threads)(struct target *g, struct target_thread **ret, size_t *ret_n);
    struct odb_err *(*registers)(struct target *g, uint32_t tid, struct target_regs *ret);
    unsigned (*vector_bytes)(const struct target *g);
    struct odb_err *(*read)(struct target *g, uint32_t pid, gaddr addr, void *to, size_t n, size_t *ret_n);
    struct odb_err *(*maps)(struct target *g, uint32_t pid, struct target_map **ret, size_t *ret_n);
    struct odb_err *(*auxv)(struct target *g, uint32_t pid, uint8_t **ret, size_t *ret_n);
    struct odb_err *(*exec_file)(struct target *g, uint32_t pid, char **ret);
    struct odb_err *(*command_line)(struct target *g, uint32_t pid, char **ret);
    /* The recording's files (gdb/target_common.h), borrowed until close. */
    struct odb_err *(*files)(struct target *g, const struct target_files **ret);
    struct odb_err *(*insert_break)(struct target *g, uint32_t pid, gaddr addr);
    struct odb_err *(*remove_break)(struct target *g, uint32_t pid, gaddr addr);
    struct odb_err *(*insert_watch)(struct target *g, uint32_t pid, enum target_watch_kind kind, gaddr addr,
                                    uint64_t n);
    struct odb_err *(*remove_watch)(struct target *g, uint32_t pid, enum target_watch_kind kind, gaddr addr,
                                    uint64_t n);
    struct odb_err *(*set_catch)(struct target *g, const struct target_catch *c);
    struct odb_err *(*resume)(struct target *g, const struct target_resume *how, struct target_stop *ret);
    void (*interrupt)(struct target *g); /* async-signal-safe */
    struct odb_err *(*siginfo)(struct target *g, uint32_t tid, uint8_t ret[128], size_t *ret_n);
    struct odb_err *(*write)(struct target *g, uint32_t pid, gaddr addr, const void *from, size_t n);
    struct odb_err *(*write_registers)(struct target *g, uint32_t tid, const struct target_regs *regs);
    bool (*in_branch)(const struct target *g);
    struct odb_err *(*leave_branch)(struct target *g);
};
struct odb_err *target_db_open(const char *dir, const struct target_options *opt, struct target **ret)
    ODB_MUST_CHECK;
struct odb_err *target_replay_open(const char *dir, const struct target_options *opt, struct target **ret)
    ODB_MUST_CHECK;

#endif
