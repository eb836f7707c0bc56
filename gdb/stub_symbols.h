/* Expressions of C about the process that the client looks at, evaluated in the server: for monitor commands. */
#ifndef ODB_GDB_STUB_SYMBOLS_H
#define ODB_GDB_STUB_SYMBOLS_H

#include "gdb/stub_parts.h"

/* A piece of memory of a process. */
struct stub_range {
    uint32_t pid;
    gaddr addr;
    uint64_t n_bytes;
};
/* The memory that text means:
 *     0x4040, 1234              a number: 8 bytes at that address
 *     x, s->member, *p, a[3]    what lies in memory: all of it
 *     &x, $sp, p + 1            a pointer that is a mere value: what it points to; 8 bytes where that has no size
 *     any of these,LEN          so many bytes; here other numbers ($rax) are addresses, too
 * Names are those of the frame that the client has told (QOdb.frame) and of the frames around it as far as it has no debug
 * information. */
struct odb_err *stub_memory_of(struct stub *s, const char *text, struct stub_range *ret) ODB_MUST_CHECK;

/* What symbols keep; NULL is fine. */
struct stub_symbols;
void stub_symbols_destroy(struct stub_symbols *y);

#endif
