/* two_loops [MILLIONS]: two threads in long loops without calls, that see each other's progress now and then. */
#include <pthread.h>

#include "async.h"

static uint64_t n;
static volatile uint64_t progress[2], mixed, last[2];

static void *loop(void *arg)
{
    unsigned me = arg != NULL;
    uint64_t x = me + 1;
    for (uint64_t i = 0; i < n; i++) {
        x = x * 6364136223846793005ull + 1442695040888963407ull;
        if ((i & 0xfff) == 0) {
            progress[me] = i;
            mixed = mixed * 31 + progress[!me] + me;
        }
    }
    last[me] = x;
    return NULL;
}

int main(int argc, char **argv)
{
    n = (argc > 1 ? strtoull(argv[1], NULL, 10) : 150) * 1000000;
    pthread_t thread;
    if (pthread_create(&thread, NULL, loop, &n) != 0)
        return 1;
    loop(NULL);
    pthread_join(thread, NULL);
    seen(last[0] ^ last[1] << 1);
    return finish(mixed);
}
