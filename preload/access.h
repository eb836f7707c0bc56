/* What memory an instruction is going to touch. */
#ifndef ODB_PRELOAD_ACCESS_H
#define ODB_PRELOAD_ACCESS_H

#include "preload/core.h"

#define ACCESS_MAX 36 /* gathers and scatters touch up to 16 elements, and there is the stack */

struct access {
    gaddr addr;
    uint64_t n_bytes;
    uint8_t kind; /* MEM_READ, MEM_WRITE or both */
};
/* Of the instruction `in` at ctx.rip, with all registers as they are before it; repeated string instructions as a whole. What
 * may not happen (MEM_COND) is told, too. Returns the number of accesses in `ret`. */
int access_list(const struct insn *in, struct access ret[ACCESS_MAX]);
/* Any at all? */
bool access_any(const struct insn *in);

#endif
