/* The text of calls: fixed examples, and strace as oracle.
 *
 * usage: describe_test           compares examples with their expected text
 *        describe_test --probe   runs calls and prints each as `name(args) = result`: describe_strace.sh compares
 *                                this with what strace says about the same process */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "model/describe.h"

static int failures;

static bool copy(gaddr addr, void *to, size_t n_bytes)
{
    struct iovec local = {to, n_bytes}, remote = {(void *)(uintptr_t)addr, n_bytes};
    return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)n_bytes;
}

/* Memory below 4 GiB is unknown, all else is this process's own, as far as it goes. */
static size_t peek(void *ctx, gaddr addr, void *to, size_t n_bytes)
{
    (void)ctx;
    size_t n = 0;
    if (addr < 1ULL << 32)
        return 0;
    if (copy(addr, to, n_bytes))
        return n_bytes;
    while (n < n_bytes && copy(addr + n, (char *)to + n, 1))
        n++;
    return n;
}

#define A(x) ((uint64_t)(uintptr_t)(x))

static void expect(long nr, const uint64_t args[6], int64_t result, const char *want_args,
                   const char *want_result)
{
    struct model_call call = {.nr = (uint64_t)nr, .result = result};
    char text[1024], outcome[128];
    memcpy(call.args, args, sizeof(call.args));
    describe_args(&call, peek, NULL, text, sizeof(text));
    describe_result(&call, outcome, sizeof(outcome));
    if (!strcmp(text, want_args) && !strcmp(outcome, want_result))
        return;
    printf("expected: %s = %s\n     got: %s = %s\n", want_args, want_result, text, outcome);
    failures++;
}

#define ARGS6(a, b, c, d, e, f, ...) ((const uint64_t[]){A(a), A(b), A(c), A(d), A(e), A(f)})
#define ARGS(...) ARGS6(__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define EXPECT(name, args, result, want_args, want_result) \
    expect(SYS_##name, args, result, want_args, want_result)

/* ---- examples ---- */

static void files(void)
{
    static char long_text[] = "0123456789012345678901234567890123456789";
    static char odd_text[] = "a\n\t\"\\\x01\xff";
    static struct stat st = {.st_mode = S_IFREG | 0644, .st_size = 12};
    static struct iovec iov[2] = {{long_text, 3}, {long_text, 5}};
    static struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 3, .l_len = 4};
    static int fds[2] = {3, 4};
    EXPECT(openat, ARGS(-100, "/etc/passwd", O_RDONLY | O_CLOEXEC), 3,
           "AT_FDCWD, \"/etc/passwd\", O_RDONLY|O_CLOEXEC", "3");
    EXPECT(openat, ARGS(5, "f", O_WRONLY | O_CREAT | O_TRUNC, 0644), -2,
           "5, \"f\", O_WRONLY|O_CREAT|O_TRUNC, 0644", "-1 ENOENT (No such file or directory)");
    EXPECT(open, ARGS("d", O_RDWR | O_DIRECTORY | O_SYNC), 3, "\"d\", O_RDWR|O_SYNC|O_DIRECTORY", "3");
    EXPECT(openat, ARGS(-100, 0x1000, O_RDONLY), -14, "AT_FDCWD, 0x1000, O_RDONLY",
           "-1 EFAULT (Bad address)");
    EXPECT(openat, ARGS(-100, NULL, O_RDONLY), -14, "AT_FDCWD, NULL, O_RDONLY", "-1 EFAULT (Bad address)");
    EXPECT(read, ARGS(3, long_text, 40), 40, "3, \"01234567890123456789012345678901\"..., 40", "40");
    EXPECT(read, ARGS(3, long_text, 40), 5, "3, \"01234\", 40", "5");
    EXPECT(read, ARGS(3, long_text, 40), 0, "3, \"\", 40", "0");
    EXPECT(read, ARGS(3, 0x1000, 40), -9, "3, 0x1000, 40", "-1 EBADF (Bad file descriptor)");
    EXPECT(write, ARGS(1, odd_text, 7), 7, "1, \"a\\n\\t\\\"\\\\\\x01\\xff\", 7", "7");
    EXPECT(write, ARGS(1, 0x1000, 7), 7, "1, 0x1000, 7", "7");
    EXPECT(fstat, ARGS(1, &st), 0, "1, {st_mode=S_IFREG|0644, st_size=12, ...}", "0");
    EXPECT(fstat, ARGS(1, 0x1000), -9, "1, 0x1000", "-1 EBADF (Bad file descriptor)");
    EXPECT(newfstatat, ARGS(3, "", &st, AT_EMPTY_PATH), 0,
           "3, \"\", {st_mode=S_IFREG|0644, st_size=12, ...}, AT_EMPTY_PATH", "0");
    EXPECT(lseek, ARGS(3, -5, SEEK_END), 95, "3, -5, SEEK_END", "95");
    EXPECT(readv, ARGS(3, iov, 2), 4, "3, [{iov_base=\"012\", iov_len=3}, {iov_base=\"0\", iov_len=5}], 2",
           "4");
    EXPECT(writev, ARGS(3, iov, 2), 8,
           "3, [{iov_base=\"012\", iov_len=3}, {iov_base=\"01234\", iov_len=5}], 2", "8");
    EXPECT(pipe2, ARGS(fds, O_CLOEXEC), 0, "[3, 4], O_CLOEXEC", "0");
    EXPECT(fcntl, ARGS(3, F_GETFL, 0), 2, "3, F_GETFL", "2");
    EXPECT(fcntl, ARGS(3, F_SETFD, FD_CLOEXEC), 0, "3, F_SETFD, FD_CLOEXEC", "0");
    EXPECT(fcntl, ARGS(3, F_SETFL, O_RDWR | O_NONBLOCK), 0, "3, F_SETFL, O_RDWR|O_NONBLOCK", "0");
    EXPECT(fcntl, ARGS(3, F_SETLK, &lock), 0,
           "3, F_SETLK, {l_type=F_WRLCK, l_whence=SEEK_SET, l_start=3, l_len=4}", "0");
    EXPECT(access, ARGS("x", R_OK | W_OK), 0, "\"x\", R_OK|W_OK", "0");
    EXPECT(access, ARGS("x", 0), 0, "\"x\", F_OK", "0");
    EXPECT(umask, ARGS(022), 077, "022", "077");
    EXPECT(getcwd, ARGS("/tmp", 99), 5, "\"/tmp\", 99", "5");
    EXPECT(readlink, ARGS("l", "target", 99), 6, "\"l\", \"target\", 99", "6");
    EXPECT(unlinkat, ARGS(-100, "d", 0x200), 0, "AT_FDCWD, \"d\", AT_REMOVEDIR", "0");
}

static void memory_and_processes(void)
{
    static char *argv[] = {"ls", "-l", NULL};
    static int status = 3 << 8, killed = SIGSEGV | 0x80;
    static struct rlimit limit = {8192 * 1024, RLIM_INFINITY};
    EXPECT(mmap, ARGS(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 0x7f0000001000,
           "NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0", "0x7f0000001000");
    EXPECT(mmap, ARGS(0x10000, 4096, 0, MAP_SHARED | MAP_FIXED, 3, 4096), -12,
           "0x10000, 4096, PROT_NONE, MAP_SHARED|MAP_FIXED, 3, 4096", "-1 ENOMEM (Cannot allocate memory)");
    EXPECT(mprotect, ARGS(0x10000, 4096, PROT_READ), 0, "0x10000, 4096, PROT_READ", "0");
    EXPECT(brk, ARGS(0), 0x555555559000, "NULL", "0x555555559000");
    EXPECT(madvise, ARGS(0x10000, 4096, MADV_DONTNEED), 0, "0x10000, 4096, MADV_DONTNEED", "0");
    EXPECT(mremap, ARGS(0x10000, 4096, 8192, MREMAP_MAYMOVE, 77), 0x20000,
           "0x10000, 4096, 8192, MREMAP_MAYMOVE", "0x20000");
    EXPECT(execve, ARGS("/bin/ls", argv, NULL), 0, "\"/bin/ls\", [\"ls\", \"-l\"], NULL", "0");
    EXPECT(wait4, ARGS(-1, &status, WNOHANG, 0), 77,
           "-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 3}], WNOHANG, NULL", "77");
    EXPECT(wait4, ARGS(-1, &killed, 0, 0), 77,
           "-1, [{WIFSIGNALED(s) && WTERMSIG(s) == SIGSEGV && WCOREDUMP(s)}], 0, NULL", "77");
    EXPECT(prlimit64, ARGS(0, RLIMIT_STACK, 0, &limit), 0,
           "0, RLIMIT_STACK, NULL, {rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}", "0");
    EXPECT(clone, ARGS(CLONE_VM | CLONE_VFORK | SIGCHLD, 0x1000, 0, 0, 0), 5,
           "CLONE_VM|CLONE_VFORK|SIGCHLD, 0x1000, NULL, NULL, NULL", "5");
    EXPECT(exit_group, ARGS(3), 0, "3", "?");
    EXPECT(getpid, ARGS(0), 9, "", "9");
    EXPECT(arch_prctl, ARGS(0x1002, 0x7f00), 0, "ARCH_SET_FS, 0x7f00", "0");
    EXPECT(prctl, ARGS(PR_SET_NAME, "name", 0, 0, 0), 0, "PR_SET_NAME, \"name\"", "0");
    EXPECT(prctl, ARGS(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0, "PR_SET_NO_NEW_PRIVS, 1", "0");
    EXPECT(getrandom, ARGS("\x01\x02z", 3, 1), 3, "\"\\x01\\x02z\", 3, GRND_NONBLOCK", "3");
}

static void signals_and_waiting(void)
{
    static uint64_t action[4] = {0x1234, 0x14000000, 0x5678, 1 << (SIGINT - 1)}, ignore[4] = {1, 0, 0, 0};
    static uint64_t set = 1 << (SIGINT - 1) | 1ULL << 39, many = ~(1ULL << (SIGKILL - 1));
    static struct timespec ts = {1, 500};
    static struct pollfd fds[2] = {{3, POLLIN, POLLIN | POLLHUP}, {4, POLLOUT, 0}};
    static struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = 0x77};
    static fd_set fd_set_3_5;
    static struct timeval tv = {2, 7};
    FD_SET(3, &fd_set_3_5);
    FD_SET(5, &fd_set_3_5);
    EXPECT(rt_sigaction, ARGS(SIGINT, action, 0, 8), 0,
           "SIGINT, {sa_handler=0x1234, sa_mask=[INT], sa_flags=SA_RESTORER|SA_RESTART, sa_restorer=0x5678}, "
           "NULL, 8",
           "0");
    EXPECT(rt_sigaction, ARGS(SIGPIPE, ignore, 0, 8), 0,
           "SIGPIPE, {sa_handler=SIG_IGN, sa_mask=[], sa_flags=0}, NULL, 8", "0");
    EXPECT(rt_sigprocmask, ARGS(SIG_BLOCK, &set, 0, 8), 0, "SIG_BLOCK, [INT 40], NULL, 8", "0");
    EXPECT(rt_sigprocmask, ARGS(SIG_SETMASK, &many, 0, 8), 0, "SIG_SETMASK, ~[KILL], NULL, 8", "0");
    EXPECT(kill, ARGS(-1, SIGTERM), -1, "-1, SIGTERM", "-1 EPERM (Operation not permitted)");
    EXPECT(tgkill, ARGS(7, 8, 40), 0, "7, 8, SIG40", "0");
    EXPECT(nanosleep, ARGS(&ts, 0), 0, "{tv_sec=1, tv_nsec=500}, NULL", "0");
    EXPECT(clock_gettime, ARGS(CLOCK_MONOTONIC, &ts), 0, "CLOCK_MONOTONIC, {tv_sec=1, tv_nsec=500}", "0");
    EXPECT(poll, ARGS(fds, 2, -1), 1,
           "[{fd=3, events=POLLIN, revents=POLLIN|POLLHUP}, {fd=4, events=POLLOUT, revents=0}], 2, -1", "1");
    EXPECT(epoll_ctl, ARGS(5, EPOLL_CTL_ADD, 6, &event), 0,
           "5, EPOLL_CTL_ADD, 6, {events=EPOLLIN|EPOLLET, data=0x77}", "0");
    EXPECT(epoll_wait, ARGS(5, &event, 16, -1), 1, "5, [{events=EPOLLIN|EPOLLET, data=0x77}], 16, -1", "1");
    EXPECT(epoll_wait, ARGS(5, &event, 16, 0), 0, "5, [], 16, 0", "0");
    EXPECT(select, ARGS(6, &fd_set_3_5, 0, 0, &tv), 1, "6, [3 5], NULL, NULL, {tv_sec=2, tv_usec=7}", "1");
    EXPECT(futex, ARGS(0x1000, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 2, NULL), -11,
           "0x1000, FUTEX_WAIT_PRIVATE, 2, NULL", "-1 EAGAIN (Resource temporarily unavailable)");
    EXPECT(futex, ARGS(0x1000, FUTEX_WAKE, 1), 1, "0x1000, FUTEX_WAKE, 1", "1");
}

static void sockets_and_terminals(void)
{
    static struct sockaddr_un un = {AF_UNIX, "/run/x"}, abstract = {AF_UNIX, "\0abc"};
    static struct sockaddr_in in = {.sin_family = AF_INET};
    static struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    static int one = 1, len = 16;
    static struct winsize ws = {24, 80, 0, 0};
    static struct iovec iov = {"abc", 3};
    static struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    in.sin_port = htons(80);
    in.sin_addr.s_addr = htonl(0x7f000001);
    in6.sin6_port = htons(81);
    in6.sin6_addr = in6addr_loopback;
    EXPECT(socket, ARGS(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), 3,
           "AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK, 0", "3");
    EXPECT(connect, ARGS(3, &un, 110), 0, "3, {sa_family=AF_UNIX, sun_path=\"/run/x\"}, 110", "0");
    EXPECT(connect, ARGS(3, &abstract, 6), 0, "3, {sa_family=AF_UNIX, sun_path=@\"abc\"}, 6", "0");
    EXPECT(connect, ARGS(3, &in, 16), -111,
           "3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"127.0.0.1\")}, 16",
           "-1 ECONNREFUSED (Connection refused)");
    EXPECT(bind, ARGS(3, &in6, 28), 0,
           "3, {sa_family=AF_INET6, sin6_port=htons(81), sin6_flowinfo=htonl(0), "
           "inet_pton(AF_INET6, \"::1\", &sin6_addr), sin6_scope_id=0}, 28",
           "0");
    EXPECT(accept, ARGS(3, &in, &len), 4,
           "3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"127.0.0.1\")}, [16]", "4");
    EXPECT(setsockopt, ARGS(3, SOL_SOCKET, SO_REUSEADDR, &one, 4), 0, "3, SOL_SOCKET, SO_REUSEADDR, [1], 4",
           "0");
    EXPECT(sendto, ARGS(3, "abc", 3, MSG_NOSIGNAL, 0, 0), 3, "3, \"abc\", 3, MSG_NOSIGNAL, NULL, 0", "3");
    EXPECT(sendmsg, ARGS(3, &msg, 0), 3,
           "3, {msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base=\"abc\", iov_len=3}], msg_iovlen=1, "
           "msg_controllen=0, msg_flags=0}, 0",
           "3");
    EXPECT(ioctl, ARGS(1, TIOCGWINSZ, &ws), 0,
           "1, TIOCGWINSZ, {ws_row=24, ws_col=80, ws_xpixel=0, ws_ypixel=0}", "0");
    EXPECT(ioctl, ARGS(1, TCGETS, 0x1000), -25, "1, TCGETS, 0x1000",
           "-1 ENOTTY (Inappropriate ioctl for device)");
    EXPECT(ioctl, ARGS(1, 0xabcd1234, 0x1000), -25, "1, 0xabcd1234, 0x1000",
           "-1 ENOTTY (Inappropriate ioctl for device)");
    EXPECT(ioctl, ARGS(1, FIOCLEX, 0), 0, "1, FIOCLEX", "0");
    expect(999, ARGS(1, 2, 3, 4, 5, 6), -38, "0x1, 0x2, 0x3, 0x4, 0x5, 0x6",
           "-1 ENOSYS (Function not implemented)");
}

static void names_and_cuts(void)
{
    char buf[8];
    struct model_call call = {.nr = SYS_openat, .args = {A(-100), A("/etc/passwd"), 0}, .result = 3};
    size_t len = describe_args(&call, peek, NULL, buf, sizeof(buf));
    failures += len != strlen("AT_FDCWD, \"/etc/passwd\", O_RDONLY") || strcmp(buf, "AT_FDCW") != 0;
    failures += describe_args(&call, NULL, NULL, NULL, 0) == 0;
    failures += strcmp(describe_signal(SIGSEGV, buf, sizeof(buf)), "SIGSEGV") != 0 ||
                strcmp(describe_signal(63, buf, sizeof(buf)), "SIG63") != 0;
    failures += strcmp(describe_errno(2, buf, sizeof(buf)), "ENOENT") != 0 ||
                strcmp(describe_errno(999, buf, sizeof(buf)), "E999") != 0;
}

/* ---- probes for strace ---- */

static void probe(long nr, const uint64_t args[6])
{
    struct model_call call = {.nr = (uint64_t)nr};
    char text[1024], outcome[128];
    memcpy(call.args, args, sizeof(call.args));
    long result = syscall(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
    call.result = result == -1 ? -errno : result;
    describe_args(&call, peek, NULL, text, sizeof(text));
    describe_result(&call, outcome, sizeof(outcome));
    printf("%s(%s) = %s\n", model_lookup((uint64_t)nr)->name, text, outcome);
}

static void probes(void)
{
    static char room[4096];
    static struct timespec ts = {0, 1000};
    static struct sockaddr_un un = {AF_UNIX, "/nonexistent/socket"};
    static struct iovec iov[2] = {{room, 3}, {room + 10, 5}};
    static struct itimerval it;
    probe(SYS_openat, ARGS(-100, "/etc/passwd", O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    probe(SYS_openat, ARGS(-100, "/nonexistent/x", O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0640));
    probe(SYS_openat, ARGS(-100, "/proc/self", O_RDONLY | O_DIRECTORY | O_NONBLOCK));
    int fd = open("/etc/passwd", O_RDONLY);
    probe(SYS_read, ARGS(fd, room, 10));
    probe(SYS_pread64, ARGS(fd, room, 5, 1));
    probe(SYS_readv, ARGS(fd, iov, 2));
    probe(SYS_lseek, ARGS(fd, 0, SEEK_CUR));
    probe(SYS_newfstatat, ARGS(-100, "/etc/passwd", room, AT_SYMLINK_NOFOLLOW));
    probe(SYS_newfstatat, ARGS(-100, "/dev/null/x", room, 0));
    probe(SYS_access, ARGS("/etc/passwd", R_OK));
    probe(SYS_mmap, ARGS(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0));
    probe(SYS_mmap, ARGS(0, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0));
    probe(SYS_madvise, ARGS(0x1000, 4096, MADV_HUGEPAGE));
    probe(SYS_mprotect, ARGS(0x1000, 4096, PROT_READ | PROT_WRITE));
    probe(SYS_fcntl, ARGS(fd, F_GETFD));
    probe(SYS_fcntl, ARGS(fd, F_SETFD, FD_CLOEXEC));
    probe(SYS_fcntl, ARGS(fd, F_DUPFD_CLOEXEC, 100));
    probe(SYS_ioctl, ARGS(fd, TCGETS, room));
    probe(SYS_ioctl, ARGS(fd, TIOCGWINSZ, room));
    probe(SYS_socket, ARGS(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    probe(SYS_connect, ARGS(fd, &un, sizeof(un)));
    probe(SYS_kill, ARGS(getpid(), 0));
    probe(SYS_nanosleep, ARGS(&ts, 0));
    probe(SYS_clock_nanosleep, ARGS(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, 0));
    probe(SYS_getitimer, ARGS(ITIMER_REAL, room));
    probe(SYS_setitimer, ARGS(ITIMER_VIRTUAL, &it, 0));
    probe(SYS_prlimit64, ARGS(0, RLIMIT_NOFILE, 0, room));
    probe(SYS_rt_sigaction, ARGS(SIGUSR2, 0, room, 8));
    probe(SYS_rt_sigprocmask, ARGS(SIG_UNBLOCK, 0, room, 8));
    probe(SYS_sigaltstack, ARGS(0, room));
    probe(SYS_futex, ARGS(room, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1));
    probe(SYS_futex, ARGS(room, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 99, 0, 0, -1));
    probe(SYS_pipe2, ARGS(room, O_CLOEXEC | O_NONBLOCK));
    probe(SYS_getcwd, ARGS(room, 4096));
    probe(SYS_readlink, ARGS("/proc/self/exe", room, 20));
    probe(SYS_unlink, ARGS("/nonexistent/x"));
    probe(SYS_mkdirat, ARGS(-100, "/nonexistent/x", 0755));
    probe(SYS_wait4, ARGS(-1, room, WNOHANG, 0));
    probe(SYS_epoll_create1, ARGS(EPOLL_CLOEXEC));
    probe(SYS_umask, ARGS(022));
    probe(SYS_getppid, ARGS(0));
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "--probe")) {
        probes();
        return 0;
    }
    files();
    memory_and_processes();
    signals_and_waiting();
    sockets_and_terminals();
    names_and_cuts();
    printf("%d failures\n", failures);
    return failures != 0;
}
