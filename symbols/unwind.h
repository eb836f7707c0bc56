/* Inside symbols/: one step up a stack, by unwind information or by guessing. unwind.c makes a backtrace of it.
 *
 *     unwind_file.c    finds the frame description (FDE) of an address in an ELF file
 *     unwind_cfi.c     libunwind's step, fed with exactly that FDE
 *     unwind_guess.c   steps without unwind information
 *     unwind_tail.c    functions that are no more on the stack, because they ended in a jump */
#ifndef ODB_SYMBOLS_UNWIND_H
#define ODB_SYMBOLS_UNWIND_H

#include <gelf.h>

#include "symbols/symbols.h"

struct module;

/* ---- unwind_file.c ---- */

struct unwind_file;

/* A frame description with its CIE. Addresses are link-time ones; pointers lead into the file, valid as long as it. */
struct unwind_fde {
    gaddr start, end;
    bool is_signal;   /* augmentation 'S' */
    uint8_t encoding; /* of addresses (DW_EH_PE_*) */
    uint64_t code_align;
    int64_t data_align;
    uint64_t ra_reg;
    const uint8_t *initial, *initial_end, *insns, *insns_end;
};

/* Both are borrowed for its lifetime. debug_elf (may be NULL): a separate debug file. NULL: out of memory, or no ELF file. */
struct unwind_file *unwind_file_create(Elf *elf, Elf *debug_elf);
/* NULL is fine. */
void unwind_file_destroy(struct unwind_file *f);
/* The FDE of an address; false: there is none. Damaged tables are as none. */
bool unwind_file_find(struct unwind_file *f, gaddr vaddr, struct unwind_fde *ret);

/* ---- a process being unwound ---- */

struct unwinder {
    struct symbols *s;         /* borrowed */
    struct unw_addr_space *as; /* owned */
    struct unwinder_file {
        const struct module *module;
        struct unwind_file *file; /* owned; NULL: of no use */
    } * opened;                   /* owned */
    size_t n_opened;
    /* the step under way (unwind_cfi.c) */
    const struct unwind_regs *regs;
    struct unwind_fde fde;
    uint8_t *fed; /* owned: what libunwind finds at fed_at */
    size_t n_fed, max_fed;
    gaddr fed_at;
    bool found;
};

/* A step's input and output: registers of one frame. */
struct unwind_regs {
    uint64_t gpr[16];
    uint32_t known;
    gaddr pc;
    gaddr lookup_pc;
};

/* NULL is fine. */
void unwinder_destroy(struct unwinder *u);

enum unwind_step {
    UNWIND_OK,
    UNWIND_END,  /* the information says: there is no caller */
    UNWIND_NONE, /* there is no information, or it is of no use */
};

/* ---- unwind_cfi.c ---- */

/* By .eh_frame or .debug_frame. *ret_signal: the frame is a signal trampoline. *ret_cfa is the frame's, not the caller's. */
enum unwind_step unwind_by_cfi(struct unwinder *u, const struct unwind_regs *r, struct unwind_regs *ret,
                               gaddr *ret_cfa, bool *ret_signal);
/* Is there unwind information for the address? */
bool unwind_has_cfi(struct unwinder *u, gaddr addr);

/* ---- unwind_tail.c ---- */

/* Addresses behind the jumps by which what caller_pc (behind a call) calls came to the function of callee_pc: innermost first,
 * at most max. 0: there are none, or it is not known. */
size_t unwind_tail_calls(struct unwinder *u, gaddr callee_pc, gaddr caller_pc, gaddr *ret, size_t max);

/* ---- unwind_guess.c ---- */

/* A frame of the kernel's making: pc is at the instructions that return from a signal handler. */
bool unwind_is_sigreturn(struct unwinder *u, gaddr pc);
enum unwind_step unwind_by_sigframe(struct unwinder *u, const struct unwind_regs *r, struct unwind_regs *ret,
                                    gaddr *ret_cfa);
/* exact: nothing was called from this frame (innermost, or interrupted by a signal), so it may be anywhere in its
 * prologue. entry: where its function begins, 0: not known. */
enum unwind_step unwind_by_guess(struct unwinder *u, const struct unwind_regs *r, bool exact, gaddr entry,
                                 struct unwind_regs *ret, gaddr *ret_cfa, enum sym_frame_how *ret_how);

#endif
