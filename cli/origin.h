/* Where a value came from: one step back at a time, out of the index.
 *
 * A value is a range of bytes of memory or of a register in one state. Its last write is looked up; the instruction that
 * made it is decoded and says what it moved from where to where. So origin_back() answers with the place where the same bytes
 * were before (ORIGIN_COPY), or with an end: the instruction or the kernel that made them, or memory that was never written.
 *
 *     struct origin *o;
 *     ODB_TRY(origin_create(db, &o));
 *     struct origin_ref at = {.kind = REF_MEMORY, .pid = pid, .tid = tid, .t = t, .addr = addr, .n_bytes = 8};
 *     ODB_TRY(origin_read(o, &at));
 *     for (;;) {
 *         ODB_TRY(origin_back(o, &at, &step));
 *         if (step.kind != ORIGIN_COPY) break;
 *         at = step.from[0];
 *     }
 *     origin_destroy(o);
 *
 * origin.c finds writes, origin_insn.c knows instructions, origin_kernel.c system calls and signals, origin_fd.c descriptors,
 * origin_start.c what memory and registers hold at the beginning. */
#ifndef ODB_CLI_ORIGIN_H
#define ODB_CLI_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "db/db.h"

#define ORIGIN_MAX_BYTES 64
#define ORIGIN_MAX_INPUTS 4
#define ORIGIN_TEXT 1024

enum origin_ref_kind { REF_MEMORY, REF_REGISTER, REF_NUMBER };
/* A value in the state at t. */
struct origin_ref {
    enum origin_ref_kind kind;
    uint32_t pid, tid; /* whose memory; whose register */
    uint64_t t;
    gaddr addr;      /* MEMORY */
    unsigned number; /* REGISTER: enum odb_reg */
    unsigned at;     /* REGISTER: its first byte */
    unsigned n_bytes;
    bool undelivered; /* REGISTER: as it was before the signal that is delivered at t */
    bool known;       /* value is there */
    uint8_t value[ORIGIN_MAX_BYTES];
};

enum origin_kind {
    ORIGIN_COPY,     /* moved: from[0] is where it was */
    ORIGIN_MADE,     /* computed from `from` */
    ORIGIN_CONSTANT, /* a number in the instruction, or zeros by idiom */
    ORIGIN_KERNEL,   /* a system call or the kernel made it, or the processor */
    ORIGIN_INITIAL,  /* never written */
    ORIGIN_UNKNOWN,
};
/* "copy", "made", ... */
const char *origin_kind_name(enum origin_kind kind);

struct origin_step {
    enum origin_kind kind;
    struct origin_ref to; /* what is explained: what was asked, or a part of it */
    bool partial;         /* a part: the other bytes are another story */
    bool extended;        /* only the lower bytes were moved, the others are zeros or copies of the sign */
    struct origin_ref from[ORIGIN_MAX_INPUTS];
    unsigned n_from;
    int go_on;  /* MADE: the input that dominates, -1: none does */
    uint64_t t; /* of the instruction or call; INITIAL: since when it was there */
    uint32_t pid, tid;
    gaddr rip; /* 0: none */
    char insn[200];
    char text[ORIGIN_TEXT]; /* what else is to be said, "" if nothing */
    char path[ORIGIN_TEXT]; /* the file or the like that it was read from, "" if none */
    bool has_offset;
    uint64_t offset; /* in it */
};

struct origin;
/* db is borrowed. */
struct odb_err *origin_create(struct odb_db *db, struct origin **ret) ODB_MUST_CHECK;
void origin_destroy(struct origin *o);

/* Fills in the value. It stays unknown where memory is not mapped. */
struct odb_err *origin_read(struct origin *o, struct origin_ref *ref) ODB_MUST_CHECK;
/* One step back. n_bytes of ref is 1 ... ORIGIN_MAX_BYTES. Values of all that is answered are filled in. */
struct odb_err *origin_back(struct origin *o, const struct origin_ref *ref, struct origin_step *ret)
    ODB_MUST_CHECK;

/* The bytes as an integer, little-endian; only the first 8. */
uint64_t origin_number(const struct origin_ref *ref);

#endif
