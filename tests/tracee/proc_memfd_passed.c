/* A memfd made by the child, sealed, sent over a socket and mapped by both. */
#include <sys/socket.h>

#include "tests/tracee/proc.h"

union control {
    char buf[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

static int transfer(int s, int fd)
{
    char c = 'm';
    union control control = {0};
    struct iovec v = {&c, 1};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    if (fd >= 0) {
        *h = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(h), &fd, sizeof(fd));
        CHECK(sendmsg(s, &m, 0) == 1);
        return fd;
    }
    CHECK(recvmsg(s, &m, 0) == 1 && (h = CMSG_FIRSTHDR(&m)) != NULL);
    memcpy(&fd, CMSG_DATA(h), sizeof(fd));
    return fd;
}

static atomic_int *map(int fd)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED);
    return p;
}

int main(void)
{
    int s[2];
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s) == 0);
    pid_t pid = start();
    if (pid == 0) {
        int fd = memfd_create("passed", MFD_ALLOW_SEALING);
        CHECK(fd >= 0 && ftruncate(fd, 4096) == 0 &&
              fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0);
        atomic_int *p = map(transfer(s[1], fd));
        atomic_fetch_add(&p[1], 5);
        while (atomic_load(p) == 0)
            sched_yield();
        _exit(*p);
    }
    int fd = transfer(s[0], -1);
    atomic_int *p = map(fd);
    CHECK(ftruncate(fd, 0) == -1 && errno == EPERM);
    atomic_store(p, 42);
    expect_exit(pid, 42);
    CHECK(p[1] == 5);
    return passed();
}
