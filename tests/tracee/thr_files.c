/* One file and one descriptor, four threads: pwrite and pread at their own places, write moves the shared offset. */
#include "tests/tracee/tasks.h"

static int fd;

static void *body(void *arg)
{
    int me = (int)(intptr_t)arg;
    char block[64], back[64];
    for (int i = 0; i < 50; i++) {
        memset(block, 'a' + me, sizeof(block));
        off_t at = (i * 4 + me) * 64;
        CHECK(pwrite(fd, block, 64, at) == 64 && pread(fd, back, 64, at) == 64);
        CHECK(memcmp(block, back, 64) == 0);
    }
    return NULL;
}

static void *appends(void *arg)
{
    char line[8];
    memset(line, 'A' + (int)(intptr_t)arg, sizeof(line));
    for (int i = 0; i < 50; i++)
        CHECK(write(fd, line, 8) == 8);
    return NULL;
}

int main(void)
{
    FILE *file = tmpfile(); /* a memfd would not lock its offset */
    CHECK(file);
    fd = fileno(file);
    pthread_t threads[4];
    for (intptr_t i = 0; i < 4; i++)
        threads[i] = start(body, (void *)i);
    for (int i = 0; i < 4; i++)
        join(threads[i]);
    CHECK(lseek(fd, 0, SEEK_END) == 50 * 4 * 64);
    for (intptr_t i = 0; i < 4; i++)
        threads[i] = start(appends, (void *)i);
    for (int i = 0; i < 4; i++)
        join(threads[i]);
    CHECK(lseek(fd, 0, SEEK_CUR) == 50 * 4 * 72);
    int counts[4] = {0};
    char line[8];
    CHECK(lseek(fd, 50 * 4 * 64, SEEK_SET) > 0);
    while (read(fd, line, 8) == 8) {
        CHECK(line[0] >= 'A' && line[0] <= 'D' && line[7] == line[0]);
        counts[line[0] - 'A']++;
    }
    printf("%d %d %d %d\n", counts[0], counts[1], counts[2], counts[3]);
    return passed();
}
