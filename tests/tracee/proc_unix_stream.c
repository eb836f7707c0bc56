/* A server and three clients on a named unix socket; SO_PEERCRED tells who calls. */
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/tracee/proc.h"

static int client(const struct sockaddr_un *at, int i)
{
    int s = socket(AF_UNIX, SOCK_STREAM, 0), answer = 0;
    CHECK(s >= 0 && connect(s, (const struct sockaddr *)at, sizeof(*at)) == 0);
    CHECK(write(s, &i, sizeof(i)) == sizeof(i) && read(s, &answer, sizeof(answer)) == sizeof(answer));
    return answer;
}

int main(void)
{
    const char *dir = enter_temp_dir();
    struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = "socket"};
    int s = socket(AF_UNIX, SOCK_STREAM, 0), sum = 0;
    CHECK(s >= 0 && connect(s, (struct sockaddr *)&at, sizeof(at)) == -1 && errno == ENOENT);
    CHECK(bind(s, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(s, 5) == 0);
    pid_t pids[3];
    for (int i = 0; i < 3; i++) {
        pids[i] = start();
        if (pids[i] == 0)
            _exit(client(&at, i + 1));
    }
    for (int i = 0; i < 3; i++) {
        struct ucred who;
        socklen_t len = sizeof(who);
        int n, c = accept4(s, NULL, NULL, SOCK_CLOEXEC);
        CHECK(c >= 0 && getsockopt(c, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 && who.uid == getuid());
        CHECK(read(c, &n, sizeof(n)) == sizeof(n) && who.pid == pids[n - 1]);
        sum += n;
        n *= 10;
        CHECK(write(c, &n, sizeof(n)) == sizeof(n) && close(c) == 0);
    }
    CHECK(sum == 6);
    for (int i = 0; i < 3; i++)
        expect_exit(pids[i], 10 * (i + 1));
    CHECK(unlink("socket") == 0);
    leave_temp_dir(dir);
    return passed();
}
