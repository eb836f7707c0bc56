/* System calls as text, for `odb dump` and the SQL table `syscalls`. Hosted. */
#ifndef ODB_MODEL_DESCRIBE_H
#define ODB_MODEL_DESCRIBE_H

#include <stddef.h>

#include "model/model.h"

/* Memory of the program as known at the call (captured inputs and outputs). Returns how many of the
 * n_bytes at addr are known and copied to `to` (a prefix). */
typedef size_t (*describe_peek_fn)(void *ctx, gaddr addr, void *to, size_t n_bytes);

/* Writes the arguments as strace shows them, e.g. `AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC`
 * (no name, no parentheses), cut to n_bytes. Returns the untruncated length. */
size_t describe_args(const struct model_call *call, describe_peek_fn peek, void *ctx, char *buf,
                     size_t n_bytes);

/* Result as text: `3`, `0x7f..` for addresses, `-1 ENOENT (No such file or directory)`. */
size_t describe_result(const struct model_call *call, char *buf, size_t n_bytes);

/* "SIGSEGV" for 11, "ENOENT" for 2; "SIG63"/"E999" style text when unknown. Static storage or buf. */
const char *describe_signal(int signo, char *buf, size_t n_bytes);
const char *describe_errno(int err, char *buf, size_t n_bytes);

#endif
