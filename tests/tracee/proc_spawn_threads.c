/* Four threads spawn and wait for programs at the same time. */
#include <pthread.h>
#include <spawn.h>

#include "tests/tracee/proc.h"

static void *spawns(void *arg)
{
    int base = *(int *)arg;
    for (int i = 0; i < 4; i++) {
        char text[16], *args[] = {"self", text, NULL};
        pid_t pid;
        snprintf(text, sizeof(text), "%d", base + i);
        CHECK(posix_spawn(&pid, SELF, NULL, NULL, args, environ) == 0);
        expect_exit(pid, base + i);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return atoi(argv[1]);
    pthread_t threads[4];
    int base[4] = {10, 20, 30, 40};
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, spawns, &base[i]) == 0);
    for (int i = 0; i < 4; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    return passed();
}
