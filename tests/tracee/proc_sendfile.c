/* sendfile and copy_file_range from the parent's file into the child's socket. */
#include <sys/sendfile.h>
#include <sys/socket.h>

#include "tests/tracee/proc.h"

int main(void)
{
    enum { BYTES = 200000 };
    int s[2], file = memfd_create("file", 0), copy = memfd_create("copy", 0);
    char *data = malloc(BYTES);
    for (int i = 0; i < BYTES; i++)
        data[i] = (char)(i * 13 >> 4);
    CHECK(write(file, data, BYTES) == BYTES && socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    pid_t pid = start();
    if (pid == 0) {
        char *got = malloc(BYTES + 1);
        ssize_t n, total = 0;
        close(s[0]);
        while ((n = read(s[1], got + total, (size_t)(BYTES + 1 - total))) > 0)
            total += n;
        _exit(total == BYTES && !memcmp(got, data, BYTES) ? 0 : 1);
    }
    close(s[1]);
    for (off_t at = 0; at < BYTES;)
        CHECK(sendfile(s[0], file, &at, (size_t)(BYTES - at)) > 0);
    CHECK(close(s[0]) == 0);
    expect_exit(pid, 0);
    off_t in = 1000, out = 0;
    CHECK(copy_file_range(file, &in, copy, &out, 500, 0) == 500 && in == 1500 && out == 500);
    CHECK(pread(copy, data + 1000, 500, 0) == 500 && data[1000] == (char)(13000 >> 4));
    return passed();
}
