/* A pipe of one page between two pairs of threads: writers block when it is full, readers when it is empty. */
#include "tests/tracee/tasks.h"

enum { TOTAL = 200000 };

static int fds[2];
static _Atomic uint64_t written, got;

static void *writes(void *arg)
{
    char buf[3000];
    memset(buf, 1 + (int)(intptr_t)arg, sizeof(buf));
    for (size_t done = 0; done < TOTAL;) {
        size_t want = TOTAL - done < sizeof(buf) ? TOTAL - done : sizeof(buf);
        ssize_t n = write(fds[1], buf, want);
        CHECK(n > 0);
        done += (size_t)n;
        for (ssize_t i = 0; i < n; i++)
            written += (uint64_t)buf[i];
    }
    return NULL;
}

static void *reads(void *arg)
{
    char buf[5000];
    ssize_t n;
    while ((n = read(fds[0], buf, sizeof(buf))) > 0) {
        uint64_t sum = 0;
        for (ssize_t i = 0; i < n; i++)
            sum += (uint64_t)buf[i];
        got += sum;
    }
    CHECK(n == 0);
    return arg;
}

int main(void)
{
    CHECK(pipe(fds) == 0 && fcntl(fds[1], F_SETPIPE_SZ, 4096) >= 4096);
    pthread_t writers[] = {start(writes, (void *)0), start(writes, (void *)1)};
    pthread_t readers[] = {start(reads, NULL), start(reads, NULL)};
    join(writers[0]), join(writers[1]);
    close(fds[1]);
    join(readers[0]), join(readers[1]);
    printf("%lu %lu\n", written, got);
    return passed();
}
