/* Four processes write records of 16 bytes, with their pid in them, to one pipe and to one socket pair; the first process
 * reads them in pieces of odd sizes, and prints where it put them: "data ADDRESS LENGTH", then the bytes. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WRITERS = 4, RECORDS = 25, RECORD = 16 };

static void writer(int fd, int i)
{
    char text[3 * RECORD + 1];
    for (int k = 0; k < RECORDS; k += 3) { /* one to three at once */
        int n = k + 3 > RECORDS ? RECORDS - k : 3;
        for (int j = 0; j < n; j++)
            snprintf(text + j * RECORD, RECORD + 1, "%07d:%c%06d\n", (int)getpid(), 'a' + i, k + j);
        if (write(fd, text, (size_t)n * RECORD) != n * RECORD)
            _exit(1);
    }
    _exit(0);
}

static void collect(int fds[2])
{
    static const size_t sizes[] = {7, 1, 40, 16, 3, 100, 33};
    char *data = malloc(WRITERS * RECORDS * RECORD + 128);
    size_t at = 0;
    for (int i = 0; i < WRITERS; i++)
        if (!fork()) {
            dup2(fds[1], 77);
            close(fds[1]);
            writer(77, i);
        }
    close(fds[1]);
    for (int k = 0; at < WRITERS * RECORDS * RECORD; k++) {
        ssize_t n = read(fds[0], data + at, sizes[k % 7]);
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    for (int i = 0; i < WRITERS; i++)
        wait(NULL);
    printf("data %llu %zu\n%.*s", (unsigned long long)(uintptr_t)data, at, (int)at, data);
}

int main(void)
{
    int fds[2], sockets[2];
    if (pipe(fds) || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets))
        return 1;
    collect(fds);
    fflush(stdout);
    collect(sockets);
    return 0;
}
