/* SA_RESTART: a read of an empty pipe goes on under a timer until the handler itself writes the byte. */
#include "tests/tracee/tasks.h"

static int fds[2];
static volatile int count;

static void handler(int signo)
{
    (void)signo;
    if (++count == 5)
        CHECK(write(fds[1], "z", 1) == 1);
}

int main(void)
{
    CHECK(pipe(fds) == 0);
    struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART};
    CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
    for (int i = 0; i < 3; i++) {
        char c = 0;
        count = 0;
        every_us(ITIMER_REAL, 1000);
        CHECK(read(fds[0], &c, 1) == 1 && c == 'z' && count >= 5);
        every_us(ITIMER_REAL, 0);
    }
    return passed();
}
