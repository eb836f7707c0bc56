/* Two thousand short threads one after another: tasks, stacks and thread ids are used again. */
#include "tests/tracee/tasks.h"

static unsigned total;

static void *body(void *arg)
{
    total += (unsigned)(uintptr_t)arg;
    return arg;
}

int main(void)
{
    for (uintptr_t i = 0; i < 2000; i++)
        CHECK(join(start(body, (void *)i)) == (void *)i);
    printf("%u\n", total);
    return passed();
}
