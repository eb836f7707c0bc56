/* The system call model: what each x86-64 Linux call reads and writes.
 *
 * One table, model/syscalls.tbl, has one row for every call in the kernel's asm/unistd_64.h. Out of
 * it come: the recorder's copying of results (engine), replay's checks, `odb dump`, the SQL table
 * `syscalls`, and docs/syscalls.md. This header and model.c are freestanding-safe; everything that
 * needs libc (text) is in model/describe.h.
 *
 * Life of a call in the engine:
 *     const struct model_syscall *m = model_lookup(nr);      // NULL: outside the table, refuse
 *     model_before(m, &call);                                // remembers in-out lengths in call.before[]
 *     call.result = raw syscall
 *     n = model_outputs(m, &call, ranges, MODEL_MAX_RANGES); // what the kernel wrote
 *
 * model_* dereference program pointers directly: they run inside the program. Those that run before
 * the call read through `call->peek`, which must survive a bad pointer. After a successful call the
 * kernel has already read the same bytes. */
#ifndef ODB_MODEL_MODEL_H
#define ODB_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/regs.h"

/* What record and replay do with the call. */
enum model_class {
    MODEL_EMULATE,   /* replay: write the recorded outputs, return the recorded result */
    MODEL_REEXEC,    /* replay runs it again with the recorded result's address (maps and memory) */
    MODEL_IRREGULAR, /* the engine has a handler of its own (exit, execve, clone, rt_sigaction, ...) */
    MODEL_ENOSYS,    /* the program is told ENOSYS (io_uring_*, rseq) */
    MODEL_REFUSE,    /* not supported: the program gets an error, odb names it once (preload/sys_deny.c) */
};

enum model_flag {
    MODEL_MAY_BLOCK = 1,
    MODEL_CHANGES_MAPS = 2,
    MODEL_WRITES_ON_ERROR = 4, /* outputs are written although the result is negative */
    MODEL_MAKES_FD = 8,        /* result is a new file descriptor */
    MODEL_OUTPUT_DATA = 16,    /* sends bytes of memory out through a descriptor (write, sendto, ...) */
};

/* Type of an argument, for people and for checks. */
// clang-format off
enum model_type {
    MT_NONE, MT_INT, MT_UINT, MT_LONG, MT_SIZE, MT_HEX, MT_PTR, MT_FD, MT_DIRFD,
    MT_PATH /* NUL-terminated, read by the kernel */, MT_STRV /* argv/envp */,
    MT_BUF_IN, MT_BUF_OUT, MT_STRUCT_IN, MT_STRUCT_OUT, MT_STRUCT_INOUT,
    MT_OPEN_FLAGS, MT_MODE, MT_PROT, MT_MAP_FLAGS, MT_SIGNO, MT_IOCTL, MT_WHENCE, MT_CLOCK, MT_PID, MT_OFFSET,
    MT_FLAGS /* generic bit mask, printed hex */,
};
// clang-format on

/* One thing the kernel writes through an argument: see model.c for each rule's sum. */
enum model_rule {
    MO_NONE,
    MO_FIXED,     /* `n` bytes */
    MO_FIXED_POS, /* `n` bytes, when the result is above 0 (wait4, copy_file_range) */
    MO_RET,       /* min(result, args[len_arg]) * n bytes (read, getrandom, ...) */
    MO_ARG,       /* args[len_arg] * n bytes */
    MO_RET_ELEMS, /* the same as MO_RET where the result counts elements of n bytes (epoll_wait, ...) */
    MO_SOCKLEN,   /* min(length before, length after) at *args[len_arg], plus the 4-byte length itself */
    MO_IOVEC,     /* readv family: result bytes spread over iovec array args[arg], count args[len_arg] */
    MO_MSGHDR,
    MO_MMSGHDR,
    MO_STRING_RET, /* as MO_RET, and it is text (getcwd, readlink) */
    MO_CUSTOM,     /* by number, in model.c: ioctl, fcntl, futex, prctl, select, poll, ... */
};

#define MODEL_MAX_ARGS 6
#define MODEL_MAX_OUTS 4
#define MODEL_MAX_INS 3
#define MODEL_MAX_RANGES 1100 /* 1024 iovec entries and then some */

struct model_arg {
    const char *name;
    uint8_t type; /* enum model_type */
};

struct model_out {
    uint8_t arg, rule, len_arg;
    uint32_t n;
};

struct model_syscall {
    const char *name;
    uint16_t nr;
    uint8_t n_args, cls, n_outs, n_ins;
    uint32_t flags;
    struct model_arg args[MODEL_MAX_ARGS];
    struct model_out outs[MODEL_MAX_OUTS];
    struct model_out ins[MODEL_MAX_INS]; /* structures that the kernel reads, by the same rules */
    const char *note; /* why the class is what it is; always there for REFUSE and ENOSYS; or NULL */
};

struct model_call {
    uint64_t nr;
    uint64_t args[MODEL_MAX_ARGS];
    int64_t result;     /* negative errno on failure, as the kernel returns it */
    uint64_t before[8]; /* by model_before; by the engine, 0 else: [6] semctl GETALL: number of semaphores,
                           [7] process_vm_writev: not 0: the target is another process */
    /* Copies n bytes from program memory; returns false if any is unreadable. */
    bool (*peek)(gaddr addr, void *to, size_t n_bytes);
};

struct model_range {
    gaddr addr;
    uint64_t len_bytes;
};

#define MODEL_N_SYSCALLS 512 /* table size; numbers beyond are outside the table */

const struct model_syscall *model_lookup(uint64_t nr);

void model_before(const struct model_syscall *m, struct model_call *call);

/* The ranges the kernel wrote. Returns their number, or -1 when the call (its ioctl request, its
 * option) is not known to the model: the engine then refuses it by name (model_request_text).
 * A range may cover bytes that the call left as they were (padding, what cannot be known): whoever
 * writes it again should leave equal bytes alone, lest it faults on a read-only page. */
int model_outputs(const struct model_syscall *m, const struct model_call *call, struct model_range *ret,
                  int max_ranges);

/* Is this call, with these arguments, supported? Asked before it runs. NULL: yes. Otherwise a short
 * reason naming request or option, e.g. "ioctl 0xae01 (KVM)". The text is static, or in buf.
 * An ioctl request, option or command that the model does not know is let through: nearly always the
 * kernel does not know it either, or not for that descriptor, and an error has no outputs. Should it
 * succeed, model_outputs says -1. */
const char *model_refusal(const struct model_syscall *m, const struct model_call *call, char *buf,
                          size_t n_bytes);

/* The call with what its number alone does not say: "ioctl 0x5401", "prctl option 99", "fcntl command
 * 7", or just its name. For refusals, above all when model_outputs says -1. The text is static, or in buf. */
const char *model_request_text(const struct model_syscall *m, const struct model_call *call, char *buf,
                               size_t n_bytes);

/* What the call reads that people want to see and replay checks: paths and small structures (not the
 * data of write). Asked before the call; lengths of strings are found with peek, at most 4096 each.
 * Returns the number of ranges. */
int model_inputs(const struct model_syscall *m, const struct model_call *call, struct model_range *ret,
                 int max_ranges);

/* The data that the call sends out (MODEL_OUTPUT_DATA), as far as it was accepted. Asked after it. */
int model_sent(const struct model_syscall *m, const struct model_call *call, struct model_range *ret,
               int max_ranges);

#endif
