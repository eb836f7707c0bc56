/* What odb does not record, and what the program is told instead.
 *
 * Most of these write the program's memory at times that nobody can know (userfaultfd, io_uring, perf, bpf, KVM), or let
 * one process look into another that is not what it seems (ptrace). A program that can live without them does so after
 * the error of a kernel that was built without them, or of one that forbids them. Each is named once in a recording: a
 * NOTE event, and a line on the stderr that the recording began with, unless libraries ask for it routinely.
 *
 * To add one: a row below, the class in model/syscalls.tbl or the option in its tables, docs/syscalls.md. */
#include "preload/sys_deny.h"

#include <asm/stat.h>
#include <asm/unistd_64.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/prctl.h>
#include <linux/stat.h>

#include "preload/event.h"
#include "preload/raw.h"
#include "preload/sys.h"
#include "preload/sys_extra.h"
#include "preload/sys_seccomp.h"
#include "preload/thread.h"

enum rule {
    ALWAYS,
    BY_MODEL, /* where model_refusal() says so */
    OTHERS,   /* the first argument is a process that is not recorded */
    STDOUT,   /* the output is descriptor 1 or 2 */
};

static const struct row {
    uint16_t nr;
    uint8_t rule, error;
    bool quiet; /* no line on stderr */
    const char *told;
} rows[] = {
    {__NR_ptrace, ALWAYS, EPERM, false,
     "ptrace (a debugger or strace inside a recording would see odb's engine)"},
    {__NR_iopl, ALWAYS, EPERM, false, "iopl"},
    {__NR_ioperm, ALWAYS, EPERM, false, "ioperm"},
    {__NR_userfaultfd, ALWAYS, ENOSYS, false, "userfaultfd"},
    {__NR_perf_event_open, ALWAYS, ENOSYS, false, "perf_event_open"},
    {__NR_bpf, ALWAYS, ENOSYS, false, "bpf"},
    {__NR_io_uring_setup, ALWAYS, ENOSYS, true, "io_uring"},
    {__NR_io_setup, ALWAYS, ENOSYS, true, "io_setup (asynchronous I/O)"},
    {__NR_process_vm_writev, OTHERS, EPERM, false, "process_vm_writev into a process that is not recorded"},
    {__NR_ioctl, BY_MODEL, ENOTTY, false, NULL},
    {__NR_prctl, BY_MODEL, EINVAL, false, NULL},
    {__NR_setsockopt, BY_MODEL, ENOPROTOOPT, false, NULL},
    {__NR_getsockopt, BY_MODEL, ENOPROTOOPT, false, NULL},
    {__NR_sendfile, STDOUT, EINVAL, true,
     "sendfile to stdout"}, /* replay repeats what passes through memory */
    {__NR_splice, STDOUT, EINVAL, true, "splice to stdout"},
    {__NR_copy_file_range, STDOUT, EINVAL, true, "copy_file_range to stdout"},
    {__NR_modify_ldt, BY_MODEL, ENOSYS, false, NULL},
    {__NR_process_madvise, BY_MODEL, EINVAL, false, NULL},
    {__NR_personality, BY_MODEL, EINVAL, false, NULL},
};
#define N_ROWS (sizeof(rows) / sizeof(*rows))

/* Files that lead to the same. The name is enough: who hides it behind a link wants to be refused later. */
static const struct name {
    const char *path;
    uint8_t error;
    bool writing; /* only when opened for writing */
    const char *told;
} names[] = {
    {"/dev/kvm", ENOENT, false, "/dev/kvm (KVM)"},
    {"/dev/userfaultfd", ENOENT, false, "/dev/userfaultfd"},
    {"/proc/self/mem", EACCES, true, "writing to /proc/self/mem"},
};
#define N_NAMES (sizeof(names) / sizeof(*names))
_Static_assert(N_ROWS + N_NAMES <= DENY_DEVICE_MAP, "one bit each");

void sys_deny_start(void)
{
    struct stat st;
    if (raw2(__NR_fstat, 2, &st) == 0) {
        SHARED->stderr_dev = st.st_dev;
        SHARED->stderr_ino = st.st_ino;
    }
}

/* Is descriptor 2 still what the recording began with? A daemon may have put anything there. */
static bool stderr_is_original(void)
{
    struct stat st;
    return raw2(__NR_fstat, 2, &st) == 0 && st.st_dev == SHARED->stderr_dev &&
           st.st_ino == SHARED->stderr_ino;
}

static void say(unsigned bit, bool quiet, const char *told, const char *error)
{
    char text[240];
    if (SHARED->named >> bit & 1)
        return;
    SHARED->named |= 1u << bit;
    engine_format(text, sizeof(text), "the program used %s, which is not recorded: it was told %s", told,
                  error);
    event_note(ODB_NOTE_INFO, text);
    if (!quiet && stderr_is_original())
        sys_message(text);
}

void sys_deny_say(enum deny_what bit, const char *text)
{
    if (SHARED->named >> bit & 1)
        return;
    SHARED->named |= 1u << bit;
    event_note(ODB_NOTE_INFO, text);
    if (stderr_is_original())
        sys_message(text);
}

/* The guard needs no_new_privs where the recorder is not root, and then setuid bits mean nothing. */
void sys_deny_setuid(int fd)
{
    struct stat st;
    if (raw2(__NR_fstat, fd, &st) < 0 || !(st.st_mode & (S_ISUID | S_ISGID)) || sys_seccomp_no_new_privs() ||
        raw5(__NR_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        return;
    bool group = st.st_mode & S_ISGID && st.st_mode & S_IXGRP && st.st_gid != (uint32_t)raw0(__NR_getegid);
    bool user = st.st_mode & S_ISUID && st.st_uid != (uint32_t)raw0(__NR_geteuid);
    if (user || group)
        sys_deny_say(DENY_SETUID,
                     "a setuid or setgid program runs without its privileges while it is recorded");
}

static const char *error_name(uint8_t error)
{
    switch (error) {
    case EPERM: return "EPERM";
    case ENOENT: return "ENOENT";
    case EACCES: return "EACCES";
    case EINVAL: return "EINVAL";
    case ENOTTY: return "ENOTTY";
    case ENOPROTOOPT: return "ENOPROTOOPT";
    default: return "ENOSYS";
    }
}

static bool deny_by_row(const struct row *r, const struct model_syscall *m, struct model_call *c)
{
    char reason[96];
    const char *told = r->told;
    if (r->rule == BY_MODEL && !(told = model_refusal(m, c, reason, sizeof(reason))))
        return false;
    if (r->rule == OTHERS && ((uint32_t)c->args[0] == self->process->ns_pid ||
                              (uint32_t)c->args[0] == self->ns_tid || sys_other_process(c->args[0])))
        return false;
    if (r->rule == STDOUT && (c->args[c->nr == __NR_sendfile ? 0 : 2] - 1) > 1)
        return false;
    c->result = -(int64_t)r->error;
    say((unsigned)(r - rows), r->quiet, told, error_name(r->error));
    return true;
}

static bool deny_by_name(struct model_call *c)
{
    char path[20];
    uint64_t flags = c->args[c->nr == __NR_open ? 1 : 2];
    size_t n = engine_peek_some(c->args[c->nr == __NR_open ? 0 : 1], path, sizeof(path) - 1);
    if (n < 6 || (memcmp(path, "/dev/", 5) != 0 && memcmp(path, "/proc/", 6) != 0))
        return false;
    path[n] = 0;
    if (c->nr == __NR_openat2 && !engine_peek(c->args[2], &flags, 8))
        return false;
    for (unsigned i = 0; i < N_NAMES; i++) {
        if (strcmp(path, names[i].path) != 0 || (names[i].writing && !(flags & O_ACCMODE)))
            continue;
        c->result = -(int64_t)names[i].error;
        say(N_ROWS + i, false, names[i].told, error_name(names[i].error));
        return true;
    }
    return false;
}

/* The rows' calls: this is asked for every call, and nearly none is one. */
static bool has_row(uint64_t nr)
{
    switch (nr) {
    case __NR_ptrace:
    case __NR_iopl:
    case __NR_ioperm:
    case __NR_userfaultfd:
    case __NR_perf_event_open:
    case __NR_bpf:
    case __NR_io_uring_setup:
    case __NR_io_setup:
    case __NR_process_vm_writev:
    case __NR_ioctl:
    case __NR_prctl:
    case __NR_setsockopt:
    case __NR_getsockopt:
    case __NR_sendfile:
    case __NR_splice:
    case __NR_copy_file_range:
    case __NR_modify_ldt:
    case __NR_process_madvise:
    case __NR_personality: return true;
    default: return false;
    }
}

bool sys_deny(const struct model_syscall *m, struct model_call *c)
{
    if (c->nr == __NR_open || c->nr == __NR_openat || c->nr == __NR_openat2)
        return deny_by_name(c);
    if (!has_row(c->nr))
        return false;
    for (unsigned i = 0; i < N_ROWS; i++)
        if (rows[i].nr == c->nr)
            return deny_by_row(&rows[i], m, c);
    return false;
}
