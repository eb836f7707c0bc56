/* Structures behind arguments, as strace shows them; of the large ones the fields that people look for.
 *
 * Layouts are those of the x86-64 kernel ABI. Where libc's differ (sigaction, sigset, termios) the
 * structure is declared here. What the recording does not know is shown as its address. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "model/describe_internal.h"

/* Copies the structure into `to`, or shows the address and returns from the caller. */
#define COPY_OR_POINTER(d, addr, to)                          \
    do {                                                      \
        if (!describe_copy((d), (addr), &(to), sizeof(to))) { \
            describe_pointer((d), (addr));                    \
            return;                                           \
        }                                                     \
    } while (0)

static void add_mode(struct text *t, unsigned mode)
{
    const char *type = names_find(&names_file_type, mode & S_IFMT);
    if (type)
        text_add(t, "%s|%04o", type, mode & ~(unsigned)S_IFMT);
    else
        text_add(t, "%#o", mode);
}

void describe_stat(struct describe *d, uint64_t value, const struct how *how)
{
    struct stat st;
    (void)how;
    COPY_OR_POINTER(d, value, st);
    text_add(&d->text, "{st_mode=");
    add_mode(&d->text, st.st_mode);
    if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
        text_add(&d->text, ", st_rdev=%#llx, ...}", (unsigned long long)st.st_rdev);
    else
        text_add(&d->text, ", st_size=%lld, ...}", (long long)st.st_size);
}

void describe_statx(struct describe *d, uint64_t value, const struct how *how)
{
    struct statx stx;
    (void)how;
    COPY_OR_POINTER(d, value, stx);
    text_add(&d->text, "{stx_mask=");
    text_flags(&d->text, stx.stx_mask, &names_statx_mask);
    text_add(&d->text, ", stx_mode=");
    add_mode(&d->text, stx.stx_mode);
    text_add(&d->text, ", stx_size=%llu, ...}", (unsigned long long)stx.stx_size);
}

void describe_statfs(struct describe *d, uint64_t value, const struct how *how)
{
    struct statfs st;
    (void)how;
    COPY_OR_POINTER(d, value, st);
    text_add(&d->text, "{f_type=%#llx, f_bsize=%lld, f_blocks=%llu, f_bfree=%llu, ...}",
             (unsigned long long)st.f_type, (long long)st.f_bsize, (unsigned long long)st.f_blocks,
             (unsigned long long)st.f_bfree);
}

/* ---- time ---- */

static void add_timespec(struct text *t, const int64_t ts[2])
{
    if (ts[1] == ((1 << 30) - 1) || ts[1] == ((1 << 30) - 2))
        text_add(t, "%s", ts[1] & 1 ? "UTIME_NOW" : "UTIME_OMIT");
    else
        text_add(t, "{tv_sec=%lld, tv_nsec=%lld}", (long long)ts[0], (long long)ts[1]);
}

static void add_timeval(struct text *t, const int64_t tv[2])
{
    text_add(t, "{tv_sec=%lld, tv_usec=%lld}", (long long)tv[0], (long long)tv[1]);
}

void describe_timespec(struct describe *d, uint64_t value, const struct how *how)
{
    int64_t ts[2];
    (void)how;
    COPY_OR_POINTER(d, value, ts);
    add_timespec(&d->text, ts);
}

void describe_timespec_pair(struct describe *d, uint64_t value, const struct how *how)
{
    int64_t ts[4];
    (void)how;
    COPY_OR_POINTER(d, value, ts);
    text_add(&d->text, "[");
    add_timespec(&d->text, ts);
    text_add(&d->text, ", ");
    add_timespec(&d->text, ts + 2);
    text_add(&d->text, "]");
}

void describe_timeval(struct describe *d, uint64_t value, const struct how *how)
{
    int64_t tv[2];
    (void)how;
    COPY_OR_POINTER(d, value, tv);
    add_timeval(&d->text, tv);
}

static void add_itimer(struct describe *d, uint64_t value, void (*add)(struct text *, const int64_t *))
{
    int64_t it[4];
    COPY_OR_POINTER(d, value, it);
    text_add(&d->text, "{it_interval=");
    add(&d->text, it);
    text_add(&d->text, ", it_value=");
    add(&d->text, it + 2);
    text_add(&d->text, "}");
}

void describe_itimerval(struct describe *d, uint64_t value, const struct how *how)
{
    (void)how;
    add_itimer(d, value, add_timeval);
}

void describe_itimerspec(struct describe *d, uint64_t value, const struct how *how)
{
    (void)how;
    add_itimer(d, value, add_timespec);
}

/* ---- numbers, limits, identity ---- */

static void add_limit(struct text *t, uint64_t limit)
{
    if (limit == UINT64_MAX)
        text_add(t, "RLIM64_INFINITY");
    else if (limit > 1024 && limit % 1024 == 0)
        text_add(t, "%llu*1024", (unsigned long long)limit / 1024);
    else
        text_add(t, "%llu", (unsigned long long)limit);
}

void describe_rlimit(struct describe *d, uint64_t value, const struct how *how)
{
    uint64_t limit[2];
    (void)how;
    COPY_OR_POINTER(d, value, limit);
    text_add(&d->text, "{rlim_cur=");
    add_limit(&d->text, limit[0]);
    text_add(&d->text, ", rlim_max=");
    add_limit(&d->text, limit[1]);
    text_add(&d->text, "}");
}

void describe_rusage(struct describe *d, uint64_t value, const struct how *how)
{
    struct rusage ru;
    (void)how;
    COPY_OR_POINTER(d, value, ru);
    text_add(&d->text, "{ru_utime={tv_sec=%lld, tv_usec=%lld}, ru_stime={tv_sec=%lld, tv_usec=%lld}, ...}",
             (long long)ru.ru_utime.tv_sec, (long long)ru.ru_utime.tv_usec, (long long)ru.ru_stime.tv_sec,
             (long long)ru.ru_stime.tv_usec);
}

void describe_int_at(struct describe *d, uint64_t value, const struct how *how)
{
    int number;
    (void)how;
    COPY_OR_POINTER(d, value, number);
    text_add(&d->text, "[%d]", number);
}

void describe_long_at(struct describe *d, uint64_t value, const struct how *how)
{
    int64_t number;
    (void)how;
    COPY_OR_POINTER(d, value, number);
    text_add(&d->text, "[%lld]", (long long)number);
}

void describe_int_pair(struct describe *d, uint64_t value, const struct how *how)
{
    int numbers[2];
    (void)how;
    COPY_OR_POINTER(d, value, numbers);
    text_add(&d->text, "[%d, %d]", numbers[0], numbers[1]);
}

void describe_wait_status(struct describe *d, uint64_t value, const struct how *how)
{
    int status;
    char name[16];
    (void)how;
    if (d->call->result <= 0) { /* nothing was written */
        describe_pointer(d, value);
        return;
    }
    COPY_OR_POINTER(d, value, status);
    if (WIFEXITED(status))
        text_add(&d->text, "[{WIFEXITED(s) && WEXITSTATUS(s) == %d}]", WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        text_add(&d->text, "[{WIFSIGNALED(s) && WTERMSIG(s) == %s%s}]",
                 describe_signal(WTERMSIG(status), name, sizeof(name)),
                 WCOREDUMP(status) ? " && WCOREDUMP(s)" : "");
    else if (WIFSTOPPED(status))
        text_add(&d->text, "[{WIFSTOPPED(s) && WSTOPSIG(s) == %s}]",
                 describe_signal(WSTOPSIG(status), name, sizeof(name)));
    else
        text_add(&d->text, "[{WIFCONTINUED(s)}]");
}

void describe_utsname(struct describe *d, uint64_t value, const struct how *how)
{
    struct {
        char sysname[65], nodename[65];
    } uts;
    (void)how;
    COPY_OR_POINTER(d, value, uts);
    text_add(&d->text, "{sysname=");
    text_add_quoted(&d->text, uts.sysname, strnlen(uts.sysname, 65));
    text_add(&d->text, ", nodename=");
    text_add_quoted(&d->text, uts.nodename, strnlen(uts.nodename, 65));
    text_add(&d->text, ", ...}");
}

/* ---- signals ---- */

static void add_sigset(struct text *t, uint64_t set)
{
    const char *separator = "";
    char name[16];
    bool inverted = __builtin_popcountll(set) > 32;
    text_add(t, inverted ? "~[" : "[");
    for (int signo = 1; signo <= 64; signo++) {
        if ((set >> (signo - 1) & 1) == inverted)
            continue;
        text_add(t, "%s%s", separator, describe_signal(signo, name, sizeof(name)) + 3); /* without SIG */
        separator = " ";
    }
    text_add(t, "]");
}

void describe_sigset(struct describe *d, uint64_t value, const struct how *how)
{
    uint64_t set;
    (void)how;
    COPY_OR_POINTER(d, value, set);
    add_sigset(&d->text, set);
}

void describe_sigaction(struct describe *d, uint64_t value, const struct how *how)
{
    struct {
        uint64_t handler, flags, restorer, mask;
    } sa;
    (void)how;
    COPY_OR_POINTER(d, value, sa);
    if (sa.handler <= 1)
        text_add(&d->text, "{sa_handler=%s, sa_mask=", sa.handler ? "SIG_IGN" : "SIG_DFL");
    else
        text_add(&d->text, "{sa_%s=%#llx, sa_mask=", sa.flags & 4 ? "sigaction" : "handler",
                 (unsigned long long)sa.handler);
    add_sigset(&d->text, sa.mask);
    text_add(&d->text, ", sa_flags=");
    text_flags(&d->text, (uint32_t)sa.flags, &names_signal_action);
    if (sa.flags & 0x04000000)
        text_add(&d->text, ", sa_restorer=%#llx", (unsigned long long)sa.restorer);
    text_add(&d->text, "}");
}

void describe_stack(struct describe *d, uint64_t value, const struct how *how)
{
    struct {
        uint64_t sp;
        int flags, pad;
        uint64_t size;
    } stack;
    (void)how;
    COPY_OR_POINTER(d, value, stack);
    text_add(&d->text, "{ss_sp=");
    describe_pointer(d, stack.sp);
    text_add(&d->text, ", ss_flags=");
    text_flags(&d->text, (uint32_t)stack.flags, &names_signal_stack);
    text_add(&d->text, ", ss_size=%llu}", (unsigned long long)stack.size);
}

void describe_siginfo(struct describe *d, uint64_t value, const struct how *how)
{
    struct {
        int signo, err, code, pad, pid, uid, status;
    } info;
    char name[16];
    (void)how;
    COPY_OR_POINTER(d, value, info);
    text_add(&d->text, "{si_signo=%s, si_code=%d, si_pid=%d, si_uid=%d, ...}",
             info.signo ? describe_signal(info.signo, name, sizeof(name)) : "0", info.code, info.pid,
             info.uid);
}

/* ---- descriptors that wait ---- */

static void add_epoll_event(struct text *t, const struct epoll_event *event)
{
    text_add(t, "{events=");
    text_flags(t, event->events, &names_epoll);
    text_add(t, ", data=%#llx}", (unsigned long long)event->data.u64);
}

void describe_epoll_event(struct describe *d, uint64_t value, const struct how *how)
{
    struct epoll_event event;
    (void)how;
    COPY_OR_POINTER(d, value, event);
    add_epoll_event(&d->text, &event);
}

/* An array; `body` shows element i of what was copied to `element`. */
#define SHOW_ARRAY(d, addr, count, element, body)                                                 \
    do {                                                                                          \
        if (!(addr) || ((count) && !describe_copy((d), (addr), &(element), sizeof(element)))) {   \
            describe_pointer((d), (addr));                                                        \
            return;                                                                               \
        }                                                                                         \
        text_add(&(d)->text, "[");                                                                \
        for (uint64_t i = 0; i < (count); i++) {                                                  \
            text_add(&(d)->text, i ? ", " : "");                                                  \
            if (i == TEXT_MAX_ELEMENTS ||                                                         \
                !describe_copy((d), (addr) + i * sizeof(element), &(element), sizeof(element))) { \
                text_add(&(d)->text, "...");                                                      \
                break;                                                                            \
            }                                                                                     \
            body;                                                                                 \
        }                                                                                         \
        text_add(&(d)->text, "]");                                                                \
    } while (0)

void describe_epoll_events(struct describe *d, gaddr addr, uint64_t count)
{
    struct epoll_event event;
    SHOW_ARRAY(d, addr, count, event, add_epoll_event(&d->text, &event));
}

static void add_pollfd(struct describe *d, const struct pollfd *p)
{
    text_add(&d->text, "{fd=%d, events=", p->fd);
    text_flags(&d->text, (uint16_t)p->events, &names_poll);
    if (d->call->result > 0) {
        text_add(&d->text, ", revents=");
        text_flags(&d->text, (uint16_t)p->revents, &names_poll);
    }
    text_add(&d->text, "}");
}

void describe_pollfds(struct describe *d, gaddr addr, uint64_t count)
{
    struct pollfd p;
    SHOW_ARRAY(d, addr, count, p, add_pollfd(d, &p));
}

void describe_fd_set(struct describe *d, gaddr addr, uint64_t n_fds)
{
    uint64_t word = 0;
    const char *separator = "";
    if (!addr || !describe_copy(d, addr, &word, 8)) {
        describe_pointer(d, addr);
        return;
    }
    text_add(&d->text, "[");
    for (uint64_t fd = 0; fd < n_fds && fd < 1024; fd++) {
        if (fd % 64 == 0 && !describe_copy(d, addr + fd / 8, &word, 8))
            break;
        if (!(word >> fd % 64 & 1))
            continue;
        text_add(&d->text, "%s%d", separator, (int)fd);
        separator = " ";
    }
    text_add(&d->text, "]");
}

/* ---- terminals and locks ---- */

void describe_winsize(struct describe *d, gaddr addr)
{
    uint16_t ws[4];
    COPY_OR_POINTER(d, addr, ws);
    text_add(&d->text, "{ws_row=%u, ws_col=%u, ws_xpixel=%u, ws_ypixel=%u}", ws[0], ws[1], ws[2], ws[3]);
}

void describe_termios(struct describe *d, gaddr addr)
{
    uint32_t flags[4];
    COPY_OR_POINTER(d, addr, flags);
    text_add(&d->text, "{c_iflag=%#x, c_oflag=%#x, c_cflag=%#x, c_lflag=%#x, ...}", flags[0], flags[1],
             flags[2], flags[3]);
}

void describe_flock(struct describe *d, gaddr addr)
{
    struct {
        uint16_t type, whence;
        uint32_t pad;
        int64_t start, len;
        int pid;
    } lock;
    COPY_OR_POINTER(d, addr, lock);
    text_add(&d->text, "{l_type=");
    text_enum(&d->text, lock.type, &names_lock_type);
    text_add(&d->text, ", l_whence=");
    text_enum(&d->text, lock.whence, &names_whence);
    text_add(&d->text, ", l_start=%lld, l_len=%lld}", (long long)lock.start, (long long)lock.len);
}

/* ---- sockets and vectors ---- */

static void add_unix_path(struct text *t, const struct sockaddr_un *sun, size_t n)
{
    size_t len = n - offsetof(struct sockaddr_un, sun_path);
    bool abstract = len && !sun->sun_path[0];
    if (!len)
        return;
    text_add(t, abstract ? ", sun_path=@" : ", sun_path=");
    if (abstract)
        text_add_quoted(t, sun->sun_path + 1, len - 1);
    else
        text_add_quoted(t, sun->sun_path, strnlen(sun->sun_path, len));
}

void describe_sockaddr(struct describe *d, gaddr addr, uint64_t n_bytes)
{
    union {
        struct sockaddr_storage storage;
        struct sockaddr_un un;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } sa;
    size_t n = n_bytes < sizeof(sa) ? (size_t)n_bytes : sizeof(sa);
    char text[INET6_ADDRSTRLEN];
    memset(&sa, 0, sizeof(sa));
    if (n < sizeof(sa_family_t) || !describe_copy(d, addr, &sa, n)) {
        describe_pointer(d, addr);
        return;
    }
    text_add(&d->text, "{sa_family=");
    text_enum(&d->text, sa.storage.ss_family, &names_socket_domain);
    if (sa.storage.ss_family == AF_UNIX && n > sizeof(sa_family_t)) {
        add_unix_path(&d->text, &sa.un, n < sizeof(sa.un) ? n : sizeof(sa.un));
    } else if (sa.storage.ss_family == AF_INET && n >= sizeof(sa.in)) {
        text_add(&d->text, ", sin_port=htons(%u), sin_addr=inet_addr(\"%s\")", ntohs(sa.in.sin_port),
                 inet_ntop(AF_INET, &sa.in.sin_addr, text, sizeof(text)));
    } else if (sa.storage.ss_family == AF_INET6 && n >= 24) {
        text_add(&d->text,
                 ", sin6_port=htons(%u), sin6_flowinfo=htonl(%u), inet_pton(AF_INET6, \"%s\", &sin6_addr), "
                 "sin6_scope_id=%u",
                 ntohs(sa.in6.sin6_port), ntohl(sa.in6.sin6_flowinfo),
                 inet_ntop(AF_INET6, &sa.in6.sin6_addr, text, sizeof(text)), sa.in6.sin6_scope_id);
    } else if (n > sizeof(sa_family_t)) {
        text_add(&d->text, ", sa_data=");
        describe_bytes(d, addr + sizeof(sa_family_t), n - sizeof(sa_family_t));
    }
    text_add(&d->text, "}");
}

void describe_iovec(struct describe *d, gaddr addr, uint64_t count, uint64_t n_bytes)
{
    struct {
        uint64_t base, len;
    } iov;
    uint64_t left = n_bytes;
    SHOW_ARRAY(d, addr, count, iov, {
        uint64_t part = iov.len < left ? iov.len : left;
        text_add(&d->text, "{iov_base=");
        if (part || n_bytes == UINT64_MAX)
            describe_bytes(d, iov.base, part);
        else
            describe_pointer(d, iov.base);
        text_add(&d->text, ", iov_len=%llu}", (unsigned long long)iov.len);
        left -= part;
    });
}

void describe_msghdr(struct describe *d, gaddr addr, uint64_t n_bytes)
{
    struct {
        uint64_t name;
        uint32_t namelen, pad;
        uint64_t iov, iovlen, control, controllen;
        uint32_t flags, pad2;
    } msg;
    COPY_OR_POINTER(d, addr, msg);
    text_add(&d->text, "{msg_name=");
    if (msg.name)
        describe_sockaddr(d, msg.name, msg.namelen);
    else
        text_add(&d->text, "NULL");
    text_add(&d->text, ", msg_namelen=%u, msg_iov=", msg.namelen);
    describe_iovec(d, msg.iov, msg.iovlen, n_bytes);
    text_add(&d->text, ", msg_iovlen=%llu, msg_controllen=%llu, msg_flags=", (unsigned long long)msg.iovlen,
             (unsigned long long)msg.controllen);
    text_flags(&d->text, msg.flags, &names_msg);
    text_add(&d->text, "}");
}
