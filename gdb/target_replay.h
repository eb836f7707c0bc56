/* Inside target_replay*.c: a target over a replay without an index. */
#ifndef ODB_GDB_TARGET_REPLAY_H
#define ODB_GDB_TARGET_REPLAY_H

#include "gdb/target.h"
#include "gdb/target_common.h"
#include "replayer/timeline.h"

/* What the event stream says of processes, read through once when it is first wanted. */
struct scan_exec {
    uint64_t offset; /* of the event in the stream */
    uint32_t pid;
    gaddr auxv, rsp, brk_start;
    char name[16]; /* of the program, as the kernel cuts it */
};
struct scan_task {
    uint64_t offset;
    uint32_t tid, pid, parent_tid;
};
struct scan_name { /* prctl(PR_SET_NAME) */
    uint64_t offset;
    uint32_t tid;
    char name[16];
};
struct scan_death {  /* of a process, by a fault */
    uint64_t offset; /* of its EXIT */
    uint32_t tid;
    int32_t signo, code;
    gaddr addr;
};
struct scan {
    bool done;
    uint64_t n_positions;    /* SYSCALL, INSN, FAULT and SIGNAL events */
    struct scan_exec *execs; /* owned, like tasks; in the order of the stream */
    struct scan_task *tasks;
    struct scan_name *names;
    struct scan_death *deaths;
    size_t n_execs, n_tasks, n_names, n_deaths, cap_execs, cap_tasks, cap_names, cap_deaths;
    struct target_files files;
};
struct odb_err *scan_read(const char *dir, struct scan *ret) ODB_MUST_CHECK;
void scan_deinit(struct scan *s);
/* The last exec of a process, or of the ancestor whose memory it copied, before a stream offset. NULL: none. */
const struct scan_exec *scan_exec_of(const struct scan *s, uint32_t pid, uint64_t offset);
/* The fault of which the thread's process dies next, from a stream offset on. NULL: it does not. */
const struct scan_death *scan_death_of(const struct scan *s, uint32_t tid, uint64_t offset);
/* The thread's name: its own, its program's, or that of who made it. */
const char *scan_name_of(const struct scan *s, uint32_t tid, uint32_t pid, uint64_t offset);

struct target_replay {
    struct target base;
    struct timeline *tl;
    struct replay *branch; /* owned; NULL: not in one */
    struct odb_stop branch_stop;

    struct replay_break *breaks; /* owned, like watches */
    struct replay_watch *watches;
    size_t n_breaks, cap_breaks, n_watches, cap_watches;
    bool stops_dirty;
    struct target_catch catches; /* numbers NULL: see syscalls */
    uint64_t syscalls[8];        /* bit nr: stops there */
    unsigned vector_bytes;
    struct scan scan;
    /* The last stop was a signal here. */
    bool has_siginfo;
    uint32_t siginfo_tid;
    uint8_t siginfo[128];
    struct odb_stop returned; /* the last stop was a SYSCALL_RETURN here; else reason NONE */
};

static inline struct target_replay *trp_of(struct target *g) { return (struct target_replay *)(void *)g; }

/* The world that is looked at: the branch, or where the timeline is. */
struct replay *trp_world(struct target_replay *g);
/* Is there one? Not when what went wrong was so bad that trp_back() failed, too. */
struct odb_err *trp_alive(struct target_replay *g) ODB_MUST_CHECK;
/* Behind a call that gave e: if that is an error, the timeline goes back to a place, or at least to the start. Returns e. */
struct odb_err *trp_back(struct target_replay *g, const struct place *to, struct odb_err *e) ODB_MUST_CHECK;
/* Its last stop. */
const struct odb_stop *trp_stop(struct target_replay *g);
struct odb_err *trp_scan(struct target_replay *g, const struct scan **ret) ODB_MUST_CHECK;

/* target_replay_state.c */
struct odb_err *trp_threads(struct target *g, struct target_thread **ret, size_t *ret_n) ODB_MUST_CHECK;
struct odb_err *trp_registers(struct target *g, uint32_t tid, struct target_regs *ret) ODB_MUST_CHECK;
struct odb_err *trp_read(struct target *g, uint32_t pid, gaddr addr, void *to, size_t n, size_t *ret_n)
    ODB_MUST_CHECK;
struct odb_err *trp_maps(struct target *g, uint32_t pid, struct target_map **ret, size_t *ret_n)
    ODB_MUST_CHECK;
struct odb_err *trp_auxv(struct target *g, uint32_t pid, uint8_t **ret, size_t *ret_n) ODB_MUST_CHECK;
struct odb_err *trp_exec_file(struct target *g, uint32_t pid, char **ret) ODB_MUST_CHECK;
struct odb_err *trp_command_line(struct target *g, uint32_t pid, char **ret) ODB_MUST_CHECK;
struct odb_err *trp_files(struct target *g, const struct target_files **ret) ODB_MUST_CHECK;
/* Bytes of vector registers that the xsave image has: 32 or 64. */
struct odb_err *trp_measure_vectors(struct target_replay *g) ODB_MUST_CHECK;
/* The other way: what is not in target_regs stays as it is in *x. */
void trp_put_registers(const struct target_regs *from, struct odb_regs *regs, struct odb_xstate *x);

/* target_replay_resume.c */
struct odb_err *trp_resume(struct target *g, const struct target_resume *how, struct target_stop *ret)
    ODB_MUST_CHECK;

#endif
