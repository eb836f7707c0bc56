/* Unlocked counting by two threads: updates get lost as they may, and the sum the program ends with is its own;
 * only a replay with the same switches comes to the same number, which the calls at the end spell out. */
#include "tests/tracee/tasks.h"

static volatile uint64_t racy;
static atomic_int ready;

static void *body(void *arg)
{
    ready++;
    YIELD_UNTIL(ready == 2);
    int n = rounds(3000000);
    for (int i = 0; i < n; i++)
        racy = racy + 1;
    return arg;
}

int main(void)
{
    pthread_t one = start(body, NULL), two = start(body, NULL);
    join(one), join(two);
    CHECK(racy >= 3 && racy <= 2 * (uint64_t)rounds(3000000));
    /* The number decides which calls follow: another one would differ in the events. */
    for (uint64_t i = 0, n = racy; i < 23; i++, n >>= 1)
        syscall(n & 1 ? SYS_getppid : SYS_getuid);
    return passed();
}
