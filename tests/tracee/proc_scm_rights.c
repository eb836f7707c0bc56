/* A descriptor sent over a socket: the child's file is the parent's, under another number. */
#include <sys/socket.h>

#include "tests/tracee/proc.h"

union control {
    char buf[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

int main(void)
{
    int s[2], fd = -1;
    char c = 'x', text[16] = "";
    union control control = {0};
    struct iovec v = {&c, 1};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    pid_t pid = start();
    if (pid == 0) {
        fd = memfd_create("sent", 0);
        CHECK(fd >= 0 && write(fd, "by the child", 12) == 12);
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        *h = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(h), &fd, sizeof(fd));
        CHECK(sendmsg(s[1], &m, 0) == 1);
        _exit(0);
    }
    CHECK(recvmsg(s[0], &m, MSG_CMSG_CLOEXEC) == 1 && c == 'x');
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    CHECK(h && h->cmsg_type == SCM_RIGHTS && h->cmsg_len == CMSG_LEN(sizeof(int)));
    memcpy(&fd, CMSG_DATA(h), sizeof(fd));
    CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC && pread(fd, text, 12, 0) == 12 && !strcmp(text, "by the child"));
    expect_exit(pid, 0);
    return passed();
}
