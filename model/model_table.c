/* The table of calls, made from syscalls.tbl, and looking things up in it.
 *
 * Every row's number is compared with the kernel's header at compile time; numbers that the header of
 * Debian 12 lacks are below. That no row is missing is checked by tests/model/table_test.c. Two rows
 * with one number are an error of the compiler (enum row_once). */
#include "model/internal.h"

#include <asm/unistd.h>

#ifndef __NR_uretprobe
#define __NR_uretprobe 335
#endif
#ifndef __NR_uprobe
#define __NR_uprobe 336
#endif
#ifndef __NR_cachestat
#define __NR_cachestat 451
#endif
#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452
#endif
#ifndef __NR_map_shadow_stack
#define __NR_map_shadow_stack 453
#endif
#ifndef __NR_futex_wake
#define __NR_futex_wake 454
#define __NR_futex_wait 455
#define __NR_futex_requeue 456
#endif
#ifndef __NR_statmount
#define __NR_statmount 457
#define __NR_listmount 458
#endif
#ifndef __NR_lsm_get_self_attr
#define __NR_lsm_get_self_attr 459
#define __NR_lsm_set_self_attr 460
#define __NR_lsm_list_modules 461
#endif
#ifndef __NR_mseal
#define __NR_mseal 462
#endif
#ifndef __NR_setxattrat
#define __NR_setxattrat 463
#define __NR_getxattrat 464
#define __NR_listxattrat 465
#define __NR_removexattrat 466
#endif
#ifndef __NR_open_tree_attr
#define __NR_open_tree_attr 467
#endif
#ifndef __NR_file_getattr
#define __NR_file_getattr 468
#define __NR_file_setattr 469
#endif

enum {
    BLOCK = MODEL_MAY_BLOCK,
    MAPS = MODEL_CHANGES_MAPS,
    ONERR = MODEL_WRITES_ON_ERROR,
    NEWFD = MODEL_MAKES_FD,
    DATA = MODEL_OUTPUT_DATA
};

// clang-format off
/* Numbers are those of the kernel's header, and each comes once. */
#define SYS(NR, NAME, CLASS, FLAGS, ARGS, OUTS, INS, NOTE) _Static_assert(__NR_##NAME == (NR), #NAME); enum { row_once_##NR = (NR) };
#include "model/syscalls.tbl"
#undef SYS

#define UNPAREN(...) __VA_ARGS__
#define A(NAME, TYPE) { #NAME, MT_##TYPE }
#define FIXED(ARG, N) { (ARG), MO_FIXED, 0, (N) }
#define FIXEDPOS(ARG, N) { (ARG), MO_FIXED_POS, 0, (N) }
#define RET(ARG, MAX, N) { (ARG), MO_RET, (MAX), (N) }
#define STR(ARG, MAX, N) { (ARG), MO_STRING_RET, (MAX), (N) }
#define ELEMS(ARG, MAX, N) { (ARG), MO_RET_ELEMS, (MAX), (N) }
#define BYARG(ARG, COUNT, N) { (ARG), MO_ARG, (COUNT), (N) }
#define SOCKLEN(ARG, LEN) { (ARG), MO_SOCKLEN, (LEN), 1 }
#define IOVEC(ARG, COUNT) { (ARG), MO_IOVEC, (COUNT), 1 }
#define MSGHDR(ARG) { (ARG), MO_MSGHDR, 0, 1 }
#define MMSGHDR(ARG) { (ARG), MO_MMSGHDR, 0, 1 }
#define CUSTOM(ARG) { (ARG), MO_CUSTOM, 0, 0 }

/* One element too many, so that an empty list is no special case. */
#define N_ARGS(...) (sizeof((struct model_arg[]){ { 0, 0 }, ##__VA_ARGS__ }) / sizeof(struct model_arg) - 1)
#define N_OUTS(...) (sizeof((struct model_out[]){ { 0, 0, 0, 0 }, ##__VA_ARGS__ }) / sizeof(struct model_out) - 1)

#define SYS(NR, NAME, CLASS, FLAGS, ARGS, OUTS, INS, NOTE)                                                                  \
    [NR] = { .name = #NAME, .nr = (NR), .n_args = N_ARGS ARGS, .cls = MODEL_##CLASS, .n_outs = N_OUTS OUTS,                 \
             .n_ins = N_OUTS INS, .flags = (FLAGS), .args = { UNPAREN ARGS }, .outs = { UNPAREN OUTS },                     \
             .ins = { UNPAREN INS }, .note = (NOTE) },
static const struct model_syscall rows[MODEL_N_SYSCALLS] = {
#include "model/syscalls.tbl"
};
#undef SYS
// clang-format on

const struct model_syscall *model_lookup(uint64_t nr)
{
    return nr < MODEL_N_SYSCALLS && rows[nr].name ? &rows[nr] : NULL;
}
