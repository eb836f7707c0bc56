/* inotify: what a child does to a folder. */
#include <sys/inotify.h>

#include "tests/tracee/proc.h"

int main(void)
{
    const char *dir = enter_temp_dir();
    int fd = inotify_init1(IN_CLOEXEC), end = 0;
    if (fd < 0)
        skip("no inotify here");
    CHECK(inotify_add_watch(fd, ".", IN_CREATE | IN_DELETE | IN_CLOSE_WRITE | IN_MOVE) > 0);
    pid_t pid = start();
    if (pid == 0) {
        write_file("a", "text", 0600);
        CHECK(rename("a", "b") == 0 && unlink("b") == 0);
        _exit(0);
    }
    while (!end) {
        char buf[4096] __attribute__((aligned(8)));
        ssize_t n = read(fd, buf, sizeof(buf));
        CHECK(n > 0);
        for (ssize_t at = 0; at < n;) {
            struct inotify_event *e = (void *)(buf + at);
            printf("%x %s\n", e->mask, e->len ? e->name : "");
            end |= (e->mask & IN_DELETE) != 0;
            at += (ssize_t)(sizeof(*e) + e->len);
        }
    }
    expect_exit(pid, 0);
    leave_temp_dir(dir);
    return passed();
}
