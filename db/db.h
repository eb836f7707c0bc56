/* Looking things up in an index.db (docs/schema.md). Needs neither the recording nor the program's files.
 *
 * t is the ordinal of an executed instruction; the state "at t" is the state just before instruction t.
 * States exist for t = 0 ... db_end_t(), the last being that of the instruction that never completed.
 *
 * The file may be corrupt or a stranger's: every look-up gives an answer or an error. Not thread-safe.
 *
 *     struct odb_db *db;
 *     ODB_TRY(db_open("REC/index.db", &db));
 *     struct db_regs regs;
 *     ODB_TRY(db_registers(db, db_end_t(db), 0, &regs));
 *     db_close(db); */
#ifndef ODB_DB_DB_H
#define ODB_DB_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/regs.h"
#include "indexer/chunk.h"

struct odb_db;
struct sqlite3;

struct odb_err *db_open(const char *path, struct odb_db **ret) ODB_MUST_CHECK;
/* NULL is fine. */
void db_close(struct odb_db *db);
/* The connection, with odb's tables and functions, for SQL. Closed by db_close: finalize statements first. */
struct sqlite3 *db_sqlite(struct odb_db *db);

uint64_t db_end_t(const struct odb_db *db);
/* NULL: the index covers the whole recording. Else why not. Valid until db_close. */
const char *db_damage(const struct odb_db *db);

/* ---- one state ---- */

/* rip of instruction t, and the thread that executes it. */
struct odb_err *db_position(struct odb_db *db, uint64_t t, gaddr *ret_rip, uint32_t *ret_tid) ODB_MUST_CHECK;

/* Who executes instruction t. */
struct odb_err *db_running(struct odb_db *db, uint64_t t, uint32_t *ret_pid, uint32_t *ret_tid)
    ODB_MUST_CHECK;
/* The thread of the process that runs at t, or ran last before. */
struct odb_err *db_last_thread(struct odb_db *db, uint64_t t, uint32_t pid, uint32_t *ret_tid) ODB_MUST_CHECK;
/* Whose thread it is. An error where it does not live at t. */
struct odb_err *db_process_of(struct odb_db *db, uint64_t t, uint32_t tid, uint32_t *ret_pid) ODB_MUST_CHECK;

/* Where a replay finds a state (table positions). */
struct db_place {
    uint64_t t;
    uint32_t pid, tid;
    uint64_t run_number, event, tick; /* as in struct odb_stop */
    gaddr rip;
};
/* The last place at or before t. false: there is none. */
struct odb_err *db_place_before(struct odb_db *db, uint64_t t, bool *ret_found, struct db_place *ret)
    ODB_MUST_CHECK;
/* The last place that is not behind this position of a replay. */
struct odb_err *db_place_before_position(struct odb_db *db, uint64_t run_number, uint64_t tick, gaddr rip,
                                         bool *ret_found, struct db_place *ret) ODB_MUST_CHECK;

struct db_regs {
    uint32_t pid, tid;
    unsigned vector_bytes; /* 32 or 64: how much of `wide` is real for vector registers */
    struct regfile regs;   /* scalar[ODB_REG_RIP]: of the next instruction, be it ever executed or not */
    bool runs;             /* it is instruction t */
};
/* tid 0: the thread that executes instruction t. */
struct odb_err *db_registers(struct odb_db *db, uint64_t t, uint32_t tid, struct db_regs *ret) ODB_MUST_CHECK;

/* Memory is that of a process; pid 0: of the one that executes instruction t. What is shared between processes, or
 * mapped twice, is the same memory under each of its addresses. */

/* Copies [addr, addr + n) as it was at t. valid[i] (may be NULL) tells whether byte i was mapped; others
 * are 0 in buf. *ret_valid: how many were. */
struct odb_err *db_memory(struct odb_db *db, uint64_t t, uint32_t pid, gaddr addr, size_t n_bytes,
                          uint8_t *buf, bool *valid, size_t *ret_valid) ODB_MUST_CHECK;

struct db_map {
    gaddr start, end;
    uint64_t t_start, t_end; /* in force for states t_start <= t < t_end; UINT64_MAX: to the end */
    uint32_t prot, flags, file_id;
    uint64_t offset;
    char *name; /* owned; "" when it has none */
};
/* The mappings at t, by address. */
struct odb_err *db_maps(struct odb_db *db, uint64_t t, uint32_t pid, struct db_map **ret, size_t *ret_n)
    ODB_MUST_CHECK;
void db_maps_free(struct db_map *maps, size_t n);

/* Where the contents of a byte came from before any write. */
struct db_content {
    gaddr start, end;
    uint64_t t_start, t_end;
    uint32_t file_id; /* 0: zeros, or the initial image */
    uint64_t offset;  /* in the file, of `start` */
    bool moved;       /* by mremap, or copied by fork, from address src of src_space */
    gaddr src;
    uint32_t src_space; /* number of an address space (indexer/schema.h) */
    uint32_t object;    /* not 0: it shows this shared memory, from `offset` on */
};
/* false: not mapped at t. What a fork copied is described as it was in the original. */
struct odb_err *db_content(struct odb_db *db, uint64_t t, uint32_t pid, gaddr addr, bool *ret_found,
                           struct db_content *ret) ODB_MUST_CHECK;

/* ---- writes ---- */

/* One write to memory. */
struct db_write {
    uint64_t t;
    uint32_t pid, tid;
    gaddr rip,
        addr; /* addr: as the writer has it. rip 0: not known, no instruction of the thread came before */
    uint32_t space;     /* number of the address space that addr is in (indexer/schema.h) */
    bool by_descriptor; /* into a file that is mapped shared: addr is the offset in it */
    uint32_t n_bytes;
    unsigned flags; /* enum odb_mem_flag */
    bool of_frame;  /* the kernel, for a signal's frame: behind instruction t, before the handler's first */
    const uint8_t *new_, *old; /* n_bytes each; borrowed, until the next call into db */
};

/* The last write before t (t' < t) to the memory that is at [addr, addr + n) in the state at t: by any process, through
 * any mapping, and before the fork that copied it. Private memory goes by address: it may have been a write to what
 * was mapped there before (compare db_content). *ret_found false: there is none. */
struct odb_err *db_last_write(struct odb_db *db, uint32_t pid, gaddr addr, uint64_t n_bytes,
                              uint64_t before_t, bool *ret_found, struct db_write *ret) ODB_MUST_CHECK;
/* The first write with t' >= t to the memory that is at [addr, addr + n) in the state at t. */
struct odb_err *db_next_write(struct odb_db *db, uint32_t pid, gaddr addr, uint64_t n_bytes, uint64_t from_t,
                              bool *ret_found, struct db_write *ret) ODB_MUST_CHECK;

/* All writes with from <= t < to, in order, to whatever was at [addr, addr + n) in the process's memory (as it
 * has it at `to`), in the memory that it is a copy of, and in the shared memory that was mapped there. The callback's
 * error ends it. */
typedef struct odb_err *(*db_write_fn)(void *ctx, const struct db_write *w);
struct odb_err *db_writes(struct odb_db *db, uint32_t pid, gaddr addr, uint64_t n_bytes, uint64_t from,
                          uint64_t to, db_write_fn fn, void *ctx) ODB_MUST_CHECK;

/* One write to a register. */
struct db_reg_write {
    uint64_t t;
    uint32_t pid, tid;
    gaddr rip;        /* 0: not known */
    unsigned n_bytes; /* 8 for all but vector and x87 registers */
    unsigned
        n_same; /* writes of that register at t: the delivery of a signal is one more than the instruction's */
    uint8_t value[64];
};
/* The last write with from_t <= t' < before_t to register reg (enum odb_reg) of thread tid. */
struct odb_err *db_last_reg_write(struct odb_db *db, uint32_t tid, unsigned reg, uint64_t from_t,
                                  uint64_t before_t, bool *ret_found, struct db_reg_write *ret)
    ODB_MUST_CHECK;

/* Name of the system call of instruction t, by thread tid, copied to buf; false: it is none. */
struct odb_err *db_syscall_name(struct odb_db *db, uint64_t t, uint32_t tid, bool *ret_found, char *buf,
                                size_t n_bytes) ODB_MUST_CHECK;

/* ---- for debuggers: the nearest of many ---- */

/* While *flag is true, look-ups fail with an error. Borrowed until db_close; NULL: none. */
void db_set_interrupt(struct odb_db *db, const _Atomic bool *flag);

struct db_execution {
    uint64_t t;
    uint32_t pid, tid;
    gaddr rip;
};
struct db_point {
    gaddr addr;
    uint32_t pid; /* 0: any */
};
/* The first (desc: the last) execution with from <= t < to of any of the instructions. points: by address. */
struct odb_err *db_find_execution(struct odb_db *db, const struct db_point *points, size_t n, uint64_t from,
                                  uint64_t to, bool desc, bool *ret_found, struct db_execution *ret)
    ODB_MUST_CHECK;
/* The first (last) instruction that the thread (0: any) executes with from <= t < to, but for those at
 * [but_lo, but_hi). */
struct odb_err *db_find_run(struct odb_db *db, uint32_t tid, gaddr but_lo, gaddr but_hi, uint64_t from,
                            uint64_t to, bool desc, bool *ret_found, struct db_execution *ret) ODB_MUST_CHECK;

struct db_range {
    gaddr addr;
    uint64_t n_bytes;
    uint32_t pid; /* whose memory; 0: of any process */
};
/* ranges: by address. The first (last) write with from <= t < to to any of them: to whatever the process has at those addresses
 * then, and, by whoever and through whatever mapping, to the memory that it has there in the state at `at`. *ret_i: which range.
 * new_ and old of the answer may be NULL. */
struct odb_err *db_find_write(struct odb_db *db, const struct db_range *ranges, size_t n, uint64_t at,
                              uint64_t from, uint64_t to, bool desc, bool *ret_found, struct db_write *ret,
                              size_t *ret_i) ODB_MUST_CHECK;
/* All writes of all processes with from <= t < to, in order (desc: last first). rip is not told (0). */
struct odb_err *db_each_write(struct odb_db *db, uint64_t from, uint64_t to, bool desc, db_write_fn fn,
                              void *ctx) ODB_MUST_CHECK;

/* ---- names: "rax", "rflags", "fs_base", "ymm0" (zmm0 where registers have 64 bytes), "k1", "st0" ---- */

/* NULL when reg is none. Static storage. */
const char *db_reg_name(unsigned reg, unsigned vector_bytes);
/* -1 when there is none of that name (xmm, ymm and zmm are the same register; case does not matter). */
int db_reg_number(const char *name);

#endif
