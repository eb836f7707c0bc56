/* A thread blocked in read, one in poll, one in select, while others compute; then each gets its byte. */
#include <poll.h>
#include <sys/select.h>

#include "tests/tracee/tasks.h"

static int pipes[3][2];
static atomic_int inside, done;

static void *blocks(void *arg)
{
    intptr_t me = (intptr_t)arg;
    int fd = pipes[me][0];
    char c = 0;
    inside++;
    if (me == 1) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        CHECK(poll(&p, 1, -1) == 1 && (p.revents & POLLIN));
    } else if (me == 2) {
        fd_set set;
        FD_ZERO(&set);
        FD_SET(fd, &set);
        CHECK(select(fd + 1, &set, NULL, NULL, NULL) == 1 && FD_ISSET(fd, &set));
    }
    CHECK(read(fd, &c, 1) == 1 && c == 'a' + me);
    done++;
    return NULL;
}

static void *computes(void *arg)
{
    uint64_t x = 1;
    for (int i = 0; i < 1000000; i++)
        x = x * 6364136223846793005 + (uint64_t)i;
    return (void *)(uintptr_t)(x >> 32);
}

int main(void)
{
    pthread_t blocked[3], computing[2];
    for (intptr_t i = 0; i < 3; i++) {
        CHECK(pipe(pipes[i]) == 0);
        blocked[i] = start(blocks, (void *)i);
    }
    for (int i = 0; i < 2; i++)
        computing[i] = start(computes, NULL);
    for (int i = 0; i < 2; i++)
        printf("%lx\n", (uintptr_t)join(computing[i]));
    YIELD_UNTIL(inside == 3);
    CHECK(done == 0);
    for (int i = 2; i >= 0; i--) {
        char c = (char)('a' + i);
        CHECK(write(pipes[i][1], &c, 1) == 1);
        join(blocked[i]);
    }
    printf("%d\n", done);
    return passed();
}
