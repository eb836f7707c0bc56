/* Code written by one thread and run by another, the same page over and over, handed over by a flag. */
#include "tests/tracee/tasks.h"

static unsigned char *page;
static _Atomic int state; /* even: the writer's, odd: the runner's */

static void *writes(void *arg)
{
    for (int i = 0; i < 50; i++) {
        YIELD_UNTIL(state == 2 * i);
        unsigned char code[] = {0xb8, (unsigned char)i, 1, 0, 0, 0xc3}; /* mov eax, imm32; ret */
        memcpy(page + i % 3 * 16, code, sizeof(code));
        state++;
    }
    return arg;
}

static void *runs(void *arg)
{
    for (int i = 0; i < 50; i++) {
        YIELD_UNTIL(state == 2 * i + 1);
        int (*f)(void) = (int (*)(void))(uintptr_t)(page + i % 3 * 16);
        CHECK(f() == 256 + i && f() == 256 + i);
        state++;
    }
    return arg;
}

int main(void)
{
    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    pthread_t one = start(writes, NULL), two = start(runs, NULL);
    join(one), join(two);
    printf("%d\n", state);
    return passed();
}
