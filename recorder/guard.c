/* The seccomp guard.
 *
 * libseccomp builds the body: native x86-64 only, TRAP for everything, which reaches the engine as SIGSYS
 * (sys_escape). In front of it comes what libseccomp cannot say: three instructions that let a call through
 * when its instruction pointer is the end of the engine's stub. The kernel reports the address behind
 * the syscall instruction. That check is first, because every recorded call passes it.
 *
 * The body's exception: munmap, mmap and shmat of the engine's own image, with which a later exec
 * begins before its engine runs. */
#include "recorder/guard.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cleanup.h"

#define N_FRONT 5

static struct odb_err *add_exceptions(scmp_filter_ctx body)
{
    int err = seccomp_rule_add(body, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A0(SCMP_CMP_EQ, ODB_IMAGE_ADDR));
    if (!err)
        err =
            seccomp_rule_add(body, SCMP_ACT_ALLOW, SCMP_SYS(munmap), 1, SCMP_A0(SCMP_CMP_EQ, ODB_IMAGE_ADDR));
    if (!err)
        err =
            seccomp_rule_add(body, SCMP_ACT_ALLOW, SCMP_SYS(shmat), 1, SCMP_A1(SCMP_CMP_EQ, ODB_IMAGE_ADDR));
    return err ? odb_err_errno(-err, "cannot build the seccomp guard") : NULL;
}

/* *ret_n: number of instructions. */
static struct odb_err *build_body(struct sock_filter *to, size_t max, size_t *ret_n)
{
    scmp_filter_ctx body = seccomp_init(SCMP_ACT_TRAP);
    if (!body)
        return odb_err("cannot build the seccomp guard");
    struct odb_err *e = add_exceptions(body);
    _cleanup_close_ int fd = memfd_create("odb-guard", MFD_CLOEXEC);
    if (!e && (fd < 0 || seccomp_export_bpf(body, fd) < 0))
        e = odb_err("cannot export the seccomp guard");
    seccomp_release(body);
    if (e)
        return e;
    ssize_t n = pread(fd, to, max * sizeof(*to), 0);
    if (n <= 0 || (size_t)n == max * sizeof(*to))
        return odb_err("the seccomp guard has an unexpected size");
    *ret_n = (size_t)n / sizeof(*to);
    return NULL;
}

struct odb_err *guard_fill(const struct odb_image_header *image, struct odb_control *control)
{
    const uint32_t low = (uint32_t)image->stub_end;
    const uint32_t high = (uint32_t)(image->stub_end >> 32);
    const uint32_t ip = offsetof(struct seccomp_data, instruction_pointer);
    const struct sock_filter front[N_FRONT] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ip),       BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, low, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ip + 4),   BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, high, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_filter body[sizeof(control->filter) / sizeof(control->filter[0]) - N_FRONT];
    size_t n = 0;
    ODB_TRY(build_body(body, sizeof(body) / sizeof(body[0]), &n));
    memcpy(control->filter, front, sizeof(front));
    memcpy(control->filter + N_FRONT, body, n * sizeof(body[0]));
    control->filter_len = (uint32_t)(N_FRONT + n);
    return NULL;
}
