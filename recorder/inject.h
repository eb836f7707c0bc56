/* Putting the engine into a program (inject.c). Both work on a program that the calling thread traces and that
 * has stopped behind an execve: at its first instruction, or at PTRACE_EVENT_EXEC. */
#ifndef ODB_RECORDER_INJECT_H
#define ODB_RECORDER_INJECT_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/err.h"
#include "preload/control.h"
#include "preload/shared.h"
#include "recorder/image.h"

/* Refuses 32-bit programs and what else odb cannot run, by name. */
struct odb_err *inject_check(pid_t pid) ODB_MUST_CHECK;
/* The quick form of it. */
bool inject_is_64_bit(pid_t pid);

/* What is put in. */
struct inject_image {
    struct odb_image_header header;
    struct image_share share;
};

/* Maps the engine and points the program to its entry; the caller detaches. boot: all but regs is filled in by the
 * caller. *ret_death: with an error, the wait status of a program that died meanwhile; else untouched. */
struct odb_err *inject_engine(pid_t pid, const struct inject_image *image, struct odb_boot *boot,
                              int *ret_death) ODB_MUST_CHECK;

#endif
