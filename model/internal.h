/* What the files of the freestanding model share: the list of ranges under construction, and access
 * to program memory. Not for others. */
#ifndef ODB_MODEL_INTERNAL_H
#define ODB_MODEL_INTERNAL_H

#include "model/model.h"

/* Kernel error numbers that decide whether something was written. */
enum { ME_INTR = 4, ME_2BIG = 7, ME_FAULT = 14, ME_RANGE = 34, ME_OVERFLOW = 75 };

enum { MODEL_MAX_IOV = 1024 /* UIO_MAXIOV */, MODEL_MAX_INPUT_BYTES = 4096 };

/* Collects ranges. `overflow` when more came than fit: the result is then useless and becomes -1. */
struct sink {
    struct model_range *ret;
    int n, max;
    bool overflow;
};

/* Appends a range, joined with the one before it where they touch. NULL pointers and empty ranges vanish. */
void sink_add(struct sink *s, gaddr addr, uint64_t len_bytes);

/* The same for a range that the call may have left alone, or that may not be there at all: cut to
 * what is readable, and to 1 MiB. */
void sink_add_readable(struct sink *s, const struct model_call *call, gaddr addr, uint64_t len_bytes);

/* Spreads n_bytes over the iovec array at `iov` of `count` entries; reads it directly or with peek. */
void sink_add_iov(struct sink *s, gaddr iov, uint64_t count, uint64_t n_bytes);
void sink_add_iov_readable(struct sink *s, const struct model_call *call, gaddr iov, uint64_t count,
                           uint64_t n_bytes);

/* Program memory that the kernel has just read or written: no peek needed. */
struct model_u64_at {
    uint64_t value;
} __attribute__((packed, may_alias));

struct model_u32_at {
    uint32_t value;
} __attribute__((packed, may_alias));

static inline uint64_t load64(gaddr addr)
{
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): the kernel was there
    return ((const volatile struct model_u64_at *)(uintptr_t)addr)->value;
}

static inline uint32_t load32(gaddr addr)
{
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): the kernel was there
    return ((const volatile struct model_u32_at *)(uintptr_t)addr)->value;
}

static inline uint64_t min_u64(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* a * b, or all ones when that does not fit. */
static inline uint64_t mul_sat(uint64_t a, uint64_t b)
{
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

/* An error, as against a large unsigned result (addresses, clocks, offsets). */
static inline bool model_failed(const struct model_call *call)
{
    return call->result < 0 && call->result >= -4095;
}

/* The argument as the kernel takes it: arguments of type int lose their upper half. */
uint64_t model_arg_value(const struct model_syscall *m, const struct model_call *call, unsigned arg);

/* Offsets in struct user_msghdr (56 bytes) and struct mmsghdr (64 bytes). */
enum {
    MSGHDR_NAME = 0,
    MSGHDR_NAMELEN = 8,
    MSGHDR_IOV = 16,
    MSGHDR_IOVLEN = 24,
    MSGHDR_CONTROL = 32,
    MSGHDR_CONTROLLEN = 40,
    MSGHDR_FLAGS = 48,
    MSGHDR_BYTES = 56,
    MMSGHDR_LEN = 56,
    MMSGHDR_BYTES = 64,
};

/* MO_CUSTOM rules by call number (model_custom.c). False: the call's option is unknown. */
bool model_custom_outputs(struct sink *s, const struct model_call *call);
void model_custom_before(struct model_call *call);
void model_custom_fault(struct sink *s, const struct model_call *call,
                        unsigned arg); /* after EFAULT: what may have been written */

/* ioctl (model_ioctl.c). */
bool model_ioctl_outputs(struct sink *s, const struct model_call *call);
void model_ioctl_fault(struct sink *s, const struct model_call *call);
void model_ioctl_inputs(struct sink *s, const struct model_call *call);
const char *model_ioctl_refused_family(uint32_t request); /* NULL: not refused */

/* prctl options, for refusals. NULL when supported or unknown. */
const char *model_prctl_refused(const struct model_call *call);

#endif
