/* socketpair between parent and child: stream both ways, packets with their borders, shutdown. */
#include <sys/socket.h>

#include "tests/tracee/proc.h"

int main(void)
{
    int s[2];
    char text[64] = "";
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    pid_t pid = start();
    if (pid == 0) {
        close(s[0]);
        ssize_t n, total = 0;
        while ((n = read(s[1], text + total, sizeof(text) - (size_t)total)) > 0)
            total += n;
        CHECK(total == 9 && !memcmp(text, "onetwosix", 9) && send(s[1], "reply", 5, 0) == 5);
        _exit(0);
    }
    close(s[1]);
    CHECK(write(s[0], "one", 3) == 3 && send(s[0], "two", 3, 0) == 3 && write(s[0], "six", 3) == 3);
    CHECK(shutdown(s[0], SHUT_WR) == 0 && recv(s[0], text, 5, MSG_WAITALL) == 5 && !memcmp(text, "reply", 5));
    CHECK(read(s[0], text, 1) == 0);
    expect_exit(pid, 0);
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s) == 0);
    pid = start();
    if (pid == 0) {
        CHECK(recv(s[1], text, sizeof(text), 0) == 3 && recv(s[1], text, sizeof(text), 0) == 5);
        _exit(0);
    }
    CHECK(send(s[0], "abc", 3, 0) == 3 && send(s[0], "defgh", 5, 0) == 5);
    expect_exit(pid, 0);
    return passed();
}
