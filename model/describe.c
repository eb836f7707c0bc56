/* Arguments and results as text, in the manner of strace.
 *
 * The type of an argument (syscalls.tbl) decides how it is shown, unless the table `hows` below has a row
 * for it: names of flags, structures, lengths in other arguments. Memory is what the recording has of it:
 * what is not known is shown as an address. Text is counted beyond the end of the buffer, like snprintf. */
#include <asm/unistd.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "model/describe_internal.h"

/* ---- text ---- */

void text_init(struct text *t, char *buf, size_t n_bytes)
{
    *t = (struct text){buf, n_bytes, 0};
    if (n_bytes)
        buf[0] = 0;
}

void text_add(struct text *t, const char *fmt, ...)
{
    va_list args;
    size_t room = t->used < t->n_bytes ? t->n_bytes - t->used : 0;
    va_start(args, fmt);
    int n = vsnprintf(room ? t->buf + t->used : NULL, room, fmt, args);
    va_end(args);
    if (n > 0)
        t->used += (size_t)n;
}

void text_enum(struct text *t, uint64_t value, const struct names *names)
{
    const char *name = names_find(names, value);
    if (name)
        text_add(t, "%s", name);
    else if (names->unknown)
        text_add(t, "%#llx /* %s */", (unsigned long long)value, names->unknown);
    else
        text_add(t, "%#llx", (unsigned long long)value);
}

void text_flags(struct text *t, uint64_t value, const struct names *names)
{
    const char *separator = "";
    uint64_t rest = value;
    for (size_t i = 0; i < names->n_rows; i++) {
        uint64_t bits = names->rows[i].value;
        if (bits ? (rest & bits) != bits : value != 0)
            continue;
        text_add(t, "%s%s", separator, names->rows[i].name);
        separator = "|";
        rest &= ~bits;
    }
    if (rest && *separator)
        text_add(t, "|%#llx", (unsigned long long)rest);
    else if (rest)
        text_add(t, "%#llx /* %s */", (unsigned long long)rest, names->unknown);
    else if (!*separator)
        text_add(t, "0");
}

/* ---- memory ---- */

bool describe_copy(struct describe *d, gaddr addr, void *to, size_t n_bytes)
{
    return addr && d->peek && d->peek(d->ctx, addr, to, n_bytes) == n_bytes;
}

void describe_pointer(struct describe *d, gaddr addr)
{
    if (addr)
        text_add(&d->text, "%#llx", (unsigned long long)addr);
    else
        text_add(&d->text, "NULL");
}

void text_add_quoted(struct text *t, const char *bytes, size_t n_bytes)
{
    static const char escapes[] = "\nn\tt\rr\"\"\\\\";
    text_add(t, "\"");
    for (size_t i = 0; i < n_bytes; i++) {
        unsigned char c = (unsigned char)bytes[i];
        const char *escape = c ? strchr(escapes, c) : NULL;
        if (escape && (escape - escapes) % 2 == 0)
            text_add(t, "\\%c", escape[1]);
        else if (c >= ' ' && c < 0x7f)
            text_add(t, "%c", c);
        else
            text_add(t, "\\x%02x", c);
    }
    text_add(t, "\"");
}

void describe_bytes(struct describe *d, gaddr addr, uint64_t n_bytes)
{
    char bytes[TEXT_MAX_STRING];
    size_t want = n_bytes < sizeof(bytes) ? n_bytes : sizeof(bytes);
    size_t n = addr && d->peek ? d->peek(d->ctx, addr, bytes, want) : 0;
    if (!addr || (!n && want)) {
        describe_pointer(d, addr);
        return;
    }
    text_add_quoted(&d->text, bytes, n);
    if (n < n_bytes)
        text_add(&d->text, "...");
}

void describe_path(struct describe *d, gaddr addr)
{
    char path[TEXT_MAX_PATH];
    size_t n = addr && d->peek ? d->peek(d->ctx, addr, path, sizeof(path)) : 0;
    size_t len = strnlen(path, n);
    if (!n) {
        describe_pointer(d, addr);
        return;
    }
    text_add_quoted(&d->text, path, len);
    if (len == n)
        text_add(&d->text, "...");
}

void describe_string_vector(struct describe *d, gaddr addr)
{
    uint64_t pointer;
    if (!describe_copy(d, addr, &pointer, 8)) {
        describe_pointer(d, addr);
        return;
    }
    text_add(&d->text, "[");
    for (int i = 0; describe_copy(d, addr + 8 * (gaddr)i, &pointer, 8) && pointer; i++) {
        text_add(&d->text, i ? ", " : "");
        if (i == TEXT_MAX_ELEMENTS) {
            text_add(&d->text, "...");
            break;
        }
        describe_path(d, pointer);
    }
    text_add(&d->text, "]");
}

/* ---- arguments with names or lengths ---- */

static uint64_t result_or_0(const struct describe *d)
{
    return d->failed || d->call->result < 0 ? 0 : (uint64_t)d->call->result;
}

static uint32_t arg32(const struct describe *d, unsigned arg) { return (uint32_t)d->call->args[arg]; }

void describe_enum(struct describe *d, uint64_t value, const struct how *how)
{
    text_enum(&d->text, (uint32_t)value, how->names);
}

void describe_flags(struct describe *d, uint64_t value, const struct how *how)
{
    text_flags(&d->text, (uint32_t)value, how->names);
}

static void as_sockaddr(struct describe *d, uint64_t value, const struct how *how)
{
    describe_sockaddr(d, value, arg32(d, how->aux));
}

static void as_sockaddr_out(struct describe *d, uint64_t value, const struct how *how)
{
    uint32_t len = 0;
    if (value && describe_copy(d, d->call->args[how->aux], &len, 4))
        describe_sockaddr(d, value, len);
    else
        describe_pointer(d, value);
}

static void as_iovec(struct describe *d, uint64_t value, const struct how *how)
{
    describe_iovec(d, value, arg32(d, how->aux), UINT64_MAX);
}

static void as_iovec_out(struct describe *d, uint64_t value, const struct how *how)
{
    describe_iovec(d, value, arg32(d, how->aux), result_or_0(d));
}

static void as_msghdr(struct describe *d, uint64_t value, const struct how *how)
{
    (void)how;
    describe_msghdr(d, value, d->call->nr == __NR_sendmsg ? UINT64_MAX : result_or_0(d));
}

static void as_pollfds(struct describe *d, uint64_t value, const struct how *how)
{
    describe_pollfds(d, value, arg32(d, how->aux));
}

static void as_epoll_events(struct describe *d, uint64_t value, const struct how *how)
{
    (void)how;
    describe_epoll_events(d, value, result_or_0(d));
}

static void as_fd_set(struct describe *d, uint64_t value, const struct how *how)
{
    describe_fd_set(d, value, arg32(d, how->aux));
}

static void as_option_value(struct describe *d, uint64_t value, const struct how *how)
{
    uint32_t len = arg32(d, how->aux);
    if (d->call->nr == __NR_getsockopt && !describe_copy(d, d->call->args[how->aux], &len, 4))
        len = 0;
    if (len == 4)
        describe_int_at(d, value, how);
    else
        describe_bytes(d, value, len);
}

static void as_socket_type(struct describe *d, uint64_t value, const struct how *how)
{
    text_enum(&d->text, value & 0xf, how->names);
    if ((uint32_t)value & ~0xfU) {
        text_add(&d->text, "|");
        text_flags(&d->text, (uint32_t)value & ~0xfU, &names_accept4);
    }
}

static void as_socket_option(struct describe *d, uint64_t value, const struct how *how)
{
    (void)how;
    uint32_t level = arg32(d, 1);
    if (level == 1 || level == 6)
        text_enum(&d->text, (uint32_t)value, level == 1 ? &names_socket_option : &names_tcp_option);
    else
        text_add(&d->text, "%u", (uint32_t)value);
}

static void as_access(struct describe *d, uint64_t value, const struct how *how)
{
    if (value)
        text_flags(&d->text, (uint32_t)value, how->names);
    else
        text_add(&d->text, "F_OK");
}

static void as_clone_flags(struct describe *d, uint64_t value, const struct how *how)
{
    uint64_t signo = value & 0xff;
    char name[16];
    if (value & ~0xffULL)
        text_flags(&d->text, value & ~0xffULL, how->names);
    if (signo)
        text_add(&d->text, "%s%s", value & ~0xffULL ? "|" : "",
                 describe_signal((int)signo, name, sizeof(name)));
    if (!value)
        text_add(&d->text, "0");
}

static void as_futex_op(struct describe *d, uint64_t value, const struct how *how)
{
    const char *name = names_find(how->names, value & 127);
    if (!name) {
        text_enum(&d->text, (uint32_t)value, how->names);
        return;
    }
    text_add(&d->text, "%s%s%s", name, value & 128 ? "_PRIVATE" : "",
             value & 256 ? "|FUTEX_CLOCK_REALTIME" : "");
}

static bool futex_has_timeout(uint32_t op)
{
    op &= 127;
    return op == FUTEX_WAIT || op == FUTEX_LOCK_PI || op == FUTEX_WAIT_BITSET ||
           op == FUTEX_WAIT_REQUEUE_PI || op == 13;
}

static void as_futex_timeout(struct describe *d, uint64_t value, const struct how *how)
{
    if (futex_has_timeout(arg32(d, 1)))
        describe_timespec(d, value, how);
    else
        text_add(&d->text, "%u", (uint32_t)value); /* val2, a count */
}

static void as_futex_val3(struct describe *d, uint64_t value, const struct how *how)
{
    (void)how;
    uint32_t op = arg32(d, 1) & 127;
    if ((op == FUTEX_WAIT_BITSET || op == FUTEX_WAKE_BITSET) && (uint32_t)value == FUTEX_BITSET_MATCH_ANY)
        text_add(&d->text, "FUTEX_BITSET_MATCH_ANY");
    else
        text_add(&d->text, "%#x", (uint32_t)value);
}

static void as_fcntl_arg(struct describe *d, uint64_t value, const struct how *how)
{
    (void)how;
    switch (arg32(d, 1)) {
    case F_SETFD: text_flags(&d->text, (uint32_t)value, &names_fd_flags); break;
    case F_SETFL:
        text_add(&d->text, "%s|",
                 (value & O_ACCMODE) == O_RDWR ? "O_RDWR"
                 : value & O_WRONLY            ? "O_WRONLY"
                                               : "O_RDONLY");
        text_flags(&d->text, (uint32_t)value & ~(uint32_t)O_ACCMODE, &names_open);
        break;
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case 36:
    case 37:
    case 38: describe_flock(d, value); break;
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
    case F_SETOWN:
    case F_SETSIG:
    case F_SETPIPE_SZ: text_add(&d->text, "%d", (int)value); break;
    default: text_add(&d->text, "%#llx", (unsigned long long)value); break;
    }
}

static void as_ioctl_arg(struct describe *d, uint64_t value, const struct how *how)
{
    const char *name = names_find(&names_ioctl, arg32(d, 1));
    bool in =
        name && (!strncmp(name, "TCSETS", 6) || !strcmp(name, "TIOCSWINSZ") || !strcmp(name, "FIONBIO"));
    if (!name || (d->failed && !in))
        describe_pointer(d, value);
    else if (!strcmp(name, "TIOCGWINSZ") || !strcmp(name, "TIOCSWINSZ"))
        describe_winsize(d, value);
    else if (!strcmp(name, "TCGETS") || !strncmp(name, "TCSETS", 6))
        describe_termios(d, value);
    else if (!strcmp(name, "FIONREAD") || !strcmp(name, "FIONBIO") || !strcmp(name, "TIOCGPGRP") ||
             !strcmp(name, "TIOCGPTN"))
        describe_int_at(d, value, how);
    else
        describe_pointer(d, value);
}

static void as_prctl_arg(struct describe *d, uint64_t value, const struct how *how)
{
    (void)how;
    uint32_t option = arg32(d, 0);
    char name[16];
    if (option == 15 || option == 16) /* PR_SET_NAME, PR_GET_NAME */
        describe_path(d, value);
    else if (option == 1) /* PR_SET_PDEATHSIG */
        text_add(&d->text, "%s", describe_signal((int)value, name, sizeof(name)));
    else
        text_add(&d->text, value > 9 ? "%#llx" : "%llu", (unsigned long long)value);
}

#define FLAGS_OF(CALL, ARG, NAMES)                          \
    {                                                       \
        __NR_##CALL, ARG, 0, describe_flags, &names_##NAMES \
    }
#define ENUM_OF(CALL, ARG, NAMES)                          \
    {                                                      \
        __NR_##CALL, ARG, 0, describe_enum, &names_##NAMES \
    }
#define SHOWN_AS(CALL, ARG, FN)       \
    {                                 \
        __NR_##CALL, ARG, 0, FN, NULL \
    }
#define SIZED(CALL, ARG, FN, AUX)       \
    {                                   \
        __NR_##CALL, ARG, AUX, FN, NULL \
    }

// clang-format off
static const struct how hows[] = {
    /* files */
    { __NR_access, 1, 0, as_access, &names_access }, { __NR_faccessat, 2, 0, as_access, &names_access },
    { __NR_faccessat2, 2, 0, as_access, &names_access }, FLAGS_OF(faccessat2, 3, at),
    SHOWN_AS(stat, 1, describe_stat), SHOWN_AS(fstat, 1, describe_stat), SHOWN_AS(lstat, 1, describe_stat),
    SHOWN_AS(newfstatat, 2, describe_stat), FLAGS_OF(newfstatat, 3, at), FLAGS_OF(statx, 2, at), FLAGS_OF(statx, 3, statx_mask),
    SHOWN_AS(statx, 4, describe_statx), SHOWN_AS(statfs, 1, describe_statfs), SHOWN_AS(fstatfs, 1, describe_statfs),
    FLAGS_OF(unlinkat, 2, at), FLAGS_OF(linkat, 4, at), FLAGS_OF(fchownat, 4, at), FLAGS_OF(utimensat, 3, at),
    FLAGS_OF(name_to_handle_at, 4, at), FLAGS_OF(renameat2, 4, rename), FLAGS_OF(flock, 1, flock), FLAGS_OF(close_range, 2, close_range),
    SHOWN_AS(utimensat, 2, describe_timespec_pair), ENUM_OF(fadvise64, 3, fadvise), FLAGS_OF(fallocate, 1, fallocate),
    FLAGS_OF(setxattr, 4, xattr), FLAGS_OF(lsetxattr, 4, xattr), FLAGS_OF(fsetxattr, 4, xattr), FLAGS_OF(mount, 3, mount),
    FLAGS_OF(umount2, 1, umount), FLAGS_OF(pipe2, 1, open), FLAGS_OF(dup3, 2, open), FLAGS_OF(memfd_create, 1, memfd), SHOWN_AS(pipe, 0, describe_int_pair), SHOWN_AS(pipe2, 0, describe_int_pair),
    SIZED(readv, 1, as_iovec_out, 2), SIZED(preadv, 1, as_iovec_out, 2), SIZED(preadv2, 1, as_iovec_out, 2),
    SIZED(writev, 1, as_iovec, 2), SIZED(pwritev, 1, as_iovec, 2), SIZED(pwritev2, 1, as_iovec, 2), SIZED(vmsplice, 1, as_iovec, 2),
    SIZED(process_vm_readv, 1, as_iovec_out, 2), FLAGS_OF(preadv2, 5, preadv2), FLAGS_OF(pwritev2, 5, preadv2),
    FLAGS_OF(splice, 5, splice), FLAGS_OF(tee, 3, splice), FLAGS_OF(vmsplice, 3, splice), SHOWN_AS(sendfile, 2, describe_long_at),
    SHOWN_AS(splice, 1, describe_long_at), SHOWN_AS(splice, 3, describe_long_at), SHOWN_AS(copy_file_range, 1, describe_long_at),
    SHOWN_AS(copy_file_range, 3, describe_long_at), ENUM_OF(fcntl, 1, fcntl), SHOWN_AS(fcntl, 2, as_fcntl_arg),
    SHOWN_AS(ioctl, 2, as_ioctl_arg), FLAGS_OF(inotify_add_watch, 2, inotify), FLAGS_OF(inotify_init1, 0, inotify_init),
    /* memory */
    ENUM_OF(madvise, 2, madvise), ENUM_OF(process_madvise, 3, madvise), FLAGS_OF(mremap, 3, mremap), FLAGS_OF(msync, 2, msync),
    FLAGS_OF(mlockall, 0, mlock), FLAGS_OF(mlock2, 2, mlock2), ENUM_OF(membarrier, 0, membarrier),
    /* waiting */
    SIZED(poll, 0, as_pollfds, 1), SIZED(ppoll, 0, as_pollfds, 1), SHOWN_AS(ppoll, 2, describe_timespec), SHOWN_AS(ppoll, 3, describe_sigset),
    SIZED(select, 1, as_fd_set, 0), SIZED(select, 2, as_fd_set, 0), SIZED(select, 3, as_fd_set, 0), SHOWN_AS(select, 4, describe_timeval),
    SIZED(pselect6, 1, as_fd_set, 0), SIZED(pselect6, 2, as_fd_set, 0), SIZED(pselect6, 3, as_fd_set, 0),
    SHOWN_AS(pselect6, 4, describe_timespec), SHOWN_AS(epoll_wait, 1, as_epoll_events), SHOWN_AS(epoll_pwait, 1, as_epoll_events),
    SHOWN_AS(epoll_pwait, 4, describe_sigset), SHOWN_AS(epoll_pwait2, 1, as_epoll_events), SHOWN_AS(epoll_pwait2, 3, describe_timespec),
    SHOWN_AS(epoll_pwait2, 4, describe_sigset), ENUM_OF(epoll_ctl, 1, epoll_op), SHOWN_AS(epoll_ctl, 3, describe_epoll_event),
    FLAGS_OF(epoll_create1, 0, epoll_create), FLAGS_OF(eventfd2, 1, eventfd), FLAGS_OF(timerfd_create, 1, timerfd),
    FLAGS_OF(timerfd_settime, 1, timer_abs), SHOWN_AS(timerfd_settime, 2, describe_itimerspec),
    SHOWN_AS(timerfd_settime, 3, describe_itimerspec), SHOWN_AS(timerfd_gettime, 1, describe_itimerspec),
    SHOWN_AS(signalfd, 1, describe_sigset), SHOWN_AS(signalfd4, 1, describe_sigset), FLAGS_OF(signalfd4, 3, signalfd),
    { __NR_futex, 1, 0, as_futex_op, &names_futex }, SHOWN_AS(futex, 3, as_futex_timeout),
    SHOWN_AS(futex, 5, as_futex_val3), SHOWN_AS(futex_waitv, 3, describe_timespec),
    /* sockets */
    ENUM_OF(socket, 0, socket_domain), { __NR_socket, 1, 0, as_socket_type, &names_socket_type }, ENUM_OF(socketpair, 0, socket_domain),
    { __NR_socketpair, 1, 0, as_socket_type, &names_socket_type }, SHOWN_AS(socketpair, 3, describe_int_pair),
    SIZED(connect, 1, as_sockaddr, 2), SIZED(bind, 1, as_sockaddr, 2), SIZED(accept, 1, as_sockaddr_out, 2),
    SIZED(accept4, 1, as_sockaddr_out, 2), SIZED(getsockname, 1, as_sockaddr_out, 2), SIZED(getpeername, 1, as_sockaddr_out, 2),
    SHOWN_AS(accept, 2, describe_int_at), SHOWN_AS(accept4, 2, describe_int_at), FLAGS_OF(accept4, 3, accept4),
    SHOWN_AS(getsockname, 2, describe_int_at), SHOWN_AS(getpeername, 2, describe_int_at), FLAGS_OF(sendto, 3, msg), FLAGS_OF(recvfrom, 3, msg),
    SIZED(sendto, 4, as_sockaddr, 5), SIZED(recvfrom, 4, as_sockaddr_out, 5), SHOWN_AS(recvfrom, 5, describe_int_at),
    SHOWN_AS(sendmsg, 1, as_msghdr), SHOWN_AS(recvmsg, 1, as_msghdr), FLAGS_OF(sendmsg, 2, msg), FLAGS_OF(recvmsg, 2, msg),
    FLAGS_OF(sendmmsg, 3, msg), FLAGS_OF(recvmmsg, 3, msg), ENUM_OF(shutdown, 1, shutdown), ENUM_OF(setsockopt, 1, socket_level),
    ENUM_OF(getsockopt, 1, socket_level), SHOWN_AS(setsockopt, 2, as_socket_option), SHOWN_AS(getsockopt, 2, as_socket_option),
    SIZED(setsockopt, 3, as_option_value, 4), SIZED(getsockopt, 3, as_option_value, 4), SHOWN_AS(getsockopt, 4, describe_int_at),
    /* processes and signals */
    { __NR_clone, 0, 0, as_clone_flags, &names_clone }, FLAGS_OF(unshare, 0, unshare), FLAGS_OF(setns, 1, unshare),
    SHOWN_AS(wait4, 1, describe_wait_status), FLAGS_OF(wait4, 2, wait), SHOWN_AS(wait4, 3, describe_rusage), ENUM_OF(waitid, 0, idtype),
    SHOWN_AS(waitid, 2, describe_siginfo), FLAGS_OF(waitid, 3, wait), SHOWN_AS(waitid, 4, describe_rusage),
    SHOWN_AS(rt_sigaction, 1, describe_sigaction), SHOWN_AS(rt_sigaction, 2, describe_sigaction), ENUM_OF(rt_sigprocmask, 0, sigprocmask),
    SHOWN_AS(rt_sigprocmask, 1, describe_sigset), SHOWN_AS(rt_sigprocmask, 2, describe_sigset), SHOWN_AS(rt_sigpending, 0, describe_sigset),
    SHOWN_AS(rt_sigsuspend, 0, describe_sigset), SHOWN_AS(rt_sigtimedwait, 0, describe_sigset), SHOWN_AS(rt_sigtimedwait, 1, describe_siginfo),
    SHOWN_AS(rt_sigtimedwait, 2, describe_timespec), SHOWN_AS(sigaltstack, 0, describe_stack), SHOWN_AS(sigaltstack, 1, describe_stack),
    ENUM_OF(arch_prctl, 0, arch_prctl), ENUM_OF(prctl, 0, prctl), SHOWN_AS(prctl, 1, as_prctl_arg), ENUM_OF(seccomp, 0, seccomp),
    FLAGS_OF(personality, 0, personality),
    /* time, limits, identity */
    SHOWN_AS(nanosleep, 0, describe_timespec), SHOWN_AS(nanosleep, 1, describe_timespec), SHOWN_AS(clock_gettime, 1, describe_timespec),
    SHOWN_AS(clock_settime, 1, describe_timespec), SHOWN_AS(clock_getres, 1, describe_timespec), FLAGS_OF(clock_nanosleep, 1, timer_abs),
    SHOWN_AS(clock_nanosleep, 2, describe_timespec), SHOWN_AS(clock_nanosleep, 3, describe_timespec), SHOWN_AS(gettimeofday, 0, describe_timeval),
    SHOWN_AS(time, 0, describe_long_at), ENUM_OF(getitimer, 0, itimer), SHOWN_AS(getitimer, 1, describe_itimerval), ENUM_OF(setitimer, 0, itimer),
    SHOWN_AS(setitimer, 1, describe_itimerval), SHOWN_AS(setitimer, 2, describe_itimerval), FLAGS_OF(timer_settime, 1, timer_abs),
    SHOWN_AS(timer_settime, 2, describe_itimerspec), SHOWN_AS(timer_settime, 3, describe_itimerspec), SHOWN_AS(timer_gettime, 1, describe_itimerspec),
    SHOWN_AS(timer_create, 2, describe_int_at), ENUM_OF(getrlimit, 0, rlimit), SHOWN_AS(getrlimit, 1, describe_rlimit), ENUM_OF(setrlimit, 0, rlimit),
    SHOWN_AS(setrlimit, 1, describe_rlimit), ENUM_OF(prlimit64, 1, rlimit), SHOWN_AS(prlimit64, 2, describe_rlimit),
    SHOWN_AS(prlimit64, 3, describe_rlimit), ENUM_OF(getrusage, 0, rusage_who), SHOWN_AS(getrusage, 1, describe_rusage),
    SHOWN_AS(uname, 0, describe_utsname), SHOWN_AS(getresuid, 0, describe_int_at), SHOWN_AS(getresuid, 1, describe_int_at),
    SHOWN_AS(getresuid, 2, describe_int_at), SHOWN_AS(getresgid, 0, describe_int_at), SHOWN_AS(getresgid, 1, describe_int_at),
    SHOWN_AS(getresgid, 2, describe_int_at), SHOWN_AS(getcpu, 0, describe_int_at), SHOWN_AS(getcpu, 1, describe_int_at),
    FLAGS_OF(getrandom, 2, getrandom), ENUM_OF(getpriority, 0, priority), ENUM_OF(setpriority, 0, priority),
    ENUM_OF(sched_setscheduler, 1, sched), SHOWN_AS(sched_getparam, 1, describe_int_at), FLAGS_OF(shmget, 2, ipc), FLAGS_OF(msgget, 1, ipc),
};
// clang-format on

static const struct how *how_find(uint64_t nr, unsigned arg)
{
    for (size_t i = 0; i < sizeof(hows) / sizeof(*hows); i++)
        if (hows[i].nr == nr && hows[i].arg == arg)
            return &hows[i];
    return NULL;
}

/* ---- arguments by type ---- */

/* The bytes of a data buffer: what the row's rule says for outputs, the argument behind it for inputs. */
static uint64_t buffer_bytes(const struct describe *d, unsigned arg)
{
    for (unsigned i = 0; i < d->m->n_outs; i++) {
        const struct model_out *out = &d->m->outs[i];
        if (out->arg == arg && (out->rule == MO_RET || out->rule == MO_STRING_RET)) {
            uint64_t limit = d->call->args[out->len_arg];
            return result_or_0(d) < limit ? result_or_0(d) : limit;
        }
    }
    uint64_t len = arg + 1 < d->m->n_args ? d->call->args[arg + 1] : 0;
    return d->m->args[arg].type == MT_BUF_IN || result_or_0(d) > len ? len : result_or_0(d);
}

static void describe_buffer(struct describe *d, unsigned arg)
{
    uint64_t n_bytes = buffer_bytes(d, arg);
    if (d->m->args[arg].type == MT_BUF_OUT && d->failed) {
        describe_pointer(d, d->call->args[arg]);
        return;
    }
    for (unsigned i = 0; i < d->m->n_outs; i++)
        if (d->m->outs[i].arg == arg && d->m->outs[i].rule == MO_STRING_RET && d->call->nr == __NR_getcwd &&
            n_bytes)
            n_bytes--; /* the NUL */
    describe_bytes(d, d->call->args[arg], n_bytes);
}

static void describe_open_flags(struct describe *d, uint32_t flags)
{
    static const char *const modes[] = {"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"};
    text_add(&d->text, "%s", modes[flags & 3]);
    if (flags & ~3U) {
        text_add(&d->text, "|");
        text_flags(&d->text, flags & ~3U, &names_open);
    }
}

static void describe_typed(struct describe *d, unsigned arg)
{
    uint64_t value = d->call->args[arg];
    struct text *t = &d->text;
    char name[16];
    switch (d->m->args[arg].type) {
    case MT_INT:
    case MT_FD:
    case MT_PID: text_add(t, "%d", (int)value); break;
    case MT_UINT: text_add(t, "%u", (unsigned)value); break;
    case MT_LONG:
    case MT_OFFSET: text_add(t, "%lld", (long long)value); break;
    case MT_SIZE: text_add(t, "%llu", (unsigned long long)value); break;
    case MT_HEX:
    case MT_FLAGS: text_add(t, value ? "%#llx" : "%llu", (unsigned long long)value); break;
    case MT_DIRFD: text_add(t, (int)value == AT_FDCWD ? "AT_FDCWD" : "%d", (int)value); break;
    case MT_PATH: describe_path(d, value); break;
    case MT_STRV: describe_string_vector(d, value); break;
    case MT_BUF_IN:
    case MT_BUF_OUT: describe_buffer(d, arg); break;
    case MT_OPEN_FLAGS: describe_open_flags(d, (uint32_t)value); break;
    case MT_MODE: text_add(t, value ? "0%o" : "%o", (unsigned)value); break;
    case MT_PROT:
        if (value)
            text_flags(t, value, &names_prot);
        else
            text_add(t, "PROT_NONE");
        break;
    case MT_MAP_FLAGS: text_flags(t, (uint32_t)value, &names_map); break;
    case MT_SIGNO: text_add(t, "%s", value ? describe_signal((int)value, name, sizeof(name)) : "0"); break;
    case MT_IOCTL: text_enum(t, (uint32_t)value, &names_ioctl); break;
    case MT_WHENCE: text_enum(t, (uint32_t)value, &names_whence); break;
    case MT_CLOCK: text_enum(t, (uint32_t)value, &names_clock); break;
    default: describe_pointer(d, value); break;
    }
}

/* How many arguments mean anything. */
static unsigned n_shown(const struct describe *d)
{
    const uint64_t *args = d->call->args;
    uint32_t cmd = arg32(d, 1), op = arg32(d, 1) & 127;
    switch (d->call->nr) {
    case __NR_open: return cmd & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? 3 : 2;
    case __NR_openat: return args[2] & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? 4 : 3;
    case __NR_mq_open: return cmd & O_CREAT ? 4 : 2;
    case __NR_mremap: return args[3] & (MREMAP_FIXED | 4) ? 5 : 4;
    case __NR_fcntl:
        return cmd == F_GETFD || cmd == F_GETFL || cmd == F_GETOWN || cmd == F_GETSIG || cmd == F_GETLEASE ||
                       cmd == F_GETPIPE_SZ || cmd == F_GET_SEALS
                   ? 2
                   : 3;
    case __NR_futex:
        if (op == FUTEX_UNLOCK_PI || op == FUTEX_TRYLOCK_PI)
            return 2;
        return op == FUTEX_WAKE ? 3 : op == FUTEX_WAIT || op == FUTEX_LOCK_PI ? 4 : 6;
    case __NR_prctl: return arg32(d, 0) == 15 || arg32(d, 0) == 16 || !(args[2] | args[3] | args[4]) ? 2 : 5;
    case __NR_ioctl: return args[2] || names_find(&names_ioctl, cmd) == NULL ? 3 : 2;
    default: return d->m->n_args;
    }
}

/* Arguments in the middle that the operation ignores. */
static bool is_hidden(const struct describe *d, unsigned arg)
{
    uint32_t op = arg32(d, 1) & 127;
    if (d->call->nr != __NR_futex)
        return false;
    return (op == FUTEX_WAIT_BITSET && arg == 4) || (op == FUTEX_WAKE_BITSET && (arg == 3 || arg == 4));
}

static void describe_arg(struct describe *d, unsigned arg)
{
    const struct how *how = how_find(d->call->nr, arg);
    uint8_t type = d->m->args[arg].type;
    bool nothing_written = d->failed && !(d->m->flags & MODEL_WRITES_ON_ERROR);
    if ((type == MT_STRUCT_OUT && nothing_written) || !how)
        describe_typed(d, arg);
    else
        how->fn(d, d->call->args[arg], how);
}

size_t describe_args(const struct model_call *call, describe_peek_fn peek, void *ctx, char *buf,
                     size_t n_bytes)
{
    struct describe d = {.m = model_lookup(call->nr),
                         .call = call,
                         .peek = peek,
                         .ctx = ctx,
                         .failed = call->result < 0 && call->result >= -4095};
    text_init(&d.text, buf, n_bytes);
    unsigned n = d.m ? n_shown(&d) : MODEL_MAX_ARGS;
    for (unsigned i = 0; i < n; i++) {
        if (d.m && is_hidden(&d, i))
            continue;
        text_add(&d.text, i ? ", " : "");
        if (d.m)
            describe_arg(&d, i);
        else
            text_add(&d.text, "%#llx", (unsigned long long)call->args[i]);
    }
    return d.text.used;
}

/* ---- results ---- */

static bool result_is_address(uint64_t nr)
{
    return nr == __NR_mmap || nr == __NR_brk || nr == __NR_mremap || nr == __NR_shmat;
}

size_t describe_result(const struct model_call *call, char *buf, size_t n_bytes)
{
    struct text t;
    char name[16];
    text_init(&t, buf, n_bytes);
    if (call->nr == __NR_exit || call->nr == __NR_exit_group) {
        text_add(&t, "?");
    } else if (call->result < 0 && call->result >= -4095) {
        const char *words = strerrordesc_np((int)-call->result);
        text_add(&t, "-1 %s (%s)", describe_errno((int)-call->result, name, sizeof(name)),
                 words ? words : "unknown error");
    } else if (result_is_address(call->nr)) {
        text_add(&t, call->result ? "%#llx" : "%llu", (unsigned long long)call->result);
    } else if (call->nr == __NR_umask) {
        text_add(&t, call->result ? "0%llo" : "%llo", (unsigned long long)call->result);
    } else {
        text_add(&t, "%lld", (long long)call->result);
    }
    return t.used;
}
