/* atexit handlers in order, destructors, output flushed at exit, a status of its own. */
#include "tests/tracee/tracee.h"

static void first(void) { puts("EXIT-SUCCESS"); }
static void second(void) { puts("second"); }
static void __attribute__((destructor)) last(void) { fputs("destructor\n", stderr); }
static void __attribute__((constructor)) early(void) { puts("constructor"); }

int main(void)
{
    CHECK(atexit(first) == 0 && atexit(second) == 0);
    printf("no newline at the end, ");
    exit(42);
}
