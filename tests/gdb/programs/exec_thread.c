/* A thread that is not the first one executes a program: the others end, two of them before they have run at all, and it becomes
 * the first. */
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
    pthread_t t[3];
    arguments = argv;
    if (argc > 1) {
        puts("again"); /* AGAIN */
        return 0;
    }
    for (int i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, run, NULL);
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    return 1;
}
