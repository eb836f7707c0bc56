/* What the files of the text functions share. Hosted, not for others. */
#ifndef ODB_MODEL_DESCRIBE_INTERNAL_H
#define ODB_MODEL_DESCRIBE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "model/describe.h"

enum { TEXT_MAX_STRING = 32, TEXT_MAX_PATH = 4096, TEXT_MAX_ELEMENTS = 32 };

/* Text under construction; `used` counts on beyond the buffer's end. */
struct text {
    char *buf;
    size_t n_bytes, used;
};

void text_init(struct text *t, char *buf, size_t n_bytes);
void text_add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Everything that a printer of one argument needs. */
struct describe {
    struct text text;
    const struct model_syscall *m;
    const struct model_call *call;
    describe_peek_fn peek;
    void *ctx;
    bool failed;
};

/* Names of numbers: single values, or bits of a mask. Rows that share bits (O_SYNC and O_DSYNC) stand
 * with the wider one first. */
struct name {
    uint64_t value;
    const char *name;
};

struct names {
    const char *unknown; /* strace's comment for what is not known, e.g. "MAP_???" */
    const struct name *rows;
    size_t n_rows;
};

/* How an argument is shown, where its type does not say it: one row of the table in describe.c. */
struct how;
typedef void (*describe_fn)(struct describe *d, uint64_t value, const struct how *how);
struct how {
    uint16_t nr;
    uint8_t arg;
    uint8_t aux; /* the argument that holds the length or count, where there is one */
    describe_fn fn;
    const struct names *names;
};

bool describe_copy(struct describe *d, gaddr addr, void *to, size_t n_bytes); /* all or nothing */
void describe_pointer(struct describe *d, gaddr addr);

void describe_enum(struct describe *d, uint64_t value, const struct how *how);
void describe_flags(struct describe *d, uint64_t value, const struct how *how);
/* In double quotes; what is not printable as \n, \t, \r, \xNN. */
void text_add_quoted(struct text *t, const char *bytes, size_t n_bytes);
void text_enum(struct text *t, uint64_t value, const struct names *names);
void text_flags(struct text *t, uint64_t value, const struct names *names);
void describe_path(struct describe *d, gaddr addr);
void describe_string_vector(struct describe *d, gaddr addr);
/* `n_bytes` of memory as a quoted string cut at TEXT_MAX_STRING. */
void describe_bytes(struct describe *d, gaddr addr, uint64_t n_bytes);

/* describe_structs.c */
void describe_stat(struct describe *d, uint64_t value, const struct how *how);
void describe_statx(struct describe *d, uint64_t value, const struct how *how);
void describe_statfs(struct describe *d, uint64_t value, const struct how *how);
void describe_timespec(struct describe *d, uint64_t value, const struct how *how);
void describe_timespec_pair(struct describe *d, uint64_t value, const struct how *how);
void describe_timeval(struct describe *d, uint64_t value, const struct how *how);
void describe_itimerval(struct describe *d, uint64_t value, const struct how *how);
void describe_itimerspec(struct describe *d, uint64_t value, const struct how *how);
void describe_rlimit(struct describe *d, uint64_t value, const struct how *how);
void describe_rusage(struct describe *d, uint64_t value, const struct how *how);
void describe_int_at(struct describe *d, uint64_t value, const struct how *how);
void describe_long_at(struct describe *d, uint64_t value, const struct how *how);
void describe_int_pair(struct describe *d, uint64_t value, const struct how *how);
void describe_wait_status(struct describe *d, uint64_t value, const struct how *how);
void describe_utsname(struct describe *d, uint64_t value, const struct how *how);
void describe_sigset(struct describe *d, uint64_t value, const struct how *how);
void describe_sigaction(struct describe *d, uint64_t value, const struct how *how);
void describe_stack(struct describe *d, uint64_t value, const struct how *how);
void describe_siginfo(struct describe *d, uint64_t value, const struct how *how);
void describe_epoll_event(struct describe *d, uint64_t value, const struct how *how);
void describe_winsize(struct describe *d, gaddr addr);
void describe_termios(struct describe *d, gaddr addr);
void describe_flock(struct describe *d, gaddr addr);
/* These have a length of their own. */
void describe_sockaddr(struct describe *d, gaddr addr, uint64_t n_bytes);
void describe_iovec(struct describe *d, gaddr addr, uint64_t count, uint64_t n_bytes);
void describe_msghdr(struct describe *d, gaddr addr, uint64_t n_bytes);
void describe_pollfds(struct describe *d, gaddr addr, uint64_t count);
void describe_epoll_events(struct describe *d, gaddr addr, uint64_t count);
void describe_fd_set(struct describe *d, gaddr addr, uint64_t n_fds);

/* describe_names.c */
extern const struct names names_open, names_at, names_prot, names_map, names_whence, names_clock,
    names_access, names_madvise, names_mremap, names_msync, names_socket_domain, names_socket_type,
    names_socket_level, names_socket_option, names_tcp_option, names_msg, names_shutdown, names_clone,
    names_fcntl, names_fd_flags, names_lock_type, names_futex, names_sigprocmask, names_signal_action,
    names_signal_stack, names_wait, names_idtype, names_rlimit, names_rusage_who, names_itimer,
    names_timer_abs, names_poll, names_epoll_op, names_epoll, names_epoll_create, names_eventfd,
    names_timerfd, names_signalfd, names_inotify, names_inotify_init, names_getrandom, names_memfd,
    names_splice, names_rename, names_arch_prctl, names_prctl, names_ioctl, names_flock, names_statx_mask,
    names_file_type, names_seccomp, names_membarrier, names_mlock, names_mlock2, names_mount, names_umount,
    names_fallocate, names_fadvise, names_xattr, names_sched, names_priority, names_personality,
    names_unshare, names_close_range, names_preadv2, names_accept4, names_ipc;

/* NULL when there is none. */
const char *names_find(const struct names *names, uint64_t value);

#endif
