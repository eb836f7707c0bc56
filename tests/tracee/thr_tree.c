/* Threads make threads: a binary tree of 63, each adds the results of its children. */
#include "tests/tracee/tasks.h"

static void *body(void *arg)
{
    uintptr_t depth = (uintptr_t)arg & 15, path = (uintptr_t)arg >> 4;
    if (depth == 0)
        return (void *)(path * path);
    pthread_t left = start(body, (void *)(path << 5 | (depth - 1)));
    pthread_t right = start(body, (void *)((path << 1 | 1) << 4 | (depth - 1)));
    uintptr_t sum = (uintptr_t)join(right);
    return (void *)(sum + (uintptr_t)join(left) + 1);
}

int main(void)
{
    printf("%lu\n", (uintptr_t)join(start(body, (void *)5)));
    return passed();
}
