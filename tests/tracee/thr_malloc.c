/* malloc, realloc and free by four threads; every third block is freed by another thread. */
#include "tests/tracee/tasks.h"

enum { N = 4, ROUNDS = 1500, SLOTS = 64 };

static _Atomic(unsigned char *) swap[SLOTS];

static void *body(void *arg)
{
    uint32_t seed = (uint32_t)(uintptr_t)arg;
    unsigned char *mine[16] = {0};
    size_t sizes[16] = {0};
    for (int i = 0; i < ROUNDS; i++) {
        seed = seed * 1103515245 + 12345;
        int slot = (int)(seed >> 20) % 16;
        size_t size = 1 + (seed >> 8) % (i % 50 ? 600 : 200000);
        if (mine[slot])
            CHECK(mine[slot][0] == slot && mine[slot][sizes[slot] - 1] == slot);
        mine[slot] = realloc(mine[slot], size);
        CHECK(mine[slot]);
        mine[slot][0] = mine[slot][size - 1] = (unsigned char)slot;
        sizes[slot] = size;
        if (i % 3 == 0) {
            free(atomic_exchange(&swap[seed % SLOTS], mine[slot]));
            mine[slot] = NULL;
        }
    }
    for (int i = 0; i < 16; i++)
        free(mine[i]);
    return NULL;
}

int main(void)
{
    pthread_t threads[N];
    for (uintptr_t i = 0; i < N; i++)
        threads[i] = start(body, (void *)i);
    for (int i = 0; i < N; i++)
        join(threads[i]);
    for (int i = 0; i < SLOTS; i++)
        free(swap[i]);
    return passed();
}
