/* The recording on disk, and the event stream inside it.
 *
 * A recording is a directory:
 *     events     the event stream, in checksummed zstd blocks (below)
 *     files/N    contents of captured file number N (ODB_EV_FILE), sparse: at least the mapped ranges
 *     ring       only while recording or after the recorder was killed: struct odb_control and the
 *                ring with events not yet in `events` (preload/control.h); the reader continues there
 *     index.db   only after `odb index`
 *
 * `events` is a file header and blocks, one after the other, little-endian:
 *
 *   file header, 32 bytes           block header, 32 bytes
 *    0  8  "ODBREC\0\n"              0  4  "OBLK"
 *    8  4  format version            4  4  raw bytes in this block (whole events, <= ODB_BLOCK_MAX_BYTES)
 *   12  4  header bytes (32)         8  4  compressed bytes that follow (equal to raw: stored)
 *   16  8  creation time, unix ns   12  4  crc32 of the compressed bytes (zlib polynomial)
 *   24  4  reserved, 0              16  8  stream offset of the block's first raw byte
 *   28  4  crc32 of bytes 0-27      24  4  reserved, 0
 *                                   28  4  crc32 of bytes 0-27
 *
 * A block holds whole events only. Stream offsets count raw bytes from 0 without gaps; in `ring`,
 * ring_tail/ring_head (control.h) are stream offsets of the engine's part: see trace/reader.c.
 *
 * An event is a struct odb_event header and its body, a multiple of 8 bytes, padding zero. The order of
 * events is the one total order of the recording. An event that announces n_mem is followed by that
 * many ODB_EV_MEM events; it is complete only with them.
 *
 * Tasks. ev.tid and ev.pid name the thread and process as the recorder's PID namespace does. The thread of the
 * next main event is the one that runs: a thread's run ends with SWITCH, with SYSCALL exit, or with its process's
 * EXIT, and only then an event of another thread may follow (FILE, NOTE, CHECK and MEM are not main events).
 *   - A new thread or process is made by a SYSCALL of its parent (clone, clone3, fork) whose file_id is the child's
 *     tid, and starts behind that call with the parent's registers, rax 0, the stack and tls of the call. With
 *     CLONE_VFORK it is made by its own TASK event: its parent is then in SWITCH_CALL at the call. The first event of
 *     every new task is TASK.
 *   - exit of a thread is a SYSCALL event; of the last thread, and exit_group, EXIT (after a SYSCALL event only where
 *     the kernel wrote memory: robust futexes, clear_child_tid).
 *   - execve that works leaves no SYSCALL event, but EXEC; the process's other threads are gone, tid is pid.
 *   - EXIT with ODB_EXIT_KILLED is written by the recorder, for a process that died without telling (SIGKILL): tick
 *     and rip are 0, tid is pid, and it may come wherever a main event may. The process may have no TASK yet. If it was
 *     running, what it did after its last event is not known; killed in execve, it has a SWITCH CALL before.
 *   - A group (an event and those it announced) that the process did not finish before it was killed is replaced by NOTE
 *     events of the same length.
 *
 * Version history: 1 first; 2 threads, processes: SWITCH, TASK.
 *
 * Freestanding-safe. To add an event type: struct and static asserts here, size check in trace/validate.c,
 * line in trace/dump.c, writer in the engine (preload/), reader in replay (preload/), docs/format.md. */
#ifndef ODB_TRACE_FORMAT_H
#define ODB_TRACE_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "common/regs.h"

#define ODB_FORMAT_VERSION 2
#define ODB_FILE_MAGIC "ODBREC\0\n"
#define ODB_BLOCK_MAGIC "OBLK"
#define ODB_BLOCK_MAX_BYTES (16u << 20)
#define ODB_EVENT_MAX_BYTES (1u << 20)
/* Longest data in one ODB_EV_MEM; longer writes are several events. */
#define ODB_MEM_MAX_BYTES (256u << 10)

enum odb_event_type {
    ODB_EV_START = 1,   /* recorder: what was run, and where */
    ODB_EV_CPU = 2,     /* recorder: CPU policy and every cpuid answer */
    ODB_EV_FILE = 3,    /* engine: file contents captured as files/N */
    ODB_EV_EXEC = 4,    /* engine: a new program image is ready to run its first instruction */
    ODB_EV_MAP = 5,     /* engine: after EXEC, one mapping of the new image */
    ODB_EV_MEM = 6,     /* engine: bytes of memory */
    ODB_EV_SYSCALL = 7, /* engine: one system call, done */
    ODB_EV_INSN = 8,    /* engine: value of a non-deterministic instruction */
    ODB_EV_FAULT = 9,   /* engine: an instruction faulted */
    ODB_EV_SIGNAL = 10, /* engine: a signal was delivered to a handler (asynchronous, or after FAULT) */
    ODB_EV_CHECK = 11,  /* engine: checksums of memory */
    ODB_EV_EXIT = 12,   /* engine: the process is about to end (exit_group or fatal signal) */
    ODB_EV_END = 13,    /* recorder: how the process really ended; last event of a whole recording */
    ODB_EV_NOTE = 14,   /* either: text for people (refusals, escapes) */
    ODB_EV_SWITCH = 15, /* engine: the thread stops running; another's event follows */
    ODB_EV_TASK = 16,   /* engine: first event of a new thread or process */
    ODB_N_EV = 17,
};

struct odb_event {
    uint32_t size_bytes; /* whole event, multiple of 8 */
    uint16_t type;
    uint16_t flags; /* by type */
    uint32_t tid;   /* in the recorder's PID namespace; 0 for recorder events */
    uint32_t pid;
};

/* START: NUL-terminated strings follow the struct: exe path, cwd, host description, then argv, then
 * envp. `ld_preload` is flag 1: recording began at the preload constructor. */
struct odb_ev_start {
    struct odb_event ev;
    uint64_t time_ns; /* unix time */
    uint32_t n_argv, n_envp;
    uint32_t text_bytes; /* of all strings with their NULs */
    uint32_t cpu_policy; /* enum odb_cpu_policy */
};
#define ODB_START_PRELOAD 1

enum odb_cpu_policy { ODB_CPU_V3 = 1, ODB_CPU_HOST = 2 };

/* CPU: n entries follow. */
struct odb_cpuid {
    uint32_t leaf, subleaf;
    uint32_t eax, ebx, ecx, edx;
};
struct odb_ev_cpu {
    struct odb_event ev;
    uint32_t policy;
    uint32_t n_entries;
    uint64_t xcr0; /* what xgetbv(0) answers */
    uint32_t max_leaf, max_ext_leaf;
    uint32_t flags;
    uint32_t reserved;
};

/* FILE: path follows, NUL-terminated, path_bytes with NUL. */
struct odb_ev_file {
    struct odb_event ev;
    uint32_t file_id; /* contents in files/<file_id>; ids count from 1 */
    uint32_t path_bytes;
    uint64_t dev, ino, size_bytes;
    uint64_t mtime_ns;
};

/* EXEC: followed by n_maps MAP events, then n_mem MEM events with the contents that are not file_id's. */
struct odb_ev_exec {
    struct odb_event ev;
    struct odb_regs regs;
    uint64_t brk_start;         /* current program break */
    uint64_t stack_limit_bytes; /* RLIMIT_STACK, soft */
    uint64_t auxv;              /* address of the auxiliary vector */
    uint32_t n_maps;
    uint32_t n_mem;
    uint64_t sigmask;
    uint64_t sigignored;  /* bit n-1: signal n is SIG_IGN */
    uint8_t xstate[1024]; /* xsave area, standard form, components x87+SSE+AVX */
};

struct odb_ev_map {
    struct odb_event ev;
    uint64_t start, end;
    uint32_t prot;       /* PROT_* */
    uint32_t map_flags;  /* MAP_PRIVATE or MAP_SHARED, MAP_ANONYMOUS, MAP_GROWSDOWN */
    uint32_t file_id;    /* 0: anonymous */
    uint32_t name_bytes; /* with NUL; name follows: path, "[stack]", "[heap]", "" */
    uint64_t offset;     /* in the file */
};

/* MEM: data follows, padded with zeros to 8. */
struct odb_ev_mem {
    struct odb_event ev;
    uint64_t addr;
    uint64_t len_bytes;
};
#define ODB_MEM_IN 1 /* flags: read by the kernel (a path), shown and checked, not written on replay */
/* The captured file ev.tid (as file_id) was written through a descriptor: addr is the offset in it. Without data: its
 * size became addr. Only for files that some process mapped shared; matters to those mappings. */
#define ODB_MEM_FILE 2
#define ODB_MEM_OTHER 4 /* in the memory of process ev.pid, not of the caller (process_vm_writev) */

/* SYSCALL: after the struct, one uint64_t for every bit of gpr_mask, lowest register first: the
 * registers at the syscall instruction that differ from those of this thread's previous SYSCALL event
 * (all zero before the first). rax holds the call's number. Then n_mem MEM events. */
struct odb_ev_syscall {
    struct odb_event ev;
    uint64_t tick;
    uint64_t rip;   /* of the syscall instruction */
    int64_t result; /* rax after the call */
    uint32_t nr;
    uint32_t rflags;
    uint16_t gpr_mask;
    uint16_t n_mem;
    uint32_t file_id; /* mmap of a file, shmat: its contents; clone, clone3, fork: tid of the child; else 0 */
};

/* flags: the call was not made: a seccomp filter of the program's own answered it, and the result is all there is. (A filter
 * that traps leaves no SYSCALL, but FAULT, signo SIGSYS, code 1, with the registers behind the instruction, and SIGNAL.) */
#define ODB_SYSCALL_ANSWERED 1
/* The call is not done yet: its outputs are written, then the instruction is executed again (FUTEX_LOCK_PI, which marks the
 * word before it waits). */
#define ODB_SYSCALL_AGAIN 2

enum odb_insn_kind { ODB_INSN_RDTSC = 1, ODB_INSN_RDTSCP, ODB_INSN_RDRAND, ODB_INSN_RDSEED, ODB_INSN_RDPID };
struct odb_ev_insn {
    struct odb_event ev;
    uint64_t tick;
    uint64_t rip;
    uint64_t value;
    uint32_t aux;  /* rdtscp: ecx; rdrand, rdseed: carry flag */
    uint32_t kind; /* enum odb_insn_kind */
};

struct odb_ev_fault {
    struct odb_event ev; /* flags: ODB_FAULT_FATAL */
    uint64_t tick;
    uint64_t addr; /* si_addr */
    int32_t signo, code;
    struct odb_regs regs; /* at the faulting instruction */
};
#define ODB_FAULT_FATAL 1

/* SIGNAL: delivered to the program's handler before its next instruction. siginfo as the kernel gave it. */
struct odb_ev_signal {
    struct odb_event ev;
    uint64_t tick;
    uint64_t rip; /* interrupted position */
    int32_t signo;
    int32_t reserved;
    uint8_t siginfo[128];
};

/* CHECK: n_pages of these follow: hash of one page of private writable memory (common/hash.h). */
struct odb_page_hash {
    uint64_t addr;
    uint64_t hash;
};
struct odb_ev_check {
    struct odb_event ev;
    uint64_t tick;
    uint64_t rip;
    uint32_t n_pages;
    uint32_t reserved;
    uint64_t vector_hash; /* of the xsave image: x87, xmm, ymm */
};

struct odb_ev_exit {
    struct odb_event ev;
    uint64_t tick;
    uint64_t rip;
    int32_t status; /* exit code, or -signo */
    int32_t reserved;
};

#define ODB_EXIT_KILLED 1 /* flags */

/* SWITCH: the thread of the event is at (tick, rip). CALL: in the system call at rip, which is done when the thread's
 * SYSCALL event comes (or a SIGNAL at that place: then the call is made again). YIELD: before the instruction rip.
 * CALL may be written by another thread, for the thread of the event. */
struct odb_ev_switch {
    struct odb_event ev;
    uint64_t tick;
    uint64_t rip;
    uint32_t kind; /* enum odb_switch_kind */
    uint32_t nr;   /* CALL: of the system call */
};
enum odb_switch_kind { ODB_SWITCH_CALL = 1, ODB_SWITCH_YIELD = 2 };

/* TASK: n_mem MEM events follow (CLONE_CHILD_SETTID). */
struct odb_ev_task {
    struct odb_event ev;
    uint32_t parent_tid;
    uint32_t n_mem;
    uint32_t ns_pid, ns_tid; /* as the task itself sees them (getpid, gettid) */
    uint64_t clone_flags;    /* of the call that made it, without the exit signal */
};

struct odb_ev_end {
    struct odb_event ev;
    int32_t wait_status; /* as waitpid gives it */
    uint32_t flags;
    uint64_t time_ns;
};

/* NOTE: text follows, NUL-terminated. */
struct odb_ev_note {
    struct odb_event ev;
    uint64_t tick;
    uint64_t rip;
    uint32_t text_bytes;
    uint32_t kind; /* enum odb_note_kind */
};
enum odb_note_kind { ODB_NOTE_REFUSED = 1, ODB_NOTE_ESCAPE = 2, ODB_NOTE_INFO = 3 };

_Static_assert(sizeof(struct odb_event) == 16, "event header");
_Static_assert(sizeof(struct odb_regs) == 160, "regs");
_Static_assert(sizeof(struct odb_ev_start) == 40, "START");
_Static_assert(sizeof(struct odb_ev_cpu) == 48, "CPU");
_Static_assert(sizeof(struct odb_ev_file) == 56, "FILE");
_Static_assert(sizeof(struct odb_ev_exec) == 16 + 160 + 24 + 8 + 16 + 1024, "EXEC");
_Static_assert(sizeof(struct odb_ev_map) == 56, "MAP");
_Static_assert(sizeof(struct odb_ev_mem) == 32, "MEM");
_Static_assert(sizeof(struct odb_ev_syscall) == 56, "SYSCALL");
_Static_assert(sizeof(struct odb_ev_insn) == 48, "INSN");
_Static_assert(sizeof(struct odb_ev_fault) == 200, "FAULT");
_Static_assert(sizeof(struct odb_ev_signal) == 168, "SIGNAL");
_Static_assert(sizeof(struct odb_ev_check) == 48, "CHECK");
_Static_assert(sizeof(struct odb_ev_exit) == 40, "EXIT");
_Static_assert(sizeof(struct odb_ev_switch) == 40, "SWITCH");
_Static_assert(sizeof(struct odb_ev_task) == 40, "TASK");
_Static_assert(sizeof(struct odb_ev_end) == 32, "END");
_Static_assert(sizeof(struct odb_ev_note) == 40, "NOTE");

#endif
