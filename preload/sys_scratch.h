/* Outputs of a call that others run beside: kept out of the program's memory until the thread has the baton again.
 *
 *     enum scratch_how how = scratch_redirect(m, &c, &real, &s, self->scratch, sizeof(self->scratch));
 *     ... give up the baton, run `real` (always the one to run), take the baton ...
 *     c.result = scratch_copy_out(m, &real, &s);      // from here c is as if it had run itself
 *
 * model_before(m, &c) comes first: `real` takes its remembered lengths over. Record only. */
#ifndef ODB_PRELOAD_SYS_SCRATCH_H
#define ODB_PRELOAD_SYS_SCRATCH_H

#include "model/model.h"

enum scratch_how {
    SCRATCH_NONE,       /* writes no memory: real == c */
    SCRATCH_REDIRECTED, /* real has other pointers */
    SCRATCH_DIRECT, /* writes the program's memory while others run: no CHECK of memory meanwhile. real == c */
};

struct scratch {
    enum scratch_how how;
    int n;
    struct scratch_part {
        gaddr program, scratch;
        uint64_t len_bytes;
    } parts[MODEL_MAX_ARGS + 2];
    gaddr
        iov; /* readv, recvmsg: the program's array, copied; its buffers are one piece of scratch at iov_data */
    uint64_t n_iov, iov_bytes;
    gaddr iov_data;
};

/* buf: of the thread alone, n_bytes. `real` need not be initialised. */
enum scratch_how scratch_redirect(const struct model_syscall *m, const struct model_call *c,
                                  struct model_call *real, struct scratch *s, uint8_t *buf, uint64_t n_bytes);
/* Returns the call's result (-EFAULT when the program's memory has gone meanwhile). */
int64_t scratch_copy_out(const struct model_syscall *m, const struct model_call *real,
                         const struct scratch *s);

#endif
