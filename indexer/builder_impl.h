/* Inside the index builder: what builder.c and story.c share. */
#ifndef ODB_INDEXER_BUILDER_IMPL_H
#define ODB_INDEXER_BUILDER_IMPL_H

#include "indexer/builder.h"
#include "indexer/chunk.h"
#include "indexer/lines.h"
#include "indexer/pipes.h"
#include "indexer/regions.h"
#include "indexer/shadow.h"
#include "indexer/store.h"
#include "preload/control.h"

/* A range that a fork treats otherwise (madvise): it is not in the child, or zeros there. */
struct fork_rule {
    gaddr start, end;
    bool wipe;
};

/* An address space, of one or more processes (vfork). */
struct builder_vm {
    uint32_t number;            /* in the log */
    uint32_t refs;              /* processes in it */
    uint32_t pid;               /* whose mappings they are called */
    struct shadow_space *space; /* owned */
    struct regions maps;
    struct fork_rule *rules; /* owned */
    size_t n_rules;
};

/* Descriptors that lead to a channel (story_fds.c). */
struct builder_fd;
struct builder_fds {
    struct builder_fd *v; /* owned, by number */
    size_t n;
};

struct builder_proc {
    uint32_t pid, parent;
    struct builder_vm *vm; /* a reference */
    uint64_t t_start;
    uint64_t stay_t;    /* in vm since then */
    int64_t from_space; /* vm is a copy of this space; -1: it is not */
    char *exe, *args;   /* owned, may be NULL */
    struct builder_fds fds;
    bool new_image; /* exec: exe and args will be read at its START */
    bool dead;      /* to be reaped */
    bool have_status;
    int64_t status;
};

struct builder_thread {
    uint32_t tid;
    struct builder_proc *proc; /* borrowed: lives as long as its threads */
    uint64_t t_start;
    bool dead;
    bool stored; /* regs are those of its latest snapshot */
    char name[16];
    struct regfile regs;
};

/* Memory that a system call read, as the log gave it. */
struct story_input {
    gaddr addr;
    uint32_t n;
    uint32_t at; /* in input_bytes */
};

struct index_builder {
    char *dir; /* owned */
    struct store *store;
    struct shadow shadow;
    struct lines mem_lines, exec_lines, place_lines;
    struct chunk_enc enc;
    struct bytes blob; /* scratch */
    uint64_t count;    /* instructions completed */
    bool pending;      /* an INSN that may not have completed */
    gaddr pending_rip, last_rip;
    uint32_t chunk_bytes;
    bool open;                        /* a chunk is being filled */
    uint32_t chunk;                   /* id of the chunk being filled */
    struct shadow_space *chunk_space; /* borrowed: whose addresses its writes have */
    uint64_t chunk_t, n_reg, n_mem;
    uint32_t vector_bytes;
    /* tasks.c. There is always a process and a current thread: until the log names them, they have number 0 */
    struct builder_thread **threads; /* owned: those that live */
    size_t n_threads;
    struct builder_thread *cur;  /* the one that runs */
    struct builder_proc **procs; /* owned: those that live */
    size_t n_procs;
    struct builder_vm **vms; /* owned: those that live */
    size_t n_vms;
    uint32_t n_spaces, first_pid;
    uint32_t last_tid; /* of the latest instruction */
    bool any_dead;
    bool images_due;    /* pages want an image of the next state */
    bool have_position; /* of the state before the next instruction, which is at position_rip */
    gaddr position_rip;
    struct odb_log_position position;
    uint64_t position_t, n_positions; /* of the latest row; rows */

    /* story.c */
    uint64_t end_rip, exit_rip; /* of a fatal signal; as the EXIT event says; 0: none */
    bool have_exit;             /* exit or exit_group was called */
    bool after_signal;          /* a signal was delivered since the last instruction */
    bool have_call, call_ends;  /* a call is pending; it does not return */
    bool in_exec;               /* a new program image is being described */
    struct odb_log_syscall call;
    uint64_t call_t;
    struct story_input *inputs; /* owned */
    size_t n_inputs, cap_inputs;
    struct bytes input_bytes;
    uint64_t fault_count; /* count + 1 at the last fault */
    int32_t fault_signo;
    struct pipes pipes;
};

/* t of what follows the latest instruction. */
static inline uint64_t builder_latest_t(const struct index_builder *b) { return b->count ? b->count - 1 : 0; }
static inline uint32_t builder_pid(const struct index_builder *b) { return b->cur->proc->pid; }
static inline struct builder_vm *builder_vm(const struct index_builder *b) { return b->cur->proc->vm; }
static inline struct shadow_space *builder_space(const struct index_builder *b)
{
    return builder_vm(b)->space;
}

/* Ends the current chunk, if there is one. */
struct odb_err *builder_end_chunk(struct index_builder *b) ODB_MUST_CHECK;
/* Stores a thread's registers as they are before the current chunk. */
struct odb_err *builder_snapshot(struct index_builder *b, struct builder_thread *th) ODB_MUST_CHECK;

/* ---- tasks.c ---- */

struct odb_err *tasks_init(struct index_builder *b) ODB_MUST_CHECK;
void tasks_deinit(struct index_builder *b);
/* Makes the thread the current one. pid 0: of the first process. */
struct odb_err *tasks_run(struct index_builder *b, uint32_t tid, uint32_t pid) ODB_MUST_CHECK;
struct odb_err *tasks_record(struct index_builder *b, const uint8_t *body, uint32_t n) ODB_MUST_CHECK;
/* Writes the rows of those that died, unless the current thread did. */
struct odb_err *tasks_reap(struct index_builder *b) ODB_MUST_CHECK;
/* The number of the first process, unless it has one. */
void tasks_name_first(struct index_builder *b, uint32_t pid);
/* NULL: there is none. */
struct builder_proc *tasks_find_proc(const struct index_builder *b, uint32_t pid);
struct odb_err *tasks_finish(struct index_builder *b) ODB_MUST_CHECK;

/* ---- story.c ---- */

/* Every other record. */
struct odb_err *story_record(struct index_builder *b, const struct odb_log *r, const uint8_t *body)
    ODB_MUST_CHECK;
/* A write to where nothing is mapped: the kernel has let a stack grow. */
struct odb_err *story_grow_stack(struct index_builder *b, gaddr addr) ODB_MUST_CHECK;
/* Before the next instruction: writes the pending system call. */
struct odb_err *story_insn(struct index_builder *b) ODB_MUST_CHECK;
struct odb_err *story_first_image(struct index_builder *b, const struct odb_ev_start *ev) ODB_MUST_CHECK;
/* The first process runs its first instruction. */
struct odb_err *story_began(struct index_builder *b) ODB_MUST_CHECK;
/* What a process runs, out of the stack of its new image; rsp as at its first instruction. */
struct odb_err *story_new_image(struct index_builder *b, gaddr rsp) ODB_MUST_CHECK;
/* The registers as a system call, for those that leave no SYSCALL record. */
struct odb_err *story_call_of_registers(struct index_builder *b, uint64_t t, bool ends) ODB_MUST_CHECK;
struct odb_err *story_map(struct index_builder *b, const uint8_t *body, uint32_t n) ODB_MUST_CHECK;
/* A madvise call that is done. */
struct odb_err *story_advice(struct index_builder *b, gaddr addr, uint64_t n_bytes, uint64_t advice)
    ODB_MUST_CHECK;
/* `to` was made as a copy of `from` by a fork: what madvise said about that. */
struct odb_err *story_forked(struct index_builder *b, const struct builder_vm *from, struct builder_vm *to)
    ODB_MUST_CHECK;
/* The vm's mappings end with state t. */
struct odb_err *story_end_maps(struct index_builder *b, struct builder_vm *vm, uint64_t t) ODB_MUST_CHECK;

/* ---- story_fds.c ---- */

void fds_deinit(struct builder_fds *f);
struct odb_err *fds_copy(const struct builder_fds *from, struct builder_fds *to) ODB_MUST_CHECK;
void fds_exec(struct builder_fds *f);
/* A call that is done. */
struct odb_err *fds_call(struct index_builder *b, const struct odb_log_syscall *c) ODB_MUST_CHECK;
/* Bytes were written to fd; *ret_channel 0: it is none. */
struct odb_err *fds_output(struct index_builder *b, uint64_t fd, const void *data, uint64_t n_bytes,
                           uint32_t *ret_channel) ODB_MUST_CHECK;

void story_deinit(struct index_builder *b);

#endif
