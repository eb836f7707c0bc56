/* Sockets to itself: socketpair, TCP over loopback, UDP, sendmsg with descriptors, options, shutdown. */
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/tracee/tracee.h"

static void pass_descriptor(int a, int b)
{
    char text[8] = "fd", control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec iov = {text, 2};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(sizeof(int));
    int fd = memfd_create("passed", 0), got;
    CHECK(write(fd, "inside", 6) == 6);
    memcpy(CMSG_DATA(c), &fd, sizeof(int));
    CHECK(sendmsg(a, &msg, 0) == 2);
    memset(control, 0, sizeof(control)), memset(text, 0, sizeof(text));
    msg.msg_controllen = sizeof(control);
    CHECK(recvmsg(b, &msg, 0) == 2 && !strcmp(text, "fd") && msg.msg_controllen > 0);
    memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
    CHECK(got != fd && pread(got, text, 6, 0) == 6 && !memcmp(text, "inside", 6));
}

int main(void)
{
    int sp[2], size = 0;
    char buf[4096];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, sp) == 0 && send(sp[0], "ping", 4, 0) == 4);
    CHECK(recv(sp[1], buf, sizeof(buf), MSG_PEEK) == 4 && recv(sp[1], buf, 2, 0) == 2 &&
          read(sp[1], buf, 9) == 2);
    pass_descriptor(sp[0], sp[1]);
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, peer;
    socklen_t len = sizeof(at), peer_len = sizeof(peer);
    CHECK(listener >= 0 && setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0);
    CHECK(bind(listener, (void *)&at, sizeof(at)) == 0 && listen(listener, 5) == 0 &&
          getsockname(listener, (void *)&at, &len) == 0);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(client, (void *)&at, sizeof(at)) == 0);
    int server = accept4(listener, (void *)&peer, &peer_len, SOCK_CLOEXEC);
    CHECK(server >= 0 && peer_len == sizeof(peer) && peer.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
    memset(buf, 'z', sizeof(buf));
    CHECK(send(client, buf, 4000, MSG_NOSIGNAL) == 4000 && recv(server, buf, 4000, MSG_WAITALL) == 4000);
    len = sizeof(size);
    CHECK(getsockopt(client, SOL_SOCKET, SO_SNDBUF, &size, &len) == 0 && size > 0 && len == 4);
    CHECK(shutdown(client, SHUT_WR) == 0 && recv(server, buf, 10, 0) == 0);
    int udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    at.sin_port = 0, len = sizeof(at);
    CHECK(bind(udp, (void *)&at, sizeof(at)) == 0 && getsockname(udp, (void *)&at, &len) == 0);
    CHECK(sendto(udp, "dgram", 5, 0, (void *)&at, sizeof(at)) == 5);
    CHECK(recvfrom(udp, buf, 100, 0, (void *)&peer, &peer_len) == 5 && peer.sin_port == at.sin_port);
    CHECK(recv(udp, buf, 100, 0) == -1 && errno == EAGAIN);
    struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/nonexistent-odb"};
    CHECK(connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&un, sizeof(un)) == -1 && errno == ENOENT);
    return passed();
}
