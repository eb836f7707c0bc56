/* One thread patches an immediate (one aligned store) of a function that another runs in a loop: it sees old or new,
 * and the new one in the end. */
#include "tests/tracee/tasks.h"

static unsigned char *page;
static _Atomic int ready, last_seen;

static void *runs(void *arg)
{
    int (*f)(void) = (int (*)(void))(uintptr_t)(page + 3);
    int last = 0;
    unsigned calls = 0;
    ready = 1;
    while (last < 30) {
        int now = f();
        if (++calls % 64 == 0)
            sched_yield();
        CHECK(now >= last && now <= 30);
        last_seen = last = now;
    }
    return arg;
}

int main(void)
{
    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    /* At 3: mov eax, imm32 with the immediate at 4, ret at 8 */
    page[3] = 0xb8, page[8] = 0xc3;
    _Atomic uint32_t *immediate = (_Atomic uint32_t *)(uintptr_t)(page + 4);
    pthread_t thread = start(runs, NULL);
    YIELD_UNTIL(ready);
    for (uint32_t i = 1; i <= 30; i++) {
        *immediate = i;
        if (i % 2)
            YIELD_UNTIL(last_seen == (int)i);
    }
    join(thread);
    printf("%d\n", last_seen);
    return passed();
}
