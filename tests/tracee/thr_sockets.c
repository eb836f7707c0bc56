/* A server thread blocked in accept, three client threads; each is answered over its own connection. */
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/tracee/tasks.h"

static int listener;
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static socklen_t n_address;

static void *serves(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char buf[32];
    ssize_t n;
    while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            buf[i] ^= 0x20;
        CHECK(send(fd, buf, (size_t)n, MSG_NOSIGNAL) == n);
    }
    close(fd);
    return NULL;
}

static void *server(void *arg)
{
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        int fd = accept(listener, NULL, NULL);
        CHECK(fd >= 0);
        threads[i] = start(serves, (void *)(intptr_t)fd);
    }
    for (int i = 0; i < 3; i++)
        join(threads[i]);
    return arg;
}

static void *client(void *arg)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&address, n_address) == 0);
    for (int i = 0; i < 30; i++) {
        char buf[8] = "hello", back[8] = "";
        buf[0] = (char)('a' + (int)(intptr_t)arg);
        CHECK(send(fd, buf, 5, 0) == 5 && recv(fd, back, 5, MSG_WAITALL) == 5);
        CHECK(back[0] == buf[0] - 0x20 && memcmp(back + 1, "ELLO", 4) == 0);
    }
    CHECK(shutdown(fd, SHUT_RDWR) == 0);
    close(fd);
    return NULL;
}

int main(void)
{
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    n_address = sizeof(sa_family_t); /* autobind: an abstract name of the kernel's choice */
    CHECK(listener >= 0 && bind(listener, (struct sockaddr *)&address, n_address) == 0);
    n_address = sizeof(address);
    CHECK(getsockname(listener, (struct sockaddr *)&address, &n_address) == 0 && listen(listener, 5) == 0);
    pthread_t threads[4] = {start(server, NULL)};
    for (intptr_t i = 1; i < 4; i++)
        threads[i] = start(client, (void *)i);
    for (int i = 0; i < 4; i++)
        join(threads[i]);
    return passed();
}
