/* Inside target_db*.c: a target over an index.
 *
 * A position is (t, sig): before the delivery of the sig-th of the signals that come before instruction t; sig = how many
 * there are: behind them, before instruction t. */
#ifndef ODB_GDB_TARGET_DB_H
#define ODB_GDB_TARGET_DB_H

#include <sqlite3.h>

#include "db/db.h"
#include "gdb/target.h"
#include "gdb/target_common.h"

enum tdb_stmt {
    TDB_SIGNALS_AT,
    TDB_SIGNAL_NEXT,
    TDB_SIGNAL_PREV,
    TDB_SYSCALL_NEXT,
    TDB_SYSCALL_PREV,
    TDB_SYSCALL_AT,
    TDB_THREADS,
    TDB_THREAD_START_NEXT,
    TDB_THREAD_START_PREV,
    TDB_THREAD_END_NEXT,
    TDB_THREAD_END_PREV,
    TDB_PROCESS_END_NEXT,
    TDB_PROCESS_END_PREV,
    TDB_EXEC_NEXT,
    TDB_EXEC_PREV,
    TDB_VFORK_NEXT,
    TDB_VFORK_PREV,
    TDB_EXEC_OF,
    TDB_PROCESS_AT,
    TDB_EVENT_AT,
    TDB_T_OF_EVENT,
    TDB_FIRST_STATUS,
    TDB_FILES,
    TDB_RUNS_FIRST,
    TDB_RUNS_LAST,
    TDB_SIGNALS_AROUND,
    TDB_SYSCALLS_AROUND,
    TDB_N_STMT
};

struct tdb_signal {
    uint64_t t;
    unsigned i; /* which of those at t */
    uint32_t pid, tid;
    int signo, code;
    bool fatal, has_addr;
    gaddr addr, rip;
};

struct tdb_position {
    uint64_t t;
    unsigned sig;
};

/* No row of a table has lo <= t < hi. */
struct tdb_gap {
    uint64_t lo, hi;
};

struct tdb_watch {
    uint32_t pid;
    enum target_watch_kind kind;
    gaddr addr;
    uint64_t n_bytes;
};

struct target_db {
    struct target base;
    struct odb_db *db;
    sqlite3_stmt *stmt[TDB_N_STMT];
    uint64_t end;

    struct tdb_position at;
    uint32_t pid, tid;          /* current there */
    struct tdb_signal *signals; /* owned; those at at.t */
    unsigned n_signals;
    /* Not 0: the last stop was one behind something that thread behind_tid did, and what else is here was not
     * told (target_db_resume.c, struct place.order). */
    int behind;
    uint32_t behind_tid;

    struct db_point *breaks; /* owned, by address */
    size_t n_breaks, cap_breaks;
    struct tdb_watch *watches; /* owned: of writes, by address */
    struct db_range *ranges;   /* owned: of the same watches */
    size_t n_watches, cap_watches, cap_ranges;
    struct tdb_watch *reads; /* owned: watches of reads, which an index does not have; ACCESS is in both */
    size_t n_reads, cap_reads;
    struct target_catch catches;
    uint16_t *numbers; /* owned; NULL: all */
    struct target_files files;
    bool have_files;
    unsigned vector_bytes;
    struct tdb_gap signal_gap, syscall_gap; /* found last */
    struct target
        *replay; /* owned; NULL until a branch is wanted. It has the same breakpoints, watches and catches */
    bool in_branch;         /* the state is replay's */
    _Atomic bool searching; /* it is looking for reads */
};

static inline struct target_db *tdb_of(struct target *g) { return (struct target_db *)(void *)g; }

/* A statement, ready for binding; reset it (tdb_resetp). */
struct odb_err *tdb_prepare(struct target_db *g, enum tdb_stmt which, sqlite3_stmt **ret) ODB_MUST_CHECK;
/* Has the table no row at t? around: the statement that tells the rows before (or at) and behind. */
struct odb_err *tdb_in_gap(struct target_db *g, struct tdb_gap *gap, enum tdb_stmt around, uint64_t t,
                           bool *ret) ODB_MUST_CHECK;
/* Steps once. */
struct odb_err *tdb_row(struct target_db *g, sqlite3_stmt *st, bool *ret) ODB_MUST_CHECK;
static inline void tdb_resetp(sqlite3_stmt **st)
{
    if (*st)
        sqlite3_reset(*st);
}
#define _cleanup_tdb_reset_ __attribute__((cleanup(tdb_resetp)))

/* Goes there. */
struct odb_err *tdb_go(struct target_db *g, uint64_t t, unsigned sig) ODB_MUST_CHECK;
/* sig: behind all signals. */
#define TDB_AT_INSTRUCTION (~0u)
/* The signal that is delivered here; NULL: at an instruction. */
const struct tdb_signal *tdb_signal_here(const struct target_db *g);
/* What the sqlite row (columns of TDB_SIGNAL*) says. */
void tdb_signal_of(sqlite3_stmt *st, struct tdb_signal *ret);

/* target_db_state.c */
struct odb_err *tdb_registers(struct target *g, uint32_t tid, struct target_regs *ret) ODB_MUST_CHECK;
struct odb_err *tdb_read(struct target *g, uint32_t pid, gaddr addr, void *to, size_t n, size_t *ret_n)
    ODB_MUST_CHECK;
struct odb_err *tdb_threads(struct target *g, struct target_thread **ret, size_t *ret_n) ODB_MUST_CHECK;
struct odb_err *tdb_maps(struct target *g, uint32_t pid, struct target_map **ret, size_t *ret_n)
    ODB_MUST_CHECK;
struct odb_err *tdb_siginfo(struct target *g, uint32_t tid, uint8_t ret[128], size_t *ret_n) ODB_MUST_CHECK;
struct odb_err *tdb_auxv(struct target *g, uint32_t pid, uint8_t **ret, size_t *ret_n) ODB_MUST_CHECK;
struct odb_err *tdb_exec_file(struct target *g, uint32_t pid, char **ret) ODB_MUST_CHECK;
struct odb_err *tdb_command_line(struct target *g, uint32_t pid, char **ret) ODB_MUST_CHECK;
/* rip of the thread's next instruction here. */
struct odb_err *tdb_rip(struct target_db *g, uint32_t tid, gaddr *ret) ODB_MUST_CHECK;

/* target_db_branch.c */
struct odb_err *tdb_open_replay(struct target_db *g) ODB_MUST_CHECK;
/* Resumes the replay where it is. */
struct odb_err *tdb_resume_replay(struct target_db *g, const struct target_resume *how,
                                  struct target_stop *ret) ODB_MUST_CHECK;
struct odb_err *tdb_begin_branch(struct target_db *g) ODB_MUST_CHECK;
struct odb_err *tdb_write(struct target *g, uint32_t pid, gaddr addr, const void *from, size_t n)
    ODB_MUST_CHECK;
struct odb_err *tdb_write_registers(struct target *g, uint32_t tid, const struct target_regs *regs)
    ODB_MUST_CHECK;
bool tdb_in_branch(const struct target *g);
struct odb_err *tdb_leave_branch(struct target *g) ODB_MUST_CHECK;

/* target_db_reads.c: the first (reverse: last) of instructions [lo, hi) that reads a watched range. */
struct odb_err *tdb_find_read(struct target_db *g, uint64_t lo, uint64_t hi, bool reverse, bool *ret_found,
                              uint64_t *ret_t, struct target_stop *ret) ODB_MUST_CHECK;

/* target_db_resume.c */
struct odb_err *tdb_resume(struct target *g, const struct target_resume *how, struct target_stop *ret)
    ODB_MUST_CHECK;

#endif
