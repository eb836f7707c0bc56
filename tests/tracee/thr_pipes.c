/* Five threads in a ring of pipes pass a number round a hundred times. */
#include "tests/tracee/tasks.h"

enum { N = 5, ROUNDS = 100 };

static int pipes[N][2];

static void *body(void *arg)
{
    intptr_t me = (intptr_t)arg;
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t token;
        CHECK(read(pipes[me][0], &token, sizeof(token)) == sizeof(token));
        token = token * 31 + (uint32_t)me;
        if (me == N - 1 && i == ROUNDS - 1)
            return (void *)(uintptr_t)token;
        CHECK(write(pipes[(me + 1) % N][1], &token, sizeof(token)) == sizeof(token));
    }
    return NULL;
}

int main(void)
{
    for (int i = 0; i < N; i++)
        CHECK(pipe(pipes[i]) == 0);
    pthread_t threads[N];
    for (intptr_t i = 0; i < N; i++)
        threads[i] = start(body, (void *)i);
    uint32_t token = 1;
    CHECK(write(pipes[0][1], &token, sizeof(token)) == sizeof(token));
    for (int i = 0; i < N; i++) {
        uintptr_t last = (uintptr_t)join(threads[i]);
        if (i == N - 1)
            printf("%08lx\n", last);
    }
    return passed();
}
