/* spin_flag [ROUNDS]: a thread spins on a flag that another sets after a sleep; how far it came is part of the output. */
#include <pthread.h>
#include <unistd.h>

#include "async.h"

static volatile unsigned flag;

static void *spin(void *arg)
{
    unsigned rounds = *(unsigned *)arg;
    for (unsigned round = 1; round <= rounds; round++) {
        uint64_t turns = 0;
        while (flag < round)
            turns++;
        seen(turns);
        seen_count++;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 20;
    pthread_t thread;
    if (pthread_create(&thread, NULL, spin, &rounds) != 0)
        return 1;
    for (unsigned round = 1; round <= rounds; round++) {
        usleep(10000);
        flag = round;
    }
    pthread_join(thread, NULL);
    return finish(flag);
}
