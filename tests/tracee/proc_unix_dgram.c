/* Datagrams with credentials between processes, an abstract address, and recvmmsg. */
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/tracee/proc.h"

int main(void)
{
    int s = socket(AF_UNIX, SOCK_DGRAM, 0), on = 1;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    socklen_t len = sizeof(sa_family_t);
    CHECK(s >= 0 && setsockopt(s, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0);
    CHECK(bind(s, (struct sockaddr *)&at, len) == 0); /* autobind: an abstract name of the kernel's choice */
    len = sizeof(at);
    CHECK(getsockname(s, (struct sockaddr *)&at, &len) == 0 && at.sun_path[0] == 0);
    pid_t pid = start();
    if (pid == 0) {
        int c = socket(AF_UNIX, SOCK_DGRAM, 0);
        CHECK(c >= 0 && sendto(c, "first", 5, 0, (struct sockaddr *)&at, len) == 5);
        CHECK(sendto(c, "second!", 7, 0, (struct sockaddr *)&at, len) == 7);
        _exit(0);
    }
    char text[2][32];
    union {
        char buf[CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr align;
    } control[2];
    struct iovec v[2] = {{text[0], 32}, {text[1], 32}};
    struct mmsghdr m[2] = {0};
    for (int i = 0; i < 2; i++)
        m[i].msg_hdr = (struct msghdr){.msg_iov = &v[i],
                                       .msg_iovlen = 1,
                                       .msg_control = &control[i],
                                       .msg_controllen = sizeof(control[i])};
    expect_exit(pid, 0);
    CHECK(recvmmsg(s, m, 2, 0, NULL) == 2 && m[0].msg_len == 5 && m[1].msg_len == 7);
    CHECK(!memcmp(text[0], "first", 5) && !memcmp(text[1], "second!", 7));
    for (int i = 0; i < 2; i++) {
        struct cmsghdr *h = CMSG_FIRSTHDR(&m[i].msg_hdr);
        CHECK(h && h->cmsg_type == SCM_CREDENTIALS && ((struct ucred *)(void *)CMSG_DATA(h))->pid == pid);
    }
    return passed();
}
