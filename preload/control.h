/* The page that engine and host share: recorder while recording, replayer or indexer on replay.
 *
 * It is a MAP_SHARED file at ODB_CONTROL_ADDR. While recording it is the start of the recording's
 * `ring` file, so that events survive a SIGKILL of both sides:
 *     file offset 0                  struct odb_control, ODB_CONTROL_BYTES reserved
 *     file offset ODB_CONTROL_BYTES  the ring, ODB_RING_BYTES, mapped twice in a row at ODB_RING_ADDR
 *     behind it                      struct odb_shared (preload/shared.h), ODB_SHARED_BYTES
 *     behind that                    an empty look-up table of the engine's (cache.c), ODB_IBL_BYTES
 *
 * Ring (record). Offsets only grow; byte o of the stream is at ring[o % ODB_RING_BYTES].
 *   engine  writes an event, then stores ring_head (release): the event exists.
 *   host    reads up to ring_head (acquire), writes it to `events`, then stores ring_tail (release).
 *   engine  needs head + size - tail <= ODB_RING_BYTES; else it sets engine_waiting, and waits with
 *           FUTEX_WAIT on ring_space (host increments it and wakes after each drain).
 *   host    sleeps with FUTEX_WAIT on ring_data (timeout 20 ms); the engine increments and wakes it when
 *           the ring is a quarter full or the host asked by host_waiting... never on every event.
 *
 * Commands (replay). One at a time:
 *   host    fills cmd, increments cmd_seq (release), wakes.   engine  waits on cmd_seq.
 *   engine  does it, fills stop, stores ack_seq = cmd_seq, wakes.   host  waits on ack_seq
 *           (and watches the vessel's pidfd, so that a dead vessel is an error, not a hang).
 *
 * Freestanding-safe. */
#ifndef ODB_PRELOAD_CONTROL_H
#define ODB_PRELOAD_CONTROL_H

#include <stdatomic.h>
#include <stdint.h>

#include "common/layout.h"
#include "common/regs.h"
#include "trace/format.h"

#define ODB_CONTROL_MAGIC 0x6c72746362646fULL /* "odbctrl" */
#define ODB_CONTROL_VERSION 2

enum odb_mode {
    ODB_MODE_BARE = 0 /* engine only, nothing recorded: tests and benchmarks */,
    ODB_MODE_RECORD = 1,
    ODB_MODE_REPLAY = 2,
    ODB_MODE_INDEX = 3
};

enum {
    ODB_OPT_CHECK = 1,           /* record: write CHECK events; replay: verify them */
    ODB_OPT_NO_VECTOR_TICKS = 2, /* count ticks in memory although AVX-512 registers are free */
    ODB_OPT_NO_SUPERBLOCKS = 4,
    ODB_OPT_TRACE_HOOK = 8, /* call the per-instruction hook (index, lock-step comparer) */
    ODB_OPT_NO_OUTPUT = 16, /* replay: do not repeat output to stdout and stderr */
};

enum odb_cmd_kind {
    ODB_CMD_NONE = 0,
    ODB_CMD_RUN,  /* run until cmd.run says stop, or the end */
    ODB_CMD_REGS, /* thread cmd.tid: stop.regs, stop.tick, and xstate into data[] (struct odb_xstate) */
    ODB_CMD_READ, /* cmd.mem: read memory into data[]; result: bytes readable */
    ODB_CMD_FORK, /* fork a checkpoint: the copies of all vessels map slot cmd.slot (world.h) and wait for commands */
    ODB_CMD_QUIT,
    ODB_CMD_WRITE, /* in a branch: cmd.len_bytes of data[] to cmd.addr in process cmd.pid; result: bytes */
    ODB_CMD_SET_REGS, /* in a branch: thread cmd.tid; data[]: struct odb_regs, then struct odb_xstate (bytes 0: as it is) */
    ODB_CMD_MAPS, /* memory map of process cmd.pid from entry number cmd.addr on: struct odb_log_map; result: entries */
};

enum odb_stop_reason {
    ODB_STOP_NONE = 0,
    ODB_STOP_READY,    /* vessel is up and waits for its first command */
    ODB_STOP_POSITION, /* (tick, rip) reached; the instruction at rip has not run */
    ODB_STOP_EVENT,    /* event cmd.run.event is the next to be consumed: its instruction has not run */
    ODB_STOP_END,      /* the recording's end: exit, fatal signal, or no more events */
    ODB_STOP_DIVERGED, /* stop.divergence says where and how */
    ODB_STOP_LOG_FULL, /* index: the log must be consumed; RUN again to go on */
    ODB_STOP_ERROR,    /* the command or the recording is bad: stop.text */
    ODB_STOP_DONE,     /* READ, REGS, FORK done */
    /* Only with ODB_RUN_STOPS (replayer/debug.h). */
    ODB_STOP_BREAK,          /* a breakpoint is at regs.rip, whose instruction is executed next */
    ODB_STOP_WATCH,          /* behind the instruction `by`, which touched watch_addr */
    ODB_STOP_SYSCALL_ENTRY,  /* system call `number` is made next */
    ODB_STOP_SYSCALL_RETURN, /* behind it */
    ODB_STOP_SIGNAL,         /* `signo` is delivered next, or kills; a fault: at its instruction */
    ODB_STOP_TASK,           /* behind the beginning or end of a task: task_kind */
    ODB_STOP_INTERRUPTED,    /* CONTROL->interrupt was set */
};

struct odb_run {
    uint32_t flags;      /* ODB_RUN_* */
    uint32_t tid;        /* ODB_RUN_TO_POS: of this thread; 0: of any */
    uint64_t tick;       /* ODB_RUN_TO_POS: stop before executing rip at this tick */
    uint64_t rip;        /* 0: at the first instruction of that tick */
    uint64_t event;      /* ODB_RUN_TO_EVENT: ordinal of a SYSCALL/INSN/FAULT/SIGNAL event, from 0 */
    uint64_t run_number; /* ODB_RUN_TO_RUN */
    uint64_t steps;      /* ODB_RUN_STEPS */
};
/* Whatever comes first. At the same place: WATCH, TASK, SYSCALL_RETURN, then POSITION and EVENT, then BREAK, SYSCALL_ENTRY,
 * SIGNAL. */
enum {
    ODB_RUN_TO_POS = 1,
    ODB_RUN_TO_EVENT = 2,
    ODB_RUN_HOOK = 4,  /* hook every instruction from here */
    ODB_RUN_STOPS = 8, /* breaks, watches, catches (world.h) are in force */
    ODB_RUN_STEPS =
        16, /* POSITION behind `steps` completed instructions of `tid` (0: of any), others run as recorded */
    /* POSITION before the first instruction of the first run of a thread whose number is >= run_number. With TO_POS: the
     * position counts only from then on, and only it stops. */
    ODB_RUN_TO_RUN = 32,
    /* with STOPS: they do not stop, but count in control->n_hits, and the last one is kept in control->last_hit */
    ODB_RUN_LAST = 64,
    /* with STOPS: BREAK, SYSCALL_ENTRY and SIGNAL of the very first instruction count, too */
    ODB_RUN_HERE = 128,
};

/* Why replay and recording differ. `what` names it; `expected`/`found` are the values, by kind. */
enum odb_divergence_kind {
    ODB_DIV_NONE = 0,
    ODB_DIV_TICK,
    ODB_DIV_RIP,
    ODB_DIV_SYSCALL_NR,
    ODB_DIV_REGISTER,
    ODB_DIV_EVENT_TYPE,
    ODB_DIV_INPUT_MEMORY,
    ODB_DIV_PAGE,
    ODB_DIV_VECTOR,
    ODB_DIV_FAULT,
    ODB_DIV_RESULT,
    ODB_DIV_ESCAPE,
    ODB_DIV_EARLY_END,
    ODB_DIV_BAD_EVENT,
};
struct odb_divergence {
    uint32_t kind;
    uint32_t reg;           /* enum odb_gpr / odb_reg of the first differing register */
    uint64_t event;         /* ordinal of the event compared */
    uint64_t stream_offset; /* of that event */
    uint64_t tick, rip;     /* where replay is */
    uint64_t expected, found;
    uint64_t addr; /* page or byte */
    char what[160];
};

enum odb_task_kind {
    ODB_TASK_NONE = 0,
    ODB_TASK_FORK,  /* behind the call; other_*: the child */
    ODB_TASK_VFORK, /* at the child's beginning, while the parent waits (or behind the call, if it need not) */
    ODB_TASK_CLONE, /* a thread, or a process in the same memory */
    ODB_TASK_VFORK_DONE,
    ODB_TASK_EXEC,        /* before the new image's first instruction */
    ODB_TASK_THREAD_EXIT, /* before the next instruction of whoever runs then, like EXIT; other_*: who ended */
    ODB_TASK_EXIT,        /* process other_pid; status */
};

/* Where an instruction was executed: run_number counts the runs of threads (a switch, execve, a beginning). Within a run ticks
 * do not fall, within a tick rip grows; event is the ordinal of the next event. */
struct odb_place {
    uint64_t run_number, tick, rip, event;
    uint32_t tid, pid;
};

struct odb_stop {
    uint32_t reason; /* enum odb_stop_reason */
    int32_t status;  /* END: exit code or -signo; FORK: pid; READ: bytes; ERROR: negative errno */
    uint32_t tid, pid;
    uint64_t tick;
    uint64_t event;         /* ordinal of the next event */
    uint64_t stream_offset; /* of the next event */
    uint64_t insns;         /* hook modes: instructions completed since the start = t */
    struct odb_regs regs;
    char text[160];
    struct odb_divergence divergence;
    uint64_t run_number;
    uint32_t phase; /* 0 */
    uint32_t task_kind;
    uint64_t steps; /* ODB_RUN_STEPS: done */
    struct odb_place
        by; /* WATCH, TASK, STEPS: the instruction that did it, or the last one stepped; run_number 0: none */
    uint64_t watch_addr; /* first byte of the watched range */
    uint64_t watch_bytes;
    uint32_t watch_kind; /* as the watch was asked for */
    int32_t signo;
    int64_t number; /* of the system call */
    uint32_t other_tid, other_pid;
    uint32_t task_tid, task_pid; /* TASK: who did it: the parent, or who ended */
    int32_t task_status;         /* TASK EXIT: exit code, or -signo */
    uint32_t has_siginfo;
    uint8_t siginfo[128];
};

/* Answer of ODB_CMD_REGS in data[]: the xsave image, standard form. */
struct odb_xstate {
    uint32_t bytes;
    uint32_t reserved;
    uint64_t mask; /* components present */
    uint8_t image[4096 - 16];
};

struct odb_cmd {
    uint32_t kind; /* enum odb_cmd_kind */
    uint32_t slot; /* FORK */
    uint32_t tid;  /* REGS: of this thread; 0: of the one that runs */
    uint32_t pid;  /* READ: memory of this process; 0: of the one that runs */
    uint64_t addr; /* READ */
    uint64_t len_bytes;
    struct odb_run run;
};

#define ODB_DATA_BYTES 0x80000

/* Descriptors that a vessel inherits from the host, by fixed number; all others are closed. Control slot
 * and log buffer number n are at n * ODB_CONTROL_BYTES and n * ODB_LOG_BYTES; a vessel begins in slot 0. */
enum {
    ODB_VESSEL_CONTROL_FD = 3,
    ODB_VESSEL_EVENTS_FD = 4,
    ODB_VESSEL_RECDIR_FD = 5,
    ODB_VESSEL_OUT_FD = 6, /* 6 and 7: where to repeat stdout and stderr, when open */
    ODB_VESSEL_LOG_FD = 8,
};

struct odb_control {
    /* 0: identity and set-up, written by the host before the engine runs */
    uint64_t magic;
    uint32_t version;
    uint32_t mode;
    uint32_t options;
    uint32_t cpu_policy;
    /* Stream offset (trace/format.h) of ring offset 0: bytes the host wrote itself before. */
    uint64_t ring_stream_base;
    int32_t recdir_fd; /* vessel: the recording's directory */
    int32_t out_fd[3]; /* replay: host descriptors to repeat output to (index 1 and 2); -1: none */
    int32_t
        events_fd; /* replay: the decompressed stream (a memfd or temporary file), stream offset = file offset */
    int32_t log_fd;      /* index: shared log buffer, ODB_LOG_BYTES */
    uint32_t filter_len; /* seccomp program for the engine to install; 0: none */
    uint32_t filter_pad;
    uint64_t filter[128]; /* struct sock_filter */
    uint32_t n_cpuid;
    uint32_t max_leaf, max_ext_leaf;
    uint32_t has_avx512; /* host CPU has AVX-512F+VL+BW+DQ: vector ticks possible */
    uint64_t xcr0;
    struct odb_cpuid cpuid[512];

    /* ring, record */
    _Alignas(64) _Atomic uint64_t ring_head;
    _Atomic uint32_t ring_data;
    _Atomic uint32_t engine_waiting;
    _Alignas(64) _Atomic uint64_t ring_tail;
    _Atomic uint32_t ring_space;
    _Atomic uint32_t host_waiting;
    _Atomic uint32_t started;  /* engine: recording runs (the program's first instruction is next) */
    _Atomic uint32_t finished; /* engine: EXIT event written */

    /* replay */
    _Alignas(64) _Atomic uint64_t events_available; /* stream bytes readable in events_fd */
    _Atomic uint32_t events_seq; /* futex: host increments when events_available or events_complete change */
    _Atomic uint32_t events_complete; /* no more will come */
    _Alignas(64) _Atomic uint32_t cmd_seq;
    _Atomic uint32_t ack_seq;
    _Atomic uint64_t events_consumed; /* hint for the host's read-ahead */
    struct odb_cmd cmd;
    struct odb_stop stop;
    uint64_t log_bytes;         /* index: bytes in the log */
    _Atomic uint32_t interrupt; /* host: the run shall stop soon */
    uint32_t interrupt_pad;
    uint64_t n_hits; /* ODB_RUN_LAST: of this run */
    struct odb_stop last_hit;

    /* counters for odb info and benchmarks; engine writes */
    uint64_t n_blocks, n_insns_translated, n_flushes, n_syscalls, n_faults, n_lookups;

    _Alignas(4096) uint8_t data[ODB_DATA_BYTES];
};

_Static_assert(sizeof(struct odb_control) <= ODB_CONTROL_BYTES, "control fits its range");

/* At the start of the engine's flat image. */
#define ODB_IMAGE_MAGIC 0x31656e69676e65ULL
struct odb_image_header {
    uint64_t magic;
    uint64_t image_bytes; /* file bytes plus bss, multiple of the page size */
    /* Absolute address, jumped to at the program's first instruction: rdi = fd of the ring file. */
    uint64_t entry_record;
    uint64_t entry_preload;        /* absolute address, called as a C function: long (int ring_fd) */
    uint64_t stub_start, stub_end; /* the only place with syscall instructions: the seccomp guard's range */
    uint64_t boot;                 /* struct odb_boot (shared.h), written before entry_record */
};

/* ---- index log ----
 * A sequence of records, each a multiple of 8 bytes, in execution order. Each record begins with a
 * struct odb_log header. INSN counts one completed instruction: the n-th INSN of the run has t = n
 * (from 0); its REG and MEM records follow it. Kernel writes (flag ODB_LOG_KERNEL) follow the INSN of
 * their syscall instruction. */
enum odb_log_kind {
    ODB_LOG_INSN = 1,    /* arg = rip */
    ODB_LOG_REG = 2,     /* reg = enum odb_reg, n = bytes; value follows, padded to 8 */
    ODB_LOG_MEM = 3,     /* arg = address, n = bytes; old bytes then new bytes follow, each padded to 8 */
    ODB_LOG_SYSCALL = 4, /* body: struct odb_log_syscall, n = its bytes */
    ODB_LOG_MEM_IN = 5,  /* arg = address, n = bytes read by the kernel (path); bytes follow */
    ODB_LOG_OUTPUT = 6,  /* arg = fd, flags: 1 stdout 2 stderr origin 0 other, n = bytes sent; bytes follow */
    ODB_LOG_MAP = 7,     /* body: struct odb_log_map: mapping made, changed or removed */
    ODB_LOG_SIGNAL = 8,  /* body: struct odb_ev_fault or odb_ev_signal, whole event */
    /* arg = tid | (uint64_t)pid << 32, body: struct odb_regs then struct odb_xstate. This thread runs from the next
     * INSN on, with these registers: at its start, at every switch, after a signal changed all. Before the START of a
     * thread of another process comes a TASK record when that process, or its memory, is new. */
    ODB_LOG_START = 9,
    ODB_LOG_EVENT = 10, /* a host-side event passed through (FILE, EXIT, ...), whole event */
    /* arg = address, n = bytes: contents of anonymous memory at the start; bytes follow (old is absent) */
    ODB_LOG_PAGES = 11,
    /* arg = address, reg 0: in the memory of process id; reg 1: offset in captured file id; body: uint64_t id, then the bytes
     * that the kernel put there for the latest call. No bytes: the file's size became arg. */
    ODB_LOG_ELSEWHERE = 13,
    ODB_LOG_TASK =
        12, /* body: struct odb_log_task: a thread or process is made, or its memory is new (exec) */
    /* arg = rip, body: struct odb_log_position: the state before the next INSN of the running thread, as a replay finds it.
     * Now and then, and soon after each START; never where the thread has been stopped before. If a record that
     * is no INSN of this rip follows, that instruction did not complete. */
    ODB_LOG_POSITION = 14,
    ODB_LOG_STAY = 15, /* arg = rip, reg 0: the running thread's run ends, or it dies: there it stands */
};
struct odb_log {
    uint16_t kind;
    uint16_t reg;
    uint32_t n;
    uint64_t arg;
};
#define ODB_LOG_KERNEL 0x8000 /* in `reg` of MEM: written by the kernel */

struct odb_log_syscall {
    uint64_t nr;
    uint64_t args[6];
    int64_t result;
    uint32_t file_id, tid;
    uint64_t event; /* ordinal */
};

struct odb_log_position {
    uint64_t tick;
    uint64_t event; /* ordinal of the next main event, as in struct odb_stop */
    uint64_t run_number;
};

enum odb_task_op {
    ODB_LOG_TASK_THREAD = 1, /* a thread of process pid, in its memory */
    ODB_LOG_TASK_FORK = 2,   /* a process; its memory, vm, begins as a copy of vm_from's */
    ODB_LOG_TASK_SHARE = 3,  /* a process in the memory of another (vfork): vm == vm_from */
    ODB_LOG_TASK_EXEC = 4,   /* vm is new and empty; its mappings and PAGES follow */
    ODB_LOG_TASK_EXIT = 5,   /* thread tid is gone; tid == 0: the whole process, with `status` */
};
/* vm numbers one address space of the recording: 1 for the first, counted up by FORK and EXEC. MAP and PAGES records
 * belong to the vm of the thread that runs; behind TASK EXEC to its vm. */
struct odb_log_task {
    uint32_t op;
    uint32_t tid, pid;
    uint32_t parent_tid, parent_pid;
    uint32_t vm, vm_from;
    int32_t status;
};

enum odb_map_op {
    ODB_MAP_ADD = 1,
    ODB_MAP_REMOVE = 2,
    ODB_MAP_PROTECT = 3,
    ODB_MAP_MOVE = 4 /* from old_start */,
    ODB_MAP_ZERO = 5 /* contents dropped: MADV_DONTNEED */
};
struct odb_log_map {
    uint64_t start, end;
    uint32_t op, prot, map_flags, file_id;
    uint64_t offset;
    uint64_t old_start;
    char name[64]; /* "[stack]" etc., cut */
};

#endif
