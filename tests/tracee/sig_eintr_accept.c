/* accept: EINTR without SA_RESTART; with it accept goes on until a child connects. */
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/tracee/tasks.h"

static volatile int count;
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static socklen_t n_address = sizeof(sa_family_t);
static int go[2];

static void handler(int signo)
{
    (void)signo;
    if (++count == 5)
        CHECK(write(go[1], "x", 1) == 1);
}

static int connects(void)
{
    CHECK(read(go[0], &(char){0}, 1) == 1);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(connect(fd, (struct sockaddr *)&address, n_address) == 0 && write(fd, "hi", 2) == 2);
    return 0;
}

int main(void)
{
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(pipe(go) == 0 && listener >= 0 && bind(listener, (struct sockaddr *)&address, n_address) == 0);
    n_address = sizeof(address);
    CHECK(getsockname(listener, (struct sockaddr *)&address, &n_address) == 0 && listen(listener, 1) == 0);
    pid_t pid = spawn(connects);
    struct sigaction sa = {.sa_handler = handler};
    CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
    every_us(ITIMER_REAL, 2000);
    CHECK(accept(listener, NULL, NULL) == -1 && errno == EINTR);
    sa.sa_flags = SA_RESTART;
    CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
    int fd = accept(listener, NULL, NULL);
    CHECK(fd >= 0 && count >= 5);
    every_us(ITIMER_REAL, 0);
    char buf[2];
    CHECK(recv(fd, buf, 2, MSG_WAITALL) == 2 && memcmp(buf, "hi", 2) == 0);
    CHECK(reap(pid) == 0);
    return passed();
}
