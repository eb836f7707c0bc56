/* A fifo: each side's open waits for the other; end of file when the writer has gone. */
#include "tests/tracee/proc.h"

int main(void)
{
    const char *dir = enter_temp_dir();
    char text[16];
    CHECK(mkfifo("fifo", 0600) == 0 && open("fifo", O_WRONLY | O_NONBLOCK) == -1 && errno == ENXIO);
    for (int round = 0; round < 3; round++) {
        pid_t pid = start();
        if (pid == 0) {
            int fd = open("fifo", O_WRONLY);
            CHECK(fd >= 0 && write(fd, "message", 7) == 7);
            _exit(0);
        }
        int fd = open("fifo", O_RDONLY);
        CHECK(fd >= 0 && read(fd, text, sizeof(text)) == 7 && !memcmp(text, "message", 7));
        CHECK(read(fd, text, sizeof(text)) == 0 && close(fd) == 0);
        expect_exit(pid, 0);
    }
    CHECK(unlink("fifo") == 0);
    leave_temp_dir(dir);
    return passed();
}
