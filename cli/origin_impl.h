/* Inside `why`: what the files of origin.h share. */
#ifndef ODB_CLI_ORIGIN_IMPL_H
#define ODB_CLI_ORIGIN_IMPL_H

#include <capstone/capstone.h>
#include <sqlite3.h>

#include "cli/origin.h"

struct origin {
    struct odb_db *db; /* borrowed */
    csh cs;
    cs_insn *insn; /* owned */
};

/* Bytes of memory in the state at t; *ret_n how many there are before the first that is not mapped. */
struct odb_err *origin_peek(struct origin *o, uint64_t t, uint32_t pid, gaddr addr, void *to, size_t n_bytes,
                            size_t *ret_n) ODB_MUST_CHECK;
/* One u64; 0 where nothing is mapped. */
struct odb_err *origin_peek64(struct origin *o, uint64_t t, uint32_t pid, gaddr addr, uint64_t *ret)
    ODB_MUST_CHECK;
/* A C string, cut to the buffer. */
struct odb_err *origin_peek_text(struct origin *o, uint64_t t, uint32_t pid, gaddr addr, char *to,
                                 size_t n_bytes) ODB_MUST_CHECK;
struct odb_err *origin_sql(struct origin *o, const char *sql, sqlite3_stmt **ret) ODB_MUST_CHECK;
/* Steps once. */
struct odb_err *origin_row(struct origin *o, sqlite3_stmt *st, bool *ret_row) ODB_MUST_CHECK;
static inline void origin_finalizep(sqlite3_stmt **st) { sqlite3_finalize(*st); }
#define _cleanup_stmt_ __attribute__((cleanup(origin_finalizep)))

/* ---- steps; all set kind, from, text, ...: `to`, t, pid, tid, rip are set before ---- */

/* part: the bytes of `to` from `off` on, n of them, narrowed. */
void origin_narrow(struct origin_ref *ref, unsigned off, unsigned n);
void origin_say(struct origin_step *s, enum origin_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* COPY out of memory, of a register: at s->t unless t is given. */
void origin_from_memory(struct origin_step *s, uint32_t pid, uint32_t tid, uint64_t t, gaddr addr);

/* origin_insn.c: s->to was written by the instruction at s->rip. Shortens s->to where only a part came from one place. */
struct odb_err *origin_insn(struct origin *o, struct origin_step *s) ODB_MUST_CHECK;
/* Does the instruction at rip write the register? */
struct odb_err *origin_insn_writes(struct origin *o, uint64_t t, uint32_t pid, gaddr rip, unsigned reg,
                                   bool *ret) ODB_MUST_CHECK;

/* origin_kernel.c: s->to was written by the kernel during instruction s->t. */
struct odb_err *origin_kernel_memory(struct origin *o, struct origin_step *s, bool signal) ODB_MUST_CHECK;
/* The instruction is a system call, and s->to a register. */
struct odb_err *origin_kernel_register(struct origin *o, struct origin_step *s) ODB_MUST_CHECK;
/* Was a signal delivered to tid before instruction t? */
struct odb_err *origin_signal_at(struct origin *o, uint64_t t, uint32_t tid, bool *ret, char *name,
                                 size_t n_bytes) ODB_MUST_CHECK;

/* A system call. */
struct origin_call {
    uint64_t t;
    uint32_t pid, tid;
    char name[32], args[400], result_text[80];
    bool has_result;
    int64_t result;
    uint64_t arg[6];
};
struct odb_err *origin_call_at(struct origin *o, uint64_t t, uint32_t tid, bool *ret_found,
                               struct origin_call *ret) ODB_MUST_CHECK;
/* Reads the row of a statement that begins with ORIGIN_CALL_COLUMNS. */
#define ORIGIN_CALL_COLUMNS "t, pid, tid, name, args, result, result_text, arg0, arg1, arg2, arg3, arg4, arg5"
void origin_call_row(sqlite3_stmt *st, struct origin_call *ret);
/* "read(3, ..., 4096) = 12" */
void origin_call_text(const struct origin_call *c, char *to, size_t n_bytes);

/* origin_fd.c: what descriptor fd of the process is at t, the call being at byte `at` of what it reads: into s->text, path
 * and offset. */
struct odb_err *origin_descriptor(struct origin *o, struct origin_step *s, const struct origin_call *call,
                                  int64_t fd, uint64_t at) ODB_MUST_CHECK;

/* origin_start.c: s->to was never written. */
struct odb_err *origin_initial_memory(struct origin *o, struct origin_step *s, bool mapped,
                                      const struct db_content *c) ODB_MUST_CHECK;
struct odb_err *origin_initial_register(struct origin *o, struct origin_step *s) ODB_MUST_CHECK;

#endif
