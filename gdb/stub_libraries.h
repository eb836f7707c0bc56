/* The list of shared libraries for qXfer (stub_xfer.c). */
#ifndef ODB_GDB_STUB_LIBRARIES_H
#define ODB_GDB_STUB_LIBRARIES_H

#include "gdb/stub_parts.h"

/* A make_fn of stub_xfer.c. */
struct odb_err *stub_make_libraries(struct stub *s, const char *annex, struct out *ret, bool *ret_known)
    ODB_MUST_CHECK;

#endif
