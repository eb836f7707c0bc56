/* A thread that is not the first one executes a program: the others end, and it becomes the first. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

char **arguments;

static void *run(void *arg)
{
    fflush(stdout);
    execl(arguments[0], arguments[0], "again", (char *)NULL); /* EXEC */
    return arg;
}

int main(int argc, char **argv)
{
    pthread_t t;
    arguments = argv;
    if (argc > 1) {
        puts("again"); /* AGAIN */
        return 0;
    }
    pthread_create(&t, NULL, run, NULL);
    pthread_join(t, NULL);
    return 1;
}
