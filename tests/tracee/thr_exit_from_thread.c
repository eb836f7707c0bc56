/* exit() by a thread: atexit handlers run in it, then the process is gone with the main thread inside a call. */
#include "tests/tracee/tasks.h"

static pid_t leaver;

static void last(void)
{
    CHECK(gettid() == leaver);
    puts("last");
}

static void first(void) { puts("first"); }

static void *body(void *arg)
{
    leaver = gettid();
    passed();
    exit(7);
    return arg;
}

int main(void)
{
    CHECK(atexit(last) == 0 && atexit(first) == 0);
    start(body, NULL);
    for (;;)
        pause();
}
