/* restart [sa_restart]: its pid, then three reads of stdin, each with what it returned. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static volatile sig_atomic_t count;

static void handler(int signo)
{
    (void)signo;
    count++;
}

int main(int argc, char **argv)
{
    struct sigaction act = {.sa_flags = argc > 1 ? SA_RESTART : 0};
    char buffer[16];
    (void)argv;
    act.sa_handler = handler;
    sigaction(SIGUSR1, &act, NULL);
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("%d\n", (int)getpid());
    for (int i = 0; i < 3; i++) {
        ssize_t n = read(0, buffer, sizeof(buffer));
        printf("read %d %d, %d handled\n", (int)n, n < 0 ? errno : 0, (int)count);
    }
    return 0;
}
