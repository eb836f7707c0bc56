/* TCP on the loopback between two processes: connect, accept, 300 kB with sums at both ends, close. */
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/tracee/proc.h"

enum { BYTES = 300000 };

static int client(const struct sockaddr_in *at)
{
    static unsigned char data[BYTES];
    uint32_t sum = 0, theirs;
    for (int i = 0; i < BYTES; i++)
        sum += data[i] = (unsigned char)(i * 7 >> 2);
    int s = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(s >= 0 && connect(s, (const struct sockaddr *)at, sizeof(*at)) == 0);
    for (ssize_t n = 0, at_byte = 0; at_byte < BYTES; at_byte += n)
        CHECK((n = send(s, data + at_byte, BYTES - (size_t)at_byte, 0)) > 0);
    CHECK(shutdown(s, SHUT_WR) == 0 && recv(s, &theirs, sizeof(theirs), MSG_WAITALL) == sizeof(theirs));
    return theirs == sum ? 0 : 1;
}

int main(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s < 0 || bind(s, (struct sockaddr *)&at, len) < 0)
        skip("no loopback here");
    CHECK(listen(s, 1) == 0 && getsockname(s, (struct sockaddr *)&at, &len) == 0);
    pid_t pid = start();
    if (pid == 0)
        _exit(client(&at));
    unsigned char block[7000];
    uint32_t sum = 0, total = 0;
    ssize_t n;
    int c = accept(s, NULL, NULL);
    CHECK(c >= 0);
    while ((n = recv(c, block, sizeof(block), 0)) > 0) {
        total += (uint32_t)n;
        for (ssize_t i = 0; i < n; i++)
            sum += block[i];
    }
    CHECK(n == 0 && total == BYTES && send(c, &sum, sizeof(sum), 0) == sizeof(sum));
    expect_exit(pid, 0);
    return passed();
}
