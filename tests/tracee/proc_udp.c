/* UDP on the loopback: fifty questions and answers between two processes. */
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/tracee/proc.h"

int main(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, from;
    socklen_t len = sizeof(at);
    int s = socket(AF_INET, SOCK_DGRAM, 0), n;
    if (s < 0 || bind(s, (struct sockaddr *)&at, len) < 0)
        skip("no loopback here");
    CHECK(getsockname(s, (struct sockaddr *)&at, &len) == 0);
    pid_t pid = start();
    if (pid == 0) {
        int c = socket(AF_INET, SOCK_DGRAM, 0);
        CHECK(c >= 0 && connect(c, (struct sockaddr *)&at, sizeof(at)) == 0);
        for (int i = 0; i < 50; i++)
            CHECK(send(c, &i, sizeof(i), 0) == sizeof(i) && recv(c, &n, sizeof(n), 0) == sizeof(n) &&
                  n == i * i);
        _exit(0);
    }
    for (int i = 0; i < 50; i++) {
        len = sizeof(from);
        CHECK(recvfrom(s, &n, sizeof(n), 0, (struct sockaddr *)&from, &len) == sizeof(n) && n == i);
        n *= n;
        CHECK(sendto(s, &n, sizeof(n), 0, (struct sockaddr *)&from, len) == sizeof(n));
    }
    expect_exit(pid, 0);
    return passed();
}
