/* Agent expressions: the byte code in which gdb sends the conditions of breakpoints, so that the stub decides
 * whether a hit counts (gdb manual, "The GDB Agent Expression Mechanism"). A pure function of code and environment. */
#ifndef ODB_GDB_AGENT_H
#define ODB_GDB_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/regs.h"

/* What an expression can see. Both return false where there is no such thing. */
struct agent_env {
    void *ctx;
    bool (*read)(void *ctx, gaddr addr, void *to, size_t n_bytes);
    bool (*reg)(void *ctx, unsigned number, uint64_t *ret); /* number as in the target description */
};

/* Runs it; *ret is what it leaves on top of the stack. NULL is fine, else why it cannot be evaluated (static text):
 * memory that is not there, a division by zero, floating point, code that is malformed or runs too long. */
const char *agent_eval(const uint8_t *code, size_t n_bytes, const struct agent_env *env, uint64_t *ret);

#endif
