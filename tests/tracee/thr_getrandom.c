/* getrandom from four threads: no two answers alike, replayed byte for byte (the program checks its own sum). */
#include <sys/random.h>

#include "tests/tracee/tasks.h"

static uint64_t numbers[4][256];

static void *body(void *arg)
{
    uint64_t *mine = arg;
    for (int i = 0; i < 256; i++)
        CHECK(getrandom(&mine[i], 8, i & 1 ? GRND_NONBLOCK : 0) == 8);
    return NULL;
}

static int compare(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, 8), memcpy(&y, b, 8);
    return x < y ? -1 : x > y;
}

int main(void)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        threads[i] = start(body, numbers[i]);
    for (int i = 0; i < 4; i++)
        join(threads[i]);
    qsort(numbers, 1024, 8, compare);
    for (int i = 1; i < 1024; i++)
        CHECK((&numbers[0][0])[i] != (&numbers[0][0])[i - 1]);
    CHECK(getrandom(numbers, 8, 0x100) == -1 && errno == EINVAL);
    return passed();
}
