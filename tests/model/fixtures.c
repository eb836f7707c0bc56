#include "tests/model/fixtures.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/fiemap.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

const char some_text[] = "0123456789 and so on";
const struct timespec const_timeout = {9, 5};

static void on_alarm(int signo) { (void)signo; }

void fixtures_init(void)
{
    struct sigaction sa = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &sa, NULL);
}

long alarm_soon(long value)
{
    struct itimerval it = {.it_value = {0, 10000}};
    setitimer(ITIMER_REAL, &it, NULL);
    return value;
}

static int unfit(void)
{
    arena_run->unfit = true;
    return -1;
}

/* ---- descriptors ---- */

int file_of(const char *text)
{
    int fd = arena_fd(memfd_create("oracle", MFD_ALLOW_SEALING));
    return pwrite(fd, text, strlen(text), 0) < 0 ? unfit() : fd;
}

int file_with_xattr(void)
{
    char path[] = "/tmp/odb-oracle-XXXXXX";
    int fd = arena_fd(mkstemp(path));
    unlink(path);
    return fsetxattr(fd, "user.odb", "some value", 10, 0) ? unfit() : fd;
}

static bool new_pipe(int fds[2])
{
    if (pipe(fds)) {
        fds[0] = fds[1] = unfit();
        return false;
    }
    arena_fd(fds[0]);
    arena_fd(fds[1]);
    return true;
}

int pipe_end(int which)
{
    int fds[2];
    new_pipe(fds);
    return fds[which];
}

int full_pipe(const char *text)
{
    int fds[2];
    return new_pipe(fds) && write(fds[1], text, strlen(text)) > 0 ? fds[0] : unfit();
}

static void wait_readable(int fd)
{
    struct pollfd p = {fd, POLLIN, 0};
    if (poll(&p, 1, 2000) != 1)
        unfit();
}

int elapsed_timerfd(void)
{
    struct itimerspec it = {{0, 7000}, {0, 1}};
    int fd = arena_fd(timerfd_create(CLOCK_MONOTONIC, 0));
    timerfd_settime(fd, 0, &it, NULL);
    wait_readable(fd);
    return fd;
}

int touched_inotify(void)
{
    char dir[] = "/tmp/odb-oracle-XXXXXX", file[64];
    int fd = arena_fd(inotify_init1(0));
    if (!mkdtemp(dir))
        return unfit();
    inotify_add_watch(fd, dir, IN_CREATE | IN_DELETE);
    snprintf(file, sizeof(file), "%s/some-file", dir);
    close(open(file, O_CREAT | O_WRONLY, 0600));
    unlink(file);
    rmdir(dir);
    return fd;
}

int ready_epoll(void)
{
    int fd = arena_fd(epoll_create1(0));
    for (int i = 0; i < 2; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0x1122334455667788 + (unsigned)i};
        epoll_ctl(fd, EPOLL_CTL_ADD, full_pipe("x"), &event);
    }
    return fd;
}

int pty_slave(void)
{
    int master = arena_fd(posix_openpt(O_RDWR | O_NOCTTY));
    if (master < 0 || unlockpt(master))
        return unfit();
    return arena_fd(ioctl(master, 0x5441 /* TIOCGPTPEER */, O_RDWR | O_NOCTTY));
}

int socket_end(int type)
{
    int fds[2];
    if (socketpair(AF_UNIX, type, 0, fds))
        return unfit();
    arena_fd(fds[1]);
    return arena_fd(fds[0]);
}

int socket_end_with_groups(struct run *r)
{
    gid_t gid = 5;
    if (getgroups(0, NULL) == 0 && setgroups(1, &gid))
        r->unfit = true;
    return socket_end(SOCK_STREAM);
}

int full_socket(int type, const char *text)
{
    int fds[2];
    if (socketpair(AF_UNIX, type, 0, fds))
        return unfit();
    arena_fd(fds[1]);
    return send(fds[1], text, strlen(text), 0) < 0 ? unfit() : arena_fd(fds[0]);
}

int credential_socket(void)
{
    int fds[2], one = 1;
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, fds))
        return unfit();
    setsockopt(fds[0], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one));
    arena_fd(fds[1]);
    return send(fds[1], "abc", 3, 0) < 0 ? unfit() : arena_fd(fds[0]);
}

int filtered_socket(void)
{
    struct sock_filter code[] = {{BPF_LD | BPF_IMM, 0x11, 0x22, 0x33445566},
                                 {BPF_RET | BPF_K, 0x12, 0x23, 0x11223344}};
    struct sock_fprog prog = {2, code};
    int fd = socket_end(SOCK_DGRAM);
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) ? unfit() : fd;
}

static int bound(int type)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = arena_fd(socket(AF_INET, type, 0));
    return bind(fd, (struct sockaddr *)&in, sizeof(in)) ? unfit() : fd;
}

static int connected_to(int server, int type)
{
    struct sockaddr_in in;
    socklen_t len = sizeof(in);
    int fd = arena_fd(socket(AF_INET, type, 0));
    getsockname(server, (struct sockaddr *)&in, &len);
    return connect(fd, (struct sockaddr *)&in, len) ? unfit() : fd;
}

int tcp_listener(void)
{
    int fd = bound(SOCK_STREAM);
    return listen(fd, 4) ? unfit() : fd;
}

int connected_listener(void)
{
    int fd = tcp_listener();
    connected_to(fd, SOCK_STREAM);
    wait_readable(fd);
    return fd;
}

int tcp_end(void) { return connected_to(tcp_listener(), SOCK_STREAM); }

int full_tcp(const char *text)
{
    int server = tcp_listener(), client = connected_to(server, SOCK_STREAM),
        fd = arena_fd(accept(server, NULL, NULL));
    if (send(client, text, strlen(text), 0) < 0)
        return unfit();
    wait_readable(fd);
    return fd;
}

int full_udp(const char *text)
{
    int fd = bound(SOCK_DGRAM);
    if (send(connected_to(fd, SOCK_DGRAM), text, strlen(text), 0) < 0)
        return unfit();
    wait_readable(fd);
    return fd;
}

int full_udp_three(void)
{
    int fd = bound(SOCK_DGRAM), to = connected_to(fd, SOCK_DGRAM);
    if (send(to, "one", 3, 0) < 0 || send(to, "twotwo", 6, 0) < 0 || send(to, "threethreethree", 15, 0) < 0)
        return unfit();
    wait_readable(fd);
    return fd;
}

/* ---- processes and signals ---- */

int dead_child(void)
{
    pid_t pid = fork();
    if (!pid)
        _exit(3);
    return pid < 0 ? unfit() : pid;
}

static void kill_child(struct run *r)
{
    kill((pid_t)r->extra, SIGKILL);
    waitpid((pid_t)r->extra, NULL, 0);
}

int living_child(struct run *r)
{
    pid_t pid = fork();
    if (!pid) {
        pause();
        _exit(0);
    }
    r->extra = (uint64_t)pid;
    r->after = kill_child;
    return pid < 0 ? unfit() : pid;
}

static void drop_signal(struct run *r)
{
    sigset_t set;
    struct timespec now = {0, 0};
    (void)r;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigtimedwait(&set, NULL, &now);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static uint64_t raise_blocked(struct run *r)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR1);
    r->after = drop_signal;
    return 1ULL << (SIGUSR1 - 1);
}

void *pending_signal(struct run *r) { return PUT((uint64_t){raise_blocked(r)}); }

int pending_signalfd(struct run *r)
{
    sigset_t set;
    raise_blocked(r);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    return arena_fd(signalfd(-1, &set, 0));
}

static void delete_timer(struct run *r) { syscall(SYS_timer_delete, r->extra); }

int new_timer(struct run *r)
{
    int id = -1;
    if (syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &id))
        return unfit();
    r->extra = (uint64_t)id;
    r->after = delete_timer;
    return id;
}

/* ---- IPC ---- */

static void remove_shm(struct run *r) { shmctl((int)r->extra, IPC_RMID, NULL); }
static void remove_msgq(struct run *r) { msgctl((int)r->extra, IPC_RMID, NULL); }
static void remove_sem(struct run *r) { semctl((int)r->extra, 0, IPC_RMID); }

static int made(struct run *r, int id, void (*after)(struct run *))
{
    if (id < 0)
        return unfit();
    r->extra = (uint64_t)id;
    r->after = after;
    return id;
}

int new_shm(struct run *r) { return made(r, shmget(IPC_PRIVATE, 4096, 0600), remove_shm); }
int new_msgq(struct run *r) { return made(r, msgget(IPC_PRIVATE, 0600), remove_msgq); }
int new_sem(struct run *r) { return made(r, semget(IPC_PRIVATE, 2, 0600), remove_sem); }

int full_msgq(struct run *r)
{
    struct {
        long type;
        char text[10];
    } msg = {5, "a message"};
    int id = new_msgq(r);
    return msgsnd(id, &msg, sizeof(msg.text), 0) ? unfit() : id;
}

int full_mqueue(struct run *r)
{
    (void)r;
    struct mq_attr attr = {.mq_maxmsg = 3, .mq_msgsize = 8192};
    char name[40];
    snprintf(name, sizeof(name), "/odb-oracle-%d", (int)getpid());
    int fd = arena_fd(mq_open(name, O_RDWR | O_CREAT, 0600, &attr));
    mq_unlink(name);
    return mq_send(fd, "a message", 9, 7) ? unfit() : fd;
}

static void close_pair(struct run *r)
{
    const int *fds = (const int *)(uintptr_t)r->extra;
    close(fds[0]);
    close(fds[1]);
}

void *pipe_fds(struct run *r)
{
    void *fds = OUT(8);
    r->extra = (uint64_t)(uintptr_t)fds;
    r->after = close_pair;
    return fds;
}

/* ---- structures ---- */

void *fd_set_of(int fd) { return fd < 0 || fd > 63 ? (unfit(), NULL) : PUT((uint64_t){1ULL << fd}); }

void *big_fd_set_of(int fd)
{
    uint64_t *set = OUT_ZERO(256);
    set[0] = fd >= 0 && fd < 64 ? 1ULL << fd : 0;
    return set;
}

void *OUT_ZERO(size_t n_bytes) { return memset(OUT(n_bytes), 0, n_bytes); }

void *sized_handle(unsigned n_bytes)
{
    unsigned head[2] = {n_bytes, 0};
    return memcpy(OUT(8 + 128), head, sizeof(head));
}

void *msghdr_of(unsigned namelen, unsigned controllen, const void *base, size_t len)
{
    struct iovec iov = {(void *)(uintptr_t)base, len};
    struct msghdr msg = {
        .msg_iov = PUT(iov), .msg_iovlen = 1, .msg_namelen = namelen, .msg_controllen = controllen};
    msg.msg_name = namelen ? OUT(namelen) : NULL;
    msg.msg_control = controllen ? OUT(controllen) : NULL;
    return PUT(msg);
}

void *mmsghdr_of(unsigned n_msgs, unsigned namelen, unsigned len)
{
    struct mmsghdr *msgs = OUT(n_msgs * sizeof(*msgs));
    for (unsigned i = 0; i < n_msgs; i++) {
        struct iovec iov = {OUT(len), len};
        struct mmsghdr msg = {.msg_hdr = {.msg_iov = PUT(iov), .msg_iovlen = 1, .msg_namelen = namelen}};
        msg.msg_hdr.msg_name = namelen ? OUT(namelen) : NULL;
        msgs[i] = msg;
    }
    return msgs;
}

void *timex_of(void *timex) { return memset(timex, 0, 4); }

void *fiemap_of(unsigned n_extents)
{
    struct fiemap map = {.fm_length = FIEMAP_MAX_OFFSET, .fm_extent_count = n_extents};
    return memcpy(OUT(sizeof(map) + n_extents * sizeof(struct fiemap_extent)), &map, sizeof(map));
}

void *procmap_of(void)
{
    uint64_t query[13] = {104, 0x10 /* covering or next */, (uint64_t)(uintptr_t)some_text};
    query[10] = 200; /* vma_name_size; build_id_size 0 */
    query[11] = (uint64_t)(uintptr_t)OUT(200);
    return PUT(query);
}

/* ---- facts ---- */

char *mapped_pages(void)
{
    static char *pages;
    if (!pages) {
        pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        pages[0] = pages[4096] = 1;
    }
    return pages;
}

unsigned long device_of(const char *path)
{
    struct stat st;
    return stat(path, &st) ? 0 : st.st_dev;
}

uint64_t root_mount_id(void)
{
    uint64_t stx[32];
    if (syscall(SYS_statx, AT_FDCWD, "/", 0, 0x4000 /* STATX_MNT_ID_UNIQUE */, stx))
        unfit();
    return stx[18]; /* stx_mnt_id at 0x90 */
}
