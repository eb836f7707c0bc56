/* Inside the index builder: what builder.c and story.c share. */
#ifndef ODB_INDEXER_BUILDER_IMPL_H
#define ODB_INDEXER_BUILDER_IMPL_H

#include "indexer/builder.h"
#include "indexer/chunk.h"
#include "indexer/lines.h"
#include "indexer/regions.h"
#include "indexer/shadow.h"
#include "indexer/store.h"
#include "preload/control.h"

struct builder_thread {
    uint32_t tid;
    uint64_t t_start;
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
    struct lines mem_lines, exec_lines;
    struct chunk_enc enc;
    struct bytes blob; /* scratch */
    uint64_t count;    /* instructions completed */
    bool pending;      /* an INSN that may not have completed */
    gaddr pending_rip, last_rip;
    uint32_t chunk_bytes;
    bool open;      /* a chunk is being filled */
    uint32_t chunk; /* id of the chunk being filled */
    uint64_t chunk_t, n_reg, n_mem;
    uint32_t vector_bytes;
    struct builder_thread *threads; /* owned */
    size_t n_threads, current;
    uint64_t *base_pages; /* owned: pages with new contents from outside, not yet in an image */
    size_t n_base_pages, cap_base_pages;

    /* story.c */
    struct regions maps;
    uint32_t pid;
    uint64_t end_rip, exit_rip; /* of a fatal signal; as the EXIT event says; 0: none */
    bool have_exit;             /* exit or exit_group was called */
    bool after_signal;          /* a signal was delivered since the last instruction */
    bool have_call;
    bool in_exec; /* a new program image is being described */
    struct odb_log_syscall call;
    uint64_t call_t;
    struct story_input *inputs; /* owned */
    size_t n_inputs, cap_inputs;
    struct bytes input_bytes;
    uint64_t fault_count; /* count + 1 at the last fault */
    int32_t fault_signo;
    char *exe, *args; /* owned */
    bool have_status;
    int64_t status;
};

struct odb_err *builder_flush_base_pages(struct index_builder *b) ODB_MUST_CHECK;

/* Every other record. */
struct odb_err *story_record(struct index_builder *b, const struct odb_log *r, const uint8_t *body)
    ODB_MUST_CHECK;
/* A write to where nothing is mapped: the kernel has let a stack grow. */
struct odb_err *story_grow_stack(struct index_builder *b, gaddr addr) ODB_MUST_CHECK;
/* Before the next instruction: writes the pending system call. */
struct odb_err *story_insn(struct index_builder *b) ODB_MUST_CHECK;
struct odb_err *story_finish(struct index_builder *b) ODB_MUST_CHECK;
void story_deinit(struct index_builder *b);

#endif
