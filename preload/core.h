/* Between the engine's core files: blocks, exits, the code cache. See core.c for the life of a block. */
#ifndef ODB_PRELOAD_CORE_H
#define ODB_PRELOAD_CORE_H

#include "preload/decode.h"
#include "preload/engine.h"

/* Why translated code leaves to C. */
enum exit_kind {
    EXIT_LINK,      /* direct transfer to `target`: find or make the block, patch, go on */
    EXIT_LINK_TICK, /* the same, through the target's tick entry */
    EXIT_INDIRECT,  /* indirect transfer, look-up missed: target in ctx.exit_info */
    EXIT_SYSCALL,   /* `target` = address of the syscall instruction */
    EXIT_SPECIAL,   /* `target` = address of an instruction that special.c does */
    EXIT_STOP,      /* tick budget used up at the head of block `target` */
    EXIT_HOOK,      /* about to run the instruction at `target`; continues at cache offset `patch` */
    EXIT_FETCH,     /* no instruction can be fetched at `target` */
    EXIT_CHECK,     /* block on a self-modified page: compare its bytes first; continues at `patch` */
    EXIT_REFUSE,    /* instruction that odb does not support */
    EXIT_BREAK,     /* breakpoint at `target`; continues at `patch` (debug.h) */
    EXIT_WATCH,     /* the instruction at `target` may touch a watched range; continues at `patch` */
};

struct exit_rec {
    uint8_t kind;
    uint8_t variant; /* of the block it belongs to */
    uint16_t aux;
    uint32_t patch; /* LINK: cache offset of the rel32 to patch */
    gaddr target;
};

/* Two translations of the same code live side by side. */
enum { VARIANT_FAST = 0, VARIANT_HOOK = 1 };

/* Where one application instruction's code begins in the block: faults are mapped with it. */
struct insn_mark {
    uint16_t cache_off, app_off; /* from the block's cache_begin / start */
    uint8_t fix;                 /* MARK_* : what to undo when the fault is here */
    uint8_t reg;
};
enum {
    MARK_NONE = 0,
    MARK_SPILL = 1 /* register `reg` is in ctx.spill[3] */,
    MARK_RCX = 2 /* rcx is in ctx.spill[0] */
};

struct block {
    gaddr start;
    uint32_t len_bytes;   /* of application code */
    uint32_t cache_begin; /* offsets in the cache */
    uint32_t tick_entry, main_entry;
    uint32_t cache_end;
    uint32_t marks; /* first in the marks array */
    uint16_t n_marks;
    uint8_t variant;
    uint8_t flags; /* BLOCK_* */
    uint32_t pad;  /* cache offset of the indirect landing pad; 0: none */
    uint32_t copy; /* BLOCK_CHECKED: cache offset of the copy of its code */
};
enum { BLOCK_DEAD = 1, BLOCK_CHECKED = 2, BLOCK_FETCH_FAULT = 4 };

#define MAX_BLOCKS (1u << 19)
#define MAX_EXITS (1u << 21)
#define MAX_MARKS (1u << 22)
#define MAX_NODES (1u << 20)
#define PAGE_HASH_SIZE (1u << 14)

#define CACHE ((uint8_t *)ODB_CACHE_ADDR)
#define IBL_TABLE ((uint64_t *)ODB_IBL_ADDR)
#define IBL_ENTRIES (ODB_IBL_BYTES / 8)

extern struct block *blocks;
extern struct exit_rec *exits;
extern struct insn_mark *marks;
extern bool vector_ticks; /* ticks in xmm31; else in ctx.budget */
extern bool vector_check; /* and compared with xmm29 */
extern bool hook_on;
extern uint32_t flush_count;
extern bool flush_pending;

/* ---- cache.c ---- */
void cache_init(void);
/* Enough room for one more block with everything around it? */
bool cache_has_room(void);
void cache_flush(void);
struct block *block_find(gaddr rip, uint8_t variant);
/* By cache address; NULL when it is not in a block. */
struct block *block_at(uint64_t pc);
/* The mark in force at cache address pc. */
const struct insn_mark *block_mark(const struct block *b, uint64_t pc);
struct block *block_begin(gaddr rip, uint8_t variant);
void block_finish(struct block *b);
uint32_t exit_new(uint8_t kind, uint8_t variant, gaddr target, uint32_t patch);
/* Emits the stub of exit `x` into the cold area; returns its cache offset. */
uint32_t stub_emit(uint32_t x);
/* 8 bytes in the cold area holding v; returns the cache offset. */
uint32_t pool_u64(uint64_t v);
uint32_t pool_bytes(const void *p, size_t n_bytes);
/* Blocks are blocks[1] ... blocks[cache_n_blocks() - 1]. */
uint32_t cache_n_blocks(void);
/* Jumps whose target has been translated since they were made lead to it from now on. */
void cache_link_all(void);
uint8_t *cache_cursor(void);
void cache_set_cursor(uint8_t *p);
void cache_align(unsigned n);
/* Emits a landing pad for `target` at the cursor and puts it into the look-up table. The pad ends by
 * restoring rcx and rdx and falls through. */
void pad_emit(gaddr target);
/* Block gets a pad of its own if it has none. */
void pad_ensure(struct block *b);
void cache_patch_rel32(uint32_t patch, uint32_t to);
/* Guarded code pages. */
bool page_is_checked(gaddr page);
/* A store to addr faulted: was it our write protection? Then lifts it, drops the page's blocks. */
bool page_write_fault(gaddr addr, gaddr rip);
/* Lifts all guards; false when there was none. */
bool core_unprotect_all(void);
extern uint32_t indirect_miss; /* cache offset of the shared miss path */

/* ---- translate.c ---- */
struct block *translate(gaddr rip, uint8_t variant, bool with_pad);

/* ---- core.c ---- */
uint64_t core_exit(uint32_t x);
uint64_t core_dispatch(void);
uint64_t core_fault(void);
/* Program code was about to be entered at `entry`, but a signal came (entry.S). */
uint64_t core_interrupt(uint64_t entry);
/* The same at an instruction in the cache; ctx is exact. */
uint64_t core_interrupted(void);
/* The entry that core_exit returned is not going to be taken: does for ctx what it would have done (a tick). */
void core_arrive(void);
/* No entry is under way. */
void core_arrived(void);
/* The instruction at ctx.rip faults, by decision of C: deliver or end. */
void core_raise(int signo, int code, uint64_t addr);
void fault_resume(void);
_Noreturn void core_enter(void);
_Noreturn void engine_restart_stack(void (*fn)(void));

/* One more tick: the kernel, or the engine in its place, transferred control. */
void core_count_tick(void);

/* ---- special.c ---- */
void special_init(void);
/* Base addresses of fs and gs, now. */
uint64_t fs_base(void);
uint64_t gs_base(void);
/* Effective address of the modrm memory operand of `in`, the instruction at ctx.rip. */
gaddr insn_address(const struct insn *in);
/* Decodes the instruction at rip; false if it cannot be fetched or decoded. */
bool insn_at(gaddr rip, struct insn *ret);
/* All components to their initial values, as the kernel does for a signal handler. */
void xstate_reset(void);
size_t xstate_bytes(void);
/* Does the instruction at ctx.rip; advances ctx.rip or raises a fault. */
void special_insn(const struct insn *in);

/* ---- hook.c ---- */
void hook_insn(gaddr rip);
/* The pending instruction completed (after a system call, too). */
void hook_complete(void);
/* Its INSN record must be written now: kernel writes follow. */
void hook_announce(void);
/* It faulted and did not complete. */
void hook_cancel(void);

/* ---- signal.c ---- */
struct pending_fault {
    int signo, code;
    uint64_t addr;
    uint64_t trapno, err, cr2; /* for the frame */
};
extern struct pending_fault pending_fault;

/* ---- entry.S ---- */
long guard_copy(void *to, const void *from, size_t n);
long guard_xsave(void *area, uint64_t mask);
long guard_xsavec(void *area, uint64_t mask);
long guard_xrstor(const void *area, uint64_t mask);
long guard_fxsave(void *area);
long guard_rdfsbase(uint64_t *ret);
long guard_rdgsbase(uint64_t *ret);
extern char guard_start[], guard_end[], guard_failed[], exit_common[], raw_syscall_insn[], engine_sigreturn[],
    engine_stack[], engine_stack_top[], image_text_end[], image_end[], watch_check[], watch_check_end[];
void x87_fnstenv(void *to);
void x87_fnstenv16(void *to);
void x87_fnsave(void *to);
void x87_fnsave16(void *to);
void vec_store(void *to, unsigned n, unsigned n_bytes);
void k_store(uint64_t *to);
uint64_t vtick_get(void);
void vtick_set(uint64_t tick);
void vlimit_set(uint64_t tick);
void tick_loop_vector(uint64_t n);
void tick_loop_memory(uint64_t n);

#endif
