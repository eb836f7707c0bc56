/* Inside the gdb stub: what its files share.
 *
 * A packet is a row: name, schema of its arguments (packet.h), handler, and what qSupported says of it. Each file has a
 * table of its rows; stub.c finds the row with the longest matching name. To add a packet: docs/howto-add-a-gdb-packet.md. */
#ifndef ODB_GDB_STUB_PARTS_H
#define ODB_GDB_STUB_PARTS_H

#include <stdatomic.h>

#include "gdb/packet.h"
#include "gdb/registers.h"
#include "gdb/stub.h"
#include "gdb/target.h"

/* ---- the tables ---- */

/* Writes the reply; nothing written is the empty reply: "not known here". n: how many of a[] were given. */
typedef void (*stub_handler)(struct stub *s, const struct packet_arg *a, int n, struct out *reply);
struct stub_row {
    const char *name;
    const char *schema; /* NULL: anything, as one argument */
    stub_handler run;
    const char *feature; /* in the reply to qSupported; NULL: nothing */
};
struct stub_table {
    const struct stub_row *rows;
    size_t n;
};
#define STUB_TABLE(rows_)                                         \
    {                                                             \
        .rows = (rows_), .n = sizeof(rows_) / sizeof((rows_)[0]), \
    }
extern const struct stub_table stub_general_table, stub_threads_table, stub_memory_table,
    stub_registers_table, stub_breaks_table, stub_resume_table, stub_xfer_table, stub_files_table,
    stub_monitor_table, stub_tls_table;
enum { STUB_N_TABLES = 10 };
extern const struct stub_table *const stub_tables[STUB_N_TABLES];

/* ---- the session ---- */

enum { STUB_MAX_FILES = 64, STUB_MAX_CHECKPOINTS = 1000 };

/* A breakpoint as gdb knows it: Z0 and Z1 at one address are one. */
struct stub_break {
    uint32_t pid;
    gaddr addr;
    uint8_t kinds;       /* bit 0: Z0, bit 1: Z1 */
    uint8_t *conditions; /* owned: pairs of a u32 length and that many bytes of code. NULL: none */
    size_t n_conditions; /* bytes */
};

/* A watched range as gdb knows it. */
struct stub_watch {
    uint32_t pid;
    enum target_watch_kind kind;
    gaddr addr;
    uint64_t n_bytes;
};

struct stub_thread {
    int64_t pid, tid; /* -1 all, 0 any */
};

struct stub_file {
    bool open;
    int fd;         /* owned; -1: data */
    uint8_t *data;  /* owned: a file that was made up */
    size_t n_bytes; /* of data */
};

struct stub {
    struct target *g; /* borrowed */
    struct stub_io io;
    struct register_set registers;
    struct out reply, frame; /* frame: the last packet sent, for NAKs */
    struct out notes;        /* lines for the user that wait for a resume */
    bool over;               /* the session is */
    bool no_ack, multiprocess, fork_events, vfork_events, exec_events, swbreak, hwbreak;

    struct stub_thread general, resumed; /* Hg, Hc */
    uint32_t *pids;                      /* owned: attached processes */
    size_t n_pids;
    bool killed; /* vKill: nothing to look at until vRun */

    struct stub_break *breaks; /* owned; by pid, addr */
    size_t n_breaks, cap_breaks;
    struct stub_watch *watches; /* owned */
    size_t n_watches, cap_watches;
    bool condition_failed; /* one could not be evaluated: said once */

    struct target_catch catch_; /* numbers: catch_numbers */
    uint16_t *catch_numbers;    /* owned */
    bool caught;                /* catch_ is in force in g */

    struct out last_stop; /* the reply to `?` */
    /* A step of one thread alone, as gdb makes to get past a breakpoint, must end with that thread, or gdb dies of an internal
     * error. What stops another thread before the step is done is told with the next resume, if that is from there. */
    uint32_t alone_tid; /* 0: the resume is none of these */
    bool has_pending;
    struct target_stop pending;
    struct target_position pending_at;

    struct target_position begin; /* where the resume under way began */
    bool owes_vfork_done;         /* going backwards, a vfork was told: its end comes next */
    uint32_t owed_pid, owed_tid;
    bool told_end;
    int last_signal; /* of the last stop, Linux number; 0: none */
    bool told_signal;
    atomic_bool interrupt_wanted;

    struct target_thread *listed; /* owned: the threads being told by qfThreadInfo, qsThreadInfo */
    size_t n_listed, next_listed;
    struct out xfer; /* the object being read by qXfer */
    char xfer_name[64];
    struct stub_file files[STUB_MAX_FILES];

    bool told_unavailable; /* that a thread has no registers */
    bool told_branch;
    bool branch_over;    /* its program died or exited */
    uint32_t branch_tid; /* whose registers decide whether to go on in it */
    uint64_t branch_rip, branch_rsp;

    struct target_position *checkpoints; /* owned */
    size_t n_checkpoints;
    bool moved;    /* by a monitor command: the client does not know yet */
    bool announce; /* the next resume only tells where the target is */
    bool scripted; /* the client runs gdb/odb.gdb, which looks after its caches */

    struct stub_symbols *symbols; /* owned; NULL: not asked for yet */
    /* What the client's user looks at, as far as it is known, for the next monitor command. */
    struct stub_thread looked_at; /* tid 0: what Hg says */
    uint64_t frame_level;
};

/* ---- stub.c ---- */

void reply_ok(struct out *reply);
/* "E.text"; where the packet's replies are bytes or numbers, use reply_errno(). */
void reply_error(struct out *reply, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "E01"; the user is told why. Consumes e. */
void reply_failure(struct stub *s, struct out *reply, struct odb_err *e);
/* A line for the user. */
void stub_note(struct stub *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Sends a packet besides the reply (console output). */
void stub_send(struct stub *s, const struct out *payload);
/* Console output while the client waits for the end of a resume. */
void stub_send_notes(struct stub *s);
bool stub_stop_work(struct stub *s);

/* ---- stub_threads.c ---- */

bool stub_attached(const struct stub *s, uint32_t pid);
void stub_attach(struct stub *s, uint32_t pid);
void stub_detach(struct stub *s, uint32_t pid);
/* The threads of attached processes, current one first (where it is of them). Owned by the caller. */
struct odb_err *stub_list_threads(struct stub *s, struct target_thread **ret, size_t *ret_n) ODB_MUST_CHECK;
/* "p1.2" or "2" */
void out_thread(const struct stub *s, struct out *o, uint32_t pid, uint32_t tid);
/* The process and thread that Hg names; where it names none, or one that is gone: those that run. */
struct odb_err *stub_general_thread(struct stub *s, uint32_t *ret_pid, uint32_t *ret_tid) ODB_MUST_CHECK;

/* ---- stub_breaks.c ---- */

const struct stub_break *stub_find_break(const struct stub *s, uint32_t pid, gaddr addr);
/* Forgets those of a process, as exec and detach do. pid 0: all. */
struct odb_err *stub_drop_breaks(struct stub *s, uint32_t pid) ODB_MUST_CHECK;
/* Takes the watches that begin at addr out of the target, or puts them in again: for searches of our own. */
struct odb_err *stub_suspend_watches(struct stub *s, uint32_t pid, gaddr addr, bool suspend) ODB_MUST_CHECK;
/* target_resume.wanted: evaluates the conditions. */
bool stub_break_wanted(void *ctx, struct target *g, uint32_t pid, uint32_t tid, gaddr addr);

/* ---- stub_resume.c, stub_stop.c ---- */

struct odb_err *stub_apply_catch(struct stub *s) ODB_MUST_CHECK;
/* Resumes until something is to be told, and writes that. alone: how->tid is to step, and nobody else. */
void stub_resume(struct stub *s, const struct target_resume *how, bool alone, struct out *reply);
/* Is the stop one that has to wait, because another thread is to step alone? Then it is put aside and the reply written. */
bool stub_defer(struct stub *s, const struct target_stop *stop, struct out *reply);
/* A plain stop where the target is. gdb_signo 0: "stopped", for no reason of the program's. */
void stub_tell_position(struct stub *s, int gdb_signo, const char *reason, struct out *reply);
/* What a stop means to the client. */
enum stub_verdict {
    STUB_TELL,  /* the reply is written */
    STUB_AGAIN, /* not for this client: go on */
};
enum stub_verdict stub_judge(struct stub *s, const struct target_resume *how, const struct target_stop *stop,
                             struct out *reply);

/* ---- stub_branch.c ---- */

/* Before a write: remembers where the branch begins. */
void stub_branch_begins(struct stub *s);
/* Before a resume: leaves the branch unless the resume belongs into it. */
struct odb_err *stub_branch_resumes(struct stub *s, bool reverse) ODB_MUST_CHECK;
/* Leaves it if there is one. */
struct odb_err *stub_branch_leave(struct stub *s) ODB_MUST_CHECK;

/* ---- stub_monitor.c, stub_monitor_write.c ---- */

/* A monitor command: args is what stands behind its name; what it has to say goes to *say, line by line. */
struct odb_err *monitor_last_write(struct stub *s, const char *args, struct out *say) ODB_MUST_CHECK;
struct odb_err *monitor_next_write(struct stub *s, const char *args, struct out *say) ODB_MUST_CHECK;
struct odb_err *monitor_sql(struct stub *s, const char *args, struct out *say) ODB_MUST_CHECK;
/* One line about a place. */
void monitor_say_place(struct stub *s, const struct target_position *p, struct out *say);

/* ---- stub_proc.c ---- */

/* The contents of /proc files that gdb asks for, made up from the target. *ret_known false: not such a path. */
struct odb_err *stub_proc_file(struct stub *s, const char *path, struct out *ret, bool *ret_known)
    ODB_MUST_CHECK;
struct odb_err *stub_proc_link(struct stub *s, const char *path, struct out *ret, bool *ret_known)
    ODB_MUST_CHECK;

#endif
