/* A server with two prefork workers that accept on one socket, and ten clients. */
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/tracee/proc.h"

static _Noreturn void worker(int s)
{
    for (;;) {
        char line[16];
        int c = accept(s, NULL, NULL);
        CHECK(c >= 0);
        ssize_t n = recv(c, line, sizeof(line), 0);
        CHECK(n > 0);
        for (ssize_t i = 0; i < n; i++)
            line[i] ^= 0x20;
        CHECK(send(c, line, (size_t)n, 0) == n && close(c) == 0);
    }
}

int main(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int s = socket(AF_INET, SOCK_STREAM, 0);
    if (s < 0 || bind(s, (struct sockaddr *)&at, len) < 0)
        skip("no loopback here");
    CHECK(listen(s, 16) == 0 && getsockname(s, (struct sockaddr *)&at, &len) == 0);
    pid_t workers[2];
    for (int i = 0; i < 2; i++) {
        workers[i] = start();
        if (workers[i] == 0)
            worker(s);
    }
    for (int i = 0; i < 10; i++) {
        char line[16] = "";
        int c = socket(AF_INET, SOCK_STREAM, 0);
        CHECK(connect(c, (struct sockaddr *)&at, sizeof(at)) == 0 && send(c, "Hello", 5, 0) == 5);
        CHECK(recv(c, line, sizeof(line), MSG_WAITALL) == 5 && !strcmp(line, "hELLO") && close(c) == 0);
    }
    for (int i = 0; i < 2; i++) {
        CHECK(kill(workers[i], SIGTERM) == 0);
        expect_signal(workers[i], SIGTERM);
    }
    return passed();
}
